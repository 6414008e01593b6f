package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/tapir-project/tapir/internal/pcapexport"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

// sessionPcap downloads exactly the packets of one session.
func (s *Server) sessionPcap(w http.ResponseWriter, r *http.Request) error {
	p := newParams(r, "format")
	format := p.choice("format", "pcap", "pcap", "pcapng")
	if p.err != nil {
		return p.err
	}
	rec, err := s.fetch(r, record.KindSession)
	if err != nil {
		return err
	}
	return s.download(w, rec.ID.String(), format, func(out *pcapexport.Writer) error {
		return s.sessionPackets(r.Context(), rec, out.Packet)
	})
}

// export downloads the packets of all sessions that pass, in time order.
func (s *Server) export(w http.ResponseWriter, r *http.Request) error {
	p := newParams(r, "q", "kind", "from", "to", "bounding", "format", "limit")
	now := s.Now()
	q := store.Search{Kind: p.kind(), Range: p.times(now), Bounding: p.bounding(), Limit: p.number("limit", 0, 0, 1<<40)}
	q.Where = p.expression(q.Kind, now).Where
	format := p.choice("format", "pcap", "pcap", "pcapng")
	if p.err != nil {
		return p.err
	}
	flows, from, to, err := Flows(r.Context(), s.Store, q)
	if err != nil {
		return err
	}
	return s.download(w, "tapir", format, func(out *pcapexport.Writer) error {
		if len(flows) == 0 || s.Packets == nil {
			return nil
		}
		return s.Packets.Packets(r.Context(), flows, from, to, out.Packet)
	})
}

// Flows lists the sessions that pass, each once, and the time their packets span.
func Flows(ctx context.Context, st store.Store, q store.Search) (flows []record.ID, from, to int64, err error) {
	q.Fields = []record.FieldID{}
	seen := map[record.ID]bool{}
	from, to = record.MaxTime, record.MinTime
	_, err = st.Search(ctx, q, func(r *record.Record) bool {
		from, to = min(from, r.Start), max(to, r.End)
		if !seen[r.Session] {
			seen[r.Session] = true
			flows = append(flows, r.Session)
		}
		return true
	})
	return flows, from, to, err
}

// download sends packets as a capture file.
func (s *Server) download(w http.ResponseWriter, name, format string, walk func(*pcapexport.Writer) error) error {
	w.Header().Set("Content-Type", "application/vnd.tcpdump.pcap")
	w.Header().Set("Content-Disposition", `attachment; filename="`+strings.ReplaceAll(name, `"`, "")+"."+format+`"`)
	started := &countingWriter{w: w}
	out := pcapexport.New(started, format == "pcapng")
	err := errors.Join(walk(out), out.Close())
	if err != nil && started.n > 0 {
		panic(http.ErrAbortHandler) // a cut file must not look whole
	}
	return err
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}
