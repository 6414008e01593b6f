// What the rows of the list lead to, and how they are marked: sessions and transactions to the page of the session, system calls to a
// drawer beside the list.

import type { Group } from '../../design/menu';
import { valueOf, type Rec } from '../../lib/api';
import { words } from '../../lib/kinds';
import { nav, type Changes } from '../../lib/state.svelte';
import { copy, filter } from '../../lib/valuemenu';
import { belonging, connectionOf } from '../../record/connection';

function sessionOf(r: Rec): string {
  const s = r.session as { id?: string } | undefined;
  return r.event.kind === 'session' ? r.event.id : (s?.id ?? r.event.id);
}

/** Where a row leads; more is said to the session's page. */
export function linkOf(r: Rec, more: Changes = {}): string {
  if (r.event.kind === 'sysevent') return nav.href({ host: '', live: '', event: r.event.id });
  return nav.href({ host: '', live: '', ...more }, '/session/' + encodeURIComponent(sessionOf(r)));
}

/** What can be done with a row. */
export function actsOf(r: Rec, hasPackets: boolean): Group {
  const id = { label: 'Copy id', run: () => void copy(r.event.id) };
  if (r.event.kind === 'sysevent') return { heading: 'This call', items: [{ label: 'Open', hint: 'Enter', href: linkOf(r) }, ...ofCall(r), id] };
  return {
    heading: `This ${words[r.event.kind].one}`,
    items: [
      { label: 'Open session', hint: 'Enter', href: linkOf(r) },
      { label: 'Download its packets', hint: 'pcap', href: `/api/sessions/${encodeURIComponent(sessionOf(r))}/pcap`, download: true, disabled: !hasPackets },
      id,
    ],
  };
}

function ofCall(r: Rec): Group['items'] {
  const pid = valueOf(r, 'proc.pid');
  const connection = connectionOf(r);
  return [
    ...(pid === undefined ? [] : [{ label: 'Calls of its process', run: () => filter('proc.pid', String(pid)) }]),
    ...(connection ? [{ label: 'Sessions of its connection', href: nav.href(belonging(connection, 'session', r.event.start, r.event.end), '/') }] : []),
  ];
}

/** A row that tells of something that failed. */
export function toneOf(r: Rec): string {
  return (r.event.kind === 'transaction' && r.status === 'Error') || valueOf(r, 'evt.failed') === true ? 'bad' : '';
}
