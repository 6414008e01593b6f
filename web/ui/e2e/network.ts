// A network of its own for captures: a namespace joined to this machine by a veth pair, and a web server on this side of it.
import { execFile } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';

const run = promisify(execFile);
let made = 0;

/** Whether this process may make one. */
export const allowed = process.getuid?.() === 0;

export class Network {
  private readonly servers: Server[] = [];

  private constructor(
    /** This side's end of the pair: what to capture on. */
    readonly name: string,
    private readonly space: string,
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
    await ip('-n', n.space, 'link', 'set', 'eth0', 'up');
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

  async remove(): Promise<void> {
    for (const s of this.servers) {
      s.closeAllConnections();
      s.close();
    }
    await ip('netns', 'del', this.space);
    await ip('link', 'del', this.name).catch(() => {}); // it went with the namespace
  }
}

const ip = (...args: string[]) => run('ip', args);
