package weblog

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"time"
)

const (
	bufferBytes = 256 << 10
	maxLine     = 64 << 10
	// Where little comes, the next read waits so long for more: a process that is woken for every line costs the
	// server and itself several times what reading the line does. A pipe of pipeBytes holds what comes meanwhile.
	linger    = 2 * time.Millisecond
	lingerFor = 32 << 10 // bytes in one read from which on there is no need to wait
)

// Read takes the lines of a pipe until its end or ctx's, by which it may be late until the pipe's other end closes.
func (l *Log) Read(ctx context.Context, r io.Reader) error {
	if f, ok := r.(*os.File); ok {
		widen(f)
	}
	b := make([]byte, 0, bufferBytes)
	skip := false // within a line that is too long
	for ctx.Err() == nil {
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		rest := b
		for {
			end := bytes.IndexByte(rest, '\n')
			if end < 0 {
				break
			}
			if !skip {
				l.Line(rest[:end])
			}
			skip, rest = false, rest[end+1:]
		}
		if len(rest) >= maxLine {
			if !skip {
				l.Line(rest) // its beginning counts
			}
			skip, rest = true, nil
		}
		b = b[:copy(b, rest)]
		switch {
		case errors.Is(err, io.EOF):
			if len(b) > 0 && !skip {
				l.Line(b)
			}
			return nil
		case err != nil:
			return err
		case n < lingerFor:
			time.Sleep(linger)
		}
	}
	return ctx.Err()
}

// Listen takes a line from each datagram of c until ctx ends. queue is how many datagrams the kernel lets wait, 0 if that is not
// known. A queue that was never seen to hold so many since it was last empty lost none; each time it may have is counted
// (agent.HTTP.Crowded). What it then lost nobody knows.
func (l *Log) Listen(ctx context.Context, c net.PacketConn, queue int) error {
	stop := context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Now()) })
	defer stop()
	read, err := receiver(c)
	if err != nil {
		return err
	}
	b := make([]byte, maxLine)
	for run := 0; ; { // datagrams since the queue was empty: as many as were in it at once, or more
		n, waited, err := read(b)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if run++; waited {
			run = 1
		}
		if queue > 0 && run == queue {
			l.http.Crowded.Add(1)
			run = 0
		}
		l.Line(bytes.TrimRight(b[:n], "\r\n\x00"))
	}
}
