package api

import (
	"context"
	"strings"
	"time"

	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

// Bounds of completing values: people type on meanwhile.
const (
	valuesWithin  = 250 * time.Millisecond
	valuesMost    = 10
	valuesLooked  = 500 // groups looked at for those that begin as typed
	valueMaxBytes = 200 // longer ones are no help
)

// valuesOf gives stored values to complete with, those of most records first: of a field, those that begin with prefix;
// of a field that stands for several, those of each. What takes too long is left out.
func (s *Server) valuesOf(ctx context.Context, in store.Search, name, prefix string) (out []string) {
	f, ok := record.Lookup(name)
	if !ok || f.Raw != "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, valuesWithin)
	defer cancel()
	names := f.Any
	if names == nil {
		names = []string{f.Name}
	}
	seen := map[string]bool{}
	for _, n := range names {
		f, _ := record.Lookup(n)
		for _, key := range s.groupsOf(ctx, in, f, folded(f, prefix)) {
			if !seen[key] && len(out) < valuesMost {
				seen[key] = true
				out = append(out, key)
			}
		}
	}
	return out
}

// groupsOf gives values of one field.
func (s *Server) groupsOf(ctx context.Context, in store.Search, f *record.Field, prefix string) (out []string) {
	a := store.Aggregate{Kind: in.Kind, Range: in.Range, Bounding: in.Bounding, By: []*record.Field{f},
		Metrics: []query.Metric{{Func: query.Count}}, Top: valuesLooked}
	if f.Type <= record.TypeText && prefix != "" {
		a.Where = &query.Test{Field: f, Match: []query.Matcher{query.Prefix(prefix)}}
	}
	t, err := s.Store.Aggregate(ctx, a)
	if err != nil {
		return nil
	}
	for i := range t.Rows {
		// The other values of a set that has one with the prefix are groups too.
		if key := t.Rows[i].Keys[0]; key != "" && len(key) <= valueMaxBytes && strings.HasPrefix(key, prefix) {
			out = append(out, key)
		}
	}
	return out
}

// folded is text as values of f are stored.
func folded(f *record.Field, text string) string {
	switch f.Fold {
	case record.FoldLower:
		return strings.ToLower(text)
	case record.FoldUpper:
		return strings.ToUpper(text)
	}
	return text
}
