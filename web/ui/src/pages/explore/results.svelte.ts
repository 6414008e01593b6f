// The rows of a search. The first come as a stream while the server still looks for them; the rest come in pages when they
// are scrolled to, so that a million are as light as a hundred.

import { aborted, api, ApiError, searchRecords, valueOf, type Coverage, type Kind, type Rec } from '../../lib/api';
import { rfc3339 } from '../../lib/format';
import { both, cut } from '../../lib/expression';
import { joined } from './live.svelte';

/** What is asked. Times are absolute, or empty for all. */
export interface Question {
  q: string;
  kind: Kind;
  from: string;
  to: string;
  bounding: string;
  order: string; // empty: newest first
  columns: string[];
}

const streamed = 1000; // rows of the first answer
const pageSize = 200;
const mostPages = 150; // kept
const mostAsked = 2; // pages at once
const rest = 60; // ms between looks at what is wanted: a dragged scrollbar passes most places
const ahead = 100; // rows beyond those in sight, the way they move
const near = 10_000; // rows that the server passes over at once; farther ones are found by landmarks

/** A known place in the list: `offset` rows lie before those that start before `before` (ns). */
interface Landmark {
  offset: number;
  before: bigint;
}

export class Results {
  /** Rows that can be scrolled to: those that are here, or all that there are once they are counted. */
  count = $state(0);
  /** All rows, once they are counted. */
  total = $state<number>();
  running = $state(false);
  /** The user stopped it: what is shown is a part. */
  stopped = $state(false);
  progress = $state.raw<Coverage>();
  coverage = $state.raw<Coverage>();
  error = $state.raw<ApiError>();
  /** ms until the first rows, and until the stream ended. */
  firstAfter = $state<number>();
  took = $state<number>();
  #version = $state(0);
  #pages = new Map<number, Rec[]>();
  #asked = new Set<number>();
  #ahead: Rec[] = []; // streamed rows
  #stop = new AbortController();
  #question: Question | undefined;
  #landmarks: Promise<Landmark[]> | undefined;
  #wanted: [number, number] = [0, 0];
  #down = true; // which way the rows in sight moved last
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Row i, or undefined while it is not here. */
  row(i: number): Rec | undefined {
    void this.#version;
    return this.#ahead[i] ?? this.#pages.get(Math.floor(i / pageSize))?.[i % pageSize];
  }

