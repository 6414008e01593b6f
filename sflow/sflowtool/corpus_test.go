package sflowtool

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The outputs of sflowtool itself, for datagrams of real agents and one of each record, where TAPIR_CORPUS has them. It
// was given them in a capture file whose packets all have this time.
var corpusTime = time.Unix(1700000000, 123456000)

func TestCorpus(t *testing.T) {
	dir := os.Getenv("TAPIR_CORPUS")
	files, _ := filepath.Glob(filepath.Join(dir, "sflow", "*.bin"))
	if dir == "" || len(files) == 0 {
		t.Skip("TAPIR_CORPUS names no folder with sflow/*.bin")
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		stem := strings.TrimSuffix(file, ".bin")
		_, damaged := os.Stat(stem + ".err")
		for format, ext := range map[Format]string{Text: ".txt", PrettyJSON: ".json"} {
			want, err := os.ReadFile(stem + ext)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			w := New(&out, Options{Format: format, Location: time.UTC})
			if err := w.Write(b, Meta{Captured: corpusTime}); err != nil {
				t.Fatal(err)
			}
			w.Flush()
			got := out.Bytes()
			if damaged == nil { // what comes before the damage is equal: at least the datagram and the head of the sample
				n := min(len(got), len(want), 400)
				got, want = got[:n], want[:n]
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s: %s", filepath.Base(stem)+ext, firstDifference(string(got), string(want)))
			}
		}
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return "got " + g[i] + "\nwant " + w[i]
		}
	}
	return "one is longer"
}
