// The URL is the whole state: a pasted one gives the same page. Whoever changes the state changes the URL, and everything
// that is shown follows from it.

import type { Kind } from './api';
import type { Zone } from './format';
import { prefs } from './prefs.svelte';
import { handover, route } from '../pages/pages';

/** What may stand in the URL. Only what differs from these values does. */
export const defaults = {
  q: '', // expression
  kind: 'session' as string,
  from: '', // -15m, or RFC 3339; empty: all that is stored
  to: '', // empty: now
  bounding: 'last', // which of a record's times must lie in the range
  cols: '', // columns, joined by commas; empty: those of the kind
  order: '', // field:asc or field:desc; empty: newest first
  by: 'count', // what the chart adds up: count, bytes, packets, errors
  split: '', // field whose values the chart tells apart
  live: '', // 1: new records are shown as they come
  host: '', // address or name whose drawer is open
  tz: '', // utc or local; empty: as preferred

  // of one page, or of what is open on it
  event: '', // id of the system call that is open
  tab: '', // of a session packets, stream or transactions, of the processes files or connections, of the network what it tells; empty: the first
  packet: '', // number of the packet chosen
  at: '', // what of it is chosen: a node of its tree (2.5) or bytes (b34-37)
  as: '', // the stream as text, hex or http; empty: as suits it
  side: '', // client or server; empty: both
  find: '', // what is looked for in the stream
  axis: '', // order: the ladder has a step a packet; empty: time
  zoom: '', // part of the ladder that is shown: from..to in units of its axis

  // of the network's page
  rank: '', // who is ranked: destinations or pairs; empty: sources
  paths: '', // what paths join: 8, 24, as, bgp, country, vlan, interface; empty: networks /16
  port: '', // the interface whose rates are drawn: AGENT/IFINDEX; empty: the fullest
  exporter: '', // the exporter whose sources are listed: AGENT/SUBAGENT
};
export type Name = keyof typeof defaults;
export type Changes = Partial<Record<Name, string>>;

/** Parameters in the order in which they are read. */
const order = Object.keys(defaults) as Name[];

/** What a URL loses when another page or another session is gone to. */
const ofPage: Changes = Object.fromEntries(order.slice(order.indexOf('event')).map((name) => [name, '']));

/** Parameters as a query string. What people read in a URL is not escaped where RFC 3986 lets it stand. */
export function queryString(values: Changes): string {
  const out: string[] = [];
  for (const name of order) {
    const v = values[name];
    if (v === undefined || v === defaults[name]) continue;
    out.push(`${name}=${encodeURIComponent(v).replace(/%(3A|2F|2C|40|20)/g, (m) => ({ '%3A': ':', '%2F': '/', '%2C': ',', '%40': '@', '%20': '+' })[m] ?? m)}`);
  }
  return out.length > 0 ? '?' + out.join('&') : '';
}

/** Values of a query string. */
export function readQuery(text: string): Record<Name, string> {
  const p = new URLSearchParams(text);
  const out = { ...defaults };
  for (const name of order) out[name] = p.get(name) ?? defaults[name];
  return out;
}

/** What an entry of the history knows beside its URL. */
interface Entry {
  /** Entries of this viewer before it. */
  depth: number;
  /** Where Explore was left. */
  explore?: number | undefined;
  /** Row that was opened from it. */
  row?: number;
}

class Nav {
  #path = $state(location.pathname);
  #values = $state.raw(readQuery(location.search));
  /** Counts changes that came from the history: scroll positions and drafts start anew. */
  visits = $state(0);

  constructor() {
    addEventListener('popstate', () => {
      this.#path = location.pathname;
      this.#values = readQuery(location.search);
      this.visits++;
    });
  }

  get path() {
    return this.#path;
  }
  get page() {
    return route(this.#path).page.id;
  }
  get id() {
    return route(this.#path).id;
  }
  get q() {
    return this.#values.q;
  }
  /** The kind of records that the expression is about: the page's, or that of the URL. */
  get kind(): Kind {
    const k = this.#values.kind;
    return route(this.#path).page.asks ?? (k === 'transaction' || k === 'sample' || k === 'sysevent' ? k : 'session');
  }
  get from() {
    return this.#values.from;
  }
  get to() {
    return this.#values.to;
  }
  get bounding() {
    return this.#values.bounding;
  }
  get cols() {
    return this.#values.cols;
  }
  get order() {
    return this.#values.order;
  }
  get by() {
    return this.#values.by;
  }
  get split() {
    return this.#values.split;
  }
  get live() {
    return this.#values.live === '1';
  }
  get host() {
    return this.#values.host;
  }
  get tz(): Zone {
    const tz = this.#values.tz || prefs.zone;
    return tz === 'local' ? 'local' : 'utc';
  }

  /** A parameter of one page. */
  value(name: Name): string {
    return this.#values[name];
  }

  /** The URL of this page, or of another path, with changes. */
  href(changes: Changes = {}, path = this.#path): string {
    const elsewhere = path === this.#path ? {} : { ...ofPage, ...handover(this.#path, path, this.kind) };
    return path + queryString({ ...this.#values, ...elsewhere, ...changes });
  }

  /** Goes to this page with changes; replace leaves no step in the history. */
  set(changes: Changes, { replace = false } = {}) {
    this.go(this.href(changes), replace);
  }

  /** What an entry of the history that follows this one knows: how deep it lies, and where Explore was left. */
  #next(): Entry {
    const now = history.state as Entry | null;
    const depth = now?.depth ?? 0;
    return { depth: depth + 1, explore: this.page === 'explore' ? depth : now?.explore };
  }

  /** Notes the row that is opened, for who comes back to this entry. */
  keepRow(row: number) {
    history.replaceState({ depth: 0, ...(history.state as Entry | null), row } satisfies Entry, '');
  }

  /** The row that was opened from this entry; -1 for none. */
  get keptRow(): number {
    return (history.state as Entry | null)?.row ?? -1;
  }

  /** Goes back to Explore as it was left, or to it with this page's parameters if it was not. */
  leave() {
    const now = history.state as Entry | null;
    if (now?.explore !== undefined) history.go(now.explore - now.depth);
    else this.go(this.href({ host: '' }, '/'));
  }

  /** Goes back, or makes the changes where there is nothing to go back to. */
  back(changes: Changes) {
    if (((history.state as Entry | null)?.depth ?? 0) > 0) history.back();
    else this.set(changes);
  }

  /** Goes to a path of this viewer with its parameters. */
  go(href: string, replace = false) {
    const to = new URL(href, location.href);
    if (to.pathname + to.search === location.pathname + location.search) return;
    if (replace) history.replaceState(history.state, '', to.pathname + to.search);
    else history.pushState(this.#next(), '', to.pathname + to.search);
    this.#path = to.pathname;
    this.#values = readQuery(to.search);
  }
}

export const nav = new Nav();

/** Follows a click on a link within the viewer without loading the page again; for onclick of links. */
export function follow(e: MouseEvent) {
  if (e.defaultPrevented || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
  const a = (e.target as Element).closest('a');
  const href = a?.getAttribute('href'); // of a drawing's links the properties are objects
  if (!a || href == null || a.hasAttribute('target') || a.hasAttribute('download')) return;
  const to = new URL(href, location.href);
  if (to.origin !== location.origin || to.pathname.startsWith('/api/')) return;
  e.preventDefault();
  nav.go(to.href);
}
