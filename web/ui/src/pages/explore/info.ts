// What a record is about, in a line: for each protocol the few values that a reader looks for first.

import { valueOf, valuesOf, type Rec } from '../../lib/api';
import { formatDuration } from '../../lib/format';

/** A piece of the line. One with a field can be filtered by; the others are words between. */
export interface Piece {
  text: string;
  field?: string;
  value?: string;
  tone?: 'muted' | 'bad' | 'strong';
}

type Line = (r: Rec) => Piece[];

/** A value of a field, the first if it has several. */
function one(r: Rec, field: string, tone?: Piece['tone']): Piece[] {
  const v = valuesOf(r, field);
  if (v.length === 0) return [];
  const out: Piece[] = [{ text: String(v[0]), field, value: String(v[0]), tone }];
  if (v.length > 1) out.push({ text: `+${v.length - 1}`, tone: 'muted' });
  return out;
}

/** The values of the first of these fields that has any. */
function first(r: Rec, ...fields: string[]): Piece[] {
  for (const f of fields) {
    const p = one(r, f);
    if (p.length > 0) return p;
  }
  return [];
}

function word(text: string, rest: Piece[]): Piece[] {
  return rest.length > 0 ? [{ text, tone: 'muted' }, ...rest] : [];
}

const http: Line = (r) => {
  const status = valuesOf(r, 'http.response.status_code').map(Number);
  const host = one(r, 'url.domain');
  const path = one(r, 'url.path');
  return [
    ...one(r, 'http.request.method', 'strong'),
    ...host,
    ...path,
    ...status.slice(0, 3).map((s): Piece => ({ text: String(s), field: 'http.response.status_code', value: String(s), tone: s >= 400 ? 'bad' : 'strong' })),
    ...(status.length > 3 ? [{ text: `+${status.length - 3}`, tone: 'muted' } as Piece] : []),
    ...one(r, 'http.response.mime_type', 'muted'),
  ];
};

const dns: Line = (r) => {
  const code = valuesOf(r, 'dns.response_code').map(String);
  const wrong = code.find((c) => c !== 'NOERROR');
  return [
    ...one(r, 'dns.question.type', 'strong'),
    ...first(r, 'dns.question.name', 'dns.host'),
    ...word('→', first(r, 'dns.resolved_ip', 'dns.answers.data')),
    ...(wrong ? [{ text: wrong, field: 'dns.response_code', value: wrong, tone: 'bad' } as Piece] : []),
  ];
};

const tls: Line = (r) => [
  ...first(r, 'tls.client.server_name', 'cert.subject.common_name', 'tls.server.x509.subject.common_name', 'quic.host'),
  ...one(r, 'tls.version', 'strong'),
  ...one(r, 'tls.next_protocol'),
  ...word('JA4', one(r, 'tls.client.ja4', 'muted')),
];

const lines: Record<string, Line> = {
  http,
  http2: http,
  dns,
  mdns: dns,
  llmnr: dns,
  tls,
  dtls: tls,
  quic: tls,
  icmp: (r) => [
    ...first(r, 'icmp.request.message', 'icmp.response.message'),
    ...word('type', one(r, 'icmp.type')),
    ...word('code', one(r, 'icmp.code')),
    ...word('target', one(r, 'icmp.target')),
  ],
  dhcp: (r) => [...first(r, 'dhcpv4.option.message_type', 'dhcp.type'), ...first(r, 'dhcp.host'), ...word('→', first(r, 'dhcpv4.assigned_ip', 'dhcp.request_ip'))],
  dhcpv6: (r) => [...one(r, 'dhcpv6.message_type'), ...word('→', one(r, 'dhcpv6.option.addresses'))],
  arp: (r) => [...one(r, 'arp.operation', 'strong'), ...word('asks for', one(r, 'arp.target.ip')), ...word('from', one(r, 'arp.ip'))],
  ssh: (r) => [...first(r, 'ssh.version'), ...word('HASSH', one(r, 'ssh.hassh', 'muted'))],
  smtp: mail,
  imap: mail,
  pop3: mail,
  mysql: (r) => [...word('user', one(r, 'mysql.user')), ...one(r, 'mysql.version')],
  postgresql: (r) => [...word('user', one(r, 'postgresql.user')), ...word('database', one(r, 'postgresql.db'))],
  ftp: (r) => [...one(r, 'ftp.command', 'strong'), ...one(r, 'ftp.filename'), ...one(r, 'ftp.response_code')],
  mqtt: (r) => [...one(r, 'mqtt.type', 'strong'), ...one(r, 'mqtt.topic'), ...word('client', one(r, 'mqtt.clientId'))],
  krb5: (r) => [...one(r, 'krb5.cname'), ...word('→', one(r, 'krb5.sname')), ...one(r, 'krb5.error', 'bad')],
};

