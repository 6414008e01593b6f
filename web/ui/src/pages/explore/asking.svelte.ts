// One question with all its answers: the rows or the table, the timeline, the fields. They are asked one after the other, the rows
// first, so that nothing stands in their way: server and browser may share their cores, so sums wait until the first rows are seen. A
// newer question ends all of an older one.

import { aborted, api, ApiError, queryError, type Table } from '../../lib/api';
import { cut } from '../../lib/expression';
import { saved } from '../../saved/saved.svelte';
import { Facets, type Scope } from './facets.svelte';
import { Results, type Question } from './results.svelte';
import { Timeline, type By } from '../../query/timeline.svelte';

/** How the answers are looked at. */
export interface View {
  by: By;
  split: string;
  facets: string[]; // fields that are open
}

const patience = 400; // ms that the others wait for the first rows, and for their being seen

/** Whether an expression groups, so that its answer is a table. */
export function groups(q: string): boolean {
  return /\|\s*(top|count|stats|timechart)\b/i.test(cut(q).stages);
}

export class Asking {
  readonly results = new Results();
  readonly line = new Timeline();
  readonly facets = new Facets();
  /** The table of an expression that groups. */
  answer = $state.raw<Table>();
  /** What is wrong with the expression. */
  readonly wrong = $derived(queryError(this.results.error));
  #stop = new AbortController();

  /** Asks; the times of the question are absolute. */
  async start(question: Question, view: () => View) {
    this.#stop.abort();
    const stop = (this.#stop = new AbortController());
    this.line.stop(); // the server shall have its hands free for the rows
    this.facets.stop();
    const { q, kind, from, to, bounding } = question;
    const scope = { q, kind, from, to, bounding };
    this.facets.forget();
    const rest = once(() => {
      if (stop.signal.aborted) return;
      void this.chart(scope, view()).then(() => stop.signal.aborted || this.facets.start(scope, view().facets));
    });
    if (groups(q)) await this.#group(scope, stop.signal);
    else {
      this.answer = undefined;
      const timer = setTimeout(rest, patience);
      await this.results.start(question, () => painted(rest));
      clearTimeout(timer);
    }
    if (stop.signal.aborted) return;
    if (this.wrong) {
      this.line.clear();
      this.facets.clear();
      return;
    }
    painted(rest);
    if (!this.results.error) void saved.note({ q, kind });
  }

  /** Asks for the timeline alone, which also counts the rows. */
  async chart(scope: Scope, view: View) {
    await this.line.load({ ...scope, by: view.by, split: view.split });
    if (this.line.total !== undefined && cut(scope.q).stages === '') this.results.setTotal(this.line.total);
  }

  async #group(scope: Scope, signal: AbortSignal) {
    const { results } = this;
    results.abandon();
    results.running = true;
    results.stopped = false;
    results.error = undefined;
    results.progress = undefined;
    try {
      const answer = await api.aggregate({ ...scope }, signal);
      if (signal.aborted) return;
      this.answer = answer;
      results.coverage = answer.coverage;
    } catch (e) {
      if (aborted(e) || signal.aborted) return;
      this.answer = undefined;
      results.error = e instanceof ApiError ? e : new ApiError(0, String(e));
    }
    results.running = false;
  }

  /** Ends whatever is under way. */
  stop() {
    this.#stop.abort();
    this.results.abandon();
    this.line.stop();
    this.facets.stop();
  }
}

/** Calls f, which may be called again, when what has changed by now was painted; a page out of sight paints nothing and waits a while. */
function painted(f: () => void) {
  requestAnimationFrame(() => requestAnimationFrame(f));
  setTimeout(f, patience);
}

function once(f: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    f();
  };
}
