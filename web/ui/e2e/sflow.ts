// Agents that send sFlow v5 (sflow_version_5.txt) to a collector: sampled packets, interface counters, requests of a web server.
import { createSocket, type Socket } from 'node:dgram';
import { frame, tcpHeader, type Peer } from './packets';

const u32 = (...words: number[]) => {
  const b = Buffer.alloc(4 * words.length);
  words.forEach((w, i) => b.writeUInt32BE(w >>> 0, 4 * i));
  return b;
};
const u64 = (n: number) => u32(Math.floor(n / 2 ** 32), n % 2 ** 32);
const address = (ip: string) => Buffer.from(ip.split('.').map(Number));

/** Bytes with their length before them, padded to words (XDR, RFC 4506 §4.10). */
const opaque = (data: Buffer | string) => {
  const b = Buffer.from(data);
  return Buffer.concat([u32(b.length), b, Buffer.alloc(-b.length & 3)]);
};

/** A structure with its tag: enterprise 0 and a format. */
const tagged = (format: number, ...parts: Buffer[]) => {
  const body = Buffer.concat(parts);
  return Buffer.concat([u32(format, body.length), body]);
};

/** A request as a web server's agent tells it (0:2206). */
export interface Request {
  client: Peer;
  server: Peer;
  method?: number; // 2: GET
  host: string;
  uri: string;
  agent?: string;
  referrer?: string;
  user?: string;
  type?: string;
  status: number;
  bytes?: number;
  micros?: number;
}

/** An agent. Its numbers go on from datagram to datagram, as its clock does. */
export class Agent {
  private sequence = 0;
  private uptime = 60_000; // ms
  private readonly sources = new Map<string, { samples: number; pool: number }>();
  private readonly octets = new Map<number, [number, number]>();
  private pending: Buffer[] = [];

  constructor(
    private readonly socket: Socket,
    private readonly port: number,
    readonly ip: string,
    private readonly rate: number,
  ) {}

  /** Next numbers of a source. */
  private next(source: string, step: number) {
    const s = this.sources.get(source) ?? { samples: 0, pool: 0 };
    this.sources.set(source, s);
    s.samples += step;
    s.pool += this.rate * step;
    return s;
  }

  /** Samples a packet of a connection: length bytes on the wire, from one interface to another. lost is how many samples go missing before it. */
  packet(from: Peer, to: Peer, length: number, input = 1, output = 2, lost = 0): this {
    const s = this.next('flow' + input, 1 + lost);
    const header = frame(from, to, 6, tcpHeader(from, to, s.samples, 1, 16, Buffer.alloc(0)));
    const record = tagged(1, u32(1, length, 4), opaque(header));
    this.pending.push(tagged(1, u32(s.samples, input, this.rate, s.pool, 0, input, output, 1), record));
    return this;
  }

  /** Lets time go by. */
  later(seconds: number): this {
    this.uptime += seconds * 1000;
    return this;
  }

  /** Counts an interface: so many bytes in and out since the last time. */
  count(index: number, name: string, speed: number, input: number, output: number): this {
    const had = this.octets.get(index) ?? [1e6, 1e6];
    const now: [number, number] = [had[0] + input, had[1] + output];
    this.octets.set(index, now);
    const s = this.next('count' + index, 1);
    const port = tagged(1, u32(index, 6), u64(speed), u32(1, 3), u64(now[0]), u32(0, 0, 0, 0, 0, 0), u64(now[1]), u32(0, 0, 0, 0, 0, 0));
    this.pending.push(tagged(2, u32(s.samples, index, 2), port, tagged(1005, opaque(name))));
    return this;
  }

  /** Samples a request of the web server at port 80. */
  request(r: Request): this {
    const s = this.next('http', 1);
    const socket = tagged(2100, u32(6), address(r.server.ip), address(r.client.ip), u32(r.server.port, r.client.port));
    const texts = [r.uri, r.host, r.referrer ?? '', r.agent ?? 'curl/8', '', r.user ?? '', r.type ?? 'text/html'].map(opaque);
    const http = tagged(2206, u32(r.method ?? 2, 1001), ...texts, u64(100), u64(r.bytes ?? 1000), u32(r.micros ?? 1500, r.status));
    this.pending.push(tagged(1, u32(s.samples, (3 << 24) | 80, this.rate, s.pool, 0, 0, 0x3fffffff, 2), socket, http));
    return this;
  }

  /** Loses datagrams that it numbered. */
  lose(datagrams: number): this {
    this.sequence += datagrams;
    return this;
  }

  /** Begins anew: number and clock. */
  restart(): this {
    this.sequence = 0;
    this.uptime = 0;
    this.sources.clear();
    return this;
  }

  /** Sends what there is as one datagram. */
  send(): Promise<void> {
    this.uptime += 10;
    const samples = this.pending;
    this.pending = [];
    const d = Buffer.concat([u32(5, 1), address(this.ip), u32(0, ++this.sequence, this.uptime, samples.length), ...samples]);
    return new Promise((done, fail) => this.socket.send(d, this.port, '127.0.0.1', (e) => (e ? fail(e) : done())));
  }
}

/** Where agents send from; close ends it. */
export class Agents {
  private readonly socket = createSocket('udp4');

  constructor(readonly port: number) {}

  agent(ip: string, rate: number): Agent {
    return new Agent(this.socket, this.port, ip, rate);
  }

  /** Sends bytes that are no sFlow. */
  noise(text: string): Promise<void> {
    return new Promise((done, fail) => this.socket.send(text, this.port, '127.0.0.1', (e) => (e ? fail(e) : done())));
  }

  close() {
    this.socket.close();
  }
}

/** A UDP port of loopback that nobody has. */
export function freePort(): Promise<number> {
  const s = createSocket('udp4');
  return new Promise((found) => s.bind(0, '127.0.0.1', () => {
    const { port } = s.address();
    s.close(() => found(port));
  }));
}