function mail(r: Rec): Piece[] {
  return [...word('from', one(r, 'email.from.address')), ...word('to', one(r, 'email.to.address')), ...one(r, 'email.subject')];
}

/** Fields that the lines read: a search asks for them when the Info column is shown. */
export const infoFields: Record<string, string[]> = {
  session: [
    'network.protocol', 'session.state', 'tcp.handshake', 'source.tcp.retransmissions', 'destination.tcp.retransmissions', 'source.tcp.gap_bytes', 'destination.tcp.gap_bytes',
    'http.request.method', 'url.domain', 'url.path', 'http.response.status_code', 'http.response.mime_type',
    'dns.question.type', 'dns.question.name', 'dns.host', 'dns.resolved_ip', 'dns.response_code',
    'tls.client.server_name', 'cert.subject.common_name', 'tls.version', 'tls.next_protocol', 'tls.client.ja4', 'quic.host',
    'icmp.type', 'icmp.code', 'dhcp.type', 'dhcp.host', 'arp.operation', 'arp.target.ip', 'arp.ip', 'ssh.version', 'ssh.hassh',
    'email.from.address', 'email.to.address', 'email.subject', 'mysql.user', 'mysql.version', 'postgresql.user', 'postgresql.db',
    'ftp.command', 'ftp.filename', 'mqtt.type', 'mqtt.topic', 'krb5.cname', 'krb5.sname', 'dhcpv6.message_type',
  ],
  transaction: [
    'event.dataset', 'method', 'resource', 'path', 'query', 'status', 'error.message',
    'http.request.method', 'url.domain', 'url.path', 'http.response.status_code', 'http.response.mime_type',
    'dns.question.type', 'dns.question.name', 'dns.resolved_ip', 'dns.answers.data', 'dns.response_code',
    'tls.client.server_name', 'tls.server.x509.subject.common_name', 'tls.version', 'tls.next_protocol', 'tls.client.ja4',
    'icmp.request.message', 'icmp.response.message', 'icmp.target',
  ],
  sysevent: ['fd.num', 'fd.name', 'evt.abspath', 'evt.args'],
};

/** The line of a record. */
export function info(r: Rec): Piece[] {
  if (r.event.kind === 'sysevent') return ofCall(r);
  return r.event.kind === 'transaction' ? ofTransaction(r) : ofSession(r);
}

/** What a call is about, and its arguments without that; what it returned has a column of its own. */
function ofCall(r: Rec): Piece[] {
  const about = first(r, 'fd.name', 'evt.abspath');
  let args = String(valueOf(r, 'evt.args') ?? '');
  if (about[0]?.field === 'fd.name') {
    const name = `>${about[0].value})`;
    const begin = args.indexOf(`fd=${String(valueOf(r, 'fd.num'))}(<`);
    const end = args.indexOf(name, begin);
    if (begin >= 0 && end >= 0 && end - begin < 32) args = args.slice(0, begin) + args.slice(end + name.length);
  }
  args = args.trim().replace(/\s+/g, ' ');
  return [...about.map((p): Piece => ({ ...p, tone: 'strong' })), ...(args ? [{ text: args, tone: 'muted' } as Piece] : [])];
}

function ofTransaction(r: Rec): Piece[] {
  const kind = String(valueOf(r, 'event.dataset') ?? '');
  let out = (lines[kind] ?? (() => []))(r);
  if (out.length === 0) out = first(r, 'query');
  if (out.length === 0) out = [...one(r, 'method', 'strong'), ...first(r, 'resource', 'path')];
  return [...out, ...one(r, 'error.message', 'bad')];
}

function ofSession(r: Rec): Piece[] {
  const protocols = valuesOf(r, 'network.protocol').map(String);
  // what is carried says more than what carries it, and it was found later
  for (const p of protocols.toReversed()) {
    const out = lines[p]?.(r) ?? [];
    if (out.length > 0) return [...out, ...quality(r)];
  }
  const handshake = valueOf(r, 'tcp.handshake');
  const state = valueOf(r, 'session.state');
  return [
    ...(state === 'rst' ? [{ text: 'reset', field: 'session.state', value: 'rst', tone: 'bad' } as Piece] : []),
    ...(typeof handshake === 'number' && handshake > 0 ? [{ text: `handshake ${formatDuration(handshake)}`, tone: 'muted' } as Piece] : []),
    ...quality(r),
  ];
}

/** What was wrong with the way of the bytes. */
function quality(r: Rec): Piece[] {
  const sum = (name: string) => Number(valueOf(r, `source.tcp.${name}`) ?? 0) + Number(valueOf(r, `destination.tcp.${name}`) ?? 0);
  const again = sum('retransmissions');
  const gaps = sum('gap_bytes');
  return [
    ...(again > 0 ? [{ text: `${again} retransmitted`, tone: 'muted' } as Piece] : []),
    ...(gaps > 0 ? [{ text: `gap of ${gaps} bytes`, tone: 'bad' } as Piece] : []),
  ];
}
