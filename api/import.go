package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Importer takes capture files over HTTP.
type Importer interface {
	// Import stores and indexes a capture file that comes from body; size is its length, -1 if it is not known. tell is
	// called now and then while it is indexed. A refusal is an error made by Refuse. When ctx ends the import does; what
	// was indexed until then stays.
	Import(ctx context.Context, body io.Reader, size int64, tell func(ImportProgress)) (Imported, error)
	// Limit is the most bytes of a file that are taken.
	Limit() int64
}

// ImportProgress is how far an import is.
type ImportProgress struct {
	Bytes    int64  `json:"bytes"` // of the file, read
	Size     int64  `json:"size"`  // of the file
	Packets  uint64 `json:"packets"`
	Sessions uint64 `json:"sessions"`
}

// Imported is what an import did.
type Imported struct {
	From         string `json:"from,omitempty"` // of the first packet; absent without packets
	To           string `json:"to,omitempty"`   // just behind the last one
	Packets      uint64 `json:"packets"`
	Sessions     uint64 `json:"sessions"`
	Transactions uint64 `json:"transactions"`
	Warning      string `json:"warning,omitempty"` // what is not as it should be with the file
}

// Refuse is an error that is answered with that status.
func Refuse(status int, err error) error { return &problem{status: status, err: err} }

// maxFileName bounds the name that people give a file.
const maxFileName = 255

var errNoImport = &problem{status: http.StatusNotImplemented, err: errors.New("this server takes no captures: it may not write to its data directory, or --import-limit is 0 (use tapir import)")}

// importCapture stores and indexes a capture file, the body, and answers an object a line: {"progress"} now and then, last
// {"imported"} or {"error"}.
func (s *Server) importCapture(w *reply, r *http.Request, p *params) error {
	name := p.text("name")
	if len(name) > maxFileName {
		p.fail("name", fmt.Sprintf("has %d bytes; at most %d are taken", len(name), maxFileName))
		return p.err
	}
	if s.Importer == nil {
		return errNoImport
	}
	limit := s.Importer.Limit()
	if r.ContentLength > limit {
		return tooLarge(limit)
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	enc := json.NewEncoder(w)
	done, err := s.Importer.Import(r.Context(), http.MaxBytesReader(w, r.Body, limit), r.ContentLength, func(p ImportProgress) {
		enc.Encode(map[string]any{"progress": p})
		w.Flush()
	})
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		err = tooLarge(limit)
	}
	switch {
	case err == nil:
		s.Log.Info("imported", "name", name, "packets", done.Packets, "sessions", done.Sessions)
		return enc.Encode(map[string]any{"imported": done})
	case w.begun():
		_, body := describe(err)
		return enc.Encode(map[string]any{"error": map[string]string{"message": body.Error.Message}})
	}
	return err
}

func tooLarge(limit int64) error {
	return Refuse(http.StatusRequestEntityTooLarge, fmt.Errorf("the file is larger than the %d bytes that are taken here (raise --import-limit, or use tapir import)", limit))
}
