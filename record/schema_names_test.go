package record

import (
	"os"
	"strings"
	"testing"
)

func TestWiresharkNamesResolve(t *testing.T) {
	for _, w := range wiresharkNames {
		want, ok := Lookup(w.field)
		if !ok {
			t.Errorf("%s stands for %s, which is no field", w.name, w.field)
			continue
		}
		if got, ok := Lookup(w.name); !ok || got.ID != want.ID {
			t.Errorf("%s does not resolve to %s", w.name, want.Name)
		}
	}
}

// The names are those `sysdig -l` prints; each must be a field of system events.
func TestSysdigNamesResolve(t *testing.T) {
	b, err := os.ReadFile("testdata/sysdig-names.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range strings.Fields(string(b)) {
		if f, ok := Lookup(name); !ok || !f.Kinds.Has(KindSysEvent) {
			t.Errorf("no field of system events answers to %s", name)
		}
	}
}
