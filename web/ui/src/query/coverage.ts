// How whole an answer is, in words: searched to its end or not, packets lost by the capture, holes, sampled, where what is kept begins.

import type { Coverage } from '../lib/api';
import { formatCount, formatDuration, formatTime, parseTime, shown, type Zone } from '../lib/format';

export interface Part {
  text: string;
  title?: string;
  tone: 'good' | 'warn' | 'bad' | '';
}

/** A network is quiet now and then: what is stored may begin by so much later than the range, ns. */
const slack = 10_000_000_000n;

/** The parts of a whole answer's coverage; begin is where its time range does, if anywhere. */
export function partsOf(c: Coverage, begin: bigint | undefined, zone: Zone): Part[] {
  const time = (t: string) => {
    const ns = parseTime(t);
    return ns === undefined ? t : formatTime(ns, zone, 0);
  };
  const out: Part[] = [];
  if (c.partial) out.push({ text: 'partial: files could not be read', tone: 'bad', title: c.problems?.map((p) => shown(p)).join('\n') });
  if (c.dropped_packets > 0) out.push({ text: `${formatCount(c.dropped_packets)} packets dropped by the capture`, tone: 'warn', title: 'They were lost in this time range before anybody saw them; the status page says where' });
  if ((c.not_stored_packets ?? 0) > 0) out.push({ text: `${formatCount(c.not_stored_packets!)} packets not stored`, tone: 'warn', title: 'They are in the sessions, but not among the packets' });
  if (Number(c.gap_time ?? 0) > 0) {
    const gaps = (c.gaps ?? []).map((g) => `${time(g.from)} – ${time(g.to)}`).join('\n');
    out.push({ text: `no capture for ${formatDuration(Number(c.gap_time))}`, tone: 'warn', title: `The capture did not run:\n${gaps}` });
  }
  const oldest = parseTime(c.oldest);
  if (oldest !== undefined && begin !== undefined && oldest - begin > slack) {
    out.push({ text: `kept since ${formatTime(oldest, zone, 0)}`, tone: 'warn', title: 'What was before is not stored: it was removed by the retention, or nothing was recorded' });
  }
  if (c.sampled) out.push(sampled(c.sampled));
  if (out.length === 0) out.push({ text: 'complete, drops 0', tone: 'good', title: `All ${c.files} files of the time range were searched; the capture lost no packet in it` });
  return out;
}

function sampled({ least, most }: { least: number; most: number }): Part {
  const one = (n: number) => (n === 1 ? 'all' : '1:' + formatCount(n));
  return {
    text: `sampled ${least === most ? one(most) : `${one(least)} to ${one(most)}`}`,
    tone: '',
    title: `Records in this time range stand for ${least === most ? formatCount(most) : `${formatCount(least)} to ${formatCount(most)}`} packets or requests each; sums are scaled by that`,
  };
}
