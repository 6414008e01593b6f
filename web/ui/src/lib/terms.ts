// Tests of an expression made from values on the page: what + and - beside a value add to the query (docs/query.md).

import { api, type Field, type Kind } from './api';

export type Op = '==' | '!=';

/** Words that mean something themselves where a value may stand, or right behind one. */
const words = /^(and|or|not|in|exists|contains|icontains|startswith|endswith|glob|matches|pmatch|regex|eq|ne|lt|le|gt|ge)$/i;

/** A text as a value of an expression that means exactly this text: wildcards and escapes are escaped. */
export function quoted(text: string): string {
  if (/^[A-Za-z0-9][\w.:@-]*$/.test(text) && !words.test(text)) return text;
  return '"' + text.replace(/[\\*?"]/g, '\\$&') + '"';
}

/** A test of a field for a value as the API gives it. */
export function term(field: string, op: Op, value: string | number | boolean, type?: Field['type']): string {
  if (type === 'duration' && typeof value === 'number') return `${field} ${op} ${value}ns`;
  return `${field} ${op} ${typeof value === 'string' ? quoted(value) : value}`;
}

/** An expression and a test, both of which must hold. */
export function both(where: string, test: string): string {
  if (where.trim() === '' || where.trim() === '*') return test;
  const loose = /\|\||\||\bor\b/i.test(where);
  return `${loose ? `(${where.trim()})` : where.trim()} && ${test}`;
}

/** q with a test more: its stages are left out, and so is all of it if it is wrong. */
export async function narrowed(q: string, kind: Kind, test: string): Promise<string> {
  if (q.trim() === '') return test;
  const c = await api.check(q, kind);
  if (!c.ok) return test;
  return both(c.where === c.formatted ? q : c.where, test);
}
