// How values are written. Times come and go as nanoseconds in BigInt, because a number would lose digits.

/** Zone in which times are shown. */
export type Zone = 'utc' | 'local';

const NS = 1_000_000_000n;

/**
 * Reads a time as the API writes it: RFC 3339 with up to nine digits, or digits of nanoseconds since the epoch.
 * Gives undefined for anything else.
 */
export function parseTime(text: string | undefined | null): bigint | undefined {
  if (!text) return undefined;
  if (/^-?\d+$/.test(text)) return BigInt(text);
  const m = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(text);
  if (!m) return undefined;
  const ms = Date.parse(`${m[1]}T${m[2]}${m[4]}`);
  if (Number.isNaN(ms)) return undefined;
  return BigInt(ms) * 1_000_000n + BigInt((m[3] ?? '').padEnd(9, '0'));
}

/** RFC 3339 in UTC with nanoseconds where there are any: what the API takes back. */
export function rfc3339(ns: bigint): string {
  const [sec, frac] = split(ns);
  const digits = frac === 0n ? '' : '.' + String(frac).padStart(9, '0').replace(/0+$/, '');
  return new Date(Number(sec) * 1000).toISOString().slice(0, 19) + digits + 'Z';
}

/** Seconds rounded down, and the nanoseconds behind them. */
function split(ns: bigint): [bigint, bigint] {
  let sec = ns / NS;
  let frac = ns % NS;
  if (frac < 0n) {
    sec -= 1n;
    frac += NS;
  }
  return [sec, frac];
}

const pad = (n: number, digits = 2) => String(n).padStart(digits, '0');

/** Date and time of day in a zone, for instance 2026-11-21 09:40:25.755558161; digits is how many follow the second. */
export function formatTime(ns: bigint, zone: Zone, digits = 9): string {
  const [day, clock] = parts(ns, zone, digits);
  return `${day} ${clock}`;
}

/** Time of day alone. */
export function formatClock(ns: bigint, zone: Zone, digits = 3): string {
  return parts(ns, zone, digits)[1];
}

/** Day alone, for instance 2026-11-21. */
export function formatDay(ns: bigint, zone: Zone): string {
  return parts(ns, zone, 0)[0];
}

function parts(ns: bigint, zone: Zone, digits: number): [string, string] {
  const [sec, frac] = split(ns);
  const d = new Date(Number(sec) * 1000);
  const [y, mo, day, h, mi, s] =
    zone === 'utc'
      ? [d.getUTCFullYear(), d.getUTCMonth(), d.getUTCDate(), d.getUTCHours(), d.getUTCMinutes(), d.getUTCSeconds()]
      : [d.getFullYear(), d.getMonth(), d.getDate(), d.getHours(), d.getMinutes(), d.getSeconds()];
  const tail = digits > 0 ? '.' + String(frac).padStart(9, '0').slice(0, digits) : '';
  return [`${pad(y, 4)}-${pad(mo + 1)}-${pad(day)}`, `${pad(h)}:${pad(mi)}:${pad(s)}${tail}`];
}

/** Three digits that matter, without trailing zeros. */
function significant(n: number): string {
  if (n === 0) return '0';
  const digits = Math.abs(n) >= 100 ? 0 : Math.abs(n) >= 10 ? 1 : 2;
  return n.toFixed(digits).replace(/\.?0+$/, (m) => (m.startsWith('.') ? '' : digits === 0 ? m : m.replace(/0+$/, '')));
}

function scaled(n: number, base: number, units: string[], gap: string): string {
  let i = 0;
  while (Math.abs(n) >= base * 0.9995 && i < units.length - 1) {
    n /= base;
    i++;
  }
  return (i === 0 ? String(Math.round(n)) : significant(n)) + (units[i] ? gap + units[i] : '');
}

/** Bytes in decimal units as queries take them: 18.2 kB. */
export function formatBytes(n: number): string {
  return scaled(n, 1000, ['B', 'kB', 'MB', 'GB', 'TB', 'PB'], ' ');
}

/** A count in short: 1.24 M. */
export function formatShort(n: number): string {
  return scaled(n, 1000, ['', 'k', 'M', 'G', 'T'], ' ');
}

/** A count with all its digits, in groups of three: 1,234,567. */
export function formatCount(n: number | bigint): string {
  return String(n).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/** Bits a second: 1.2 Gb/s. */
export function formatBitRate(bits: number): string {
  return scaled(bits, 1000, ['b/s', 'kb/s', 'Mb/s', 'Gb/s', 'Tb/s'], ' ');
}

/** Something a second: 184 k/s. */
export function formatRate(n: number): string {
  return (n < 10 && n !== Math.round(n) ? significant(n) : formatShort(n)) + '/s';
}

/** A duration in nanoseconds in the unit that fits: 12.4 ms, 3.1 s, 2 h 5 min. */
export function formatDuration(ns: number | bigint): string {
  const n = Number(ns);
  if (n < 0) return '-' + formatDuration(-n);
  if (n < 1e3) return `${n} ns`;
  if (n < 0.9995e6) return `${significant(n / 1e3)} µs`;
  if (n < 0.9995e9) return `${significant(n / 1e6)} ms`;
  if (n < 59.95e9) return `${significant(n / 1e9)} s`;
  const sec = Math.round(n / 1e9);
  const units: [number, string][] = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];
  const i = units.findIndex(([size]) => sec >= size);
  const [size, name] = units[i]!;
  const rest = Math.floor((sec % size) / (units[i + 1]?.[0] ?? 1));
  return `${Math.floor(sec / size)} ${name}` + (rest > 0 && units[i + 1] ? ` ${rest} ${units[i + 1]![1]}` : '');
}

/** A share of a whole in percent: 0.02 %. */
export function formatShare(part: number, whole: number): string {
  if (whole === 0) return '0 %';
  const share = (100 * part) / whole;
  return (share > 0 && share < 0.01 ? '<0.01' : significant(share)) + ' %';
}

/** Address and port as queries take them: 10.0.0.1:443, [2001:db8::1]:443. */
export function formatEnd(ip: string | undefined, port: number | undefined): string {
  if (!ip) return '';
  if (!port) return ip;
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}

// What would change how the text around it is read, or would not be seen: C0 and C1 controls, soft hyphen, bidirectional
// marks, embeddings, overrides and isolates (UAX #9), zero-width characters, line and paragraph separators, tags, variation
// selectors beyond emoji, surrogates that stand alone.
export const unseen =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff]|[\u{e0000}-\u{e0fff}]/gu;

/**
 * Text of a stranger so that all of it can be seen and none of it moves its surroundings: control, bidirectional and
 * invisible characters become their escapes. At most `most` characters are kept, because a header may have a megabyte.
 */
export function shown(value: unknown, most = 2000): string {
  let text = typeof value === 'string' ? value : value == null ? '' : String(value);
  const cut = text.length > most;
  if (cut) text = text.slice(0, most);
  text = text.replace(unseen, (c) => {
    switch (c) {
      case '\n':
        return '\\n';
      case '\r':
        return '\\r';
      case '\t':
        return '\\t';
    }
    const n = c.codePointAt(0)!;
    return n < 256 ? '\\x' + n.toString(16).padStart(2, '0') : `\\u{${n.toString(16)}}`;
  });
  return cut ? text + '…' : text;
}
