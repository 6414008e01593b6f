// The live tail: records as they are stored, before those of the search. While it is paused they wait, counted.

import { tail, valueOf, type Kind, type Rec } from '../../lib/api';

const most = 2000; // rows kept, and as many that wait
const beat = 250; // ms between two changes of the list
const way = 1000; // ms that the list still waits when the pointer has left it: the way to the button that shows what is new

export class Live {
  /** Rows that are shown, the newest first. */
  rows = $state.raw<Rec[]>([]);
  /** How many wait while it is paused, and how many of those had to be left out. */
  waiting = $state(0);
  lost = $state(0);
  up = $state(false);
  paused = $state(false);
  /** Whether the pointer is on the list or on the button of what waits, or has just left them. */
  hovering = $state(false);
  #leaving: ReturnType<typeof setTimeout> | undefined;
  #queue: Rec[] = [];
  #stop: (() => void) | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  /**
   * Follows what passes. again is called when the connection was lost and is back: what came between must be searched for. known
   * takes a record whose row is in the list already.
   */
  start(q: string, kind: Kind, again: () => void, known: (r: Rec) => boolean) {
    this.stop();
    let was = false;
    this.#stop = tail({ q, kind }, {
      record: (r) => known(r) || this.#add(r),
      up: (up) => {
        if (up && was && !this.up) again();
        was ||= up;
        this.up = up;
      },
    });
    this.#timer = setInterval(() => this.#show(), beat);
  }

  stop() {
    this.#stop?.();
    clearInterval(this.#timer);
    this.#queue = [];
    this.rows = [];
    this.waiting = this.lost = 0;
    this.up = false;
  }

  #add(r: Rec) {
    this.#queue.push(r);
    if (this.#queue.length > most) {
      this.#queue.shift();
      this.lost++;
    }
    if (this.paused) this.waiting = this.#queue.length + this.lost;
  }

  /** Shows what waits, unless it is paused; now does it in any case. */
  #show(now = false) {
    if (this.#queue.length === 0 || (this.paused && !now)) return;
    this.rows = merge(this.rows, this.#queue).slice(0, most);
    this.#queue = [];
    this.waiting = this.lost = 0;
  }

  /** Forgets the rows that are shown: a search finds them anew. */
  clear() {
    this.rows = [];
  }

  /** Shows what waits, and goes on: the button under the pointer is gone. */
  flush() {
    this.#show(true);
    this.hover(false);
  }

  /** The pointer came on the list or its button, or left it. */
  hover(over: boolean) {
    clearTimeout(this.#leaving);
    if (over) this.hovering = true;
    else this.#leaving = setTimeout(() => (this.hovering = false), way);
  }
}

const counters = ['network.bytes', 'network.packets', 'network.data_bytes', 'source.bytes', 'source.packets', 'destination.bytes', 'destination.packets'];

/** Puts new records before the old. The parts of a session are one row: counters add up, the rest is as the newest part has it. */
export function merge(rows: Rec[], fresh: Rec[]): Rec[] {
  const at = new Map(rows.map((r) => [r.event.id, r]));
  const added: Rec[] = [];
  for (const r of fresh) {
    const old = at.get(r.event.id);
    if (!old) {
      at.set(r.event.id, r);
      added.push(r);
      continue;
    }
    at.set(r.event.id, joined(old, r));
  }
  return [...added.reverse(), ...rows].map((r) => at.get(r.event.id)!);
}

/** A session with a further part of it. */
export function joined(old: Rec, part: Rec): Rec {
  const sum = structuredClone(part);
  for (const name of counters) put(sum, name, Number(valueOf(old, name) ?? 0) + Number(valueOf(part, name) ?? 0));
  sum.event.start = old.event.start < part.event.start ? old.event.start : part.event.start;
  return sum;
}

function put(r: Rec, name: string, value: number) {
  const [group, leaf] = name.split('.') as [string, string];
  const g = r[group];
  if (g !== null && typeof g === 'object' && !Array.isArray(g)) g[leaf] = value;
}
