package mirror

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// address is an abstract socket: each network namespace has its own, and it goes with the process.
const address = "@tapir-mirror"

const (
	maxRequest = 1 << 20 // bytes
	maxCallers = 16      // at once; others wait in the socket's queue
	patience   = 10 * time.Second
)

// ErrNone: no mirror runs in this network namespace.
var ErrNone = errors.New("no mirror is running here (start one: sudo tapir mirror eth1@eth2)")

// message is a request of another process.
type message struct {
	Do    string `json:"do"` // "status", "set" or "stop"
	Rules []Rule `json:"rules,omitempty"`
}

// reply answers it.
type reply struct {
	Status *Status `json:"status,omitempty"`
	Error  string  `json:"error,omitempty"`
	Usage  bool    `json:"usage,omitempty"` // the error is in how rules are written
}

// request is a message on its way to Run.
type request struct {
	message
	reply chan reply
}

// control listens for requests. That it listens also says that a mirror runs here.
type control struct{ l net.Listener }

func listen() (*control, error) {
	l, err := net.Listen("unix", address)
	if errors.Is(err, unix.EADDRINUSE) {
		who := "another process"
		if s, err := Dial(); err == nil {
			who = fmt.Sprintf("process %d", s.PID)
		}
		return nil, fmt.Errorf("mirror: %s mirrors in this network namespace already (change its rules: tapir mirror set; end it: tapir mirror stop)", who)
	}
	if err != nil {
		return nil, fmt.Errorf("mirror: control socket: %w", err)
	}
	return &control{l}, nil
}

func (c *control) close() { c.l.Close() }

// serve passes requests to requests until ctx ends and the socket is closed.
func (c *control) serve(ctx context.Context, requests chan<- request) {
	callers := make(chan struct{}, maxCallers)
	var answering sync.WaitGroup
	defer answering.Wait()
	for {
		callers <- struct{}{}
		conn, err := c.l.Accept()
		if err != nil {
			return
		}
		answering.Go(func() {
			defer func() { conn.Close(); <-callers }()
			stop := context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Now()) })
			defer stop()
			answer(ctx, conn.(*net.UnixConn), requests)
		})
	}
}

// readRequest reads what a process asks for, at most maxRequest bytes of it.
func readRequest(r io.Reader) (m message, err error) {
	l := &io.LimitedReader{R: r, N: maxRequest + 1}
	if err := json.NewDecoder(l).Decode(&m); err != nil {
		if l.N == 0 {
			return m, fmt.Errorf("request: longer than %d bytes", maxRequest)
		}
		return m, fmt.Errorf("request: %w", err)
	}
	return m, nil
}

// answer reads one request of a connection and answers it. Anyone on this host may ask how it goes; rules are for root
// and for the user who started the mirror.
func answer(ctx context.Context, conn *net.UnixConn, requests chan<- request) {
	conn.SetDeadline(time.Now().Add(patience))
	out := json.NewEncoder(conn)
	m, err := readRequest(conn)
	if err != nil {
		out.Encode(reply{Error: err.Error()})
		return
	}
	if m.Do != "status" && !mayChange(conn) {
		out.Encode(reply{Error: "mirror: only root and the user who started it may change it"})
		return
	}
	r := request{m, make(chan reply, 1)}
	select {
	case requests <- r:
		out.Encode(<-r.reply)
	case <-ctx.Done():
		out.Encode(reply{Error: "mirror: it is ending"})
	}
}

func mayChange(conn *net.UnixConn) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	ok := false
	raw.Control(func(fd uintptr) {
		cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		ok = err == nil && (cred.Uid == 0 || int(cred.Uid) == os.Geteuid())
	})
	return ok
}

// answer carries out a request; true ends Run.
func (m *Manager) answer(r request) bool {
	var out reply
	var err error
	switch r.Do {
	case "status":
		out.Status, err = m.Status()
	case "set":
		err = m.Set(r.Rules)
	case "stop":
		m.cfg.Persist = false
	default:
		err = fmt.Errorf("unknown request %q", r.Do)
	}
	if err != nil {
		var usage *SpecError
		out.Error, out.Usage = err.Error(), errors.As(err, &usage)
	}
	r.reply <- out
	return r.Do == "stop"
}

// ask sends a request to the mirror of this network namespace. ErrNone says that no process listens.
func ask(m message) (*reply, error) {
	conn, err := net.DialTimeout("unix", address, patience)
	if err != nil {
		return nil, ErrNone
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if err := json.NewEncoder(conn).Encode(m); err != nil {
		return nil, fmt.Errorf("mirror: ask: %w", err)
	}
	var r reply
	if err := json.NewDecoder(conn).Decode(&r); err != nil {
		return nil, fmt.Errorf("mirror: answer: %w", err)
	}
	if r.Error != "" {
		if r.Usage {
			return nil, &SpecError{Reason: r.Error}
		}
		return nil, errors.New(r.Error)
	}
	return &r, nil
}

// Dial asks the mirror that runs in this network namespace how it goes; if no process does, it reads what persists, which
// needs privileges. The error is ErrNone if there is neither.
func Dial() (*Status, error) {
	r, err := ask(message{Do: "status"})
	if err == nil {
		return r.Status, nil
	}
	if !errors.Is(err, ErrNone) {
		return nil, err
	}
	return persisted()
}

// SetRules changes the rules of the mirror that runs in this network namespace.
func SetRules(rules []Rule) error {
	_, err := ask(message{Do: "set", Rules: rules})
	return err
}

// Stop ends the mirror of this network namespace, the process and what persists, and returns when nothing is left.
func Stop() error {
	_, err := ask(message{Do: "stop"})
	if err != nil && !errors.Is(err, ErrNone) {
		return err
	}
	if err == nil {
		for begin := time.Now(); time.Since(begin) < patience; time.Sleep(5 * time.Millisecond) {
			if _, e := ask(message{Do: "status"}); errors.Is(e, ErrNone) {
				break
			}
		}
	}
	left, e := stopPersisted()
	if errors.Is(err, ErrNone) && !left && e == nil {
		return ErrNone
	}
	return e
}
