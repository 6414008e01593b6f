// The columns of the list: which, in what order, how wide, and by which it is sorted. All but the widths stand in the URL.

import type { Kind } from '../../lib/api';
import { prefs } from '../../lib/prefs.svelte';
import { nav } from '../../lib/state.svelte';
import { chosen, sortedColumn, sortField, usual } from './columns';

export class Columns {
  /** px by column, where they were chosen. */
  widths = $state.raw<Record<string, number>>(read());

  constructor(private readonly kind: () => Kind) {}

  get ids(): string[] {
    return chosen(nav.cols, this.kind());
  }

  get sort(): { id: string; desc: boolean } {
    const [field = '', way = ''] = (nav.order || 'event.start:desc').split(':');
    return { id: sortedColumn(field, this.ids), desc: way !== 'asc' };
  }

  set(next: string[]) {
    const cols = next.join(',');
    nav.set({ cols: cols === usual[this.kind()]!.join(',') ? '' : cols }, { replace: true });
  }

  toggle(id: string) {
    if (!this.ids.includes(id)) {
      const at = this.ids.indexOf('info');
      this.set(at < 0 ? [...this.ids, id] : [...this.ids.slice(0, at), id, ...this.ids.slice(at)]);
    } else if (this.ids.length > 1) this.set(this.ids.filter((x) => x !== id));
  }

  /** Puts a column where another is: before it from the right, behind it from the left, as it was dragged. */
  move(id: string, to: string | null) {
    const rest = this.ids.filter((x) => x !== id);
    const at = to === null ? rest.length : rest.indexOf(to) + (this.ids.indexOf(id) < this.ids.indexOf(to) ? 1 : 0);
    this.set([...rest.slice(0, at), id, ...rest.slice(at)]);
  }

  /** Sorts by a column: the highest first, then the lowest, then newest first again. */
  sortBy(id: string) {
    const field = sortField(id);
    const next = this.sort.id !== id ? 'desc' : this.sort.desc ? 'asc' : '';
    nav.set({ order: next === '' || (field === 'event.start' && next === 'desc') ? '' : `${field}:${next}` });
  }

  resize(id: string, width: number) {
    this.widths = { ...this.widths, [id]: width };
    prefs.put('widths', JSON.stringify(this.widths));
  }
}

function read(): Record<string, number> {
  try {
    return JSON.parse(prefs.get('widths') || '{}');
  } catch {
    return {};
  }
}
