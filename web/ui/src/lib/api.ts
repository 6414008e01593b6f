// The client of the HTTP API (docs/api.md). Every call takes an AbortSignal: who hangs up ends the work on the server.

import { connection } from './connection.svelte';

export type Kind = 'session' | 'transaction' | 'sample' | 'sysevent';

/** Field values of a record under nested ECS names; sets are arrays. */
export type Value = string | number | boolean | null | undefined | Value[] | { [name: string]: Value };
export interface Rec {
  event: { id: string; kind: Kind; start: string; end: string; duration?: number; [name: string]: Value };
  [name: string]: Value;
}

export interface Coverage {
  files: number;
  files_done: number;
  records: number;
  dropped_packets: number;
  not_stored_packets?: number;
  gap_time?: number | string; // ns in which no capture ran
  gaps?: { from: string; to: string }[]; // the latest of them
  sampled?: { least: number; most: number }; // rates by which samples were drawn
  oldest?: string;
  partial: boolean;
  problems?: string[];
}

export interface Table {
  by: string[];
  metrics: string[];
  from?: string; // ns
  to?: string;
  interval: string; // ns; "0": no buckets
  rows: { bucket?: string; keys: string[]; values: (number | null)[] }[];
  more: boolean;
  coverage: Coverage;
}

export interface Field {
  name: string;
  type: 'term' | 'text' | 'ip' | 'integer' | 'float' | 'boolean' | 'date' | 'duration' | 'bytes';
  set: boolean;
  kinds: Kind[];
  aliases: string[];
  any?: string[];
  description: string;
}

export interface Check {
  ok: boolean;
  formatted: string;
  where: string;
  table: boolean;
  error?: QueryError;
}

export interface QueryError {
  message: string;
  position: number; // bytes
  end: number;
  line: number;
  column: number;
  expected: string[];
  suggest: string[];
}

export interface Completion {
  text: string;
  kind: 'field' | 'operator' | 'value' | 'keyword' | 'stage';
  detail: string;
  from: number; // bytes
  to: number;
}

export interface Token {
  from: number; // bytes
  to: number;
  class: string;
}

export interface Stored {
  kind: Kind;
  records: number;
  bytes: number;
  files: number;
  oldest: string; // ns
  newest: string;
}

/** What the server is and has. Fields behind `stored` may be missing on older servers. */
export interface Status {
  node: string;
  stored: Stored[];
  version?: string;
  node_status?: unknown;
  [name: string]: unknown;
}

/** Values of parameters; undefined and empty ones are left out. */
export type Params = Record<string, string | number | string[] | undefined>;

/** An answer that is an error, or none: status 0 is a lost connection. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly detail: Partial<QueryError> & { param?: string } = {},
  ) {
    super(message);
  }
}

/** The error of an expression, as the API tells it with its place. */
export function queryError(e: ApiError | undefined): QueryError | undefined {
  if (!e || e.detail.param !== 'q' || e.detail.position === undefined) return undefined;
  return { message: e.message, position: e.detail.position, end: e.detail.end ?? e.detail.position, line: e.detail.line ?? 1, column: e.detail.column ?? 1, expected: e.detail.expected ?? [], suggest: e.detail.suggest ?? [] };
}

/** Says whether an error only says that its caller has given up. */
export function aborted(e: unknown): boolean {
  return e instanceof DOMException && e.name === 'AbortError';
}

/** Path and parameters as a URL. */
export function url(path: string, params: Params = {}): string {
  const p = search(params).toString();
  return p ? `${path}?${p}` : path;
}

function search(params: Params): URLSearchParams {
  const p = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    for (const v of Array.isArray(value) ? value : [value]) if (v !== undefined && v !== '') p.append(name, String(v));
  }
  return p;
}

/** Longest URL that is sent; parameters beyond it go as a posted form where a route takes one. */
const longestURL = 8000;
const posted = new Set(['/api/search', '/api/aggregate', '/api/export']);

/** Asks and gives the response if it is a success. */
export async function ask(path: string, params: Params = {}, init: RequestInit = {}): Promise<Response> {
  let target = url(path, params);
  if (target.length > longestURL && posted.has(path) && !init.method) {
    target = path;
    init = { ...init, method: 'POST', body: search(params) };
  }
  let r: Response;
  try {
    r = await fetch(target, init);
  } catch (e) {
    if (aborted(e)) throw e;
    connection.lost();
    throw new ApiError(0, 'no answer from the server; this page goes on as soon as there is one');
  }
  connection.found();
  if (r.ok) return r;
  throw await failure(r);
}

