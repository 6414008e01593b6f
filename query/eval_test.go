package query

import (
	"testing"

	"github.com/tapir-project/tapir/record"
)

func checkTokens(t *testing.T, text string) {
	t.Helper()
	at := 0
	for _, k := range Tokens(text) {
		if k.From < at || k.To <= k.From || k.To > len(text) {
			t.Fatalf("tokens of %q: %v", text, Tokens(text))
		}
		at = k.To
	}
}
func sampleRecord(kind record.Kind) *record.Record { return &record.Record{Kind: kind} }
