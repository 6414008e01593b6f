// What people call the kinds of record.

import type { Kind } from './api';

export const words: Record<Kind, { one: string; many: string; title: string }> = {
  session: { one: 'session', many: 'sessions', title: 'Sessions' },
  transaction: { one: 'transaction', many: 'transactions', title: 'Transactions' },
  sample: { one: 'sample', many: 'samples', title: 'Samples' },
  sysevent: { one: 'system call', many: 'system calls', title: 'System calls' },
};
