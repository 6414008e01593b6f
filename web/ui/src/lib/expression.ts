// Expressions as text: conditions are put together here, and the server says what they mean (docs/query.md).

import type { Field } from './api';

const stage = /\|\s*(?:top|count|stats|timechart|sort|head|fields)\b/iy;

/** The condition of an expression and the stages behind it, with their pipe. */
export function cut(q: string): { where: string; stages: string } {
  for (let i = 0; i < q.length; i++) {
    const c = q[i]!;
    if (c === '\\') i++;
    else if (c === '"' || c === "'") i = closing(q, i);
    else if (c === '|') {
      if (q[i + 1] === '|') {
        i++;
        continue;
      }
      stage.lastIndex = i;
      if (stage.test(q)) return { where: q.slice(0, i).trim(), stages: q.slice(i).trim() };
    }
  }
  return { where: q.trim(), stages: '' };
}

/** Where the quote that opens at i closes; the end of the text if it does not. */
function closing(q: string, i: number): number {
  const quote = q[i];
  for (let k = i + 1; k < q.length; k++) {
    if (q[k] === '\\') k++;
    else if (q[k] === quote) return k;
  }
  return q.length;
}

/** The text without what stands in quotes. */
function bare(q: string): string {
  let out = '';
  for (let i = 0; i < q.length; i++) {
    if (q[i] === '\\') i++;
    else if (q[i] === '"' || q[i] === "'") i = closing(q, i);
    else out += q[i];
  }
  return out;
}

/** Whether and binds parts of the text only, so that it needs parentheses. A pipe within a regular expression counts, too. */
function loose(where: string): boolean {
  return /\||\bor\b/i.test(bare(where));
}

/** Joins conditions by and; empty ones and `*` are left out. */
export function both(...conditions: string[]): string {
  const real = conditions.map((c) => c.trim()).filter((c) => c !== '' && c !== '*');
  if (real.length < 2) return real[0] ?? '';
  return real.map((c) => (loose(c) ? `(${c})` : c)).join(' && ');
}

/** The expression with a condition more, before its stages. One that is there already is not added again. */
export function narrowed(q: string, condition: string): string {
  const { where, stages } = cut(q);
  const opposite = negated(condition);
  const terms = where.split(' && ');
  if (!loose(where) && terms.includes(condition)) return q;
  const left = !loose(where) && terms.includes(opposite) ? terms.filter((t) => t !== opposite).join(' && ') : where;
  return [both(left, condition), stages].filter(Boolean).join(' ');
}

/** The other of == and !=. */
function negated(condition: string): string {
  const m = /^(\S+) (==|!=) (.*)$/s.exec(condition);
  return m ? `${m[1]} ${m[2] === '==' ? '!=' : '=='} ${m[3]}` : '';
}

/** Words that mean something themselves where a value may stand, or right behind one. */
const words = /^(and|or|not|in|now|exists|contains|icontains|startswith|endswith|glob|matches|pmatch|regex|eq|ne|lt|le|gt|ge)$/i;

/** A value as an expression has it, so that it means itself: wildcards and escapes are escaped. */
export function quoted(value: string): string {
  if (/^[A-Za-z0-9][\w.:@-]*$/.test(value) && !words.test(value)) return value;
  return `"${value.replace(/[\\"*?]/g, '\\$&')}"`;
}

/** The condition that a field has a value; with no it is true for those that do not. An empty value stands for none at all. */
export function condition(field: Pick<Field, 'name' | 'type'>, value: string | number | boolean, no = false): string {
  const text = String(value);
  if (text === '') return `${field.name} ${no ? '==' : '!='} EXISTS!`;
  const plain = field.type === 'ip' || field.type === 'integer' || field.type === 'float' || field.type === 'bytes' || field.type === 'duration' || field.type === 'boolean';
  return `${field.name} ${no ? '!=' : '=='} ${plain ? text : quoted(text)}`;
}

/** A word for a POSIX shell. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_./:=@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The place in a text that a byte offset of its UTF-8 form means. */
export function fromByte(text: string, byte: number): number {
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    if (bytes >= byte) return i;
    const c = text.charCodeAt(i);
    if (c >= 0xd800 && c < 0xdc00 && i + 1 < text.length) {
      bytes += 4;
      i++;
    } else bytes += c < 0x80 ? 1 : c < 0x800 ? 2 : 3;
  }
  return text.length;
}

/** The byte offset of a place in a text. */
export function toByte(text: string, index: number): number {
  return new TextEncoder().encode(text.slice(0, index)).length;
}
