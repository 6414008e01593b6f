// Cells that are lines of text, drawn without a component each: a list that leaps by a page has hundreds of new cells in one frame.
// What costs then is style, layout and garbage, so elements are kept, and what a cell does not need of them stays empty.

/** A piece of a cell's text. One with a field and a value is what menus are about. */
export interface Piece {
  text: string;
  /** Stands a space behind the piece before it. */
  apart?: boolean;
  field?: string;
  value?: string;
  /** How it looks: classes of Table.svelte. */
  look?: string;
  /** Said when the pointer rests on it. */
  title?: string;
  href?: string;
}

const none: Piece[] = [];
const blank: Piece = { text: '' };
const titles = new WeakMap<Element, string>();
let titled: Element | undefined; // the one that has its title, because the pointer is on it

/** Makes a cell hold these pieces, each in an element of its own. Elements that are there are used again, and only what differs is written. */
export function draw(cell: Element, pieces: Piece[] = none) {
  let el = cell.firstElementChild;
  for (const p of pieces) {
    el = elementFor(cell, el, p);
    write(el, p);
    el = el.nextElementSibling;
  }
  for (; el; el = el.nextElementSibling) if ((el.firstChild as Text).data !== '') write(el, blank);
}

/** An element for a piece: el, the next that is there, if it is of the right kind. */
function elementFor(cell: Element, el: Element | null, p: Piece): Element {
  const name = p.href === undefined ? 'span' : 'a';
  if (el?.localName === name) return el;
  const made = document.createElement(name);
  if (name === 'a') made.tabIndex = -1; // the grid is one stop
  made.append('');
  if (el) el.replaceWith(made);
  else cell.append(made);
  return made;
}

function write(el: Element, p: Piece) {
  const text = el.firstChild as Text;
  const data = p.apart ? ' ' + p.text : p.text;
  if (text.data !== data) text.data = data;
  if (el.className !== (p.look ?? '')) el.className = p.look ?? '';
  attribute(el, 'href', p.href);
  attribute(el, 'data-field', p.field);
  attribute(el, 'data-value', p.field === undefined ? undefined : p.value);
  if (p.title === undefined) titles.delete(el);
  else titles.set(el, p.title);
  if (el === titled) tell(el);
}

function attribute(el: Element, name: string, value: string | undefined) {
  const old = el.getAttribute(name);
  if (value === undefined) {
    if (old !== null) el.removeAttribute(name);
  } else if (old !== value) {
    el.setAttribute(name, value);
  }
}

/** Gives a piece that the pointer has come to its title. All at once would cost the frame of a leap a millisecond of style. */
export function tell(target: EventTarget | null) {
  titled?.removeAttribute('title');
  titled = target instanceof Element ? target : undefined;
  const title = titled && titles.get(titled);
  if (title !== undefined) titled!.setAttribute('title', title);
}
