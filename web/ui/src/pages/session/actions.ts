// What can be done with a value: filter for it, exclude it, pivot to it, open its host, copy it.

import type { Group, Item } from '../../design/menu';
import { toasts } from '../../design/toasts.svelte';
import type { Kind } from '../../lib/api';
import { shown } from '../../lib/format';
import { nav } from '../../lib/state.svelte';
import { narrowed, term, type Op } from '../../lib/terms';
import type { FieldValues } from './fields';

type V = string | number | boolean;

/** Fields that only one kind of record has are asked of that kind. */
export function kindFor(field: FieldValues): Kind {
  if (!field.kinds.length || field.kinds.includes(nav.kind)) return nav.kind;
  return field.kinds.includes('session') ? 'session' : field.kinds[0]!;
}

/** Goes to Explore with the query narrowed by a value. */
export async function narrow(field: FieldValues, value: V, op: Op) {
  const kind = kindFor(field);
  nav.go(nav.href({ q: await narrowed(nav.q, kind, term(field.name, op, value, field.type)), kind }, '/'));
}

/** Goes to Explore with a value as the whole query, over all that is stored. */
export function pivot(field: FieldValues, value: V) {
  nav.go(nav.href({ q: term(field.name, '==', value, field.type), kind: kindFor(field), from: '', to: '' }, '/'));
}

/** Copies a text and says so. */
export async function copy(text: string) {
  await navigator.clipboard.writeText(text);
  toasts.show('Copied');
}

/** Whether a value names a host, whose drawer can be opened. */
export function isHost(field: FieldValues): boolean {
  return field.type === 'ip' || /(^|\.)(domain|host|server_name|hosts)$/.test(field.name) || field.name === 'dns.question.name';
}

/** The menu of a value. */
export function menuOf(field: FieldValues, value: V): Group[] {
  const items: Item[] = [
    { label: 'Filter for this', hint: '+', run: () => void narrow(field, value, '==') },
    { label: 'Exclude this', hint: '−', run: () => void narrow(field, value, '!=') },
    { label: 'Pivot: all that has this', run: () => pivot(field, value) },
  ];
  if (isHost(field)) items.push({ label: 'Open host', run: () => nav.set({ host: String(value) }) });
  return [
    { heading: `${field.name} ${shown(value, 48)}`, items },
    {
      heading: null,
      items: [
        { label: 'Copy value', run: () => void copy(String(value)) },
        { label: 'Copy as expression', run: () => void copy(term(field.name, '==', value, field.type)) },
      ],
    },
  ];
}
