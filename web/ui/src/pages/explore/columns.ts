// The columns that a list can show: a few made of several fields, and every field of the registry.

import { valueOf, valuesOf, type Field, type Kind, type Rec, type Value } from '../../lib/api';
import { formatBytes, formatCount, formatDuration, formatTime, parseTime, type Zone } from '../../lib/format';
import type { Column } from '../../design/table';
import { infoFields } from './info';

interface Made extends Column {
  fields: string[];
  sort?: string;
}

/** Columns made of several fields, by id. */
const made: Record<string, Made> = {
  start: { id: 'start', label: 'Start', title: 'First packet; of a system call, when it was entered', width: 108, fields: [], sort: 'event.start' },
  source: { id: 'source', label: 'Source', title: 'Who began, and its port', width: 176, fields: ['source.ip', 'source.port', 'source.mac'], sort: 'source.ip' },
  destination: { id: 'destination', label: 'Destination', title: 'Who answered, and its port', width: 176, fields: ['destination.ip', 'destination.port', 'destination.mac'], sort: 'destination.ip' },
  client: { id: 'client', label: 'Client', width: 176, fields: ['client.ip', 'client.port'], sort: 'client.ip' },
  server: { id: 'server', label: 'Server', width: 176, fields: ['server.ip', 'server.port'], sort: 'server.ip' },
  protocol: { id: 'protocol', label: 'Protocol', width: 118, fields: ['network.protocol', 'network.transport'] },
  status: { id: 'status', label: 'Status', width: 72, fields: ['status'], sort: 'status' },
  bytes: { id: 'bytes', label: 'Bytes', width: 78, align: 'right', fields: ['network.bytes'], sort: 'network.bytes' },
  packets: { id: 'packets', label: 'Packets', width: 72, align: 'right', fields: ['network.packets'], sort: 'network.packets' },
  duration: { id: 'duration', label: 'Duration', width: 84, align: 'right', fields: ['event.duration'], sort: 'event.duration' },
  latency: { id: 'latency', label: 'Latency', title: 'From the request to its response', width: 84, align: 'right', fields: ['event.duration'], sort: 'event.duration' },
  process: { id: 'process', label: 'Process', title: 'Name and process id', width: 150, fields: ['proc.name', 'proc.pid'], sort: 'proc.name' },
  call: { id: 'call', label: 'Call', width: 92, fields: ['evt.type'], sort: 'evt.type' },
  result: { id: 'result', label: 'Result', title: 'What the call returned, or its error', width: 104, align: 'right', fields: ['evt.res', 'evt.rawres'], sort: 'evt.rawres' },
  took: { id: 'took', label: 'Latency', title: 'From entering the call to leaving it', width: 78, align: 'right', fields: ['evt.latency'], sort: 'evt.latency' },
  info: { id: 'info', label: 'Info', width: 320, grow: true, spaced: true, fields: [] },
};

/** Columns of a list that chooses none. */
export const usual: Record<string, string[]> = {
  session: ['start', 'source', 'destination', 'protocol', 'bytes', 'packets', 'duration', 'info'],
  transaction: ['start', 'client', 'server', 'protocol', 'status', 'latency', 'bytes', 'info'],
  sysevent: ['start', 'process', 'call', 'info', 'result', 'took'],
};

/** Made columns that only some kinds have; the others are of all. */
const only: Record<string, string[]> = {
  session: ['source', 'destination', 'duration', 'packets', 'protocol', 'bytes'],
  transaction: ['client', 'server', 'status', 'latency', 'protocol', 'bytes'],
  sysevent: ['process', 'call', 'result', 'took'],
};

/** Made columns that make sense for a kind, for the menu. */
export function offered(kind: Kind): Column[] {
  const others = Object.values(only).flat();
  return Object.values(made).filter((c) => only[kind]?.includes(c.id) || !others.includes(c.id));
}

/** The ids of the columns that are shown. */
export function chosen(cols: string, kind: Kind): string[] {
  const ids = cols.split(',').filter(Boolean);
  return ids.length > 0 ? [...new Set(ids)] : (usual[kind] ?? usual.session!);
}

/** Columns by their ids, with the widths that were chosen. Unknown ids are fields by the name given. */
export function columnsOf(ids: string[], fields: Map<string, Field>, widths: Record<string, number>, wideTimes: boolean): Column[] {
  return ids.map((id) => {
    const m = made[id];
    if (m) {
      const width = id === 'start' && wideTimes ? 186 : m.width;
      return { ...m, width: widths[id] ?? width, grow: m.grow && !widths[id], sortable: m.sort !== undefined, mono: false };
    }
    const f = fields.get(id);
    const numeric = f && ['integer', 'float', 'bytes', 'duration'].includes(f.type);
    return { id, label: f?.name ?? id, title: f?.description, width: widths[id] ?? (f?.type === 'date' ? 174 : numeric ? 90 : 160), align: numeric ? 'right' : undefined, sortable: f !== undefined && !f.any };
  });
}

/** The fields that a search asks for to fill columns. */
export function fieldsOf(ids: string[], kind: Kind): string[] {
  const out = new Set<string>();
  for (const id of ids) {
    if (id === 'info') (infoFields[kind] ?? []).forEach((f) => out.add(f));
    else (made[id]?.fields ?? [id]).forEach((f) => out.add(f));
  }
  out.add({ transaction: 'status', sysevent: 'evt.failed' }[kind as string] ?? 'session.state');
  out.delete('event.start');
  return [...out];
}

/** The field that a column is sorted by. */
export function sortField(id: string): string {
  return made[id]?.sort ?? id;
}

/** The column that shows a field that is sorted by. */
export function sortedColumn(field: string, ids: string[]): string {
  return ids.find((id) => sortField(id) === field) ?? field;
}

/** A single value as its field's type has it written. */
export function valueText(value: Value, type: Field['type'] | undefined, zone: Zone): string {
  if (value === null || value === undefined) return '';
  switch (type) {
    case 'bytes':
      return formatBytes(Number(value));
    case 'duration':
      return formatDuration(Number(value));
    case 'date': {
      const ns = parseTime(String(value));
      return ns === undefined ? String(value) : formatTime(ns, zone, 3);
    }
    case 'integer':
    case 'float':
    case 'boolean':
      return String(value);
  }
  return String(value);
}

/** The text of a made column with one plain value, for those that are no lists of pieces. */
export function plainText(r: Rec, id: string): { text: string; field: string; value: string } | undefined {
  const m = made[id];
  const field = m?.fields[0];
  if (!field) return undefined;
  const v = valueOf(r, field);
  if (v === undefined || v === null) return undefined;
  const n = Number(v);
  const text = id === 'bytes' ? formatBytes(n) : id === 'duration' || id === 'latency' || id === 'took' ? formatDuration(n) : id === 'packets' ? formatCount(n) : String(v);
  return { text, field, value: String(v) };
}

/** Application protocols first, else what carries the session. */
export function protocolsOf(r: Rec): { name: string; field: string }[] {
  const all = valuesOf(r, 'network.protocol').map(String);
  const transport = String(valueOf(r, 'network.transport') ?? '');
  const carried = all.filter((p) => p !== transport && p !== 'tcp' && p !== 'udp');
  const names = carried.length > 0 ? carried : all.length > 0 ? all : transport ? [transport] : [];
  return names.map((name) => ({ name, field: all.includes(name) ? 'network.protocol' : 'network.transport' }));
}
