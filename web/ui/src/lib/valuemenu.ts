// What can be done with any value that is shown: the menu of a right click or of `.`.

import type { Group, Item } from '../design/menu';
import { toasts } from '../design/toasts.svelte';
import type { Kind } from './api';
import { condition, narrowed } from './expression';
import { fields } from './fields.svelte';
import { shown } from './format';
import { nav } from './state.svelte';
import { pages } from '../pages/pages';

/** Copies a text and says so. */
export async function copy(text: string, what = 'Copied') {
  try {
    await navigator.clipboard.writeText(text);
    toasts.show(what);
  } catch {
    toasts.show('The browser did not allow copying', 'bad');
  }
}

/** The kind of records to look at for a field: the one that is looked at, if it has the field. */
function kindFor(field: string): Kind {
  const { kinds } = fields.get(field);
  return kinds.length === 0 || kinds.includes(nav.kind) ? nav.kind : kinds[0]!;
}

/** Whether this page is asked with expressions of its own kind; the others lead to Explore. */
const asks = () => pages.some((p) => p.id === nav.page && p.asks);

/** Asks an expression about a field, here or in Explore. */
function ask(q: string, field: string) {
  if (asks()) nav.set({ q, host: '' });
  else nav.go(nav.href({ q, kind: kindFor(field), host: '' }, '/'));
}

/** Asks with a condition more. */
export function filter(field: string, value: string, no = false) {
  ask(narrowed(nav.q, condition(fields.get(field), value, no)), field);
}

/** Asks with this condition alone. */
export function pivot(field: string, value: string) {
  ask(condition(fields.get(field), value), field);
}

/** The menu for a value of a field; more is put behind it. */
export function valueMenu(field: string, value: string, more: Group[] = []): Group[] {
  const f = fields.get(field);
  const short = shown(value, 40);
  const items: Item[] = [
    { label: 'Filter for this value', hint: '+', run: () => filter(field, value) },
    { label: 'Exclude this value', hint: '−', run: () => filter(field, value, true) },
    { label: 'Search for this value alone', hint: 'pivot', run: () => pivot(field, value) },
    { label: `Only records that have ${field}`, run: () => ask(narrowed(nav.q, `${field} == EXISTS!`), field) },
  ];
  const look: Item[] = [];
  if (asks() && f.kinds.includes('session')) look.push({ label: 'Sessions with this value', href: nav.href({ q: condition(f, value), kind: 'session', host: '' }, '/') });
  if (value !== '' && (f.type === 'ip' || /(^|\.)(domain|host|server_name|question\.name)$/.test(field))) {
    look.push({ label: 'Open host', hint: short, run: () => nav.set({ host: value }) });
  }
  if (f.type === 'ip' && value !== '') look.push({ label: 'Search wherever this address stands', run: () => nav.go(nav.href({ q: `ip == ${value}`, host: '' }, '/')) });
  look.push({ label: 'Copy value', run: () => void copy(value) });
  look.push({ label: 'Copy condition', run: () => void copy(condition(f, value)) });
  return [{ heading: `${field} ${value === '' ? 'is missing' : short}`, items }, { heading: null, items: look }, ...more];
}
