import { describe, expect, it } from 'vitest';
import { asciiByte, decodeBase64, hexDump, looksLikeText, visible } from './bytes';

const utf8 = (s: string) => new TextEncoder().encode(s);

describe('visible', () => {
  it.each([
    ['plain\nlines\tand tabs', 'plain\nlines\tand tabs'],
    ['CR LF\r\nis one line feed, a lone \r is not', 'CR LF\nis one line feed, a lone ␍ is not'],
    ['NUL \0 BEL \x07 ESC \x1b[2J DEL \x7f', 'NUL ␀ BEL ␇ ESC ␛[2J DEL ␡'],
    ['bidi \u202etxt.exe\u202c \u2066a\u2069 \u200f \u061c', 'bidi \\u{202e}txt.exe\\u{202c} \\u{2066}a\\u{2069} \\u{200f} \\u{61c}'],
    ['zero\u200bwidth\ufeff soft\u00adhyphen line\u2028sep', 'zero\\u{200b}width\\u{feff} soft\\xadhyphen line\\u{2028}sep'],
    ['tag \u{e0041} C1 \u009b', 'tag \\u{e0041} C1 \\x9b'],
    ['Grüße, 日本語, 🦡', 'Grüße, 日本語, 🦡'],
    ['<script>alert(1)</script>', '<script>alert(1)</script>'],
  ])('%j', (text, want) => expect(visible(utf8(text))).toBe(want));

  it.each([
    ['a lone continuation', [0x41, 0x80, 0x42], 'A·B'],
    ['overlong NUL', [0xc0, 0x80], '··'],
    ['overlong slash of three bytes', [0xe0, 0x80, 0xaf], '···'],
    ['a surrogate', [0xed, 0xa0, 0x80], '···'],
    ['beyond Unicode', [0xf4, 0x90, 0x80, 0x80], '····'],
    ['cut off', [0x41, 0xe2, 0x82], 'A··'],
    ['ff', [0xff, 0xfe], '··'],
  ])('%s', (_, bytes, want) => expect(visible(Uint8Array.from(bytes))).toBe(want));

  it('takes every byte and never gives a control or bidi character', () => {
    const data = Uint8Array.from({ length: 65536 }, (_, i) => (i * 2654435761) >>> 13);
    // eslint-disable-next-line no-control-regex
    expect(visible(data)).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/);
  });

  it('takes a megabyte in less than a second', () => {
    const data = new Uint8Array(1 << 20).fill(0xff);
    const begin = performance.now();
    expect(visible(data).length).toBe(1 << 20);
    expect(performance.now() - begin).toBeLessThan(1000);
  });
});

it('decodes base64, and nothing from what is none', () => {
  expect([...decodeBase64('AP9B')]).toEqual([0, 255, 65]);
  expect(decodeBase64('').length).toBe(0);
  expect(decodeBase64('no base64!').length).toBe(0);
});

it('writes a hex dump as xxd does', () => {
  expect(hexDump(utf8('GET / HTTP/1.1\r\nHost'))).toBe(
    '0000  47 45 54 20 2f 20 48 54  54 50 2f 31 2e 31 0d 0a  GET / HTTP/1.1..\n' +
      '0010  48 6f 73 74                                       Host',
  );
  expect(hexDump(new Uint8Array(0))).toBe('');
  expect(asciiByte(0x7f)).toBe('.');
});

it('tells text from other bytes', () => {
  expect(looksLikeText(utf8('GET / HTTP/1.1\r\nGrüße 日本\r\n'))).toBe(true);
  expect(looksLikeText(Uint8Array.from([0x16, 3, 1, 0, 0x97]))).toBe(false);
  expect(looksLikeText(Uint8Array.from({ length: 200 }, (_, i) => i + 1))).toBe(false);
  expect(looksLikeText(new Uint8Array(0))).toBe(true);
});
