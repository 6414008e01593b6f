// The pages. A page is a folder here and a line in this list: its path, its place in the bar and its key follow from it.

import type { Component } from 'svelte';
import type { Kind } from '../lib/api';

export interface Page {
  id: string;
  /** First element of its path; empty for the front door. */
  path: string;
  /** It shows one thing, whose id is the second element of the path. */
  one?: boolean;
  /** Its name in the bar; without one it is reached by links only. */
  label?: string;
  /** `g` and this key go there. */
  key?: string;
  /** The kind of records that its expressions are about; filters stay on it. */
  asks?: Kind;
  /** Its component, with the property `id` if it shows one thing; loaded when it is gone to. The front door's is there at once (App.svelte). */
  load?: () => Promise<{ default: Component<any> }>;
}

export const pages: Page[] = [
  { id: 'explore', path: '', label: 'Explore', key: 's' },
  { id: 'session', path: 'session', one: true, load: () => import('./session/Session.svelte') },
  { id: 'processes', path: 'processes', label: 'Processes', key: 'p', asks: 'sysevent', load: () => import('./processes/Processes.svelte') },
  { id: 'network', path: 'network', label: 'Network', key: 'n', asks: 'sample', load: () => import('./network/Network.svelte') },
  { id: 'status', path: 'status', label: 'Status', key: 'c', load: () => import('./status/Status.svelte') },
];

/** Page and id that a path names; what names none is the front door. */
export function route(path: string): { page: Page; id: string } {
  const [first = '', second = ''] = path.split('/').filter(Boolean);
  const page = pages.find((p) => p.path === first && (!p.one || second !== ''));
  return page ? { page, id: page.one ? decode(second) : '' } : { page: pages[0]!, id: '' };
}

/**
 * What of the URL's parameters changes on the way from one path to another, where expressions were about a kind of records: a page that
 * asks for another kind begins without one, and columns and their order are those of one sort of pages.
 */
export function handover(from: string, to: string, kind: Kind): { kind?: Kind; q?: string; cols?: string; order?: string; live?: string } {
  const [here, there] = [route(from).page.asks, route(to).page.asks];
  if (here === there) return {};
  const rows = { cols: '', order: '', live: '' };
  if (there === undefined) return { ...rows, kind };
  return { ...rows, kind: 'session', ...(there === kind ? {} : { q: '' }) }; // the page says the kind, not its URL
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
