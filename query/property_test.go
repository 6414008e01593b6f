package query

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/record"
)

// generator writes random queries that are mostly valid: byte-wise fuzzing rarely gets past the names of fields.
type generator struct {
	*rand.Rand
	fields []*record.Field
}

func newGenerator(seed uint64, kind record.Kind) *generator {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 1))}
	for _, f := range append(record.Fields(), userField) {
		if f.Kinds.Has(kind) {
			g.fields = append(g.fields, f)
		}
	}
	return g
}

func pick[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

func (g *generator) query() string {
	s := g.expr(4)
	if g.IntN(3) == 0 {
		s += pick(g, " | count", " | head 3", " | timechart 5m", "| sort starttime desc|head", " | count by event.start|sort count")
	}
	return s
}

func (g *generator) expr(depth int) string {
	if depth == 0 {
		return g.test()
	}
	switch g.IntN(6) {
	case 0:
		return g.expr(depth-1) + pick(g, " && ", "&", " and ", " AND ") + g.expr(depth-1)
	case 1:
		return g.expr(depth-1) + pick(g, " || ", "|", " or ", "\nor ") + g.expr(depth-1)
	case 2:
		return pick(g, "!", "not ", "!!") + g.expr(depth-1)
	case 3:
		return "(" + g.expr(depth-1) + ")"
	case 4:
		return pick(g, "*", "view == myview", "view != [myview, nested]")
	}
	return g.test()
}

func (g *generator) test() string {
	f := pick(g, g.fields...)
	name := f.Name
	if len(f.Aliases) > 0 && g.IntN(2) == 0 {
		name = pick(g, f.Aliases...)
	}
	op := pick(g, "==", "!=", "=", " == ", " in ", ">", " <= ", "<", ">=")
	if f.Type <= record.TypeText {
		op = pick(g, "==", "!=", " = ", " contains ", " icontains ", " startswith ", " endswith ", " glob ", " matches ", " pmatch ", " in ", "~")
	}
	switch {
	case g.IntN(12) == 0:
		return name + pick(g, " exists", " == EXISTS!", "!=EXISTS!", " == *")
	case op == " in " || op == " pmatch ":
		return name + op + "(" + g.values(f, op) + ")"
	case g.IntN(4) == 0:
		return name + op + "[" + g.values(f, op) + "]"
	case g.IntN(6) == 0:
		return name + op + "]" + g.values(f, op) + "["
	}
	return name + op + g.value(f, op)
}

func (g *generator) values(f *record.Field, op string) string {
	out := make([]string, 1+g.IntN(4))
	for i := range out {
		out[i] = g.value(f, op)
	}
	return strings.Join(out, pick(g, ",", ", ", " , "))
}

func (g *generator) value(f *record.Field, op string) string {
	switch f.Type {
	case record.TypeIP:
		return pick(g, "1.2.3.4", "10.0.0.0/8", "1.2", "ipv4", "ipv6", "fe80:1", "::1", "2001:db8::/32", "1.2.3.4:80", ":443", "::1.80",
			"1.1.1.1-2.2.2.2", "$nets1", "::/0", fmt.Sprintf("%d.%d.%d.%d/%d", g.IntN(256), g.IntN(256), g.IntN(256), g.IntN(256), g.IntN(33)),
			fmt.Sprintf("%x:%x::%x/%d", g.IntN(65536), g.IntN(65536), g.IntN(65536), g.IntN(129)))
	case record.TypeTime:
		return pick(g, "2026/11/21", `"2026/11/21 01:00:00"`, "-1h", "now-7d@d", "1700000000", "2026-11-21T01:00:00.25Z", "@w3", "-2d..now")
	case record.TypeDuration:
		return pick(g, "5", "1ms", "1h30m", "2s-5s", "0.25us", "1d")
	case record.TypeBytes:
		return pick(g, "5", "1KB", "1.5MiB", "10-20", "1KB-1MB")
	case record.TypeBool:
		return pick(g, "true", "false", "1")
	case record.TypeInt:
		return pick(g, "80", "-1", "400-499", "http", "0x1f", "tcp", "$ports", fmt.Sprint(int64(g.Uint64())))
	case record.TypeFloat:
		return pick(g, "1.5", "-1e-5", "0.1-0.9", "1e300", ".5")
	}
	return g.text(op)
}

func (g *generator) text(op string) string {
	if g.IntN(5) == 0 {
		return pick(g, "01ARZ3NDEKTSV4RRFFQ69G5FAV", "n-01ARZ3NDEKTSV4RRFFQ69G5FAV", "http://A.b/c", "00-11-AA-bb-cc-dd", "/etc/passwd", "1.2", "TLSv1.2", "$stars", "0x4A4b")
	}
	if g.IntN(6) == 0 {
		return "/" + pick(g, `a.*b`, `[a-z]+\.com`, `(x|y){2,3}`, `a\/b`, `[^"]`, `q"#\\`, "é+") + "/"
	}
	const letters = "abcXYZ019 _-./:*?\\\"',[]()&|=<>!é\n"
	var b strings.Builder
	for range 1 + g.IntN(8) {
		b.WriteRune(pick(g, []rune(letters)...))
	}
	if s := b.String(); g.IntN(2) == 0 {
		return `"` + strings.NewReplacer(`"`, `\"`, `\`, `\\`).Replace(s) + `"`
	}
	return strings.Map(func(r rune) rune {
		if r < 0x80 && (endsBare(byte(r)) || r == '\\' || r == '/') {
			return 'k'
		}
		return r
	}, b.String())
}

// Random queries print to text that parses to the same tree, and Compile agrees with Matches on random records.
func TestRandomQueries(t *testing.T) {
	parsed := 0
	for seed := range uint64(2000) {
		kind := record.Kind(seed % uint64(record.Kinds))
		g := newGenerator(seed, kind)
		o := testOptions(kind)
		text := g.query()
		checkTokens(t, text)
		q, err := Parse(text, o)
		if err != nil {
			continue
		}
		parsed++
		checkRoundTrip(t, q, o)
		checkFormat(t, q, o)
		r := sampleRecord(kind)
		if Matches(q.Where, r) != Compile(q.Where)(r) {
			t.Errorf("%q: Matches and Compile differ", text)
		}
	}
	if parsed < 700 {
		t.Errorf("only %d of 2000 random queries parse", parsed)
	}
}
