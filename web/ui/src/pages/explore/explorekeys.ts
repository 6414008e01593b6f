// The keys of Explore beside those it is asked with (query/Ask.svelte).

import type { Key } from '../../lib/keys.svelte';

/** What the keys do. */
export interface Acts {
  move: (rows: number) => void;
  open: () => void;
  packets: () => void;
  menu: () => void;
  export: () => void;
  live: () => void;
  field: () => void;
  kind: () => void;
  share: () => void;
  back: () => void;
}

export function exploreKeys(a: Acts): Key[] {
  const list: [string, string, () => void][] = [
    ['j', 'Next row', () => a.move(1)],
    ['k', 'Row before', () => a.move(-1)],
    ['Enter', 'Open the row', a.open],
    ['p', "Packets of the row's session", a.packets],
    ['.', 'What can be done with the value', a.menu],
    ['e', 'Export', a.export],
    ['l', 'Live', a.live],
    ['f', 'Find a field', a.field],
    ['s', 'Sessions, transactions, system calls', a.kind],
    ['y', 'Copy the URL', a.share],
    ['Escape', 'Stop the search, or back to the list', a.back],
  ];
  return list.map(([keys, label, run]) => ({ keys, label, run, group: 'Explore' }));
}
