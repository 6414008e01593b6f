// Measurements that take long: `make bench`, not CI.
import base from './playwright.config';

export default { ...base, projects: undefined, testMatch: '**/*.bench.ts', workers: 1, timeout: 300_000, reporter: [['list']] as [['list']] };
