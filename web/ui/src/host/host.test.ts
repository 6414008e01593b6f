import { expect, test } from 'vitest';
import { hostField, isAddress, share } from './host';

test('addresses and names', () => {
  for (const a of ['10.0.0.1', '2001:db8::1', '::1', '::ffff:10.0.0.1']) expect(isAddress(a), a).toBe(true);
  for (const n of ['www.example.com', 'a:b', '10.example', '', 'fe80::1%eth0', '<script>']) expect(isAddress(n), n).toBe(false);
  expect([hostField('10.0.0.1'), hostField('a.test')]).toEqual(['ip', 'host']);
});

test('the longest bar is whole', () => {
  const all = [{ value: 'a', count: 4 }, { value: 'b', count: 1 }];
  expect(all.map((v) => share(v, all))).toEqual([1, 0.25]);
  expect(share({ value: 'a', count: 0 }, [])).toBe(0);
});
