// The menu of the columns: which are shown, in what order, and sets of them that were kept.

import type { Group } from '../../design/menu';
import type { Kind } from '../../lib/api';
import { saved } from '../../saved/saved.svelte';
import { offered, usual } from './columns';
import type { Columns } from './columnstate.svelte';

interface Acts {
  cols: Columns;
  kind: Kind;
  find: () => void;
  keep: () => void;
}

export function columnGroups(a: Acts): Group[] {
  const made = offered(a.kind);
  const own = a.cols.ids.filter((id) => !made.some((c) => c.id === id));
  const kept = saved.items('columns').filter((i) => (i.value as { kind?: string }).kind === a.kind);
  return [
    {
      heading: 'Columns',
      items: [
        ...made.map((c) => ({ label: c.label, checked: a.cols.ids.includes(c.id), run: () => a.cols.toggle(c.id) })),
        ...own.map((id) => ({ label: id, checked: true, run: () => a.cols.toggle(id) })),
        { label: 'Another field …', hint: 'f', run: a.find },
      ],
    },
    {
      heading: 'Sets',
      items: [
        { label: 'The usual ones', run: () => a.cols.set(usual[a.kind]!) },
        ...kept.map((i) => ({ label: i.name, hint: `${(i.value as { cols: string[] }).cols.length} columns`, run: () => a.cols.set((i.value as { cols: string[] }).cols) })),
        { label: 'Keep these columns …', run: a.keep },
        ...kept.map((i) => ({ label: `Forget ${i.name}`, run: () => void saved.remove('columns', i.name) })),
      ],
    },
  ];
}
