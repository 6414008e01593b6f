// What a user keeps: views (expressions with a name), sets of columns, recent queries. The server has them if it has a
// data directory that it may write, so that another browser has them too; else this browser keeps them.

import { api, ask, get } from '../lib/api';
import { prefs } from '../lib/prefs.svelte';

export type Collection = 'views' | 'columns' | 'recent';

/** One thing that is kept. Value is a small JSON document, which its writer understands. */
export interface Item<T = unknown> {
  name: string;
  value: T;
  changed: string; // RFC 3339
}

/** What is kept of an expression that was asked. */
export interface Query {
  q: string;
  kind: string;
}

const mostRecent = 50;

class Saved {
  /** Where things are kept; null until the first answer. */
  where = $state<'server' | 'browser' | null>(null);
  #lists = $state.raw<Partial<Record<Collection, Item[]>>>({});

  /** What is kept, newest first, as far as it is known here. Lists that were never asked for are empty. */
  items(collection: Collection): Item[] {
    return this.#lists[collection] ?? [];
  }

  /** Asks for what is kept, newest first. */
  async list(collection: Collection): Promise<Item[]> {
    const items = await this.#try(
      async () => (await get<{ items: Item[] }>(path(collection))).items,
      () => read(collection),
    );
    items.sort((a, b) => (a.changed < b.changed ? 1 : a.changed > b.changed ? -1 : 0));
    this.#lists = { ...this.#lists, [collection]: items };
    return items;
  }

  /** Keeps a value under a name; one of that name is replaced. */
  async put(collection: Collection, name: string, value: unknown): Promise<void> {
    const item = { name, value, changed: new Date().toISOString() };
    await this.#try(
      async () => void (await ask(path(collection, name), {}, { method: 'PUT', body: JSON.stringify(value), headers: { 'Content-Type': 'application/json' } })),
      () => write(collection, [item, ...read(collection).filter((i) => i.name !== name)]),
    );
    this.#lists = { ...this.#lists, [collection]: [item, ...this.items(collection).filter((i) => i.name !== name)] };
  }

  /** Forgets what has a name. */
  async remove(collection: Collection, name: string): Promise<void> {
    await this.#try(
      async () => void (await ask(path(collection, name), {}, { method: 'DELETE' })),
      () => write(collection, read(collection).filter((i) => i.name !== name)),
    );
    this.#lists = { ...this.#lists, [collection]: this.items(collection).filter((i) => i.name !== name) };
  }

  /** Keeps an expression among the recent ones; the oldest go. That it could not be kept is not worth a word. */
  async note(query: Query): Promise<void> {
    if (query.q.trim() === '') return;
    try {
      if (!this.#lists.recent) await this.list('recent');
      await this.put('recent', digest(query.kind + ' ' + query.q), query);
      // a server makes room itself
      if (this.where === 'browser') for (const old of this.items('recent').slice(mostRecent)) await this.remove('recent', old.name);
    } catch {
      // as said
    }
  }

  /** Asks the server if it keeps things, and else this browser. */
  async #try<T>(server: () => Promise<T>, browser: () => T): Promise<T> {
    if (this.where === null) {
      const { can } = (await api.status()) as { can?: { save?: boolean } };
      this.where = can?.save ? 'server' : 'browser';
    }
    return this.where === 'server' ? server() : browser();
  }
}

export const saved = new Saved();

const path = (collection: Collection, name?: string) => `/api/saved/${collection}` + (name === undefined ? '' : '/' + encodeURIComponent(name));

function read(collection: Collection): Item[] {
  try {
    const list: unknown = JSON.parse(prefs.get('saved.' + collection) || '[]');
    return Array.isArray(list) ? (list as Item[]) : [];
  } catch {
    return [];
  }
}

function write(collection: Collection, items: Item[]): void {
  prefs.put('saved.' + collection, JSON.stringify(items));
}

/** A short name for a text, the same each time (FNV-1a, 64 bits). */
export function digest(text: string): string {
  let h = 0xcbf29ce484222325n;
  for (const b of new TextEncoder().encode(text)) h = ((h ^ BigInt(b)) * 0x100000001b3n) & 0xffffffffffffffffn;
  return h.toString(16).padStart(16, '0');
}
