// The menu that gives the page away.

import type { Group } from '../../design/menu';
import { absolute } from '../../lib/range';
import { nav } from '../../lib/state.svelte';
import { copy } from '../../lib/valuemenu';
import { curlCommand, searchCommand, type Shown } from '../../query/links';

/** Copies the URL of the page, with times that stay. */
export function shareURL(s: Shown, now: bigint) {
  void copy(location.origin + nav.href({ ...absolute(s.range, now), live: '' }), 'URL copied');
}

export function shareGroups(s: Shown, now: bigint): Group[] {
  const a = absolute(s.range, now);
  return [
    {
      heading: 'Copy, with times that stay',
      items: [
        { label: 'URL of this page', hint: 'y', run: () => shareURL(s, now) },
        { label: 'tapir search command', run: () => void copy(searchCommand(s, now), 'Command copied') },
        { label: 'curl command', run: () => void copy(curlCommand(s, now, location.origin), 'Command copied; put the token into TOKEN') },
      ],
    },
    { heading: null, items: [{ label: `Times: ${a.from || 'all'}${a.to ? ' to ' + a.to : ''}`, disabled: true }] },
  ];
}
