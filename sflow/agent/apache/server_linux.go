package apache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/sflow"
	"github.com/tapir-project/tapir/sflow/agent"
)

// Where the module has its file and its socket unless it is told otherwise.
const (
	DefaultFile   = "/run/tapir/http.shm"
	DefaultSocket = "/run/tapir/http.sock"
)

// staleWorkers is the age from which on what the module knows of its workers is not told any more.
const staleWorkers = 10 // s

// Server is one Apache with the module.
type Server struct {
	file    string
	conn    *net.UnixConn
	socket  string
	source  *agent.HTTP
	bad     atomic.Uint64
	rate    atomic.Uint32
	askPort bool // Apache tells the source's index

	mu     sync.Mutex // guards what follows
	shared *shared
	before agent.Counts // of files that were replaced
	lost   uint64       // samples that the module dropped, as far as the agent was told
	closed bool
}

// Open takes the socket; Apache need not run yet. Anybody may write to it, but only what Apache's user writes is read.
func Open(file, socket string) (*Server, error) {
	if err := os.MkdirAll(filepath.Dir(socket), 0o755); err != nil {
		return nil, err
	}
	// What another agent left behind. One that runs keeps what it has open and gets nothing any more.
	if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("%w (the directory must be writable)", err)
	}
	s := &Server{file: file, conn: conn, socket: socket}
	raw, err := conn.SyscallConn()
	if err == nil {
		var opt error
		err = raw.Control(func(fd uintptr) { opt = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PASSCRED, 1) })
		err = errors.Join(err, opt)
	}
	if err = errors.Join(err, conn.SetReadBuffer(1<<20), os.Chmod(socket, 0o666)); err != nil {
		conn.Close()
		return nil, err
	}
	s.look()
	return s, nil
}

// Port is the lowest port that Apache listens on, 0 while it has not told.
func (s *Server) Port() uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shared == nil {
		return 0
	}
	return s.shared.word(wordPort).Load()
}

// Attach makes the agent's source of the requests. If port is 0 it is what Apache tells.
func (s *Server) Attach(a *agent.Agent, port uint32) *agent.HTTP {
	s.source = a.HTTP(agent.HTTPOptions{Port: port, Counts: s.counts, Workers: s.workers, OnRate: s.setRate})
	s.askPort = port == 0
	return s.source
}

// Bad is how many datagrams were damaged or from others than Apache's user.
func (s *Server) Bad() uint64 { return s.bad.Load() }

func (s *Server) counts() agent.Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.before
	if s.shared != nil {
		now := s.shared.counts()
		c.Add(&now)
	}
	return c
}

func (s *Server) workers() (w sflow.AppWorkers, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shared == nil {
		return w, false
	}
	w, at := s.shared.workers()
	return w, at > 0 && uint32(time.Now().Unix())-at < staleWorkers
}

func (s *Server) setRate(n uint32) {
	s.rate.Store(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shared != nil && !s.closed {
		s.shared.word(wordRate).Store(n)
	}
}

// look maps the file when it comes, and anew when it was replaced, and notes what the module had to drop.
func (s *Server) look() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shared != nil && s.shared.gone(s.file) {
		now := s.shared.counts()
		s.before.Add(&now)
		s.shared.close()
		s.shared = nil
	}
	if s.shared == nil {
		m, err := openShared(s.file)
		if err != nil {
			return err
		}
		s.shared, s.lost = m, m.sum(slotDropped)
		m.word(wordRate).Store(s.rate.Load())
	}
	if s.askPort && s.source != nil {
		s.source.SetIndex(s.shared.word(wordPort).Load())
	}
	if lost := s.shared.sum(slotDropped); lost > s.lost && s.source != nil {
		s.source.Dropped(uint32(lost - s.lost))
		s.lost = lost
	}
	return nil
}

// uid is that of Apache's children.
func (s *Server) uid() (uint32, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shared == nil {
		return 0, false
	}
	return s.shared.word(wordUID).Load(), true
}

// Run takes requests until ctx ends; then Apache draws no more. warn is told of what keeps it from reading the file, once
// for each cause.
func (s *Server) Run(ctx context.Context, warn func(error)) error {
	var wait sync.WaitGroup
	wait.Go(func() { s.care(ctx, warn) })
	stop := context.AfterFunc(ctx, func() { s.conn.SetReadDeadline(time.Now()) })
	defer stop()
	err := s.receive(ctx)
	wait.Wait()
	s.close()
	return err
}

func (s *Server) care(ctx context.Context, warn func(error)) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	told := ""
	for {
		if err := s.look(); err != nil && !errors.Is(err, errNotReady) && err.Error() != told {
			told = err.Error()
			warn(fmt.Errorf("%w (the agent must be root, or in the group that TapirSflowGroup names)", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

func (s *Server) receive(ctx context.Context) error {
	b, oob := make([]byte, maxDatagram), make([]byte, unix.CmsgSpace(unix.SizeofUcred))
	var x sample
	for {
		n, k, flags, _, err := s.conn.ReadMsgUnix(b, oob)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if flags&unix.MSG_TRUNC != 0 || !s.trusted(oob[:k]) || x.parse(b[:n], native) != nil {
			s.bad.Add(1)
			continue
		}
		s.source.Drawn(x.rate, &x.socket, &x.http, x.server)
	}
}

// trusted says whether a datagram's sender is Apache's user.
func (s *Server) trusted(oob []byte) bool {
	all, err := unix.ParseSocketControlMessage(oob)
	if err != nil || len(all) == 0 {
		return false
	}
	cred, err := unix.ParseUnixCredentials(&all[0])
	uid, known := s.uid()
	return err == nil && known && cred.Uid == uid
}

func (s *Server) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.shared != nil {
		s.shared.word(wordRate).Store(0)
	}
	s.conn.Close() // which removes the socket's file
}
