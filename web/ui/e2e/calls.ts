// Writes .scap files of made-up system calls, as sysdig lays them out: a section, the machine, processes, then events; each call is two
// events, entering and leaving. Numbers of events and the order of their parameters are those of scap/schema.
import { writeFile } from 'node:fs/promises';
import type { Peer } from './packets';

/** A process that makes calls. Files and sockets are named by their descriptors. */
export interface Program {
  pid: number;
  name: string;
  exe?: string;
  args?: string[];
  /** The 64 hexadecimal digits of its container, and its name. */
  container?: { id: string; name: string };
}

/** A parameter: a number of so many bytes, a text with its NUL, or bytes. */
type Param = [bytes: 1 | 2 | 4 | 8, value: number | bigint] | string | Buffer;

const section = 0x0a0d0d0a;
const machine = 0x201;
const processes = 0x215;
const event = 0x216;

/** A file in the making. Time goes on by itself, a hundredth of a millisecond an event. */
export class Calls {
  private readonly blocks: Buffer[] = [];

  /** @param now time of the first event, ns since the epoch */
  constructor(
    private now: bigint,
    programs: Program[],
  ) {
    this.block(section, u32(0x1a2b3c4d), u16(1), u16(2), u64(-1));
    this.block(machine, u32(2), u64(8 << 20), u64(4 << 20), Buffer.alloc(128), u64(0), u64(0), u64(0), u64(0));
    this.block(processes, ...programs.map(entry));
    for (const { pid, container: c } of programs) {
      if (c) this.event(pid, 324, JSON.stringify({ container: { id: c.id.slice(0, 12), full_id: c.id, type: 0, name: c.name, image: 'debian' } }));
    }
  }

  /** A pause, ns. */
  wait(ns: bigint): this {
    this.now += ns;
    return this;
  }

  /** openat; error is the number of what it fails with. */
  open(p: Program, fd: number, path: string, error = 0): this {
    const args: Param[] = [[8, -100], path, [4, 1], [4, 0]];
    return this.call(p, 306, args, [[8, error ? -error : fd], ...args, [4, 0], [8, 0]]);
  }

  read(p: Program, fd: number, data: Buffer | string, size = Buffer.from(data).length): this {
    return this.call(p, 6, [[8, fd], [4, size]], [[8, size], Buffer.from(data), [8, fd], [4, size]]);
  }

  write(p: Program, fd: number, data: Buffer | string, size = Buffer.from(data).length): this {
    return this.call(p, 8, [[8, fd], [4, size]], [[8, size], Buffer.from(data), [8, fd], [4, size]]);
  }

  close(p: Program, fd: number): this {
    return this.call(p, 4, [[8, fd]], [[8, 0], [8, fd]]);
  }

  /** A new TCP socket that is connected; error is the number of what it fails with. */
  connect(p: Program, fd: number, client: Peer, server: Peer, error = 0): this {
    const family: Param[] = [[4, 2], [4, 1], [4, 0]];
    this.call(p, 18, family, [[8, fd], ...family]);
    const to = Buffer.concat([u8(2), end(server)]);
    return this.call(p, 22, [[8, fd], to], [[8, -error], tuple(client, server), [8, fd], to]);
  }

  accept(p: Program, fd: number, client: Peer, server: Peer): this {
    return this.call(p, 246, [], [[8, fd], tuple(client, server), [1, 0], [4, 0], [4, 128]]);
  }

  /** The thread had the processor for so many ns, until another thread gets it. */
  run(p: Program, ns: bigint): this {
    const switchTo = (pid: number, next: number) => this.event(pid, 152, [8, next], [8, 0], [8, 0], [4, 0], [4, 0], [4, 0]);
    switchTo(0, p.pid);
    this.now += ns;
    return switchTo(p.pid, 0);
  }

  bytes(): Buffer {
    return Buffer.concat(this.blocks);
  }

  save(path: string): Promise<void> {
    return writeFile(path, this.bytes());
  }

  /** Both events of a call. */
  private call(p: Program, enter: number, into: Param[], out: Param[]): this {
    return this.event(p.pid, enter, ...into).event(p.pid, enter + 1, ...out);
  }

  private event(tid: number, type: number, ...params: Param[]): this {
    const values = params.map(bytesOf);
    const lengths = values.map((v) => u16(v.length));
    const length = 26 + 2 * values.length + values.reduce((n, v) => n + v.length, 0);
    this.block(event, u16(0), u64(this.now), u64(tid), u32(length), u16(type), u32(values.length), ...lengths, ...values);
    this.now += 10_000n;
    return this;
  }

  private block(type: number, ...body: Buffer[]): void {
    const b = Buffer.concat(body);
    const pad = -b.length & 3;
    const total = u32(12 + b.length + pad);
    this.blocks.push(u32(type), total, b, Buffer.alloc(pad), total);
  }
}

/** A process of the list. */
function entry(p: Program): Buffer {
  const exe = p.exe ?? `/usr/bin/${p.name}`;
  const args = (p.args ?? []).map((a) => a + '\0').join('');
  const cgroups = p.container ? `cpu=/docker/${p.container.id}\0` : 'cpu=/\0';
  const b = Buffer.concat([
    ...[p.pid, p.pid, 1, 1, 0].map(u64),
    ...[p.name, exe, exe, args, '/'].map(text),
    u64(1024),
    ...[0, 0, 0, 9000, 4000, 0].map(u32),
    u64(0), u64(0),
    text(''),
    u64(p.pid), u64(p.pid),
    text(cgroups), text('/'),
    u64(0), u32(0), u32(0xffffffff),
    u8(0),
    ...[0, 0, 0].map(u64),
    u8(0),
    ...[0, 0, 0].map(u64),
    u8(0), u8(0),
    u64(0),
  ]);
  return Buffer.concat([u32(b.length + 4), b]);
}

function bytesOf(p: Param): Buffer {
  if (typeof p === 'string') return Buffer.from(p + '\0');
  if (Buffer.isBuffer(p)) return p;
  return { 1: u8, 2: u16, 4: u32, 8: u64 }[p[0]](p[1]);
}

/** Both ends of an IPv4 connection; ports are in the host's order. */
const tuple = (client: Peer, server: Peer) => Buffer.concat([u8(2), end(client), end(server)]);
const end = (p: Peer) => Buffer.concat([Buffer.from(p.ip.split('.').map(Number)), u16(p.port)]);
const text = (s: string) => Buffer.concat([u16(Buffer.byteLength(s)), Buffer.from(s)]);

const u8 = (n: number | bigint) => Buffer.from([Number(n) & 0xff]);
const u16 = (n: number | bigint) => sized(2, n);
const u32 = (n: number | bigint) => sized(4, n);
const u64 = (n: number | bigint) => sized(8, n);

/** A number as two's complement, little-endian. */
function sized(bytes: number, n: number | bigint): Buffer {
  const b = Buffer.alloc(8);
  b.writeBigUInt64LE(BigInt.asUintN(64, BigInt(n)));
  return b.subarray(0, bytes);
}
