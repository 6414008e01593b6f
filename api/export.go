package api

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/tapir-project/tapir/internal/pcapexport"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

// captureTypes are the content types of capture files.
var captureTypes = map[string]string{"pcap": "application/vnd.tcpdump.pcap", "pcapng": "application/x-pcapng"}

// sessionPcap downloads exactly the packets of one session.
func (s *Server) sessionPcap(w *reply, r *http.Request, p *params) error {
	format := p.choice("format", "pcap", "pcapng")
	if p.err != nil {
		return p.err
	}
	rec, err := s.fetch(r, record.KindSession)
	if err != nil {
		return err
	}
	n, err := download(w, rec.ID.String(), format, func(out *pcapexport.Writer) error {
		return s.sessionPackets(r.Context(), rec, out.Packet)
	})
	if err == nil && n == 0 {
		return &problem{status: http.StatusNotFound, err: fmt.Errorf("no packet of session %s is stored: they have expired, or were not kept", rec.ID)}
	}
	return err
}

// export downloads the packets of all sessions that pass, in time order.
func (s *Server) export(w *reply, r *http.Request, p *params) error {
	q := p.condition(s.Now())
	q.Limit = p.number("limit", 0, 0, maxCount)
	format := p.choice("format", "pcap", "pcapng")
	switch {
	case p.err != nil:
		return p.err
	case s.Packets == nil:
		return errNoPackets
	}
	sel, err := Select(r.Context(), s.Store, q)
	if err != nil {
		return err
	}
	noteCoverage(w, sel.Coverage)
	_, err = download(w, "tapir", format, func(out *pcapexport.Writer) error {
		if len(sel.Flows) == 0 {
			return nil
		}
		return s.walk(r.Context(), sel.Flows, sel.From, sel.To, out.Packet)
	})
	return err
}

// Selection is the sessions whose packets are wanted.
type Selection struct {
	Flows    []record.ID // each once, in ascending order; never nil
	From, To int64       // the time in which their packets lie, both ends included
	Coverage store.Coverage
}

// Select lists the sessions that the records of q belong to. It takes 16 bytes of memory for each, and as much again
// while it sorts them.
func Select(ctx context.Context, st store.Store, q store.Search) (Selection, error) {
	q.Fields = []record.FieldID{}
	sel := Selection{From: record.MaxTime, To: record.MinTime}
	var ids idSet
	c, err := st.Search(ctx, q, func(r *record.Record) bool {
		from, to := packetTimes(r)
		if r.Kind != record.KindSession {
			// The record's own times say little of its session's; the id says when that began.
			from, to = max(r.Session.Millis()*1e6-slack, record.MinTime), record.MaxTime
		}
		sel.From, sel.To = min(sel.From, from), max(sel.To, to)
		ids.add(r.Session)
		return true
	})
	sel.Flows, sel.Coverage = ids.sorted(), c
	return sel, cmp.Or(err, ctx.Err())
}

// Flows is Select without the coverage.
func Flows(ctx context.Context, st store.Store, q store.Search) (flows []record.ID, from, to int64, err error) {
	sel, err := Select(ctx, st, q)
	return sel.Flows, sel.From, sel.To, err
}

// idSet is a set of ids in little memory: a list that is sorted, and rid of what it holds twice, whenever it has doubled.
type idSet struct {
	ids   []record.ID
	clean int // ids when it was sorted last
}

func (s *idSet) add(id record.ID) {
	const least = 1 << 16
	if s.ids = append(s.ids, id); len(s.ids) >= max(2*s.clean, least) {
		s.sorted()
	}
}

func (s *idSet) sorted() []record.ID {
	slices.SortFunc(s.ids, func(a, b record.ID) int { return bytes.Compare(a[:], b[:]) })
	s.ids = slices.Compact(s.ids)
	s.clean = len(s.ids)
	if s.ids == nil {
		return []record.ID{}
	}
	return s.ids
}

// download sends packets as a capture file and says how many there were.
func download(w *reply, name, format string, walk func(*pcapexport.Writer) error) (uint64, error) {
	w.Header().Set("Content-Type", captureTypes[format])
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+"."+format+`"`)
	out := pcapexport.New(w, format == "pcapng")
	err := errors.Join(walk(out), out.Close())
	return out.Packets, err
}
