// What a table is told about its columns.

export interface Column {
  id: string;
  label: string;
  /** Said when the pointer rests on the header. */
  title?: string;
  /** px; the column that grows takes what is left, and this at least. */
  width: number;
  grow?: boolean;
  align?: 'right';
  mono?: boolean;
  /** Pieces of its cells stand apart, as words of one line about several things. */
  spaced?: boolean;
  sortable?: boolean;
}

/** A cell that an action is about. */
export interface Spot {
  row: number;
  column: string;
  /** The value below the pointer, where a cell has several: its data-value and data-field. */
  field?: string;
  value?: string;
  /** Where a menu for it may open. */
  place: HTMLElement | { x: number; y: number };
}

/** Columns as a value of grid-template-columns. */
export function template(columns: Column[]): string {
  const grows = columns.some((c) => c.grow);
  return columns.map((c, i) => (c.grow || (!grows && i === columns.length - 1) ? `minmax(${c.width}px, 1fr)` : `${c.width}px`)).join(' ');
}
