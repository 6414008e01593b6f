package api

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"time"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/saved"
	"github.com/tapir-project/tapir/store"
)

// Packets gives stored packets back.
type Packets interface {
	// Packets calls yield for every packet of the flows, in time order, with from <= time <= to, until yield returns
	// false. The packet is borrowed until yield returns.
	Packets(ctx context.Context, flows []record.ID, from, to int64, yield func(*record.Packet) bool) error
}

// Follower is a store that tells of records as they are stored.
type Follower interface {
	// Follow calls yield for each record stored from now on that passes, until ctx ends or yield returns false. idle may
	// be called once when "now" has come, and is called about once a second while nothing comes; it too ends the walk by
	// returning false.
	Follow(ctx context.Context, s store.Search, yield func(*record.Record) bool, idle func() bool) error
}

// Options are what a server is made of.
type Options struct {
	Store   store.Store
	Packets Packets // nil: this server has no packets
	// NodeStatus gives what `tapir status` shows beyond the store, of which it is told: capture, queues, disk. It is
	// encoded as JSON. Nil: there is nothing more.
	NodeStatus func(store.Status) (any, error)
	// Exporters gives what the collector of sFlow tells, as Exporters of openapi.yaml. Nil: there is none.
	Exporters func() (any, error)
	Saved     *saved.Store // what people save; nil: this server keeps nothing
	Importer  Importer     // takes captures; nil: this server does not
	Version   string       // of the program
	Pages     http.Handler // answers what is not below /api: the viewer; nil: nothing is there
	Node      string       // prefix of ids
	Token     string       // every request must carry it; empty lets everybody in (tests, or behind a proxy)
	Hosts     []string     // names this server goes by beside those of loopback addresses, such as that of a proxy before it
	Now       func() time.Time
	Log       *slog.Logger
}

// Server is the HTTP side of Tapir. It is an http.Handler, safe for concurrent use.
type Server struct {
	Options
	mux    *http.ServeMux
	origin *http.CrossOriginProtection
}

// New makes a server.
func New(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	s := &Server{Options: o, mux: http.NewServeMux(), origin: http.NewCrossOriginProtection()}
	for _, r := range s.routes() {
		s.mux.Handle(r.pattern(), s.wrap(r))
	}
	return s
}

// handler answers one request. What it writes waits a little, so that an error it returns can still become the answer.
type handler func(w *reply, r *http.Request, p *params) error

// route is one operation of openapi.yaml.
type route struct {
	method, path string
	serve        handler
	params       []string // those it takes, beside those in the path
	open         bool     // needs no token
	raw          bool     // the body of a POST is not a form
}

func (r route) pattern() string { return r.method + " " + r.path }

// with is names and more, in memory of its own.
func with(names []string, more ...string) []string {
	return append(append([]string{}, names...), more...)
}

func (s *Server) routes() []route {
	const get, post, put, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
	asked := []string{"q", "kind"}
	ranged := with(asked, "from", "to", "bounding")
	search := with(ranged, "order", "limit", "offset", "columns", "format", "cells")
	aggregate := with(ranged, "by", "metric", "interval", "buckets", "top", "lowest")
	export := with(ranged, "limit", "format")
	return []route{
		{get, "/api/openapi.yaml", s.openapi, nil, true, false},
		{get, "/api/status", s.status, nil, false, false},
		{get, "/api/fields", s.fields, nil, false, false},
		{get, "/api/query/check", s.check, asked, false, false},
		{get, "/api/query/complete", s.complete, with(ranged, "pos"), false, false},
		{get, "/api/query/tokens", s.tokens, []string{"q"}, false, false},
		{get, "/api/search", s.search, search, false, false},
		{post, "/api/search", s.search, search, false, false},
		{get, "/api/aggregate", s.aggregate, aggregate, false, false},
		{post, "/api/aggregate", s.aggregate, aggregate, false, false},
		{get, "/api/tail", s.tail, asked, false, false},
		{get, "/api/export", s.export, export, false, false},
		{post, "/api/export", s.export, export, false, false},
		{get, "/api/exporters", s.exporters, nil, false, false},
		{get, "/api/hosts/{host}", s.hosts, []string{"from", "to", "bounding", "top"}, false, false},
		{get, "/api/saved/{collection}", s.savedList, nil, false, false},
		{get, "/api/saved/{collection}/{name}", s.savedGet, nil, false, false},
		{put, "/api/saved/{collection}/{name}", s.savedPut, nil, false, false},
		{del, "/api/saved/{collection}/{name}", s.savedRemove, nil, false, false},
		{post, "/api/import", s.importCapture, []string{"name"}, false, true},
		{get, "/api/records/{kind}/{id}", s.record, nil, false, false},
		{get, "/api/sessions/{id}/packets", s.packets, []string{"limit", "offset", "detail", "number"}, false, false},
		{get, "/api/sessions/{id}/stream", s.stream, []string{"bytes", "format", "side"}, false, false},
		{get, "/api/sessions/{id}/bodies/{n}", s.body, nil, false, false},
		{get, "/api/sessions/{id}/pcap", s.sessionPcap, []string{"format"}, false, false},
	}
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	harden(w.Header())
	if s.Pages != nil && !isAPI(r.URL.Path) {
		s.page(w, r)
		return
	}
	h, pattern := s.mux.Handler(r)
	if pattern == "" {
		s.refuse(w, r, h)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// harden keeps browsers from doing anything with an answer but to hand it to the page that asked.
func harden(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer") // the first URL holds the token
}

// wrap puts what every route needs around it.
func (s *Server) wrap(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.run(w, r, func(a *reply) error {
			if err := s.admit(rt, w, r); err != nil {
				return err
			}
			p := readParams(w, r, rt)
			if s.Saved != nil {
				p.views = s.Saved.View
			}
			if p.err != nil {
				return p.err
			}
			return rt.serve(a, r, p)
		})
	})
}

// run answers one request by serve: its error becomes JSON, and a panic costs this request only.
func (s *Server) run(w http.ResponseWriter, r *http.Request, serve func(*reply) error) {
	a := newReply(w, r)
	defer a.stop()
	defer func() {
		if p := recover(); p != nil {
			s.survive(a, r, p)
		}
	}()
	if err := serve(a); err != nil {
		s.fail(a, r, err)
	}
	a.finish()
}

// survive answers a request whose handler panicked.
func (s *Server) survive(a *reply, r *http.Request, p any) {
	if p == http.ErrAbortHandler {
		panic(p) // net/http cuts the connection
	}
	s.Log.Error("request failed", "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
	s.fail(a, r, &problem{status: http.StatusInternalServerError, err: errors.New("internal error; the server's log has it")})
	a.finish()
}

// URL is the address to open for a server at addr, its token included.
func URL(addr net.Addr, token string) string {
	u := url.URL{Scheme: "http", Host: addr.String(), Path: "/"}
	if token != "" {
		u.RawQuery = url.Values{"token": {token}}.Encode()
	}
	return u.String()
}
