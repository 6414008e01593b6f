// The HTTP messages of a conversation, as GET /api/sessions/{id}/stream?format=http gives them.

import type { Side } from './types';

export interface Body {
  /** Number of the body, for /bodies/{id}. */
  id: number;
  /** Bytes that came, chunks undone. */
  bytes: number;
  /** Bytes of it that were lost. */
  lost: number;
  /** Bytes without compression; absent where that is not known. */
  decoded_bytes?: number;
  /** Media type, by its first bytes if they tell. */
  type: string;
  /** Content-Encoding. */
  encoding: string;
  /** Its beginning, where it is text. */
  text?: string;
  /** text is not all of it, or it is not whole. */
  truncated: boolean;
}

export interface Message {
  /** Place in the session, from 1. */
  id: number;
  from: Side;
  time: string;
  start_line: string;
  headers: [string, string][];
  /** Its end was seen and nothing of it was lost. */
  whole: boolean;
  body?: Body;
}

/** Types that an img element shows and that the body route sends as themselves. */
const pictures = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp']);

/** The media type without its parameters, in lower case. */
export function mediaType(type: string): string {
  return type.split(';', 1)[0]!.trim().toLowerCase();
}

/** Whether a body is a picture that can be shown. */
export function isPicture(body: Body): boolean {
  return pictures.has(mediaType(body.type));
}

/** What became of a body on its way, in words: "4.2 kB, 18 kB decoded (gzip)". */
export function sizeText(body: Body, bytes: (n: number) => string): string {
  const packed = body.encoding && body.encoding !== 'identity' ? ` (${body.encoding})` : '';
  if (body.decoded_bytes === undefined || body.decoded_bytes === body.bytes) return bytes(body.bytes) + packed;
  return `${bytes(body.decoded_bytes)}, sent as ${bytes(body.bytes)}${packed}`;
}

/** Messages with their place and, among the requests or the final responses, their number from 1: response 3 answers request 3. */
export function numbered(list: Message[]): { m: Message; i: number; n: number }[] {
  const count = { client: 0, server: 0 };
  return list.map((m, i) => {
    const n = count[m.from] + 1;
    // 1xx comes before the response itself; 101 is one (RFC 9110 section 15.2)
    if (!/^HTTP\/\S+ 1(?!01)\d\d/.test(m.start_line)) count[m.from] = n;
    return { m, i, n };
  });
}
