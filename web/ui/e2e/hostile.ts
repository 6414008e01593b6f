// A capture of everything that strangers could send to run something in the viewer of whoever looks at it. Each trap calls
// `hacked`, opens a dialog, or asks for something below http://evil.test/; fixtures.ts watches for all three.
import { gzipSync } from 'node:zlib';
import { Calls, type Program } from './calls';
import { Capture, type Peer } from './packets';

/** The hosts, paths and agents that stand in the sessions; tests look for some of them as text. */
export const traps = {
  script: '<script>hacked("script")</script>',
  image: '"><img src=x onerror=hacked("img")>',
  svg: '<svg/onload=hacked("svg")>',
  attribute: `' onmouseover='hacked("attribute")' autofocus onfocus='hacked("focus")`,
  url: 'javascript:hacked("url")',
  template: '{{constructor.constructor("hacked(1)")()}}${hacked(2)}#{hacked(3)}',
  style: '</style><style>@import "http://evil.test/style.css";body{display:none}</style>',
  quote: `a" || ip == 0.0.0.0/0 || "\\' \` ; | count`,
  bidi: 'exe.\u202egnp.paypal\u2066.test\u2069\u200b\ufeff',
  nul: 'before\0after',
  escape: '\x1b]0;hacked\x07\x1b[31mred\x7f\x85',
} as const;

const begin = 1_795_254_000_000_000_000n; // 2026-11-21 09:40 UTC
const server: Peer = { ip: '10.66.0.80', port: 80 };

/** Makes the capture. */
export function hostile(): Capture {
  const c = new Capture(begin);
  let port = 40_000;
  const http = (request: Buffer | string, response: Buffer | string) =>
    c.wait(20_000_000n).tcp({ ip: '10.66.0.2', port: port++ }, server, [
      { from: 'client', data: Buffer.from(request) },
      { from: 'server', data: Buffer.from(response) },
    ]);

  for (const trap of Object.values(traps)) {
    http(
      request(trap, `/${trap.replaceAll(' ', '%20')}?q=${trap.replaceAll(' ', '+')}`, {
        'User-Agent': trap,
        Referer: trap,
        Cookie: `${trap}=${trap}`,
      }),
      html(`<p>${trap}`),
    );
  }
  http(
    request('names.test', '/', { [traps.script]: 'as a name', __proto__x: 'x', constructor: 'y', toString: 'z' }).replace(
      '__proto__x',
      '__proto__',
    ),
    html('names'),
  );
  http(request('absolute.test', traps.url, {}), redirect(traps.url));
  http(request('redirect.test', '/', {}), redirect('http://evil.test/redirect'));
  http(
    request('basic.test', '/', { Authorization: 'Basic ' + Buffer.from(`${traps.script}:${traps.image}`).toString('base64') }),
    html('who'),
  );
  http(request('large.test', '/', many('X-Request', 64)), response({ 'Content-Type': 'text/html', ...many('X-Response', 64) }, 'large'));
  http(request('line.test', '/' + 'A'.repeat(300_000), {}), html('long'));

  const active = `<!doctype html><html><body onload=hacked("body")><script>hacked("page");fetch("http://evil.test/fetch")</script>
<iframe src="javascript:parent.hacked('frame')"></iframe><img src="http://evil.test/pixel.png"><link rel=stylesheet href="http://evil.test/style.css">
<meta http-equiv=refresh content="0;url=http://evil.test/refresh"><form action="http://evil.test/form"><button autofocus onfocus=hacked("button")>x</form></body></html>`;
  const drawing = `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="80" height="80" onload="hacked('drawing')">
<script>hacked("drawing script")</script><image xlink:href="http://evil.test/image.png"/><rect width="80" height="80" fill="red"/></svg>`;
  http(request('body.test', '/page.html', {}), html(active));
  http(request('body.test', '/packed.html', {}), response({ 'Content-Type': 'text/html', 'Content-Encoding': 'gzip' }, gzipSync(active)));
  http(
    request('body.test', '/bomb.html', {}),
    response({ 'Content-Type': 'text/html', 'Content-Encoding': 'gzip' }, gzipSync(Buffer.alloc(64 << 20))),
  );
  http(request('body.test', '/drawing.svg', {}), response({ 'Content-Type': 'image/svg+xml' }, drawing));
  http(request('body.test', '/lie.png', {}), response({ 'Content-Type': 'image/png' }, active));
  http(
    request('body.test', '/type', {}),
    response(
      { 'Content-Type': `text/html"><script>hacked("type")</script>`, 'Content-Disposition': 'inline; filename="../../x.html"' },
      active,
    ),
  );
  http(request('body.test', '/script.js', {}), response({ 'Content-Type': 'text/javascript' }, 'hacked("script file")'));

  for (const [i, name] of [traps.script, traps.image, traps.bidi, traps.nul].entries()) {
    c.wait(5_000_000n).udp({ ip: '10.66.0.2', port: 50_000 + i }, { ip: '10.66.0.53', port: 53 }, question(i, name));
  }
  c.wait(5_000_000n).tcp({ ip: '10.66.0.2', port: 51_000 }, { ip: '10.66.0.80', port: 443 }, [
    { from: 'client', data: hello(traps.image) },
  ]);
  return c;
}

