package pcapfile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/source"
)

// FuzzSource reads any bytes as a file and as a pipe that gives one byte at a time: the same packets and the same error,
// of a known kind, must come out.
func FuzzSource(f *testing.F) {
	ps := some(3, 1, 1)
	for i := range ps {
		ps[i].Data = ps[i].Data[:min(len(ps[i].Data), 20)]
	}
	f.Add(pcap(ps))
	f.Add(pcapng(ps))
	f.Add(gzipped(pcap(ps)))
	f.Add(zstandard(pcapng(ps)))
	f.Add(append(pcapng(ps), pcapng(ps)[:200]...))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Open(Config{Paths: []string{"-"}, Stdin: dribble{bytes.NewReader(b), 1}})
		if err != nil {
			t.Fatal(err)
		}
		want, wantErr := collect(s)
		if err := known(wantErr); err != nil {
			t.Fatal(err)
		}
		if s, err = Open(Config{Paths: []string{"-"}, Stdin: bytes.NewReader(b)}); err != nil {
			t.Fatal(err)
		}
		got, err := collect(s)
		compare(t, got, want)
		if text(err) != text(wantErr) {
			t.Fatalf("%v\nwant %v", err, wantErr)
		}
	})
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// known checks that an error is one callers can tell apart.
func known(err error) error {
	var tr *Truncated
	var co *Corrupt
	if err == nil || errors.As(err, &tr) || errors.As(err, &co) || errors.Is(err, source.ErrNotCapture) {
		return nil
	}
	return err
}

// TestCorpus reads every capture of a collection, if there is one.
func TestCorpus(t *testing.T) {
	dir := os.Getenv("TAPIR_CORPUS")
	if dir == "" {
		t.Skip("TAPIR_CORPUS does not name a folder of captures")
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.Contains(filepath.Base(path), ".pcap") {
			return err
		}
		ps, err := collect(open(t, Config{Paths: []string{path}}))
		if err != nil || len(ps) == 0 {
			t.Errorf("%s: %d packets, %v", path, len(ps), err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
