package tls

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/proto/prototest"
	"github.com/tapir-project/tapir/record"
)

// anything reads a stream until TLS begins in it: it stands for the protocols with STARTTLS, and for proxies.
type anything struct{}

func (anything) Parse(f *proto.Flow, _ proto.Dir, b []byte) int {
	if beginsTLS(b) {
		f.Switch("tls")
		return 0
	}
	return len(b)
}
func (anything) Gap(*proto.Flow, proto.Dir, int) {}
func (anything) Close(*proto.Flow, proto.Dir)    {}

func beginsTLS(b []byte) bool {
	v, _ := matchStream(b)
	return v == proto.Yes
}

var before = &proto.Protocol{Name: "before", Transport: proto.TCP, New: func() proto.Parser { return anything{} },
	Match: func(p *proto.Probe) proto.Verdict {
		if beginsTLS(p.Data[p.Dir]) {
			return proto.No
		}
		return proto.Yes
	}}

// want is a line of the corpus: a session and what it must say.
type want struct {
	Pcap      string              `json:"pcap"`
	Protocols []string            `json:"protocols"`
	F         map[string][]string `json:"f"`
	S         int                 `json:"srcport"`
	D         int                 `json:"dstport"`
}

// TestCorpus compares with the sessions of the corpus that TAPIR_CORPUS names.
func TestCorpus(t *testing.T) {
	dir := filepath.Join(os.Getenv("TAPIR_CORPUS"), "sessions")
	file, err := os.Open(filepath.Join(dir, "expected.jsonl"))
	if os.Getenv("TAPIR_CORPUS") == "" || err != nil {
		t.Skip("TAPIR_CORPUS does not name a corpus")
	}
	defer file.Close()
	n := 0
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var w want
		if err := json.Unmarshal(bytes.Clone(lines.Bytes()), &w); err != nil {
			t.Fatal(err)
		}
		if slices.Contains(w.Protocols, "tls") || slices.Contains(w.Protocols, "dtls") {
			n++
			checkSession(t, filepath.Join(dir, w.Pcap+".pcap"), &w)
		}
	}
	if n < 10 {
		t.Errorf("only %d sessions compared", n)
	}
}

func checkSession(t *testing.T, file string, w *want) {
	got := sessionOf(t, prototest.Play(t, []*proto.Protocol{Protocol, DTLS, before}, prototest.Read(t, file), prototest.Whole), w)
	for name, values := range w.F {
		if !strings.HasPrefix(name, "tls.") && !strings.HasPrefix(name, "cert.") {
			continue
		}
		f, ok := record.Lookup(name)
		if !ok {
			t.Errorf("%s: no field %s", w.Pcap, name)
			continue
		}
		have := lookup(got, f.Name)
		for i := range values {
			values[i] = strings.ToLower(values[i])
		}
		slices.Sort(values)
		slices.Sort(have)
		if !slices.Equal(values, have) {
			t.Errorf("%s: %s\ngot  %q\nwant %q", w.Pcap, name, have, values)
		}
	}
}

// sessionOf finds the session with the ports of w.
func sessionOf(t *testing.T, lines []string, w *want) map[string]any {
	for _, l := range lines {
		var m map[string]any
		d := json.NewDecoder(strings.NewReader(l))
		d.UseNumber()
		if err := d.Decode(&m); err != nil {
			t.Fatal(err)
		}
		ports := []string{strings.Join(lookup(m, "source.port"), ""), strings.Join(lookup(m, "destination.port"), "")}
		if slices.Equal(ports, []string{strconv.Itoa(w.S), strconv.Itoa(w.D)}) && slices.Equal(lookup(m, "event.kind"), []string{"session"}) {
			return m
		}
	}
	t.Errorf("%s: no session %d to %d", w.Pcap, w.S, w.D)
	return nil
}

// lookup gives the values at a dotted path, in lower case.
func lookup(m any, path string) (out []string) {
	for _, p := range strings.Split(path, ".") {
		o, _ := m.(map[string]any)
		m = o[p]
	}
	all, ok := m.([]any)
	if !ok && m != nil {
		all = []any{m}
	}
	for _, v := range all {
		switch v := v.(type) {
		case string:
			out = append(out, strings.ToLower(v))
		case json.Number:
			out = append(out, v.String())
		}
	}
	return out
}
