import { expect, it } from 'vitest';
import type { Rec } from '../../lib/api';
import { missing } from './missing';

const record = { event: { end: '2026-11-21T09:00:00Z' }, network: { packets: 10 }, observer: { name: 'edge' } } as unknown as Rec;

it('says that a server has no packets, and who has', () => {
  const r = missing(record, { can: { packets: false } }, 'utc');
  expect(r.title).toBe('This server has no packets');
  expect(r.text[0]).toContain('edge');
});

it('says which limit deleted them', () => {
  const r = missing(
    record,
    {
      can: { packets: true },
      node_status: {
        packets: { oldest: '1795255200000000000' },
        recorder: { limits: { packets: { max_age: 7 * 86400e9, max_bytes: 500e9 }, keep_free: 13e9 }, deleted: [{ what: 'packets/20261121/09', reason: 'size' }, { what: 'records/session', reason: 'age' }] },
      },
    },
    'utc',
  );
  expect(r.title).toBe('The packets of this session have been deleted');
  expect(r.text[0]).toBe(
    'Packets are kept since 2026-11-21 10:00:00; this session ended at 2026-11-21 09:00:00. Retention now: --packets-max-age 7 d, --packets-max-size 500 GB, --free-space (13 GB of the disk stay free). The last deletion was because of size.',
  );
});

it('says that they were never written', () => {
  const r = missing({ ...record, session: { dropped: { packets: 10 } } } as unknown as Rec, { can: { packets: true } }, 'utc');
  expect(r.title).toContain('never written');
});

it('says what it can where little is known', () => {
  expect(missing(record, {}, 'utc').title).toBe('No packet of this session is stored');
  expect(missing(record, { node_status: { packets: { oldest: '1' } } }, 'utc').text[0]).toContain('--packets-max-age');
});
