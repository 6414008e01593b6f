// Sends a capture to `POST /api/import` and tells how far it is. XMLHttpRequest, because fetch does not tell what is sent.

export interface Imported {
  from: string; // RFC 3339, of the first packet
  to: string; // just behind the last
  packets: number;
  sessions: number;
  transactions: number;
}

export interface Progress {
  sent: number; // bytes
  size: number;
  sessions?: number; // made so far, once the server tells
}

/** Names that captures have; anything else is asked for twice, not refused: the server knows by the bytes. */
export const looksRight = (name: string) => /\.(pcap|pcapng|cap|dmp|ntar|erf)(\d*)?(\.(gz|zst))?$/i.test(name);

/** The lines of ndjson that are whole, and where the rest begins. */
export function whole(text: string, at: number): { lines: unknown[]; at: number } {
  const lines: unknown[] = [];
  for (let end = text.indexOf('\n', at); end >= 0; end = text.indexOf('\n', at)) {
    const line = text.slice(at, end).trim();
    if (line !== '') lines.push(JSON.parse(line));
    at = end + 1;
  }
  return { lines, at };
}

/** Sends a file. Ending the signal hangs up, which makes the server forget what it has not stored. */
export function upload(file: File, progress: (p: Progress) => void, signal: AbortSignal): Promise<Imported> {
  return new Promise((done, fail) => {
    const x = new XMLHttpRequest();
    let at = 0;
    let result: Imported | undefined;
    let problem = '';
    const p: Progress = { sent: 0, size: file.size };
    const read = () => {
      const next = whole(x.responseText, at);
      at = next.at;
      for (const line of next.lines as { progress?: { sessions?: number }; imported?: Imported; error?: { message: string } }[]) {
        if (line.progress) progress({ ...p, sessions: (p.sessions = line.progress.sessions ?? p.sessions) });
        if (line.imported) result = line.imported;
        if (line.error) problem = line.error.message;
      }
    };
    x.upload.onprogress = (e) => progress({ ...p, sent: (p.sent = e.loaded) });
    x.onprogress = () => x.status < 300 && read();
    x.onload = () => {
      try {
        if (x.status >= 300) return fail(new Error(message(x)));
        read();
      } catch {
        return fail(new Error('the server gave an answer that cannot be read'));
      }
      if (result) done(result);
      else fail(new Error(problem || 'the answer ended early; what is stored so far can be searched'));
    };
    x.onerror = () => fail(new Error('the connection was lost while the capture was sent; drop it again'));
    x.onabort = () => fail(new DOMException('cancelled', 'AbortError'));
    signal.addEventListener('abort', () => x.abort(), { once: true });
    x.open('POST', '/api/import?name=' + encodeURIComponent(file.name));
    x.setRequestHeader('Content-Type', 'application/octet-stream');
    x.send(file);
  });
}

function message(x: XMLHttpRequest): string {
  try {
    return (JSON.parse(x.responseText) as { error: { message: string } }).error.message;
  } catch {
    return `${x.status} ${x.statusText}`;
  }
}
