// Whether the server answers. While it does not, it is asked again, and whoever watches `back` asks anew when it does.

class Connection {
  /** ok; lost: no answer, asked again until there is one; refused: the token is missing or wrong. */
  state = $state<'ok' | 'lost' | 'refused'>('ok');
  /** Counts how often the connection came back. An effect that reads it runs again then. */
  back = $state(0);
  #wait = 500; // ms
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** A request had no answer. */
  lost() {
    if (this.state === 'refused') return;
    this.state = 'lost';
    this.#timer ??= setTimeout(() => this.#ask(), this.#wait);
  }

  /** The server wants a token. */
  refuse() {
    this.state = 'refused';
  }

  /** A request had an answer. */
  found() {
    if (this.state !== 'lost') return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#wait = 500;
    this.state = 'ok';
    this.back++;
  }

  async #ask() {
    try {
      const r = await fetch('/api/openapi.yaml', { method: 'HEAD' });
      if (r.status < 502) return this.found();
    } catch {
      // still gone
    }
    this.#wait = Math.min(this.#wait * 1.6, 5000);
    this.#timer = setTimeout(() => this.#ask(), this.#wait);
  }
}

export const connection = new Connection();
