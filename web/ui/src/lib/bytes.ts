// Bytes of packets and streams as text. What they hold was written by strangers: see visible.

import { shown, unseen } from './format';

/** The bytes of a base64 text; empty if it is none. */
export function decodeBase64(text: string): Uint8Array {
  let binary: string;
  try {
    binary = atob(text);
  } catch {
    return new Uint8Array(0);
  }
  const out = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) out[i] = binary.charCodeAt(i);
  return out;
}

const hexDigits = Array.from({ length: 256 }, (_, b) => b.toString(16).padStart(2, '0'));

/** Two hex digits. */
export function hexByte(b: number): string {
  return hexDigits[b]!;
}

/** A byte as the text column of a hex dump shows it: itself if it is printable ASCII, else a dot. */
export function asciiByte(b: number): string {
  return b >= 0x20 && b < 0x7f ? String.fromCharCode(b) : '.';
}

/** Bytes in a row of a hex dump. */
export const ROW = 16;

/** How many rows n bytes take. */
export function hexRows(n: number): number {
  return Math.ceil(n / ROW);
}

/** The offset at the head of a row, at least four digits wide. */
export function offsetText(offset: number, total: number): string {
  return offset.toString(16).padStart(total > 0xffff ? 8 : 4, '0');
}

/** A hex dump as Wireshark and xxd write it: offset, two groups of eight bytes, text. */
export function hexDump(data: Uint8Array, from = 0, to = data.length): string {
  const lines: string[] = [];
  for (let at = from; at < to; at += ROW) {
    const end = Math.min(at + ROW, to);
    let hex = '';
    let text = '';
    for (let i = at; i < end; i++) {
      hex += (i - at === ROW / 2 ? '  ' : i === at ? '' : ' ') + hexDigits[data[i]!];
      text += asciiByte(data[i]!);
    }
    lines.push(`${offsetText(at, data.length)}  ${hex.padEnd(ROW * 3, ' ')}  ${text}`);
  }
  return lines.join('\n');
}

/** Bytes as hex digits without spaces, as pcap tools take them. */
export function hexText(data: Uint8Array): string {
  let out = '';
  for (const b of data) out += hexDigits[b];
  return out;
}

/** Stands for a byte that is no part of valid UTF-8. */
export const BROKEN = '·';

/**
 * Bytes as text in which nothing acts: UTF-8 where it is valid, line feeds and tabs as they are, CR LF as a line feed.
 * Other control characters are shown as their pictures (U+2400), what turns the direction of text or cannot be seen as
 * its escape, as shown() writes it, and bytes that are no UTF-8 as a middle dot.
 */
export function visible(data: Uint8Array): string {
  let out = '';
  let at = 0;
  while (at < data.length) {
    const b = data[at]!;
    if (b < 0x80) {
      if (b !== 0x0d || data[at + 1] !== 0x0a) out += String.fromCharCode(b);
      at++;
      continue;
    }
    const [rune, size] = rune8(data, at);
    out += size ? String.fromCodePoint(rune) : BROKEN;
    at += size || 1;
  }
  return out.replace(unseen, (c) => {
    const n = c.codePointAt(0)!;
    if (c === '\n' || c === '\t') return c;
    if (n < 0x20) return String.fromCharCode(0x2400 + n);
    return n === 0x7f ? '\u2421' : shown(c);
  });
}

/** The character at data[at], of two bytes or more, and its size: 0 if it is not valid UTF-8 (RFC 3629). */
function rune8(data: Uint8Array, at: number): [number, number] {
  const b = data[at]!;
  const size = b >= 0xf0 && b < 0xf5 ? 4 : b >= 0xe0 && b < 0xf0 ? 3 : b >= 0xc2 && b < 0xe0 ? 2 : 0;
  if (!size || at + size > data.length) return [0, 0];
  let rune = b & (0x7f >> size);
  for (let i = 1; i < size; i++) {
    const c = data[at + i]!;
    if ((c & 0xc0) !== 0x80) return [0, 0];
    rune = (rune << 6) | (c & 0x3f);
  }
  const least = size === 2 ? 0x80 : size === 3 ? 0x800 : 0x10000;
  const surrogate = rune >= 0xd800 && rune < 0xe000;
  return rune < least || surrogate || rune > 0x10ffff ? [0, 0] : [rune, size];
}

/** Whether bytes are rather text than not: nine of ten of the first 4096 are printable, and none is NUL. */
export function looksLikeText(data: Uint8Array): boolean {
  const n = Math.min(data.length, 4096);
  let odd = 0;
  for (let i = 0; i < n; i++) {
    const b = data[i]!;
    if (b === 0) return false;
    if ((b < 0x20 && b !== 0x0a && b !== 0x0d && b !== 0x09) || b === 0x7f) odd++;
    else if (b >= 0x80) {
      const [, size] = rune8(data, i);
      if (size) i += size - 1;
      else if (i + 4 <= n) odd++;
    }
  }
  return odd * 10 <= n;
}
