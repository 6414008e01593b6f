// A network of its own for captures: a namespace joined to this machine by a veth pair, and a web server on this side of it.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';

const run = promisify(execFile);
let made = 0;

/** Whether this process may make one. */
export const allowed = process.getuid?.() === 0;

export class Network {
  private readonly servers: Server[] = [];
  private readonly relays: ChildProcess[] = [];

  private constructor(
    /** This side's end of the pair: what to capture on. */
    readonly name: string,
    readonly space: string,
    /** This side's address. */
    readonly here: string,
    /** The other side's. */
    readonly there: string,
  ) {}

  static async create(): Promise<Network> {
    const id = `${process.pid % 100_000}${made++}`;
    const net = `10.${190 + (process.pid % 60)}.${Math.floor(process.pid / 60) % 250}`;
    const n = new Network(`te${id}`, `tapir-e2e-${id}`, `${net}.1`, `${net}.2`);
    await ip('netns', 'add', n.space);
    await ip('link', 'add', n.name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', n.space);
    await ip('addr', 'add', `${n.here}/30`, 'dev', n.name);
    await ip('link', 'set', n.name, 'up');
    await ip('-n', n.space, 'addr', 'add', `${n.there}/30`, 'dev', 'eth0');
    for (const name of ['eth0', 'lo']) await ip('-n', n.space, 'link', 'set', name, 'up');
    return n;
  }

  /** Starts a web server on this side, which answers everything with its path; gives its port. */
  async web(): Promise<number> {
    const s = createServer((q, a) => a.end(`hello from ${q.url}\n`));
    this.servers.push(s);
    await new Promise<void>((done) => s.listen(0, this.here, done));
    return (s.address() as AddressInfo).port;
  }

  /** Asks the web server from the other side. */
  async ask(port: number, path: string): Promise<string> {
    return (await run('ip', ['netns', 'exec', this.space, 'curl', '-sS', '--max-time', '10', `http://${this.here}:${port}${path}`])).stdout;
  }

  /** Joins two interfaces on the other side, NAME0 and NAME1, which then are up: what one sends the other receives. */
  async pair(name: string): Promise<void> {
    await ip('-n', this.space, 'link', 'add', name + 0, 'type', 'veth', 'peer', 'name', name + 1);
    for (const end of [0, 1]) await ip('-n', this.space, 'link', 'set', name + end, 'up');
  }

  /** Runs a command on the other side to its end. */
  async inside(...command: string[]): Promise<string> {
    return (await run('ip', ['netns', 'exec', this.space, ...command])).stdout;
  }

  /** Lets this side's loopback address reach a port of the other side's; gives address and port to use. */
  async relay(port: string): Promise<string> {
    const child = spawn('ip', ['netns', 'exec', this.space, process.execPath, '-e', relaying(this.there, port, '127.0.0.1', port)], { stdio: ['ignore', 'pipe', 'inherit'] });
    const local = spawn(process.execPath, ['-e', relaying('127.0.0.1', '0', this.there, port)], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.relays.push(child, local);
    const [, [bound]] = await Promise.all([once(child.stdout, 'data'), once(local.stdout, 'data')]);
    return `127.0.0.1:${String(bound)}`;
  }

  async remove(): Promise<void> {
    for (const r of this.relays) r.kill();
    for (const s of this.servers) {
      s.closeAllConnections();
      s.close();
    }
    await ip('netns', 'del', this.space);
    await ip('link', 'del', this.name).catch(() => {}); // it went with the namespace
  }
}

/** A program that takes connections at one address and passes them on to another; it prints the port that it has. */
const relaying = (at: string, port: string, to: string, toPort: string) => `
  const net = require('node:net');
  const server = net.createServer((a) => {
    const b = net.connect(${toPort}, '${to}');
    a.pipe(b).pipe(a);
    for (const s of [a, b]) s.on('error', () => (a.destroy(), b.destroy()));
  });
  server.listen(${port}, '${at}', () => process.stdout.write(String(server.address().port)));`;

const ip = (...args: string[]) => run('ip', args);
