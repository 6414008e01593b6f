// What is asked again and again while a page is in sight.

import { connection } from './connection.svelte';

/**
 * Calls round at once, and again so many ms after it ended, while the page is in sight and the server answers; at once when it comes
 * into sight. What round throws is its own affair. The result ends it, and aborts what is under way. For effects.
 */
export function repeat(every: number, round: (signal: AbortSignal) => Promise<void>): () => void {
  const stop = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const go = async () => {
    await round(stop.signal).catch(() => {});
    clearTimeout(timer);
    if (!stop.signal.aborted && connection.state === 'ok' && !document.hidden) timer = setTimeout(go, every);
  };
  const seen = () => {
    clearTimeout(timer);
    if (!document.hidden) void go();
  };
  document.addEventListener('visibilitychange', seen);
  void go();
  return () => {
    document.removeEventListener('visibilitychange', seen);
    clearTimeout(timer);
    stop.abort();
  };
}
