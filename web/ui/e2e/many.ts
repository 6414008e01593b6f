// Servers over many made-up sessions: those of bench/sessions, which look like an office network's.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Capture } from './packets';
import { newData, serve, store, top, type Server } from './tapir';

/** The program that makes them: SESSIONS, or what `make ui-test` built. */
const maker = process.env.SESSIONS ?? join(top, 'bench/out/sessions');

/** A server over n sessions without packets; they begin at `first` and 694 come in a second. */
export async function many(n: number): Promise<Server> {
  const data = await newData();
  await prepare(data);
  await promisify(execFile)(maker, ['-n', String(n), '-data', data, '-ask=false']);
  return serve(data);
}

export const first = '2026-11-21T08:00:00Z';

/** Makes a data directory that holds nothing. */
export const prepare = (data: string) => store(data, new Capture(0n));
