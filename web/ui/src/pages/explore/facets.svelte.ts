// The top values of fields in what was found. Each open field is one question; they are asked one after the other, so that they
// do not stand in the way of the rows.

import { aborted, api, ApiError, type Kind, type Rec } from '../../lib/api';
import { cut } from '../../lib/expression';

export interface Facet {
  values: { value: string; count: number }[];
  more: boolean;
  error?: string;
  loading: boolean;
}

export interface Scope {
  q: string;
  kind: Kind;
  from: string;
  to: string;
  bounding: string;
}

const top = 10;
const sample = 200;

export class Facets {
  all = $state.raw<Map<string, Facet>>(new Map());
  /** Fields that the newest records have, with how many of them; undefined while that is not known. */
  present = $state.raw<Map<string, number> | undefined>();
  sampled = $state(0);
  #scope: Scope | undefined;
  #stop = new AbortController();
  #queue: string[] = [];
  #busy = false;

  /** Asks anew for the fields that are open. */
  start(scope: Scope, open: string[]) {
    this.#stop.abort();
    this.#stop = new AbortController();
    this.#scope = scope;
    this.#busy = false;
    this.all = new Map(open.map((f) => [f, { values: this.all.get(f)?.values ?? [], more: false, loading: true }]));
    this.#queue = [...open];
    void this.#work();
  }

  /** Forgets all values: there is no question. */
  clear() {
    this.#stop.abort();
    this.#queue = [];
    this.#busy = false;
    this.all = new Map();
  }

  /** Opens a field. */
  open(field: string) {
    if (this.all.has(field) || !this.#scope) return;
    this.#put(field, { values: [], more: false, loading: true });
    this.#queue.push(field);
    void this.#work();
  }

  close(field: string) {
    const all = new Map(this.all);
    all.delete(field);
    this.all = all;
    this.#queue = this.#queue.filter((f) => f !== field);
  }

  stop() {
    this.#stop.abort();
  }

  async #work() {
    if (this.#busy) return;
    this.#busy = true;
    const { signal } = this.#stop;
    const scope = { ...this.#scope!, q: cut(this.#scope!.q).where };
    for (let field = this.#queue.shift(); field !== undefined; field = this.#queue.shift()) {
      try {
        const t = await api.aggregate({ ...scope, by: field, metric: 'count', top }, signal);
        this.#put(field, { values: t.rows.map((r) => ({ value: r.keys[0] ?? '', count: r.values[0] ?? 0 })), more: t.more, loading: false });
      } catch (e) {
        if (aborted(e) || signal.aborted) return;
        this.#put(field, { values: [], more: false, loading: false, error: e instanceof ApiError ? e.message : String(e) });
      }
    }
    if (this.present === undefined && !signal.aborted) await this.#look(scope, signal);
    if (!signal.aborted) this.#busy = false;
  }

  /** Forgets which fields are present: the kind or the expression has changed. */
  forget() {
    this.present = undefined;
  }

  async #look(scope: Scope, signal: AbortSignal) {
    try {
      const r = await fetch('/api/search?' + new URLSearchParams({ ...scope, limit: String(sample) }), { signal });
      const { records } = (await r.json()) as { records: Rec[] };
      const count = new Map<string, number>();
      for (const rec of records) walk(rec, '', (name) => count.set(name, (count.get(name) ?? 0) + 1));
      this.present = count;
      this.sampled = records.length;
    } catch {
      // the list of fields is a help, not more
    }
  }

  #put(field: string, f: Facet) {
    this.all = new Map(this.all).set(field, f);
  }
}

/** Names of all values in a record. */
export function walk(v: unknown, name: string, leaf: (name: string) => void) {
  if (v !== null && typeof v === 'object' && !Array.isArray(v)) {
    for (const [k, x] of Object.entries(v)) walk(x, name ? `${name}.${k}` : k, leaf);
  } else leaf(name);
}
