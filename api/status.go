package api

import (
	_ "embed"
	"errors"
	"net/http"
	"strconv"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

//go:embed openapi.yaml
var openapiYAML []byte

func (s *Server) openapi(w *reply, _ *http.Request, _ *params) error {
	w.Header().Set("Content-Type", "application/yaml")
	_, err := w.Write(openapiYAML)
	return err
}

// statusBody is what status answers.
type statusBody struct {
	Node    string           `json:"node"`
	Version string           `json:"version"`
	Time    string           `json:"time"`             // of the server's clock
	Oldest  string           `json:"oldest,omitempty"` // of all records
	Newest  string           `json:"newest,omitempty"`
	Can     abilities        `json:"can"`
	Stored  []map[string]any `json:"stored"`
	More    any              `json:"node_status,omitempty"`
}

// abilities say which routes a server can answer.
type abilities struct {
	Packets bool  `json:"packets"` // packets, stream, pcap and export
	Follow  bool  `json:"follow"`  // tail
	Save    bool  `json:"save"`    // saved
	Import  bool  `json:"import"`
	Most    int64 `json:"import_bytes,omitempty"` // of one import
}

// status tells what is stored, what this server can do and, when a recorder writes what it serves, how that goes.
func (s *Server) status(w *reply, r *http.Request, _ *params) error {
	st, err := s.Store.Status(r.Context())
	if err != nil {
		return err
	}
	_, follows := s.Store.(Follower)
	body := statusBody{Node: s.Node, Version: s.Version, Time: timeText(s.Now().UnixNano()), Stored: StoredJSON(st),
		Can: abilities{Packets: s.Packets != nil, Follow: follows, Save: s.Saved != nil && s.Saved.Writable()}}
	if s.Importer != nil {
		body.Can.Import, body.Can.Most = true, s.Importer.Limit()
	}
	if oldest, newest, any := reach(st); any {
		body.Oldest, body.Newest = timeText(oldest), timeText(newest)
	}
	if s.NodeStatus != nil {
		if body.More, err = s.NodeStatus(st); err != nil {
			return err
		}
	}
	return w.json(body)
}

// exporters tells what the collector of sFlow hears from, and what was lost on the way.
func (s *Server) exporters(w *reply, _ *http.Request, _ *params) error {
	if s.Exporters == nil {
		return &problem{status: http.StatusNotImplemented, err: errors.New("this server knows no collector (tapir sflow collect has its own API)")}
	}
	report, err := s.Exporters()
	if err != nil {
		return err
	}
	return w.json(report)
}

// reach is when the oldest and the newest record of all kinds were.
func reach(st store.Status) (oldest, newest int64, any bool) {
	for _, k := range st.Kinds {
		if k.Records == 0 {
			continue
		}
		if !any {
			oldest, newest, any = k.Oldest, k.Newest, true
		}
		oldest, newest = min(oldest, k.Oldest), max(newest, k.Newest)
	}
	return oldest, newest, any
}

// timeText is a time, ns since the epoch, as answers have it.
func timeText(ns int64) string { return string(record.AppendTime(nil, ns)) }

// StoredJSON is a store's status as the API and `tapir status --json` give it; times are ns as text.
func StoredJSON(st store.Status) []map[string]any {
	out := []map[string]any{}
	for _, k := range st.Kinds {
		out = append(out, map[string]any{"kind": k.Kind.String(), "records": k.Records, "bytes": k.Bytes, "files": k.Files,
			"oldest": strconv.FormatInt(k.Oldest, 10), "newest": strconv.FormatInt(k.Newest, 10)})
	}
	return out
}
