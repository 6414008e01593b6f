package agent

import (
	"bytes"
	"fmt"
	"net"
	"net/http"

	"github.com/tapir-project/tapir/sflow"
)

// pageMethods are the lines of the status page for methods, in mod_sflow's order.
var pageMethods = []struct {
	name   string
	method uint32
}{{"option", sflow.HTTPOptions}, {"get", sflow.HTTPGet}, {"head", sflow.HTTPHead}, {"post", sflow.HTTPPost}, {"put", sflow.HTTPPut},
	{"delete", sflow.HTTPDelete}, {"trace", sflow.HTTPTrace}, {"connect", sflow.HTTPConnect}, {"other", sflow.HTTPOther}}

var pageStatus = []string{"1XX", "2XX", "3XX", "4XX", "5XX", "other"}

// AppendPage appends mod_sflow's status page to dst: counters by method and status, the host's name as it was asked
// for, and the sampling rate.
func (h *HTTP) AppendPage(dst []byte, host string) []byte {
	c := h.Counts()
	for _, m := range pageMethods {
		dst = fmt.Appendf(dst, "counter method_%s_count %d\n", m.name, c.Methods[m.method])
	}
	for i, s := range pageStatus {
		dst = fmt.Appendf(dst, "counter status_%s_count %d\n", s, c.Status[i])
	}
	return fmt.Appendf(dst, "string hostname %s\ngauge sampling_n %d\n", host, h.Rate())
}

// ServeHTTP answers with the status page. Behind a proxy on this host the name is the one that the proxy was asked for.
func (h *HTTP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	host := r.Host
	if name := r.Header.Get("X-Forwarded-Host"); name != "" && fromLoopback(r) {
		host = name
	}
	host = string(bytes.Map(printable, hostOnly([]byte(host))))
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Write(h.AppendPage(nil, host)) // a client that is gone is no matter of ours
}

func fromLoopback(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	return err == nil && net.ParseIP(host).IsLoopback()
}

func printable(r rune) rune {
	if r <= ' ' || r > '~' {
		return -1
	}
	return r
}

// Handler serves the status page under /sflow/ and the agent's own counters, as Prometheus reads them, under /metrics.
func (a *Agent) Handler(h *HTTP) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/sflow/", h)
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		s := a.Stats()
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		for _, m := range []struct {
			name, help string
			n          uint64
		}{
			{"requests", "Requests counted.", func() uint64 { c := h.Counts(); return c.Requests() }()},
			{"queue_full", "Times the queue of log lines may have been full, and lines lost; 0: none was.", h.Crowded.Load()},
			{"samples", "Flow and counter samples sent.", s.Samples},
			{"samples_dropped", "Samples lost because a queue was full.", s.Dropped},
			{"datagrams", "Datagrams made.", s.Datagrams},
			{"datagrams_unsent", "Datagrams that could not be sent to a collector.", s.Unsent},
		} {
			fmt.Fprintf(w, "# HELP tapir_sflow_agent_%[1]s_total %[2]s\n# TYPE tapir_sflow_agent_%[1]s_total counter\ntapir_sflow_agent_%[1]s_total %[3]d\n", m.name, m.help, m.n)
		}
	})
	return mux
}
