import { expect, test } from 'vitest';
import { looksRight, whole } from './upload';

test('lines are read when they are whole', () => {
  const text = '{"progress":{"sessions":1}}\n\n{"imported":{"packets":2}}\n{"rest';
  const first = whole(text.slice(0, 10), 0);
  expect(first).toEqual({ lines: [], at: 0 });
  const all = whole(text, first.at);
  expect(all.lines).toEqual([{ progress: { sessions: 1 } }, { imported: { packets: 2 } }]);
  expect(text.slice(all.at)).toBe('{"rest');
  expect(whole(text + '":1}\n', all.at).lines).toEqual([{ rest: 1 }]);
});

test('names of captures', () => {
  for (const name of ['a.pcap', 'A.PCAPNG', 'x.pcap.gz', 'dump.cap.zst', 'ring.pcap3']) expect(looksRight(name), name).toBe(true);
  for (const name of ['a.txt', 'pcap', 'a.pcap.exe', 'photo.png']) expect(looksRight(name), name).toBe(false);
});
