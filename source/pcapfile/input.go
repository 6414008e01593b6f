package pcapfile

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/internal/pcapio"
)

// zstdWindow is the largest window of a zstd frame that is unpacked: what the zstd program accepts by itself.
const zstdWindow = 128 << 20

// input is the unpacked bytes of one file.
type input struct {
	io.Reader
	stored *stored
	packed bool
	cost   int  // of keeping it open, see maxCost
	whole  bool // a read can be waited for until it filled the buffer: not a pipe
	close  func()
}

// openInput opens a file, or standard input for "-", and finds out how it is packed. Read counts the bytes as stored.
func (s *Source) openInput(ctx context.Context, path string, read *atomic.Int64) (*input, error) {
	raw, closer, regular, err := s.openRaw(ctx, path)
	if err != nil {
		return nil, err
	}
	in := &input{stored: &stored{r: raw, n: read}, whole: regular, close: closer, cost: costPlain}
	if err := in.unpack(); err != nil {
		in.close()
		return nil, err
	}
	return in, nil
}

func (s *Source) openRaw(ctx context.Context, path string) (r io.Reader, closer func(), regular bool, err error) {
	if path == "-" {
		f, ok := s.cfg.Stdin.(*os.File)
		if !ok {
			return s.cfg.Stdin, func() {}, false, nil
		}
		if isRegular(f) {
			return f, func() {}, true, nil
		}
		return &waiting{f: f, done: ctx.Done()}, func() {}, false, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, false, err
	}
	closer = func() { f.Close() }
	if isRegular(f) {
		return f, closer, true, nil
	}
	return &waiting{f: f, done: ctx.Done()}, closer, false, nil
}

func isRegular(f *os.File) bool {
	st, err := f.Stat()
	return err == nil && st.Mode().IsRegular()
}

// unpack looks at the first four bytes and puts the unpacker in place that they ask for.
func (in *input) unpack() error {
	head := make([]byte, 4)
	n, err := io.ReadFull(in.stored, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	packed := &prefixed{head: head[:n], r: in.stored}
	switch pcapio.Sniff(head[:n]) {
	case pcapio.KindGzip:
		return in.gzip(packed)
	case pcapio.KindZstd:
		return in.zstd(packed)
	}
	in.Reader = packed
	return nil
}

func (in *input) gzip(r io.Reader) error {
	in.packed = true
	z, err := gzip.NewReader(bufio.NewReaderSize(r, 64<<10))
	if err != nil {
		in.Reader = failing{err}
		return nil // reported by the stream, which knows the place
	}
	in.Reader = z
	return nil
}

func (in *input) zstd(r io.Reader) error {
	in.packed = true
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(zstdWindow))
	if err != nil {
		return err
	}
	in.cost = costZstd
	closeFile := in.close
	in.close = func() { z.Close(); closeFile() }
	in.Reader = z
	return nil
}

// cut says whether err, from Read, means that the input ends too early.
func (in *input) cut(err error) bool {
	return in.stored.err == nil && errors.Is(err, io.ErrUnexpectedEOF)
}

// broken says whether err, from Read, is about the compressed data and not about reading it.
func (in *input) broken() bool { return in.packed && in.stored.err == nil }

// stored reads the file as it is, counts, and keeps an error that is not the end.
type stored struct {
	r   io.Reader
	n   *atomic.Int64
	err error
}

func (s *stored) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.n.Add(int64(n))
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// prefixed gives bytes back that were read to look at them.
type prefixed struct {
	head []byte
	r    io.Reader
}

func (p *prefixed) Read(b []byte) (int, error) {
	if len(p.head) > 0 {
		n := copy(b, p.head)
		p.head = p.head[n:]
		return n, nil
	}
	return p.r.Read(b)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// waiting reads a pipe, a terminal or a socket, and gives up when done is closed: a read of its own could not be
// interrupted, since standard input is often shared and must stay in blocking mode.
type waiting struct {
	f    *os.File
	done <-chan struct{}
}

// waitMillis is how long one wait takes at most until done is looked at again.
const waitMillis = 100

func (w *waiting) Read(p []byte) (int, error) {
	conn, err := w.f.SyscallConn()
	if err != nil {
		return 0, err
	}
	for {
		select {
		case <-w.done:
			return 0, context.Canceled
		default:
		}
		ready, err := poll(conn)
		if err != nil {
			return 0, err
		}
		if ready {
			return w.f.Read(p)
		}
	}
}

// poll waits until there is something to read, the end included.
func poll(conn interface{ Control(func(fd uintptr)) error }) (ready bool, err error) {
	var n int
	var pollErr error
	err = conn.Control(func(fd uintptr) {
		n, pollErr = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, waitMillis)
	})
	if err == nil && pollErr != nil && pollErr != unix.EINTR {
		err = pollErr
	}
	return n > 0, err
}