/** System calls of processes, on files and with data, that are named to the same end; one on each connection of the capture's beginning. */
export function hostileCalls(): Calls {
  const names = Object.values(traps);
  const programs = names.map((trap, i): Program => ({
    pid: 100 + i,
    name: trap.replaceAll('\0', ''),
    exe: '/usr/bin/x',
    args: [trap],
    container: { id: String(i).padStart(2, '0').padEnd(64, 'a'), name: trap },
  }));
  const c = new Calls(begin, programs);
  for (const [i, trap] of names.entries()) {
    const p = programs[i]!;
    c.connect(p, 3, { ip: '10.66.0.2', port: 40_000 + i }, server).write(p, 3, trap).read(p, 3, Buffer.from(trap + '\xff\xfe\0', 'latin1'));
    c.open(p, 4, '/' + trap.replaceAll('\0', '')).write(p, 4, trap.repeat(20)).close(p, 4).open(p, 0, trap.replaceAll('\0', ''), 2).run(p, 1000n);
  }
  return c;
}

function request(host: string, target: string, headers: Record<string, string>): string {
  return `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n${lines(headers)}\r\n`;
}

function response(headers: Record<string, string>, body: Buffer | string): Buffer {
  const b = Buffer.from(body);
  return Buffer.concat([
    Buffer.from(`HTTP/1.1 200 ${traps.script}\r\nServer: ${traps.svg}\r\n${lines(headers)}Content-Length: ${b.length}\r\n\r\n`),
    b,
  ]);
}

const html = (body: string) => response({ 'Content-Type': 'text/html; charset=utf-8', 'Set-Cookie': traps.image }, body);
const redirect = (to: string) => Buffer.from(`HTTP/1.1 302 Found\r\nLocation: ${to}\r\nContent-Length: 0\r\n\r\n`);
const lines = (headers: Record<string, string>) =>
  Object.entries(headers)
    .map(([k, v]) => `${k}: ${v}\r\n`)
    .join('');

/** Headers of 1 MiB in sum. */
function many(name: string, n: number): Record<string, string> {
  const out: Record<string, string> = {};
  for (let i = 0; i < n; i++) out[`${name}-${i}`] = traps.script + '<'.repeat((1 << 20) / n);
  return out;
}

/** A DNS question (RFC 1035 §4) whose name is one label, of at most 63 bytes. */
function question(id: number, name: string): Buffer {
  const label = Buffer.from(name).subarray(0, 63);
  return Buffer.concat([
    Buffer.from([0, id, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, label.length]),
    label,
    Buffer.from([4]),
    Buffer.from('test'),
    Buffer.from([0, 0, 1, 0, 1]),
  ]);
}

/** A TLS ClientHello (RFC 8446 §4.1.2) with a server name. */
function hello(name: string): Buffer {
  const host = Buffer.from(name);
  const sni = sized(2, Buffer.concat([Buffer.from([0]), sized(2, host)]));
  const alpn = sized(2, sized(1, Buffer.from(traps.svg)));
  const extensions = Buffer.concat([Buffer.from([0, 0]), sized(2, sni), Buffer.from([0, 16]), sized(2, alpn)]);
  const body = Buffer.concat([Buffer.from([3, 3]), Buffer.alloc(32, 7), Buffer.from([0, 0, 2, 0x13, 1, 1, 0]), sized(2, extensions)]);
  return Buffer.concat([Buffer.from([22, 3, 1]), sized(2, Buffer.concat([Buffer.from([1]), sized(3, body)]))]);
}

/** b with its length before it. */
function sized(bytes: number, b: Buffer): Buffer {
  const n = Buffer.alloc(bytes);
  n.writeUIntBE(b.length, 0, bytes);
  return Buffer.concat([n, b]);
}
