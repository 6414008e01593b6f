// What can be done with what is more than one value: a protocol, a path.

import type { Group } from '../../design/menu';
import { both, narrowed } from '../../lib/expression';
import { shown } from '../../lib/format';
import { nav } from '../../lib/state.svelte';
import { copy } from '../../lib/valuemenu';

/** The menu for what a condition finds. Sessions are offered if the condition means the same of them. */
export function conditionMenu(label: string, q: string, sessions = true): Group[] {
  const items = [
    { label: 'Filter for this', hint: '+', run: () => nav.set({ q: narrowed(nav.q, q) }) },
    { label: 'Exclude this', hint: '−', run: () => nav.set({ q: both(nav.q, `!(${q})`) }) },
    ...(sessions ? [{ label: 'Sessions of it', href: nav.href({ q, kind: 'session', host: '' }, '/') }] : []),
    { label: 'Copy condition', run: () => void copy(q) },
  ];
  return [{ heading: shown(label, 60), items }];
}
