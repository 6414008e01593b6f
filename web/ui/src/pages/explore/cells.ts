// What the cells of the list hold: the values of a column, each with its field, so that the menu knows what it is about.

import type { Piece } from '../../design/pieces';
import { valueOf, valuesOf, type Rec } from '../../lib/api';
import { fields } from '../../lib/fields.svelte';
import { formatCount, formatEnd, formatTime, parseTime, shown, type Zone } from '../../lib/format';
import { plainText, protocolsOf, valueText } from './columns';
import { info } from './info';

/** How times are written; wide: with their day. */
export interface Writing {
  zone: Zone;
  wide: boolean;
}

const most = 12; // values of a cell
const longest = 300; // characters of a value

/** The cell of a record in a column; the start leads to href. */
export function cellOf(r: Rec, column: string, writing: Writing, href: (r: Rec) => string): Piece[] {
  switch (column) {
    case 'start':
      return start(r, writing, href(r));
    case 'source':
    case 'destination':
    case 'client':
    case 'server':
      return end(r, column);
    case 'protocol':
      return protocolsOf(r).map((p) => ({ text: shown(p.name, 30), field: p.field, value: p.name, look: 'chip' }));
    case 'status': {
      const s = valueOf(r, 'status');
      return s === undefined ? [] : [{ text: shown(s, 20), field: 'status', value: String(s), look: s === 'OK' ? 'chip good' : 'chip bad' }];
    }
    case 'process':
      return [...value(r, 'proc.name'), ...value(r, 'proc.pid', 'muted')];
    case 'result':
      return result(r);
    case 'info':
      return info(r).map((p, i) => ({ text: shown(p.text, longest), field: p.field, value: p.value, look: p.tone, title: p.field, apart: i > 0 }));
  }
  const plain = plainText(r, column);
  return plain ? [{ ...plain, text: shown(plain.text, longest) }] : values(r, column, writing.zone);
}

function start(r: Rec, { zone, wide }: Writing, href: string): Piece[] {
  const text = formatTime(parseTime(r.event.start) ?? 0n, zone);
  const clock: Piece = { text: text.slice(11, 23), field: 'event.start', value: r.event.start, title: text, href };
  return wide ? [{ text: text.slice(0, 11), look: 'muted day' }, clock] : [clock];
}

/** An end with its port, or its MAC address where it has no other. */
function end(r: Rec, side: string): Piece[] {
  const ip = valuesOf(r, side + '.ip')[0];
  if (ip === undefined) return value(r, side + '.mac', 'muted');
  const v = valueOf(r, side + '.port');
  const port = typeof v === 'number' && v > 0 ? v : undefined;
  const title = formatEnd(String(ip), port);
  const out: Piece[] = [{ text: shown(ip), field: side + '.ip', value: String(ip), title }];
  if (port) out.push({ text: ':' + port, field: side + '.port', value: String(port), look: 'muted', title });
  return out;
}

/** What a call returned, or its error. */
function result(r: Rec): Piece[] {
  const res = valueOf(r, 'evt.res');
  if (res === undefined) return [];
  if (valueOf(r, 'evt.failed') === true) return [{ text: shown(res, 30), field: 'evt.res', value: String(res), look: 'bad' }];
  const n = Number(valueOf(r, 'evt.rawres'));
  return [{ text: n >= 2 ** 32 ? '0x' + n.toString(16) : formatCount(n), field: 'evt.rawres', value: String(n), look: 'muted' }];
}

/** The first value of a field. */
function value(r: Rec, field: string, look?: string): Piece[] {
  const v = valuesOf(r, field)[0];
  return v === undefined ? [] : [{ text: shown(v, 60), field, value: String(v), look, apart: look !== undefined }];
}

/** The values of a field. */
function values(r: Rec, field: string, zone: Zone): Piece[] {
  const all = valuesOf(r, field);
  const { type } = fields.get(field);
  const out: Piece[] = all.slice(0, most).map((v, i) => ({ text: (i > 0 ? ', ' : '') + shown(valueText(v, type, zone), longest), field, value: String(v) }));
  if (all.length > most) out.push({ text: `+${all.length - most}`, look: 'muted', apart: true });
  return out;
}