async function failure(r: Response): Promise<ApiError> {
  let message = `${r.status} ${r.statusText}`;
  let detail = {};
  try {
    const body = await r.json();
    message = body.error.message;
    detail = body.error;
  } catch {
    // not one of the API's errors: a proxy's, perhaps
  }
  if (r.status === 401) connection.refuse();
  return new ApiError(r.status, message, detail);
}

/** Asks for JSON. */
export async function get<T>(path: string, params: Params = {}, signal?: AbortSignal): Promise<T> {
  return (await (await ask(path, params, { signal })).json()) as T;
}

export const api = {
  status: (signal?: AbortSignal) => get<Status>('/api/status', {}, signal),
  fields: async () => (await get<{ fields: Field[] }>('/api/fields')).fields,
  check: (q: string, kind: Kind, signal?: AbortSignal) => get<Check>('/api/query/check', { q, kind }, signal),
  tokens: async (q: string, signal?: AbortSignal) => (await get<{ tokens: Token[] }>('/api/query/tokens', { q }, signal)).tokens,
  complete: async (p: Params, signal?: AbortSignal) => (await get<{ completions: Completion[] }>('/api/query/complete', p, signal)).completions,
  aggregate: (p: Params, signal?: AbortSignal) => get<Table>('/api/aggregate', p, signal),
  record: (kind: Kind, id: string, signal?: AbortSignal) => get<Rec>(`/api/records/${kind}/${encodeURIComponent(id)}`, {}, signal),
};

/** Who hears what a search finds. Records come in blocks, as they arrive. */
export interface SearchEvents {
  records(block: Rec[]): void;
  progress?(c: Coverage): void;
}

/** Searches, tells events of what is found while it is found, and gives the coverage of the whole. */
export async function searchRecords(params: Params, on: SearchEvents, signal?: AbortSignal): Promise<Coverage> {
  const r = await ask('/api/search', { ...params, format: 'ndjson' }, { signal });
  let last: Coverage | undefined;
  let error: string | undefined;
  try {
    await lines(r, (block) => {
      const records: Rec[] = [];
      for (const text of block) {
        const line = JSON.parse(text) as { record?: Rec; progress?: Coverage; coverage?: Coverage; error?: { message: string } };
        if (line.record) records.push(line.record);
        else if (line.progress) on.progress?.(line.progress);
        else if (line.coverage) last = line.coverage;
        else if (line.error) error = line.error.message;
      }
      if (records.length > 0) on.records(records);
    });
  } catch (e) {
    if (aborted(e)) throw e;
    connection.lost();
    throw new ApiError(0, 'the connection was lost while the search ran; what came until then is shown');
  }
  if (error !== undefined) throw new ApiError(500, error);
  if (!last) throw new ApiError(0, 'the answer ended early; what came until then is shown');
  return last;
}

/** Gives the whole lines of a response, a block for each piece that arrives. */
export async function lines(r: Response, block: (lines: string[]) => void): Promise<void> {
  const reader = r.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const all = (rest + value).split('\n');
    rest = all.pop()!;
    const whole = all.filter((l) => l !== '');
    if (whole.length > 0) block(whole);
  }
  if (rest !== '') block([rest]);
}

/** Follows records as they are stored. The browser connects again by itself; up says when it has. Call the result to stop. */
export function tail(params: Params, on: { record(r: Rec): void; up(up: boolean): void }): () => void {
  const source = new EventSource(url('/api/tail', params));
  source.addEventListener('open', () => {
    connection.found();
    on.up(true);
  });
  source.addEventListener('error', () => {
    on.up(false);
    // a server that refuses (400, 501) closes for good; one that is gone is asked again by the browser
    if (source.readyState === EventSource.CLOSED) connection.lost();
  });
  source.addEventListener('record', (e) => on.record(JSON.parse((e as MessageEvent<string>).data) as Rec));
  return () => source.close();
}

/** The value of a field by its ECS name, which may stand nested or, where a name is also a prefix, whole. */
export function valueOf(r: Rec, name: string): Value | undefined {
  let at: Value | undefined = r as unknown as Value;
  for (const part of name.split('.')) {
    if (at === null || typeof at !== 'object' || Array.isArray(at)) return undefined;
    at = (at as { [name: string]: Value })[part];
  }
  return at;
}

/** The values of a field as a list. */
export function valuesOf(r: Rec, name: string): (string | number | boolean)[] {
  const v = valueOf(r, name);
  if (v === undefined || v === null) return [];
  const list = Array.isArray(v) ? v : [v];
  return list.filter((x): x is string | number | boolean => typeof x !== 'object');
}