  /** Searches anew. Rows that are shown stay until the first new ones come; then `first` is called. */
  async start(question: Question, first: () => void) {
    this.abandon();
    const stop = (this.#stop = new AbortController());
    this.#question = question;
    this.running = true;
    this.stopped = false;
    this.error = undefined;
    this.progress = undefined;
    this.firstAfter = undefined;
    const began = performance.now();
    let fresh = true;
    const renew = () => {
      if (!fresh) return;
      fresh = false;
      this.#clear();
      this.firstAfter = performance.now() - began;
    };
    try {
      const coverage = await searchRecords({ ...this.#params(question), limit: streamed }, {
        records: (block) => {
          if (stop.signal.aborted) return;
          const news = fresh;
          renew();
          for (const r of block) this.#ahead.push(r);
          this.count = Math.max(this.#ahead.length, this.total ?? 0);
          this.#version++;
          if (news) first();
        },
        progress: (c) => {
          if (!stop.signal.aborted) this.progress = c;
        },
      }, stop.signal);
      renew();
      this.coverage = coverage;
      if (this.#ahead.length < streamed) this.setTotal(this.#ahead.length);
    } catch (e) {
      if (stop.signal.aborted && this.#stop !== stop) return; // another search runs
      renew();
      this.total = undefined;
      this.count = this.#ahead.length;
      if (!aborted(e)) this.error = e instanceof ApiError ? e : new ApiError(0, String(e));
    }
    if (this.#stop !== stop) return;
    this.took = performance.now() - began;
    this.running = false;
  }

  /** Takes a record from the live tail if its row is among the first: a further part of a session changes it. */
  absorb(r: Rec): boolean {
    const i = this.#ahead.findIndex((old) => old.event.id === r.event.id);
    if (i < 0) return false;
    const old = this.#ahead[i]!;
    if (Number(valueOf(r, 'session.part') ?? 0) > Number(valueOf(old, 'session.part') ?? 0)) {
      this.#ahead[i] = joined(old, r);
      this.#version++;
    }
    return true;
  }

  /** Ends the search here and on the server; what has come stays. */
  cancel() {
    if (!this.running) return;
    this.stopped = true;
    this.coverage = undefined;
    this.#stop.abort();
  }

  /** Ends whatever is under way, silently. */
  abandon() {
    this.#stop.abort();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#asked.clear();
  }

  /** Says how many rows there are in all. */
  setTotal(n: number) {
    if (this.stopped || this.error) return;
    if (this.#ahead.length < streamed && !this.running) n = this.#ahead.length;
    this.total = n;
    this.count = Math.max(this.#ahead.length, n);
  }

  #clear() {
    this.#ahead = [];
    this.#pages.clear();
    this.#asked.clear();
    this.#landmarks = undefined;
    this.count = 0;
    this.total = undefined;
    this.coverage = undefined;
    this.#version++;
  }

  /** Says which rows are in sight, so that they are fetched. */
  want(first: number, last: number) {
    if (first !== this.#wanted[0]) this.#down = first > this.#wanted[0];
    this.#wanted = [first, last];
    this.#timer ??= setTimeout(() => this.#look(first), rest);
  }

  /** Fetches what is wanted, unless the list moved on by more than a page since row `before` was: such rows are passed before they come. */
  #look(before: number) {
    const [now] = this.#wanted;
    const passes = Math.abs(now - before) > pageSize;
    this.#timer = passes ? setTimeout(() => this.#look(now), rest) : undefined;
    if (!passes) this.#fetch();
  }

  #fetch() {
    if (this.running || this.total === undefined) return;
    const [first, last] = this.#wanted;
    const from = Math.max(first - (this.#down ? 0 : ahead), this.#ahead.length);
    const to = Math.min(last + (this.#down ? ahead : 0), this.count);
    for (let p = Math.floor(from / pageSize); p * pageSize < to; p++) {
      if (this.#pages.has(p) || this.#asked.has(p)) continue;
      if (this.#asked.size >= mostAsked) return; // looked at again when one is here
      void this.#page(p);
    }
  }

  async #page(p: number) {
    const question = this.#question!;
    const { signal } = this.#stop;
    this.#asked.add(p);
    try {
      const at = await this.#place(p * pageSize, question, signal);
      const rows: Rec[] = [];
      await searchRecords({ ...this.#params(question), ...at, limit: pageSize }, { records: (block) => void rows.push(...block) }, signal);
      if (signal.aborted) return;
      this.#pages.set(p, rows);
      if (rows.length < pageSize) this.#end(p * pageSize + rows.length);
      if (this.#pages.size > mostPages) this.#drop(p);
      this.#version++;
    } catch (e) {
      if (!aborted(e) && e instanceof ApiError && e.status !== 0) this.error = e;
      return;
    } finally {
      if (!signal.aborted) this.#asked.delete(p);
    }
    if (!this.#timer) this.#fetch(); // what is wanted by now
  }

  /** There are no rows behind n, whatever was counted: parts of sessions count, and are merged. */
  #end(n: number) {
    if (this.total === undefined || n >= this.total) return;
    this.total = this.count = n;
  }

  /** Forgets the page that is farthest from p. */
  #drop(p: number) {
    let far = p;
    for (const other of this.#pages.keys()) if (Math.abs(other - p) > Math.abs(far - p)) far = other;
    this.#pages.delete(far);
  }

  /** Where a page begins: by offset, or, far down a list in the order of time, by offset behind a landmark. */
  async #place(offset: number, question: Question, signal: AbortSignal): Promise<{ q?: string; offset: number }> {
    if (offset < near || question.order !== '') return { offset };
    this.#landmarks ??= landmarks(question, this.total!, signal).catch(() => []);
    const mark = (await this.#landmarks).findLast((m) => m.offset <= offset);
    if (!mark) return { offset };
    const { where, stages } = cut(question.q);
    return { q: [both(where, `event.start < "${rfc3339(mark.before)}"`), stages].join(' ').trim(), offset: offset - mark.offset };
  }

  #params(question: Question) {
    return { ...question, columns: question.columns.join(',') };
  }
}

/**
 * Counts the rows of each stretch of time, newest first: the sums say how many lie before a moment. They hold only if they add up
 * to the total, which they do not while rows are added; then the list is empty, and offsets do.
 */
async function landmarks(question: Question, total: number, signal: AbortSignal): Promise<Landmark[]> {
  const { where, stages } = cut(question.q);
  if (stages !== '') return [];
  const end = { last: 'event.end', first: 'event.start' }[question.bounding];
  const bounded = question.from !== '' || question.to !== '';
  if (bounded && !end) return [];
  const q = both(where, question.from && `${end} >= "${question.from}"`, question.to && `${end} < "${question.to}"`);
  const t = await api.aggregate({ q, kind: question.kind, bounding: 'first', interval: 'auto', buckets: 2000, metric: 'count' }, signal);
  const rows = t.rows.filter((r) => r.bucket !== undefined).sort((a, b) => (BigInt(a.bucket!) < BigInt(b.bucket!) ? 1 : -1));
  const out: Landmark[] = [];
  let sum = 0;
  for (const r of rows) {
    out.push({ offset: sum, before: BigInt(r.bucket!) + BigInt(t.interval) });
    sum += r.values[0] ?? 0;
  }
  return sum === total ? out : [];
}
