import { expect, it } from 'vitest';
import { findingText, innermost, PAGE, pageOf, pages, parseSelection, protocolText, selectionText, toneOf } from './packets';
import type { Packet } from './types';

const packet = (flags: string[], payload = 0, analysis: string[] = []): Packet => ({
  number: 1, time: '', length: 0, captured: 0, payload, from: 'client', protocol: 'Transmission Control Protocol', info: '', tcp: { flags, seq: 0, ack: 0, window: 0 }, analysis,
});

it('colours rows by what is wrong first', () => {
  expect(toneOf(packet(['SYN'], 0, ['retransmission']))).toBe('trouble');
  expect(toneOf(packet(['RST']))).toBe('trouble');
  expect(toneOf(packet(['ACK'], 0, ['duplicate_ack']))).toBe('note');
  expect(toneOf(packet(['FIN', 'ACK']))).toBe('handshake');
  expect(toneOf(packet(['ACK'], 10))).toBe('data');
  expect(toneOf(packet(['ACK']))).toBe('bare');
  expect(findingText(packet(['SYN'], 0, ['retransmission', 'gap']))).toBe('retransmission, gap');
  expect(findingText(packet(['SYN']))).toBe('');
  expect(protocolText(packet([]))).toBe('TCP');
});

it('pages large sessions', () => {
  expect(pages(0)).toBe(1);
  expect(pages(PAGE)).toBe(1);
  expect(pages(PAGE + 1)).toBe(2);
  expect(pageOf(1)).toBe(1);
  expect(pageOf(PAGE)).toBe(1);
  expect(pageOf(PAGE + 1)).toBe(2);
});

it('keeps selections in URLs', () => {
  for (const s of ['2', '2.5.1', 'b34', 'b34-37']) expect(selectionText(parseSelection(s))).toBe(s);
  for (const s of ['', 'b', 'b5-2', '2.', '-1', 'b1234567890', '<b>']) expect(parseSelection(s)).toBeNull();
  expect(parseSelection('b34-37')).toEqual({ from: 34, to: 38 });
});

it('opens the innermost header', () => {
  const leaf = { name: 'Version', value: '', offset: 0, length: 1 };
  const payload = { ...leaf, name: 'TCP payload', children: [leaf] };
  expect(innermost([{ ...leaf, children: [leaf] }, { ...leaf, children: [leaf] }, leaf])).toBe('1');
  expect(innermost([{ ...leaf, children: [leaf] }, payload])).toBe('0');
  expect(innermost([leaf])).toBe('0');
  expect(innermost([])).toBe('');
});
