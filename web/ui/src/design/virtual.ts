// Which rows of a long list are in sight, when all rows are equally high.

/** Height of a row in px; --row in tokens.css. */
export const rowHeight = 26;

/** Browsers draw nothing beyond some height (Firefox: 17.9 million px). Longer lists are scrolled at a higher gear. */
export const tallest = 12_000_000;

export interface Window {
  first: number; // first row that is drawn
  last: number; // one past the last
  shift: number; // whole px from the top of the scrolled area to the first row drawn: what lies between pixels is blurred, and slow to draw
}

/** Height of the scrolled area in px. */
export function areaHeight(count: number, row = rowHeight): number {
  return Math.min(count * row, tallest);
}

/**
 * The rows to draw when a list of count rows is scrolled to `top` px in a viewport of `height` px, with `spare` more at
 * both ends.
 */
export function windowAt(count: number, top: number, height: number, spare = 5, row = rowHeight): Window {
  const total = count * row;
  const area = areaHeight(count, row);
  const travel = Math.max(1, area - height);
  const y = area < total ? Math.max(0, Math.min(1, top / travel)) * (total - height) : Math.max(0, top);
  const first = Math.max(0, Math.min(count, Math.floor(y / row)) - spare);
  const last = Math.min(count, Math.ceil((y + height) / row) + spare);
  return { first, last: Math.max(first, last), shift: Math.round(top - y) + first * row };
}

/** The most rows that windowAt gives for a viewport of `height` px. */
export function poolSize(height: number, spare = 5, row = rowHeight): number {
  return Math.ceil(height / row) + 1 + 2 * spare;
}

/** Where to scroll so that row i is in sight, from a list scrolled to top; undefined if it is already. */
export function scrollFor(i: number, count: number, top: number, height: number, row = rowHeight): number | undefined {
  const total = count * row;
  const area = areaHeight(count, row);
  const gear = area < total ? (total - height) / Math.max(1, area - height) : 1;
  const y = top * gear;
  if (i * row < y) return (i * row) / gear;
  if ((i + 1) * row > y + height) return ((i + 1) * row - height) / gear;
  return undefined;
}
