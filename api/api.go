package api

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/record"
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
	// Follow calls yield for each record stored from now on that passes, until ctx ends or yield returns false. idle is
	// called about once a second while nothing comes.
	Follow(ctx context.Context, s store.Search, yield func(*record.Record) bool, idle func() bool) error
}

// Options are what a server is made of.
type Options struct {
	Store   store.Store
	Packets Packets
	// NodeStatus gives what `tapir status` shows beyond the store: capture, queues, disk. It is encoded as JSON.
	NodeStatus func() any
	Node       string // prefix of ids
	Token      string // every request must carry it; empty lets everybody in (tests, or behind a proxy)
	Now        func() time.Time
	Log        *slog.Logger
}

// Server is the HTTP side of Tapir. It is an http.Handler.
type Server struct {
	Options
	mux *http.ServeMux
}

// New makes a server.
func New(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	s := &Server{Options: o, mux: http.NewServeMux()}
	for _, r := range s.routes() {
		s.mux.Handle(r.pattern(), s.wrap(r))
	}
	return s
}

// route is one operation of openapi.yaml.
type route struct {
	method, path string
	open         bool // needs no token
	serve        func(w http.ResponseWriter, r *http.Request) error
}

func (r route) pattern() string { return r.method + " " + r.path }

func (s *Server) routes() []route {
	return []route{
		{"GET", "/api/openapi.yaml", true, s.openapi},
		{"GET", "/api/status", false, s.status},
		{"GET", "/api/fields", false, s.fields},
		{"GET", "/api/query/check", false, s.check},
		{"GET", "/api/query/complete", false, s.complete},
		{"GET", "/api/query/tokens", false, s.tokens},
		{"GET", "/api/search", false, s.search},
		{"GET", "/api/aggregate", false, s.aggregate},
		{"GET", "/api/tail", false, s.tail},
		{"GET", "/api/export", false, s.export},
		{"GET", "/api/records/{kind}/{id}", false, s.record},
		{"GET", "/api/sessions/{id}/packets", false, s.packets},
		{"GET", "/api/sessions/{id}/stream", false, s.stream},
		{"GET", "/api/sessions/{id}/pcap", false, s.sessionPcap},
	}
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// wrap puts what every route needs around it: headers, token, errors as JSON, a panic that costs its request only.
func (s *Server) wrap(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		defer func() {
			if p := recover(); p != nil && p != http.ErrAbortHandler {
				s.Log.Error("request failed", "path", r.URL.Path, "panic", p)
				fail(w, errors.New("internal error; the server's log has it"))
			}
		}()
		if err := s.admit(rt, w, r); err != nil {
			fail(w, err)
			return
		}
		if err := rt.serve(w, r); err != nil && r.Context().Err() == nil {
			fail(w, err)
		}
	})
}

const cookieName = "tapir_token"

// admit checks Host (against DNS rebinding) and token: Authorization: Bearer, ?token=, or the cookie that ?token= sets.
func (s *Server) admit(rt route, w http.ResponseWriter, r *http.Request) error {
	if s.Token == "" || rt.open {
		return nil
	}
	if !localHost(r.Host) && isLoopback(r) {
		return &httpError{http.StatusForbidden, fmt.Errorf("host %q is not a name of this server's loopback address", r.Host)}
	}
	token, fromURL := r.URL.Query().Get("token"), true
	if token == "" {
		token, fromURL = bearer(r), false
	}
	if subtle.ConstantTimeCompare([]byte(token), []byte(s.Token)) != 1 {
		return &httpError{http.StatusUnauthorized, errors.New("the token is missing or wrong: use the URL that tapir printed, or Authorization: Bearer TOKEN")}
	}
	if fromURL {
		http.SetCookie(w, &http.Cookie{Name: cookieName, Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
	}
	return nil
}

func bearer(r *http.Request) string {
	if t, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return t
	}
	if c, err := r.Cookie(cookieName); err == nil {
		return c.Value
	}
	return ""
}

// isLoopback says whether the request came in on a loopback address.
func isLoopback(r *http.Request) bool {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return false
	}
	host, _, err := net.SplitHostPort(addr.String())
	return err == nil && net.ParseIP(host).IsLoopback()
}

func localHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil
}

// httpError is an error with its status code.
type httpError struct {
	status int
	error
}

func (e *httpError) Unwrap() error { return e.error }

func badRequest(format string, args ...any) error {
	return &httpError{http.StatusBadRequest, fmt.Errorf(format, args...)}
}

// Error is the body of every answer that is not a success.
type Error struct {
	Error struct {
		Message  string   `json:"message"`
		Param    string   `json:"param,omitempty"`
		Position *int     `json:"position,omitempty"` // of a wrong expression: byte offset
		End      *int     `json:"end,omitempty"`
		Line     int      `json:"line,omitempty"`
		Column   int      `json:"column,omitempty"`
		Expected []string `json:"expected,omitempty"`
		Suggest  []string `json:"suggest,omitempty"`
	} `json:"error"`
}

// fail answers with an error. Once part of a body is out it can only cut the connection.
func fail(w http.ResponseWriter, err error) {
	var body Error
	status := http.StatusInternalServerError
	var he *httpError
	var qe *query.Error
	switch {
	case errors.As(err, &qe):
		status = http.StatusBadRequest
		body.Error.Param, body.Error.Position, body.Error.End = "q", &qe.Pos, &qe.End
		body.Error.Line, body.Error.Column, body.Error.Expected, body.Error.Suggest = qe.Line, qe.Col, qe.Expected, qe.Suggest
	case errors.As(err, &he):
		status = he.status
	case errors.Is(err, store.ErrNotFound):
		status = http.StatusNotFound
	}
	body.Error.Message = err.Error()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Del("Content-Disposition")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

func writeJSON(w http.ResponseWriter, v any) error {
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// URL is the address to open for a server at addr, its token included.
func URL(addr net.Addr, token string) string {
	u := url.URL{Scheme: "http", Host: addr.String(), Path: "/"}
	if token != "" {
		u.RawQuery = url.Values{"token": {token}}.Encode()
	}
	return u.String()
}
