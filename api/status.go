package api

import (
	_ "embed"
	"net/http"
	"strconv"

	"github.com/tapir-project/tapir/store"
)

//go:embed openapi.yaml
var openapiYAML []byte

func (s *Server) openapi(w *reply, _ *http.Request, _ *params) error {
	w.Header().Set("Content-Type", "application/yaml")
	_, err := w.Write(openapiYAML)
	return err
}

// status tells what is stored and, when this process captures, how that goes.
func (s *Server) status(w *reply, r *http.Request, _ *params) error {
	st, err := s.Store.Status(r.Context())
	if err != nil {
		return err
	}
	body := map[string]any{"node": s.Node, "stored": StoredJSON(st)}
	if s.NodeStatus != nil {
		body["node_status"] = s.NodeStatus()
	}
	return w.json(body)
}

// StoredJSON is a store's status as the API and `tapir status --json` give it; times are ns as text.
func StoredJSON(st store.Status) []map[string]any {
	out := []map[string]any{}
	for _, k := range st.Kinds {
		out = append(out, map[string]any{"kind": k.Kind.String(), "records": k.Records, "bytes": k.Bytes, "files": k.Files,
			"oldest": strconv.FormatInt(k.Oldest, 10), "newest": strconv.FormatInt(k.Newest, 10)})
	}
	return out
}
