// `make screenshots`: pictures of the viewer, not tests of it.
import base from './playwright.config';

export default { ...base, projects: undefined, testMatch: '**/screenshots.ts', workers: 1, reporter: [['list']] as [['list']] };
