package query

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tapir-project/tapir/record"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// testOptions are the options of all golden files: now is 2026-11-21 01:02:03 UTC, a Saturday.
func testOptions(kind record.Kind) Options {
	return Options{
		Kind: kind,
		Now:  time.Date(2026, 11, 21, 1, 2, 3, 0, time.UTC).UnixNano(),
		Shortcuts: func(pattern string) (out []string, ok bool) {
			for _, l := range []struct {
				name   string
				values []string
			}{
				{"badJa3", []string{"e7d705a3286e19ea42f587b344ee6865", "6734f37431670b3ab4292b8f60f29984"}},
				{"nets1", []string{"10.0.0.0/8", "192.168"}}, {"nets2", []string{"2001:db8::/32"}},
				{"stars", []string{"a*b", `c\d`, "$x"}}, {"ports", []string{"22", "8000-8010", "https"}}, {"wrong", []string{"22", "x y"}},
			} {
				if Glob(pattern, l.name) {
					out = append(out, l.values...)
				}
			}
			return out, len(out) > 0
		},
		Views: func(name string) (string, bool) {
			text, ok := map[string]string{
				"myview": "protocols == tls && port.dst == 443", "all": "", "loop": "view == loop || port == 1",
				"broken": "port == x", "staged": "port == 1 | head 5", "nested": "view == myview || port == 80",
			}[name]
			return text, ok
		},
	}
}

// golden is one case of a golden file: the kind on a line with ####, the text, ----, and what comes of it.
type golden struct {
	kind record.Kind
	text string
}

func readGolden(t testing.TB, file string) (cases []golden, old []byte) {
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range strings.Split("\n"+string(old), "\n#### ")[1:] {
		name, rest, _ := strings.Cut(block, "\n")
		text, _, ok := strings.Cut(rest, "\n----\n")
		kind, err := record.ParseKind(name)
		if !ok || err != nil {
			t.Fatalf("%s: case %q: %v", file, block, err)
		}
		cases = append(cases, golden{kind, text})
	}
	return cases, old
}

// explain is what becomes of a text: its canonical form, or the error as it is shown, and the error's span.
func explain(c golden) string {
	q, err := Parse(c.text, testOptions(c.kind))
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Explain(c.text) + "\n"
	}
	return q.String() + "\n"
}

// TestGolden compares canonical forms and errors with testdata/*.txt; -update rewrites them.
func TestGolden(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.txt")
	for _, file := range files {
		cases, old := readGolden(t, file)
		var b bytes.Buffer
		for _, c := range cases {
			b.WriteString("#### " + c.kind.String() + "\n" + c.text + "\n----\n" + explain(c))
		}
		if *update {
			if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if !bytes.Equal(b.Bytes(), old) {
			t.Errorf("%s differs; run go test -run Golden -update and review the difference. Now:\n%s", file, b.Bytes())
		}
	}
}

// The files of examples hold what users of the parents write: all of it must bind.
func TestExamplesBind(t *testing.T) {
	for file, want := range map[string]int{"testdata/arkime.txt": 33, "testdata/sysdig.txt": 20, "testdata/pipes.txt": 12} {
		cases, _ := readGolden(t, file)
		if len(cases) < want {
			t.Errorf("%s has %d examples, want %d", file, len(cases), want)
		}
		for _, c := range cases {
			if _, err := Parse(c.text, testOptions(c.kind)); err != nil {
				t.Errorf("%s: %s", c.text, err)
			}
		}
	}
}

// checkRoundTrip says what is wrong with the printed forms of a query.
func checkRoundTrip(t *testing.T, q *Query, o Options) {
	t.Helper()
	o.Shortcuts, o.Views = nil, nil // the canonical form needs neither
	for name, text := range map[string]string{"String": q.String(), "Print": Print(q.Where, q.Kind)} {
		again, err := Parse(text, o)
		if err != nil {
			t.Fatalf("%s of %q is %q: %v", name, q.Text, text, err)
		}
		if !reflect.DeepEqual(again.Where, q.Where) || name == "String" && !reflect.DeepEqual(again.Stages, q.Stages) {
			t.Fatalf("%s of %q is %q, which parses to another tree:\n%#v\n%#v", name, q.Text, text, q.Where, again.Where)
		}
		if name == "String" && again.String() != text {
			t.Fatalf("String is not stable: %q, then %q", text, again.String())
		}
	}
}

// checkFormat says what is wrong with the layout of a text that parses.
func checkFormat(t *testing.T, q *Query, o Options) {
	t.Helper()
	text, err := Format(q.Text)
	if err != nil {
		t.Fatalf("Format of %q: %v", q.Text, err)
	}
	again, err := Parse(text, o)
	if err != nil {
		t.Fatalf("Format of %q is %q: %v", q.Text, text, err)
	}
	if !reflect.DeepEqual(again.Where, q.Where) || !reflect.DeepEqual(again.Stages, q.Stages) {
		t.Fatalf("Format of %q is %q, which parses to another tree", q.Text, text)
	}
	if twice, err := Format(text); err != nil || twice != text {
		t.Fatalf("Format is not stable: %q, then %q, %v", text, twice, err)
	}
}

func TestRoundTrip(t *testing.T) {
	for _, c := range allCases(t) {
		o := testOptions(c.kind)
		if q, err := Parse(c.text, o); err == nil {
			checkRoundTrip(t, q, o)
			checkFormat(t, q, o)
		}
	}
}

func allCases(t testing.TB) (all []golden) {
	files, _ := filepath.Glob("testdata/*.txt")
	for _, f := range files {
		cases, _ := readGolden(t, f)
		all = append(all, cases...)
	}
	return all
}

// FuzzParse: no text makes the parser panic or run long; what parses has printed forms that parse to the same tree;
// colours and completions take any text.
func FuzzParse(f *testing.F) {
	for _, c := range allCases(f) {
		f.Add(c.text, uint8(c.kind))
	}
	f.Fuzz(func(t *testing.T, text string, kind uint8) {
		o := testOptions(record.Kind(int(kind) % record.Kinds))
		q, err := Parse(text, o)
		if err != nil {
			e := (*Error)(nil)
			if !errors.As(err, &e) || e.Pos < 0 || e.Pos > e.End || e.End > len(text) || e.Line < 1 || e.Col < 1 || e.Msg == "" {
				t.Fatalf("error of %q: %#v", text, err)
			}
			_ = e.Explain(text)
		} else {
			checkRoundTrip(t, q, o)
			checkFormat(t, q, o)
			r := sampleRecord(o.Kind)
			if Matches(q.Where, r) != Compile(q.Where)(r) {
				t.Fatalf("%q: Matches and Compile differ", text)
			}
		}
		checkTokens(t, text)
		for _, c := range Complete(text, len(text)/2, o) {
			if c.From < 0 || c.From > len(text)/2 || c.To < len(text)/2 || c.To > len(text) {
				t.Fatalf("completion of %q: %+v", text, c)
			}
		}
	})
}

// Each line of the examples in docs/query.md parses, and so do its tables' fields.
func TestDocumentedExamples(t *testing.T) {
	b, err := os.ReadFile("../docs/query.md")
	if err != nil {
		t.Fatal(err)
	}
	lines, kind, in := 0, record.KindSession, false
	for _, line := range strings.Split(string(b), "\n") {
		if name, ok := strings.CutPrefix(line, "```"); ok {
			kind, err = record.ParseKind(name)
			in = err == nil
			continue
		}
		if in {
			lines++
			if _, err := Parse(line, testOptions(kind)); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		}
	}
	if lines < 25 {
		t.Errorf("only %d examples found", lines)
	}
}
