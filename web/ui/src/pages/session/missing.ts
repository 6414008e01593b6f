// Why no packet of a session is there: never stored, or deleted, and by which limit.

import type { Rec } from '../../lib/api';
import { formatBytes, formatDuration, formatTime, parseTime, type Zone } from '../../lib/format';
import { number, text } from '../../record/fields';

/** What of GET /api/status this is read from. */
export interface Keeping {
  can?: { packets?: boolean };
  node_status?: {
    packets?: { oldest?: string };
    recorder?: {
      limits?: { packets?: { max_age?: number; max_bytes?: number }; keep_free?: number };
      deleted?: { what: string; reason: string }[];
    };
  };
}

/** A reason, and what can be done. */
export interface Reason {
  title: string;
  text: string[];
  commands: string[];
}

/** The reason for a session without packets. */
export function missing(record: Rec, status: Keeping, zone: Zone): Reason {
  const node = text(record, 'observer.name');
  if (status.can?.packets === false) {
    return {
      title: 'This server has no packets',
      text: [`It serves records only. The packets stay on the node that captured them${node ? `: ${node}` : ''}.`],
      commands: ['tapir serve --data DIR'],
    };
  }
  const dropped = number(record, 'session.dropped.packets');
  if (dropped > 0 && dropped >= number(record, 'network.packets')) {
    return {
      title: 'The packets of this session were never written',
      text: ['The disk could not keep up: packets were analysed, but not stored. The Status page counts them as not_stored.'],
      commands: ['tapir status'],
    };
  }
  const oldest = parseTime(status.node_status?.packets?.oldest);
  const end = parseTime(text(record, 'event.end'));
  if (oldest !== undefined && end !== undefined && end < oldest) {
    return {
      title: 'The packets of this session have been deleted',
      text: [`Packets are kept since ${formatTime(oldest, zone, 0)}; this session ended at ${formatTime(end, zone, 0)}. ${limits(status)}`, 'Its record is kept longer, so the fields and transactions are still here.'],
      commands: ['tapir record --packets-max-age 30d --packets-max-size 500GB'],
    };
  }
  return {
    title: 'No packet of this session is stored',
    text: [oldest === undefined ? 'This data directory holds no packets at all: they were deleted, or only records were copied here.' : `They were deleted, or not kept. ${limits(status)}`],
    commands: ['tapir status'],
  };
}

/** The limits that delete packets, in words. */
function limits(status: Keeping): string {
  const recorder = status.node_status?.recorder;
  const l = recorder?.limits;
  const set: string[] = [];
  if (l?.packets?.max_age) set.push(`--packets-max-age ${formatDuration(l.packets.max_age)}`);
  if (l?.packets?.max_bytes) set.push(`--packets-max-size ${formatBytes(l.packets.max_bytes)}`);
  if (l?.keep_free) set.push(`--free-space (${formatBytes(l.keep_free)} of the disk stay free)`);
  const last = recorder?.deleted?.filter((d) => d.what.includes('packets')).at(-1)?.reason;
  if (!set.length) return 'Retention deletes the oldest packets first: by --packets-max-age, --packets-max-size or --free-space.';
  return `Retention now: ${set.join(', ')}.` + (last ? ` The last deletion was because of ${last}.` : '');
}
