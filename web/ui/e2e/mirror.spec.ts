// A mirror that runs: `tapir mirror` between veth pairs in a namespace made for it, watched in the browser.
import { accessible, expect, test as base } from './fixtures';
import { prepare } from './many';
import { allowed, Network } from './network';
import { mirrorIn, newData, program, serveIn, type Server } from './tapir';

const test = base.extend<object, { mirrored: { server: Server; network: Network; stop: () => Promise<void> } }>({
  mirrored: [
    async ({}, use) => {
      const network = await Network.create();
      for (const what of ['all', 'default']) await network.inside('sysctl', '-qw', `net.ipv6.conf.${what}.disable_ipv6=1`); // nothing is sent but what the test sends
      for (const name of ['in', 'out', 'some']) await network.pair(name);
      await network.inside('ip', 'addr', 'add', '198.51.100.1/24', 'dev', 'in1');
      await network.inside('ip', 'neigh', 'add', '198.51.100.2', 'lladdr', '02:00:00:00:00:02', 'dev', 'in1');
      await network.inside('ip', 'link', 'set', 'some0', 'mtu', '1000');
      const data = await newData();
      await prepare(data);
      const inside = await serveIn(network.space, data);
      const server = inside.through(`http://${await network.relay(new URL(inside.origin).port)}`);
      const stop = mirrorIn(network.space, 'in0@out0/some0', '--filter', 'not udp port 7', '--quiet');
      await expect(() => network.inside(program, 'mirror', 'status')).toPass({ timeout: 10_000 });
      await use({ server, network, stop });
      await stop();
      await server.stop();
      await network.remove();
    },
    { scope: 'worker' },
  ],
});

test.skip(!allowed, 'a mirror needs root');

/** Sends datagrams into in1, out of in0, to a port. */
const send = (n: Network, count: number, bytes: number, port: number) =>
  n.inside('bash', '-c', `d=$(printf %${bytes}s); for i in {1..${count}}; do echo -n "$d" > /dev/udp/198.51.100.2/${port}; done`);

test('Status draws what a mirror copies, with its rates and its losses', async ({ page, mirrored: { server, network, stop } }) => {
  await page.goto(server.at('/status'));
  const card = page.getByRole('region', { name: 'Mirror' });
  await expect(card).toContainText('all copies sent');

  const copies = card.getByRole('table', { name: 'Copies' });
  const row = (output: string) => copies.getByRole('row').filter({ has: page.getByRole('rowheader', { name: output }) });
  const cells = (output: string) => row(output).getByRole('cell');
  await send(network, 40, 100, 9); // to both
  await send(network, 7, 100, 7); // not what the filter passes
  await send(network, 5, 1200, 9); // longer than some0 takes
  await expect(row('out0')).toContainText('filter "not udp port 7"');
  await expect(row('out0')).toContainText('applied to 45 packets');
  await expect(row('out0')).toContainText('7 filtered');
  await expect(cells('out0').nth(-1)).toHaveText('0');
  await expect(cells('out0').nth(-4)).toHaveText('45');
  await expect(cells('some0').nth(-4)).toHaveText('40');
  await expect(cells('some0').nth(-1)).toHaveText(/^5\s*5 too big$/);
  await expect(card).toContainText('5 copies not sent');
  await expect(card.getByRole('table', { name: 'Received by sources' }).getByRole('row', { name: 'in0' })).toContainText('52');

  // the diagram says the same
  const diagram = card.getByRole('img', { name: 'Sources, rules and outputs' });
  for (const text of ['in0', 'Rule 1', 'filter "not udp port 7"', 'out0', 'some0', '▲ 5 not sent']) await expect(diagram.getByText(text, { exact: true })).toBeVisible();
  await expect(diagram.locator('path')).toHaveCount(3);
  await expect(diagram.locator('path:not(.idle)')).toHaveCount(0); // nothing comes any more
  await accessible(page);

  // live: what comes now shows as a rate, and as thicker lines
  let on = true;
  const sending = (async () => {
    while (on) await send(network, 20, 500, 9);
  })();
  try {
    await expect(diagram.locator('path:not(.idle)')).toHaveCount(3);
    await expect(cells('out0').nth(-6)).toHaveText(/^[\d.]+ [kM]b\/s$/);
    await expect(diagram.locator('.figure').first()).toHaveText(/^[\d.]+ [kM]b\/s$/);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await accessible(page);
    }
  } finally {
    on = false;
    await sending;
  }

  await network.inside('ip', 'link', 'set', 'some0', 'down');
  await expect(row('some0').getByText('down', { exact: true })).toBeVisible();
  await expect(diagram.getByText('down', { exact: true })).toBeVisible();
  await network.inside('ip', 'link', 'del', 'some0');
  await expect(row('some0').getByText('vanished', { exact: true })).toBeVisible();
  await expect(diagram.getByText('vanished', { exact: true })).toBeVisible();

  // a remote host, which is up once its next host is known
  await network.inside('bash', '-c', `${program} mirror set --config <(echo "mirror: {rules: [{from: [in0], to: [{vxlan: 192.0.2.9, vni: 7, port: 4790, rate: 10Mbit}]}]}")`);
  await expect(row('192.0.2.9').getByRole('rowheader')).toHaveText('192.0.2.9 unreachable VXLAN 7, port 4790, at most 10 Mb/s');
  await network.inside('ip', 'addr', 'add', '192.0.2.1/24', 'dev', 'out0');
  await network.inside('ip', 'neigh', 'replace', '192.0.2.9', 'lladdr', '02:00:00:00:00:09', 'dev', 'out0');
  await expect(row('192.0.2.9').getByText('up', { exact: true })).toBeVisible();
  await accessible(page);

  // with packets in plenty, what the ways of copying cost
  await network.inside(program, 'mirror', 'set', 'in0@out0');
  const source = card.getByRole('table', { name: 'Received by sources' }).getByRole('row', { name: 'in0' });
  await expect(async () => {
    await network.inside('bash', '-c', 'dd if=/dev/zero bs=100 count=30000 status=none > /dev/udp/198.51.100.2/9');
    await expect(source).toContainText(/tc \d+ ns, xdp skb \d+ ns a packet/, { timeout: 100 });
  }).toPass({ timeout: 30_000 });
  await expect(source.getByText('up', { exact: true })).toBeVisible();

  await stop();
  await expect(card).toBeHidden();
});
