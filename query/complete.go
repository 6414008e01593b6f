package query

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tapir-project/tapir/record"
)

// CompletionKind is what a completion inserts.
type CompletionKind string

// The kinds of completion.
const (
	CompleteField    CompletionKind = "field"
	CompleteOperator CompletionKind = "operator"
	CompleteValue    CompletionKind = "value"
	CompleteKeyword  CompletionKind = "keyword"
	CompleteStage    CompletionKind = "stage"
)

// String is the name of the kind.
func (k CompletionKind) String() string { return string(k) }

// Completion is one way to go on: Text replaces text[From:To].
type Completion struct {
	Text     string
	Kind     CompletionKind
	Detail   string // a few words for people
	From, To int
}

// maxCompletions bounds the answer of Complete.
const maxCompletions = 50

// wanted is what the parser looks for at a place.
type wanted uint8

const (
	wantField wanted = iota
	wantOp
	wantValue
	wantLogic
	wantStage
	wantArg
)

// hint is what may stand at a place of the text: the parser notes the last such place.
type hint struct {
	what    wanted
	from    int
	field   string // wantOp, wantValue: the field left of it
	op      opcode // wantValue
	start   bool   // wantField: of a condition, so ! and ( may stand there too
	pipe    bool   // wantField: behind a single |, so a stage may stand there too
	stored  bool   // wantField: of a stage, so fields that stand for others cannot
	numeric bool   // wantField: to compute with
	metrics bool   // wantField, wantArg: a metric may stand there too
	words   []string
}

// want notes what may stand at pos. A word that reaches the end of the text may still grow, so what is wanted in its
// place stays noted.
func (p *parser) want(h hint) {
	if p.hint == nil {
		return
	}
	if n := len(p.src); p.pos == n && n > 0 && p.hint.from < n && isOpen(p.src[n-1]) && !strings.ContainsAny(p.src[p.hint.from:], " \t\r\n") {
		return
	}
	if h.what == wantArg && p.hint.from == p.pos { // one more thing that may stand here
		if p.hint.what == wantArg {
			p.hint.words = append(p.hint.words, h.words...)
			p.hint.metrics = p.hint.metrics || h.metrics
		}
		return
	}
	if h.what == wantValue && h.field == "" {
		h.field = p.hint.field // within a list
	}
	h.from = p.pos
	*p.hint = h
}

// isOpen says whether c, as the last byte of the text, leaves a word open that more could be typed to.
func isOpen(c byte) bool {
	return !isSpace(c) && strings.IndexByte(`()[],&|"'=<>!~`, c) < 0
}

// Complete says how a text could go on at pos, best first. What stands behind pos does not count, but the rest of the
// word pos is in is replaced with it.
func Complete(text string, pos int, o Options) []Completion {
	pos = min(max(pos, 0), len(text))
	if pos > MaxText {
		return nil
	}
	h := &hint{}
	p := &parser{src: text[:pos], hint: h}
	_, _, _ = p.query() // an unfinished query is the normal case
	c := completer{o: o, hint: *h, prefix: text[h.from:pos], from: h.from, to: wordEnd(text, pos)}
	switch h.what {
	case wantField:
		c.startWords()
		c.fields()
	case wantOp:
		c.operators()
	case wantValue:
		c.values()
	case wantLogic:
		c.words(CompleteKeyword, "", "&&", "||", "and", "or")
		c.words(CompleteKeyword, "begins a stage", "|")
	case wantStage:
		c.stages()
	case wantArg:
		c.words(CompleteKeyword, "", h.words...)
		c.metrics()
	}
	return c.out[:min(len(c.out), maxCompletions)]
}

// wordEnd is where the word that goes through pos ends.
func wordEnd(text string, pos int) int {
	for pos < len(text) && (isNameByte(text[pos]) || strings.IndexByte("*?/$", text[pos]) >= 0) {
		pos++
	}
	return pos
}

// completer collects completions.
type completer struct {
	o        Options
	hint     hint
	prefix   string
	from, to int
	out      []Completion
}

func (c *completer) add(text string, kind CompletionKind, detail string) {
	c.out = append(c.out, Completion{text, kind, detail, c.from, c.to})
}

