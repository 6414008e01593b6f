import { expect, test } from 'vitest';
import { curlCommand, download, exportCommand, searchCommand, type Shown } from './links';

const now = 1795254000000000000n;
const s: Shown = { q: `http.method == GET && url.path == "/it's"`, kind: 'transaction', range: { from: '-15m', to: '' }, bounding: 'first', order: 'event.start:asc' };

test('commands mean the same as the page, at any later time', () => {
  expect(searchCommand(s, now)).toBe(
    `tapir search --kind transaction --from 2026-11-21T09:25:00Z --to 2026-11-21T09:40:00Z --bounding first 'http.method == GET && url.path == "/it'\\''s"'`,
  );
  expect(searchCommand({ ...s, q: '', kind: 'session', range: { from: '', to: '' }, bounding: 'last' }, now)).toBe('tapir search');
  expect(exportCommand({ ...s, q: 'port == 80', kind: 'session', bounding: 'last' }, now, 'pcapng')).toBe(
    `tapir export --from 2026-11-21T09:25:00Z --to 2026-11-21T09:40:00Z -w tapir.pcapng 'port == 80'`,
  );
  expect(curlCommand({ ...s, q: 'port == 80', order: '' }, now, 'http://127.0.0.1:8005')).toBe(
    `curl -sfG -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8005/api/search --data-urlencode 'q=port == 80' --data-urlencode kind=transaction --data-urlencode from=2026-11-21T09:25:00Z --data-urlencode to=2026-11-21T09:40:00Z --data-urlencode bounding=first`,
  );
});

test('downloads', () => {
  expect(download({ ...s, q: 'port == 80', kind: 'session', bounding: 'last' }, now, 'pcap', { limit: 3 })).toBe(
    '/api/export?q=port+%3D%3D+80&from=2026-11-21T09%3A25%3A00Z&to=2026-11-21T09%3A40%3A00Z&format=pcap&limit=3',
  );
  expect(download({ ...s, q: '' }, now, 'csv', { columns: 'source.ip' })).toBe(
    '/api/search?kind=transaction&from=2026-11-21T09%3A25%3A00Z&to=2026-11-21T09%3A40%3A00Z&bounding=first&order=event.start%3Aasc&format=csv&limit=0&columns=source.ip',
  );
});
