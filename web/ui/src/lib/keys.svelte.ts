// The keyboard. Whoever has a key binds it while he is on the page; `?` lists what is bound.

import { untrack } from 'svelte';

export interface Key {
  /** What is pressed, as KeyboardEvent.key names it; several in turn are separated by a space: "g s". */
  keys: string;
  label: string;
  /** Heading in the list of keys. */
  group: string;
  run: (e: KeyboardEvent) => void;
  /** Works while the focus is in a field too; Escape does always. */
  inFields?: boolean;
}

const pause = 1200; // ms that may lie between two keys of a sequence

class Keys {
  /** Bound keys, the newest last; a later one hides an earlier one of the same name. */
  bound = $state.raw<Key[]>([]);
  #before = '';
  #at = 0;

  /** Binds keys; call the result to free them. In a component: `$effect(() => keys.bind(...))`. */
  bind(...keys: Key[]): () => void {
    this.bound = [...untrack(() => this.bound), ...keys]; // an effect that binds must not run again because of it
    return () => {
      this.bound = untrack(() => this.bound).filter((k) => !keys.includes(k));
    };
  }

  /** What a window's keydown goes to. */
  handle(e: KeyboardEvent) {
    if (e.defaultPrevented || e.isComposing || e.ctrlKey || e.metaKey || e.altKey || above(e)) return;
    const field = inField(e) && e.key !== 'Escape';
    const sequence = this.#before && e.timeStamp - this.#at < pause ? `${this.#before} ${e.key}` : '';
    const hit = this.#find(sequence, field) ?? this.#find(e.key, field);
    this.#before = '';
    if (hit) {
      e.preventDefault();
      hit.run(e);
    } else if (!field && this.bound.some((k) => k.keys.startsWith(e.key + ' '))) {
      this.#before = e.key;
      this.#at = e.timeStamp;
    }
  }

  #find(name: string, field: boolean): Key | undefined {
    return name === '' ? undefined : this.bound.findLast((k) => k.keys === name && (!field || k.inFields));
  }
}

/** Whether a dialog or a menu lies over the page: it has the keyboard for itself. */
function above(e: KeyboardEvent): boolean {
  const at = e.composedPath()[0];
  return document.querySelector('dialog[open]') !== null || (at instanceof Element && at.closest('[popover]') !== null);
}

/** Whether what is pressed goes into a field. */
function inField(e: KeyboardEvent): boolean {
  const at = e.composedPath()[0];
  return at instanceof HTMLElement && (at.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName));
}

export const keys = new Keys();
