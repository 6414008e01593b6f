package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/tapir-project/tapir/api"
	"github.com/tapir-project/tapir/internal/datadir"
	"github.com/tapir-project/tapir/pcapstore"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/saved"
	"github.com/tapir-project/tapir/store"
	"github.com/tapir-project/tapir/store/parquet"
	"github.com/tapir-project/tapir/web"
)

// Serve says how the API is offered.
type Serve struct {
	Data   string
	Listen string // address and port; loopback unless the operator says otherwise
	Token  string // empty: the data directory's own, made on first use
	Log    *slog.Logger
	// ImportLimit is how many bytes of a capture file may be imported over HTTP; 0: nothing is imported.
	ImportLimit int64
	Retention   Retention // that imports keep to
	Node        *Node     // the capture that is served beside, if one is
	// Version is what the program says of itself.
	Version string
	// Ready is called with the URL once requests are taken.
	Ready func(url string)
}

// Reader is the reading side of a data directory.
type Reader struct {
	Dir     *datadir.Dir
	Records *parquet.Store
	packets *pcapstore.Store
}

// OpenReader opens a data directory for questions; another process may be writing it.
func OpenReader(path string) (*Reader, error) {
	dir, err := datadir.OpenReader(path)
	if err != nil {
		return nil, err
	}
	r := &Reader{Dir: dir}
	if r.packets, err = pcapstore.Open(dir.Packets()); err != nil {
		return nil, err
	}
	r.Records, err = parquet.OpenReader(dir.Path())
	return r, err
}

// Close ends the reader.
func (r *Reader) Close() error { return r.Records.Close() }

// Packets is api.Packets.
func (r *Reader) Packets(ctx context.Context, flows []record.ID, from, to int64, yield func(*record.Packet) bool) error {
	if to < record.MaxTime {
		to++ // the store's range ends before To
	}
	return r.packets.Packets(ctx, pcapstore.Query{Flows: flows, From: from, To: to}, func(p *record.Packet, _ record.Position) bool { return yield(p) })
}

// PacketStatus is what the packet store of a data directory holds.
type PacketStatus struct {
	Segments int    `json:"segments"`
	Packets  uint64 `json:"packets"`
	Bytes    int64  `json:"bytes"`
	Oldest   int64  `json:"oldest,string"` // ns since the epoch
	Newest   int64  `json:"newest,string"`
}

// PacketStatus adds up the packet store of all workers.
func (r *Reader) PacketStatus() (s PacketStatus, err error) {
	stats, err := r.packets.Stat()
	for _, w := range stats {
		s.Segments += w.Segments
		s.Packets += w.Packets
		s.Bytes += w.Bytes
		if s.Oldest == 0 || w.Oldest != 0 && w.Oldest < s.Oldest {
			s.Oldest = w.Oldest
		}
		s.Newest = max(s.Newest, w.Newest)
	}
	return s, err
}

// RunServer offers the API until ctx ends.
func RunServer(ctx context.Context, s Serve) error {
	l, err := Listen(s.Listen)
	if err != nil {
		return err
	}
	return ServeOn(ctx, l, s)
}

// ServeOn offers the API of s on a listener that is open already, until ctx ends.
func ServeOn(ctx context.Context, l net.Listener, s Serve) error {
	defer l.Close()
	r, err := OpenReader(s.Data)
	if err != nil {
		return err
	}
	defer r.Close()
	return s.on(ctx, l, r)
}

// on answers requests that come to l.
func (s Serve) on(ctx context.Context, l net.Listener, r *Reader) error {
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	if s.Token == "" {
		var err error
		if s.Token, err = token(r.Dir); err != nil {
			return err
		}
	}
	h := api.New(api.Options{Store: r.Records, Packets: r, Node: r.Dir.Node(), Token: s.Token, Log: s.Log, Pages: web.Handler(),
		Version: s.Version, Importer: s.uploads(r.Dir), Saved: saved.Open(r.Dir.State()), NodeStatus: func(st store.Status) (any, error) { return r.NodeStatus(st) },
		Exporters: func() (any, error) { return Exporters(r.Dir) }})
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 128 << 10,
		ErrorLog: slog.NewLogLogger(s.Log.Handler(), slog.LevelWarn), BaseContext: func(net.Listener) context.Context { return ctx }}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	url := api.URL(l.Addr(), s.Token)
	if err := os.WriteFile(urlPath(r.Dir), []byte(url), 0o600); err == nil {
		defer os.Remove(urlPath(r.Dir))
	}
	if s.Ready != nil {
		s.Ready(url)
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	if err := srv.Shutdown(closing); err != nil {
		srv.Close()
	}
	return nil
}

func urlPath(d *datadir.Dir) string { return filepath.Join(d.State(), "url") }

// Look tells what goes on in a data directory: the recorder's status (PID 0 if none runs) and the URL of an API.
func Look(data string) (s RecorderStatus, url string, found bool) {
	d, err := datadir.OpenReader(data)
	if err != nil {
		return s, "", false
	}
	s, running := ReadStatus(d)
	if !running {
		s = RecorderStatus{}
	}
	if b, err := os.ReadFile(urlPath(d)); err == nil {
		url = string(b)
	}
	return s, url, true
}

// Listen opens a TCP port. Loopback needs nothing more than the token; other addresses are refused until TLS and users
// exist, because the token would cross the network in the clear.
func Listen(addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: want ADDRESS:PORT, for example 127.0.0.1:8005", addr)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("listen on %s: only loopback addresses are served without TLS (use 127.0.0.1 and an SSH tunnel: ssh -L 8005:127.0.0.1:8005 HOST)", addr)
	}
	l, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen on %s: the port is in use (choose another: --listen 127.0.0.1:0 takes a free one)", addr)
	}
	return l, err
}

// token is the data directory's own token, made on first use. It is kept where only the directory's owner may read, so
// that a bookmarked URL stays good.
func token(d *datadir.Dir) (string, error) {
	path := filepath.Join(d.State(), "token")
	if b, err := os.ReadFile(path); err == nil && len(strings.TrimSpace(string(b))) >= 32 {
		return strings.TrimSpace(string(b)), nil
	}
	raw := make([]byte, 20)
	rand.Read(raw)
	t := hex.EncodeToString(raw)
	if err := os.MkdirAll(d.State(), 0o700); err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	if err := os.WriteFile(path, []byte(t+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	return t, nil
}

// Views gives the expressions saved in a data directory, as query.Options wants them.
func Views(data string) func(name string) (text string, ok bool) {
	return func(name string) (string, bool) {
		d, err := datadir.OpenReader(data)
		if err != nil {
			return "", false
		}
		return saved.Open(d.State()).View(name)
	}
}
