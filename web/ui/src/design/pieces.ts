// Cells that are lines of text, drawn without a component each: a list that leaps by a page has hundreds of new cells in one frame.

/** A piece of a cell's text. One with a field and a value is what menus are about. */
export interface Piece {
  text: string;
  /** Stands a space behind the piece before it. */
  apart?: boolean;
  field?: string;
  value?: string;
  /** How it looks: classes of Table.svelte, and those that the page styles. */
  look?: string;
  title?: string;
  href?: string;
}

const none: Piece[] = [];

/**
 * Makes a cell hold these pieces, each in an element of its own. Elements that are there are used again, and only what differs is
 * written: most cells keep their elements when a row shows another record.
 */
export function draw(cell: HTMLElement, pieces: Piece[] = none) {
  let el = cell.firstElementChild as HTMLElement | null;
  for (const p of pieces) {
    const tag = p.href === undefined ? 'SPAN' : 'A';
    if (el?.tagName !== tag) {
      const made = document.createElement(tag);
      if (tag === 'A') made.tabIndex = -1; // the grid is one stop
      made.append('');
      if (el) el.replaceWith(made);
      else cell.append(made);
      el = made;
    }
    const text = el.firstChild as Text;
    const data = p.apart ? ' ' + p.text : p.text;
    if (text.data !== data) text.data = data;
    write(el, 'class', p.look);
    write(el, 'title', p.title);
    write(el, 'href', p.href);
    write(el, 'data-field', p.field);
    write(el, 'data-value', p.field === undefined ? undefined : p.value);
    el = el.nextElementSibling as HTMLElement | null;
  }
  while (el) {
    const next = el.nextElementSibling as HTMLElement | null;
    el.remove();
    el = next;
  }
}

function write(el: HTMLElement, name: string, value: string | undefined) {
  const old = el.getAttribute(name);
  if (value === undefined) {
    if (old !== null) el.removeAttribute(name);
  } else if (old !== value) {
    el.setAttribute(name, value);
  }
}
