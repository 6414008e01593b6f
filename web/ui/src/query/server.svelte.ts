// What the page knows of its server: what is stored there, what it can do, and what time it is there.

import { api, type Kind, type Status } from '../lib/api';
import { parseTime } from '../lib/format';
import { nav } from '../lib/state.svelte';

export class Server {
  status = $state.raw<Status>();
  #skew = 0n; // ns that the server's clock is ahead of this one

  readonly recording = $derived((this.status?.node_status as { running?: boolean } | undefined)?.running === true);
  readonly hasPackets = $derived((this.status?.can as { packets?: boolean } | undefined)?.packets !== false);
  readonly canFollow = $derived((this.status?.can as { follow?: boolean } | undefined)?.follow !== false);

  /** Whether records of a kind are stored. */
  has(kind: Kind): boolean {
    return this.status?.stored.some((s) => s.kind === kind && s.records > 0) === true;
  }

  /** The time of the server's clock, ns since the epoch: spans before now are the server's. */
  now = (): bigint => BigInt(Date.now()) * 1_000_000n + this.#skew;

  /**
   * Looks, and calls ready when the time range is known: a bare URL is a front door, which opens on the last minutes where a recorder
   * runs and on all that is stored where none does.
   */
  enter(ready: () => void) {
    const bare = location.search === '';
    if (!bare) ready();
    void this.look().then(() => {
      if (!bare) return;
      if (location.search === '' && this.recording) nav.set({ from: '-15m' }, { replace: true });
      ready();
    });
  }

  /** Asks for the status. Without an answer all stays as it is; the search says what is wrong. */
  async look() {
    try {
      this.status = await api.status();
      const t = parseTime(String(this.status.time ?? ''));
      if (t !== undefined) this.#skew = t - BigInt(Date.now()) * 1_000_000n;
    } catch {
      // as said
    }
  }
}