// words adds those of words that begin with what is typed.
func (c *completer) words(kind CompletionKind, detail string, words ...string) {
	for _, w := range words {
		if hasPrefixFold(w, c.prefix) {
			c.add(w, kind, detail)
		}
	}
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// startWords adds what else may stand where a field may.
func (c *completer) startWords() {
	if c.hint.pipe {
		c.stages()
	}
	if c.hint.metrics {
		c.metrics()
	}
	if c.hint.start && c.prefix != "" {
		c.words(CompleteKeyword, "none of what follows", "not")
	}
}

func (c *completer) stages() {
	details := [...]string{"top N FIELD [by METRIC]", "count [by FIELD, ...]", "stats METRIC, ... [by FIELD, ...]",
		"timechart [INTERVAL] [METRIC] [by FIELD]", "sort FIELD [asc|desc]", "head N", "fields FIELD, ..."}
	for i, s := range stageNames {
		c.words(CompleteStage, details[i], s)
	}
}

func (c *completer) metrics() {
	if !c.hint.metrics {
		return
	}
	for _, m := range metricNames {
		if m != "count" {
			m += "("
		}
		c.words(CompleteKeyword, "metric", m)
	}
}

// fields adds the fields whose names are like what is typed: those that begin with it, then those a part of which
// does, then those that contain it.
func (c *completer) fields() {
	type found struct {
		name string
		rank int
		f    *record.Field
	}
	var all []found
	for _, f := range c.candidates() {
		best := found{f.Name, likeness(c.prefix, f.Name), f}
		for _, a := range f.Aliases {
			if r := likeness(c.prefix, a); r < best.rank {
				best = found{a, r, f}
			}
		}
		if best.rank < notLike {
			all = append(all, best)
		}
	}
	slices.SortStableFunc(all, func(a, b found) int {
		return cmp.Or(a.rank-b.rank, strings.Count(a.name, ".")-strings.Count(b.name, "."), order(a.f)-order(b.f))
	})
	for _, f := range all[:min(len(all), maxCompletions)] {
		c.add(f.name, CompleteField, fieldDetail(f.f, f.name))
	}
}

// order puts the fields that the registry has first, the general ones, before others.
func order(f *record.Field) int {
	if f == userField || f == viewField {
		return record.NumFields()
	}
	return int(f.ID)
}

// candidates are the fields that fit the place.
func (c *completer) candidates() []*record.Field {
	all := record.Fields()
	if !c.hint.stored {
		all = append(all, userField, viewField)
	}
	return slices.DeleteFunc(all, func(f *record.Field) bool {
		virtual := f.Any != nil || f.Raw != ""
		return !f.Kinds.Has(c.o.Kind) || c.hint.stored && virtual || c.hint.numeric && (!f.Type.Numeric() || f.Type == record.TypeBool)
	})
}

// viewField is how saved queries show among the fields.
var viewField = &record.Field{Name: "view", Type: record.TypeTerm, Kinds: record.InAll, Desc: "A saved query"}

const notLike = 3

// likeness ranks a name: 0 begins with what is typed, 1 has a part that does, 2 contains it.
func likeness(typed, name string) int {
	n := strings.ToLower(name)
	t := strings.ToLower(strings.TrimPrefix(typed, "db:"))
	switch i := strings.Index(n, t); {
	case i < 0:
		return notLike
	case i == 0:
		return 0
	case strings.Contains(n, "."+t):
		return 1
	}
	return 2
}

// fieldDetail is the type and description of a field, and its canonical name if it is offered by another.
func fieldDetail(f *record.Field, name string) string {
	d := f.Type.String() + ": " + f.Desc
	if name != f.Name {
		d += " (" + f.Name + ")"
	}
	return d
}

// operators adds those that can be asked of the field.
func (c *completer) operators() {
	f, ok := lookup(c.hint.field)
	if !ok {
		f = viewField
	}
	for _, op := range opsOf(f.Type) {
		c.words(CompleteOperator, opDetails[op], op)
	}
}

var opDetails = map[string]string{
	"==": "any value is", "!=": "no value is", "<": "less than", "<=": "at most", ">": "more than", ">=": "at least",
	"contains": "has the text within it", "icontains": "has the text within it, in any case", "startswith": "begins with",
	"endswith": "ends with", "glob": "fits a pattern of * and ?", "matches": "fits a regular expression", "in": "is one of (a, b)",
	"pmatch": "is, or lies below, one of the paths (a, b)", "exists": "has any value",
}

// values adds values of the field that are known to occur, and the words its type takes. A field's known values are
// asked for by its canonical name.
func (c *completer) values() {
	f, ok := lookup(c.hint.field)
	name := strings.ToLower(c.hint.field)
	if ok {
		name = f.Name
	}
	if c.o.Values != nil && !strings.HasPrefix(c.prefix, "/") && !strings.HasPrefix(c.prefix, "$") {
		for _, v := range c.o.Values(name, strings.TrimLeft(c.prefix, `"'`)) {
			c.add(c.written(v), CompleteValue, "")
		}
	}
	if !ok {
		return
	}
	c.words(CompleteValue, "", typeValues(f)...)
	if c.hint.op <= opNe {
		c.words(CompleteValue, "has any value", "EXISTS!")
	}
}

// written is a value as it must be typed.
func (c *completer) written(v string) string {
	if strings.HasPrefix(c.prefix, `"`) {
		return quoteText(v)
	}
	return valueText(v)
}

// typeValues are words that values of the field's type can be.
func typeValues(f *record.Field) []string {
	switch {
	case f.Type == record.TypeBool:
		return []string{"true", "false"}
	case f.Type == record.TypeIP:
		return []string{"ipv4", "ipv6"}
	case f.Type == record.TypeTime:
		return []string{"now", "-1h", "-1d", "-7d@d", "@d", "@w1"}
	case f.Name == "event.kind":
		return []string{"session", "transaction", "sample", "sysevent"}
	}
	var out []string
	for k := range f.Also {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
