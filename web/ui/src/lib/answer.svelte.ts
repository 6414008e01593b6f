// A question and its latest answer.

import { aborted, ApiError } from './api';

export class Answer<T> {
  /** The latest; it stays while a newer one is waited for. */
  value = $state.raw<T>();
  error = $state.raw<ApiError>();
  loading = $state(false);
  #stop = new AbortController();

  /** Asks; whatever was asked before is given up, on the server too. */
  async ask(question: (signal: AbortSignal) => Promise<T>) {
    this.#stop.abort();
    const stop = (this.#stop = new AbortController());
    this.loading = true;
    try {
      const value = await question(stop.signal);
      if (stop.signal.aborted) return;
      this.value = value;
      this.error = undefined;
    } catch (e) {
      if (aborted(e) || stop.signal.aborted) return;
      this.error = e instanceof ApiError ? e : new ApiError(0, String(e));
    }
    this.loading = false;
  }

  /** Gives up what is waited for. */
  stop() {
    this.#stop.abort();
    this.loading = false;
  }
}
