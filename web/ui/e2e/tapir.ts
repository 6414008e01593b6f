// Starts and ends the program under test. Every server works on a data directory of its own below the system's temporary
// folder; stop removes it.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { Calls } from './calls';
import type { Capture } from './packets';

const run = promisify(execFile);

/** The top of the repository. */
export const top = resolve(import.meta.dirname, '../../..');

/** The program: TAPIR, or what `make build` made. */
export const program = process.env.TAPIR ?? join(top, 'tapir');

/** A running `tapir serve` or `tapir record`. */
export class Server {
  constructor(
    readonly origin: string,
    readonly token: string,
    readonly data: string,
    private readonly child: ChildProcess,
    private readonly log: () => string,
  ) {}

  /** The address of a page with its parameters; the token lets the browser in. */
  at(path = '/', params: Record<string, string> = {}): string {
    const u = new URL(path, this.origin);
    u.searchParams.set('token', this.token);
    for (const [k, v] of Object.entries(params)) u.searchParams.set(k, v);
    return u.href;
  }

  /** The same server, reached by another address. */
  through(origin: string): Server {
    return new Server(origin, this.token, this.data, this.child, this.log);
  }

  /** Asks the API; an answer that is not a success is an error. */
  async api(path: string, params: Record<string, string> = {}): Promise<Response> {
    const u = new URL(path, this.origin);
    for (const [k, v] of Object.entries(params)) u.searchParams.set(k, v);
    const r = await fetch(u, { headers: { Authorization: `Bearer ${this.token}` } });
    if (!r.ok) throw new Error(`${u.pathname}: ${r.status} ${await r.text()}`);
    return r;
  }

  /** The records that pass an expression, newest first. */
  async search(q: string, params: Record<string, string> = {}): Promise<any[]> {
    return (await (await this.api('/api/search', { q, ...params })).json()).records;
  }

  /** Ends the process as an operator would and removes its data, unless keep. */
  async stop(keep = false): Promise<void> {
    await end(this.child);
    if (!keep) await rm(this.data, { recursive: true, force: true });
    const defects = this.log().match(/panic:.*|WARNING: DATA RACE/g);
    if (defects) throw new Error(`the server's log has ${defects.join('; ')}`);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((done) => child.once('exit', done));
  child.kill('SIGINT');
  const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await gone;
  clearTimeout(late);
}

/** A new empty folder for a data directory. */
export const newData = () => mkdtemp(join(tmpdir(), 'tapir-e2e-'));

/** Runs the program to its end and gives what it printed. */
export async function tapir(...args: string[]): Promise<string> {
  return (await run(program, args, { maxBuffer: 256 << 20 })).stdout;
}

/** Imports captures into a data directory. */
export const importInto = (data: string, files: string[]) => tapir('import', '--quiet', '--node', 'sensor-1', '--data', data, ...files);

/** Stores packets that were made up, and system calls, in a data directory. */
export async function store(data: string, packets: Capture, calls?: Calls): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tapir-e2e-'));
  const [pcap, scap] = ['made.pcap', 'made.scap'].map((n) => join(folder, n)) as [string, string];
  await packets.write(pcap);
  await importInto(data, [pcap]);
  if (calls) {
    await calls.save(scap);
    await tapir('sys', 'record', '--node', 'sensor-1', '--data', data, '-r', scap);
  }
  await rm(folder, { recursive: true });
}

/** The captures of a folder of the repository. */
export async function captures(folder = 'testdata'): Promise<string[]> {
  const names = await readdir(join(top, folder));
  return names
    .filter((n) => n.endsWith('.pcap'))
    .sort()
    .map((n) => join(top, folder, n));
}

/** Starts `tapir serve` over a data directory. */
export const serve = (data: string, port = 0) => start(data, ['serve', '--data', data, '--listen', `127.0.0.1:${port}`]);

/** Starts `tapir serve` in a network namespace, on its loopback address. */
export const serveIn = (space: string, data: string) =>
  start(data, ['serve', '--data', data, '--listen', '127.0.0.1:0'], ['ip', 'netns', 'exec', space, program]);

/** Starts `tapir record`; args name interfaces and a filter. */
export const record = (data: string, ...args: string[]) =>
  start(data, ['record', '--data', data, '--listen', '127.0.0.1:0', '--node', 'sensor-1', ...args]);

/** Starts `tapir sflow collect` on a UDP port of loopback. */
export const collect = (data: string, port: number) => start(data, ['sflow', 'collect', '--data', data, '--listen', '127.0.0.1:0', '--node', 'sensor-1', '-p', `127.0.0.1:${port}`]);

/** Starts `tapir mirror` in a network namespace; gives what ends it. It has begun when `tapir mirror status` tells of it. */
export function mirrorIn(space: string, ...args: string[]): () => Promise<void> {
  const child = spawn('ip', ['netns', 'exec', space, program, 'mirror', ...args], { stdio: 'inherit' });
  return () => end(child);
}

async function start(data: string, args: string[], command = [program]): Promise<Server> {
  const child = spawn(command[0]!, [...command.slice(1), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (s: string) => (log = (log + s).slice(-1 << 16)));
  const url = await new Promise<URL>((found, fail) => {
    child.once('error', fail);
    child.once('exit', (code) => fail(new Error(`tapir ${args[0]} ended with ${code}: ${log}`)));
    createInterface(child.stdout).on('line', (line) => {
      if (line.startsWith('http://')) found(new URL(line));
    });
  });
  return new Server(url.origin, url.searchParams.get('token')!, data, child, () => log);
}
