// Writes captures of made-up conversations: Ethernet, IPv4, TCP or UDP, with right lengths and checksums, so that what
// lies on top of them is all that is odd about them.
import { writeFile } from 'node:fs/promises';

/** One of the two sides of a conversation. */
export interface Peer {
  ip: string;
  port: number;
}

const FIN = 1,
  SYN = 2,
  PSH = 8,
  ACK = 16;
const segmentBytes = 1400;

/** A capture in the making. Time goes on by itself, a tenth of a millisecond a packet. */
export class Capture {
  private readonly frames: Buffer[] = [];

  /** @param now time of the first packet, ns since the epoch */
  constructor(private now: bigint) {}

  /** A pause, ns. */
  wait(ns: bigint): this {
    this.now += ns;
    return this;
  }

  /** A whole TCP connection: handshake, what both sides say in turn, and its end. */
  tcp(client: Peer, server: Peer, said: { from: 'client' | 'server'; data: Buffer }[]): this {
    const ends = { client: { ...client, seq: 1000, to: server }, server: { ...server, seq: 5000, to: client } };
    const send = (side: 'client' | 'server', flags: number, data: Uint8Array = Buffer.alloc(0)) => {
      const me = ends[side],
        peer = ends[side === 'client' ? 'server' : 'client'];
      this.frame(me, me.to, 6, tcpHeader(me, me.to, me.seq, flags & SYN && !(flags & ACK) ? 0 : peer.seq, flags, data));
      me.seq += data.length + (flags & (SYN | FIN) ? 1 : 0);
    };
    send('client', SYN);
    send('server', SYN | ACK);
    send('client', ACK);
    for (const { from, data } of said) {
      for (let at = 0; at < data.length; at += segmentBytes) send(from, PSH | ACK, data.subarray(at, at + segmentBytes));
      send(from === 'client' ? 'server' : 'client', ACK);
    }
    send('client', FIN | ACK);
    send('server', FIN | ACK);
    send('client', ACK);
    return this;
  }

  /** One datagram. */
  udp(from: Peer, to: Peer, data: Buffer): this {
    const head = Buffer.alloc(8);
    head.writeUInt16BE(from.port, 0);
    head.writeUInt16BE(to.port, 2);
    head.writeUInt16BE(8 + data.length, 4);
    return this.frame(from, to, 17, Buffer.concat([head, data]));
  }

  private frame(from: Peer, to: Peer, protocol: number, payload: Buffer): this {
    const data = frame(from, to, protocol, payload, this.frames.length);
    const head = Buffer.alloc(16);
    head.writeUInt32LE(Number(this.now / 1_000_000_000n), 0);
    head.writeUInt32LE(Number(this.now % 1_000_000_000n), 4);
    head.writeUInt32LE(data.length, 8);
    head.writeUInt32LE(data.length, 12);
    this.frames.push(head, data);
    this.now += 100_000n;
    return this;
  }

  /** The bytes of a pcap file with nanosecond times and Ethernet frames. */
  bytes(): Buffer {
    const head = Buffer.alloc(24);
    head.writeUInt32LE(0xa1b23c4d, 0);
    head.writeUInt16LE(2, 4);
    head.writeUInt16LE(4, 6);
    head.writeUInt32LE(262144, 16);
    head.writeUInt32LE(1, 20);
    return Buffer.concat([head, ...this.frames]);
  }

  write(path: string): Promise<void> {
    return writeFile(path, this.bytes());
  }
}

/** An Ethernet frame with an IPv4 packet; id numbers packets. */
export function frame(from: Peer, to: Peer, protocol: number, payload: Buffer, id = 0): Buffer {
  const eth = Buffer.from('020000000002020000000001' + '0800', 'hex');
  const ip = Buffer.alloc(20);
  ip[0] = 0x45;
  ip.writeUInt16BE(20 + payload.length, 2);
  ip.writeUInt16BE(id & 0xffff, 4);
  ip[8] = 64;
  ip[9] = protocol;
  address(from.ip).copy(ip, 12);
  address(to.ip).copy(ip, 16);
  ip.writeUInt16BE(checksum(ip), 10);
  return Buffer.concat([eth, ip, payload]);
}

const address = (ip: string) => Buffer.from(ip.split('.').map(Number));

/** RFC 1071 */
function checksum(b: Buffer): number {
  let sum = 0;
  for (let i = 0; i < b.length; i += 2) sum += (b[i]! << 8) + (b[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** A TCP header (RFC 9293 §3.1) with its checksum, for data. */
export function tcpHeader(from: Peer, to: Peer, seq: number, ack: number, flags: number, data: Uint8Array): Buffer {
  const tcp = Buffer.alloc(20);
  tcp.writeUInt16BE(from.port, 0);
  tcp.writeUInt16BE(to.port, 2);
  tcp.writeUInt32BE(seq, 4);
  tcp.writeUInt32BE(ack, 8);
  tcp[12] = 5 << 4;
  tcp[13] = flags;
  tcp.writeUInt16BE(65535, 14);
  const pseudo = Buffer.concat([address(from.ip), address(to.ip), Buffer.from([0, 6, 0, 0]), tcp, data]);
  pseudo.writeUInt16BE(20 + data.length, 10);
  tcp.writeUInt16BE(checksum(pseudo), 16);
  return Buffer.concat([tcp, data]);
}
