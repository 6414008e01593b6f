// A web server in a container, its database in another, a client on the same host and what else runs there: the system calls of all, and
// the packets of the connections.
import { Calls, type Program } from './calls';
import { Capture, type Peer } from './packets';

export const nginx: Program = { pid: 812, name: 'nginx', exe: '/usr/sbin/nginx', args: ['-g', 'daemon off;'], container: { id: 'c0ffee'.repeat(10) + 'feed', name: 'web-1' } };
export const postgres: Program = { pid: 955, name: 'postgres', exe: '/usr/lib/postgresql/postgres', container: { id: 'dada0b'.repeat(10) + 'feed', name: 'db-1' } };
export const curl: Program = { pid: 4711, name: 'curl', args: ['http://shop.test/orders'] };
const cron: Program = { pid: 640, name: 'cron', exe: '/usr/sbin/cron' };
const sshd: Program = { pid: 702, name: 'sshd', exe: '/usr/sbin/sshd' };
const journald: Program = { pid: 301, name: 'systemd-journal', exe: '/lib/systemd/systemd-journald' };

/** 2026-11-21 09:45 UTC. */
export const begin = 1_795_254_300_000_000_000n;
export const range = { from: '2026-11-21T09:45:00Z', to: '2026-11-21T09:45:31Z' };

const web: Peer = { ip: '10.20.0.9', port: 8080 };
const db: Peer = { ip: '10.20.0.10', port: 5432 };
/** The end of curl's only connection. */
export const client: Peer = { ip: '10.20.0.4', port: 51512 };

const [ENOENT, EACCES] = [2, 13];
const page = '<!doctype html><title>Orders</title>';
const picture = Buffer.from('89504e470d0a1a0a0000000d49484452000000100000001008060000001ff3ff61', 'hex');

export function webserver(): { calls: Calls; packets: Capture } {
  const calls = new Calls(begin, [nginx, postgres, curl, cron, sshd, journald]);
  const packets = new Capture(begin);
  for (let i = 0; i < 60; i++) {
    const from = i === 20 ? client : { ip: `10.20.0.${20 + (i % 7)}`, port: 40_000 + i };
    const path = ['/orders', '/', '/favicon.ico', '/missing'][i % 4]!;
    const request = `GET ${path} HTTP/1.1\r\nHost: shop.test\r\nUser-Agent: curl/8.14\r\n\r\n`;
    const body = path === '/favicon.ico' ? picture : Buffer.from(page);
    const answer = Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`), body]);
    if (i === 20) calls.connect(curl, 3, client, web).write(curl, 3, request);
    calls.accept(nginx, 9, from, web).read(nginx, 9, request);
    if (path === '/missing') calls.open(nginx, 0, '/var/www/missing', ENOENT);
    else calls.open(nginx, 10, `/var/www${path === '/' ? '/index.html' : path}`).read(nginx, 10, body).close(nginx, 10);
    if (path === '/orders') query(calls, packets, i);
    calls.write(nginx, 9, answer).close(nginx, 9).run(nginx, BigInt(3 + (i % 5)) * 1_000_000n);
    if (i === 20) calls.read(curl, 3, answer).close(curl, 3).open(curl, 4, '/root/.curlrc', EACCES);
    packets.tcp(from, web, [{ from: 'client', data: Buffer.from(request) }, { from: 'server', data: answer }]);
    calls.open(journald, 20, '/var/log/journal/system.journal').write(journald, 20, `${path} served`, 64 << (i % 9)).close(journald, 20);
    if (i % 6 === 0) calls.open(cron, 3, '/etc/crontab').read(cron, 3, '17 * * * * root run-parts /etc/cron.hourly\n').close(cron, 3).open(cron, 0, '/etc/cron.d/.placeholder', ENOENT);
    if (i % 9 === 0) calls.open(sshd, 5, '/etc/shadow', EACCES);
    pause(calls, packets, 500_000_000n);
  }
  return { calls, packets };
}

/** nginx asks the database over a connection of its own. */
function query(calls: Calls, packets: Capture, i: number): void {
  const from = { ip: web.ip, port: 60_000 + i };
  const rows = Buffer.from('D\0\0\0\x0b\0\x01\0\0\0\x0142');
  calls.connect(nginx, 11, from, db).accept(postgres, 8, from, db);
  calls.write(nginx, 11, 'Q\0\0\0\x1cSELECT id FROM orders\0').read(postgres, 8, 'Q\0\0\0\x1cSELECT id FROM orders\0');
  calls.open(postgres, 12, '/var/lib/postgresql/base/16384/2619').read(postgres, 12, Buffer.alloc(80, 7), 8192).close(postgres, 12);
  calls.write(postgres, 8, rows).close(postgres, 8).run(postgres, 11_000_000n);
  calls.read(nginx, 11, rows).close(nginx, 11);
  packets.tcp(from, db, [{ from: 'client', data: Buffer.from('Q\0\0\0\x1cSELECT id FROM orders\0') }, { from: 'server', data: rows }]);
}

function pause(calls: Calls, packets: Capture, ns: bigint): void {
  calls.wait(ns);
  packets.wait(ns);
}
