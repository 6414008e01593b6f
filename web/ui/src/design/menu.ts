// What a menu holds.

export interface Item {
  label: string;
  /** Said behind the label: a key, a count, what the choice means. */
  hint?: string;
  run?: () => void;
  href?: string;
  download?: boolean;
  checked?: boolean;
  disabled?: boolean;
}

/** Items under a heading; null as heading for none. */
export interface Group {
  heading: string | null;
  items: Item[];
}

/** Where a menu opens: beside an element, or at a point. */
export type Place = HTMLElement | { x: number; y: number };
