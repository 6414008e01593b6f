// What the session's page knows of its session: the record, the packets of one page, one packet whole. Everything is asked with a
// signal, so that leaving the page ends the work on the server.

import { aborted, api, ApiError, get, type Rec } from '../../lib/api';
import { parseTime } from '../../lib/format';
import { decodeBase64 } from '../../lib/bytes';
import { number, text } from '../../record/fields';
import { prepare, type Ladder } from './ladder';
import { PAGE, pageOf, pages, REQUEST } from './packets';
import type { FullPacket, Packet } from './types';

/** One packet with its bytes. */
export interface Whole {
  packet: FullPacket;
  data: Uint8Array;
}

/** Most packets that are kept whole, so that going back and forth asks nobody. */
const kept = 64;

export class Session {
  record = $state.raw<Rec>();
  error = $state.raw<ApiError>();

  /** Packets of the page, in time order. */
  packets = $state.raw<Packet[]>([]);
  /** Page of the packets, from 1. */
  page = $state(1);
  /** There are packets behind those of this page. */
  more = $state(false);
  /** Packets are on their way. */
  loading = $state(true);
  packetError = $state.raw<ApiError>();

  whole = $state.raw<Whole>();
  wholeError = $state.raw<ApiError>();

  readonly ladder: Ladder = $derived(prepare(this.packets, this.page > 1 && this.record ? parseTime(this.record.event.start) : undefined));
  /** Packets of the whole session, as its record counts them. */
  readonly total = $derived(this.record ? number(this.record, 'network.packets') : 0);
  /** Number of the first packet of the page. */
  readonly first = $derived((this.page - 1) * PAGE + 1);
  /** Pages there are. */
  readonly pages = $derived(Math.max(pages(this.total), this.page + (this.more ? 1 : 0)));
  /** The session goes on. */
  readonly open = $derived(this.record !== undefined && text(this.record, 'session.final') === 'false');

  #stop = new AbortController();
  #stopPackets = new AbortController();
  #stopWhole = new AbortController();
  #cache = new Map<number, Whole>();

  constructor(readonly id: string) {}

  get path() {
    return `/api/sessions/${encodeURIComponent(this.id)}`;
  }

  /** Asks for the record and for the page of packets that holds packet chosen (0: the first page). */
  async load(chosen: number) {
    this.error = undefined;
    try {
      this.record = await api.record('session', this.id, this.#stop.signal);
    } catch (e) {
      if (!aborted(e)) this.error = e as ApiError;
      return;
    }
    await this.loadPage(pageOf(Math.max(chosen, 1)));
  }

  /** Asks for a page of packets. */
  async loadPage(page: number) {
    this.#stopPackets.abort();
    this.packets = [];
    this.page = page;
    await this.#fetch((page - 1) * PAGE);
  }

  /** Asks for the record anew, and for packets that came since; for sessions that go on. */
  async refresh() {
    if (this.loading) return;
    try {
      this.record = await api.record('session', this.id, this.#stop.signal);
    } catch {
      return; // what is shown stays; the shell says when the server is gone
    }
    const have = (this.page - 1) * PAGE + this.packets.length;
    if (this.packets.length < PAGE && have < this.total) await this.#fetch(have);
  }

  /** Appends the packets from offset on to those of this page until it is full. */
  async #fetch(offset: number) {
    const stop = (this.#stopPackets = new AbortController());
    this.loading = true;
    this.packetError = undefined;
    try {
      for (let more = true; more && this.packets.length < PAGE; ) {
        const answer = await get<{ packets: Packet[]; more: boolean }>(`${this.path}/packets`, { detail: 'summary', limit: REQUEST, offset }, stop.signal);
        if (stop.signal.aborted) return;
        this.packets = this.packets.length ? [...this.packets, ...answer.packets] : answer.packets;
        offset += answer.packets.length;
        this.more = more = answer.more && answer.packets.length > 0;
      }
    } catch (e) {
      if (aborted(e)) return;
      this.packetError = e as ApiError;
    }
    if (!stop.signal.aborted) this.loading = false;
  }

  /** Asks for packet n whole; 0 for none. */
  async choose(n: number) {
    this.#stopWhole.abort();
    this.wholeError = undefined;
    const have = this.#cache.get(n);
    if (n <= 0 || have) {
      this.whole = have;
      return;
    }
    const stop = (this.#stopWhole = new AbortController());
    try {
      const { packets } = await get<{ packets: FullPacket[] }>(`${this.path}/packets`, { number: n }, stop.signal);
      if (stop.signal.aborted) return;
      const packet = packets[0];
      if (!packet) throw new ApiError(404, `this session has no packet ${n} in store`);
      const whole = { packet, data: decodeBase64(packet.data) };
      if (this.#cache.size >= kept) this.#cache.delete(this.#cache.keys().next().value!);
      this.#cache.set(n, whole);
      this.whole = whole;
    } catch (e) {
      if (!aborted(e)) this.wholeError = e as ApiError;
    }
  }

  /** Ends all that runs. */
  close() {
    this.#stop.abort();
    this.#stopPackets.abort();
    this.#stopWhole.abort();
  }
}
