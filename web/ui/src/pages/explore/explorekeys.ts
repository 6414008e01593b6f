// The keys of Explore.

import type { Key } from '../../lib/keys.svelte';

/** What the keys do. */
export interface Acts {
  query: () => void;
  time: () => void;
  shift: (share: number) => void;
  zoom: (factor: number) => void;
  move: (rows: number) => void;
  open: () => void;
  packets: () => void;
  menu: () => void;
  export: () => void;
  live: () => void;
  again: () => void;
  field: () => void;
  kind: () => void;
  share: () => void;
  back: () => void;
}

export function exploreKeys(a: Acts): Key[] {
  const list: [string, string, () => void][] = [
    ['/', 'Query', a.query],
    ['t', 'Time range', a.time],
    ['[', 'Half a range back', () => a.shift(-0.5)],
    [']', 'Half a range on', () => a.shift(0.5)],
    ['+', 'Zoom in', () => a.zoom(0.5)],
    ['-', 'Zoom out', () => a.zoom(2)],
    ['j', 'Next row', () => a.move(1)],
    ['k', 'Row before', () => a.move(-1)],
    ['Enter', 'Open the row', a.open],
    ['p', "Packets of the row's session", a.packets],
    ['.', 'What can be done with the value', a.menu],
    ['e', 'Export', a.export],
    ['l', 'Live', a.live],
    ['r', 'Search again', a.again],
    ['f', 'Find a field', a.field],
    ['s', 'Sessions or transactions', a.kind],
    ['y', 'Copy the URL', a.share],
    ['Escape', 'Stop the search, or back to the list', a.back],
  ];
  return list.map(([keys, label, run]) => ({ keys, label, run, group: 'Explore' }));
}
