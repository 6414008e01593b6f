package query

import (
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/tapir-project/tapir/record"
)

// printer writes bound queries so that Parse makes the same tree of the text.
type printer struct {
	dst   []byte
	kind  record.Kind
	sugar bool // write "ip == x" where that is what the tests of all its fields say
}

func (p *printer) add(s ...string) {
	for _, x := range s {
		p.dst = append(p.dst, x...)
	}
}

func (p *printer) query(q *Query) {
	if q.Where != nil {
		p.expr(q.Where, false)
	}
	for _, s := range q.Stages {
		if len(p.dst) > 0 {
			p.add(" ")
		}
		p.add("| ")
		p.stage(s)
	}
}

// expr writes a condition, within parentheses if it is one of several and not a single test.
func (p *printer) expr(e Expr, inner bool) {
	switch e := e.(type) {
	case And:
		if len(e) == 0 {
			p.add("*")
			return
		}
		p.list(e, " && ", inner)
	case Or:
		if len(e) == 0 {
			p.add("!*")
		} else if f, t := p.anyTest(e); f != nil {
			p.test(f, t, false)
		} else {
			p.list(e, " || ", inner)
		}
	case Not:
		p.not(e)
	case *Test:
		p.test(e.Field, e, false)
	}
}

func (p *printer) list(kids []Expr, sep string, inner bool) {
	if inner && len(kids) > 1 {
		p.add("(")
	}
	for i, k := range kids {
		if i > 0 {
			p.add(sep)
		}
		p.expr(k, true)
	}
	if inner && len(kids) > 1 {
		p.add(")")
	}
}

func (p *printer) not(n Not) {
	switch x := n.X.(type) {
	case *Test:
		p.test(x.Field, x, true)
		return
	case Or:
		if f, t := p.anyTest(x); f != nil {
			p.test(f, t, true)
			return
		}
	}
	p.add("!")
	p.expr(n.X, true)
}

// anyTest finds the field that stands for several others and the test of it that binds to these tests. Which of the
// members' values to write is tried out, because folding loses letters' case.
func (p *printer) anyTest(e Or) (*record.Field, *Test) {
	if !p.sugar || len(e) < 2 {
		return nil, nil
	}
	first, ok := e[0].(*Test)
	if !ok {
		return nil, nil
	}
	for _, f := range anyFields[first.Field.ID] {
		fields := members(f, p.kind)
		if len(fields) != len(e) || !sameFields(fields, e) {
			continue
		}
		for i, k := range e {
			if t := k.(*Test); (i == 0 || !reflect.DeepEqual(t.Match, first.Match)) && p.binds(f, t, e) {
				return f, t
			}
		}
	}
	return nil, nil
}

// anyFields are, for each field, those that stand for it among others.
var anyFields = func() map[record.FieldID][]*record.Field {
	all := map[record.FieldID][]*record.Field{}
	for _, f := range append(record.Fields(), userField) {
		for _, name := range f.Any {
			if m, ok := record.Lookup(name); ok {
				all[m.ID] = append(all[m.ID], f)
			}
		}
	}
	return all
}()

// sameFields says whether e tests just these fields, each once and in this order.
func sameFields(fields []*record.Field, e Or) bool {
	for i, k := range e {
		if t, ok := k.(*Test); !ok || t.Field != fields[i] {
			return false
		}
	}
	return true
}

// binds says whether the test t, asked of f, becomes e.
func (p *printer) binds(f *record.Field, t *Test, e Expr) bool {
	try := printer{kind: p.kind}
	try.test(f, t, false)
	q, err := Parse(string(try.dst), Options{Kind: p.kind})
	return err == nil && reflect.DeepEqual(q.Where, e)
}

// test writes a test of one field, negated or not. f is the field to name, which t's stands for.
func (p *printer) test(f *record.Field, t *Test, not bool) {
	if len(t.Match) == 0 {
		p.add(f.Name, map[bool]string{false: " == EXISTS!", true: " != EXISTS!"}[not])
		return
	}
	op, values := testForm(t)
	switch {
	case op == "": // no single test says this
		p.spread(f, t, not)
		return
	case op == "words":
		f, op = wordsField(t.Field), "=="
	}
	switch {
	case not && op == "==":
		op = "!="
	case not:
		p.add("!(")
		defer p.add(")")
	}
	p.add(f.Name, " ", op, " ")
	switch {
	case op == "pmatch":
		p.add("(", strings.Join(values, ", "), ")")
	case len(values) == 1:
		p.add(values[0])
	case t.All:
		p.add("]", strings.Join(values, ", "), "[")
	default:
		p.add("[", strings.Join(values, ", "), "]")
	}
}

// spread writes a test whose matchers need different operators, as a condition that means the same.
func (p *printer) spread(f *record.Field, t *Test, not bool) {
	kids := make([]Expr, len(t.Match))
	for i, m := range t.Match {
		kids[i] = &Test{Field: t.Field, Match: []Matcher{m}}
	}
	var e Expr = Or(kids)
	if t.All {
		e = And(kids)
	}
	if not {
		p.add("!")
	}
	p.expr(e, true)
}

// testForm finds the operator under which all matchers of t can be written, and their values. The operator is "" if
// there is none.
func testForm(t *Test) (op string, values []string) {
	if op, v, ok := rangeForm(t); ok {
		return op, []string{v}
	}
	if dirs := pathForm(t.Match); dirs != nil && !t.All {
		return "pmatch", dirs
	}
	if isEveryV6(t.Match) && !t.All {
		return "==", []string{"ipv6"}
	}
	for _, m := range t.Match {
		o, v := matcherForm(t.Field, m)
		switch _, exact := m.(Text); {
		case op == "" || op == o:
			op = o
		case op == "==" && o == "words" && !hasText(t.Match), op == "words" && o == "==" && !exact:
			op = "words" // which takes wildcards and regular expressions too
		default:
			return "", nil
		}
		values = append(values, v)
	}
	return op, values
}

func hasText(match []Matcher) bool {
	return slices.ContainsFunc(match, func(m Matcher) bool { _, ok := m.(Text); return ok })
}

// rangeForm is the form of a single matcher that is open on one side.
func rangeForm(t *Test) (op, value string, ok bool) {
	if len(t.Match) != 1 {
		return "", "", false
	}
	switch m := t.Match[0].(type) {
	case IntRange:
		switch {
		case m.Lo == math.MinInt64 && m.Hi == math.MaxInt64:
		case m.Lo == math.MinInt64:
			return "<=", intText(t.Field, m.Hi), true
		case m.Hi == math.MaxInt64:
			return ">=", intText(t.Field, m.Lo), true
		}
	case FloatRange:
		return floatForm(m)
	}
	return "", "", false
}

func floatForm(m FloatRange) (op, value string, ok bool) {
	switch {
	case math.IsInf(m.Lo, -1) && m.OpenHi:
		return "<", floatText(m.Hi), true
	case math.IsInf(m.Lo, -1):
		return "<=", floatText(m.Hi), true
	case math.IsInf(m.Hi, 1) && m.OpenLo:
		return ">", floatText(m.Lo), true
	case math.IsInf(m.Hi, 1):
		return ">=", floatText(m.Lo), true
	}
	return "", "", false
}

// pathForm are the directories if the matchers are those of pmatch, else nil.
func pathForm(match []Matcher) (dirs []string) {
	for i := 0; i < len(match); i++ {
		if m, ok := match[i].(Prefix); ok && m == "/" {
			dirs = append(dirs, `"/"`)
			continue
		}
		dir, ok := match[i].(Text)
		if !ok || i+1 == len(match) || match[i+1] != Matcher(Prefix(dir+"/")) {
			return nil
		}
		dirs = append(dirs, valueText(string(dir)))
		i++
	}
	return dirs
}

func isEveryV6(match []Matcher) bool {
	return len(match) == 2 && match[0] == Matcher(everyV6[0]) && match[1] == Matcher(everyV6[1])
}

// matcherForm is the operator and the value of one matcher.
func matcherForm(f *record.Field, m Matcher) (op, value string) {
	switch m := m.(type) {
	case Text:
		return "==", valueText(string(m))
	case Wildcard:
		return "==", `"` + strings.ReplaceAll(string(m), `"`, `\"`) + `"`
	case Regex:
		return "==", "/" + strings.ReplaceAll(string(m), "/", `\/`) + "/"
	case Substring:
		if m.AnyCase {
			return "icontains", valueText(m.S)
		}
		return "contains", valueText(m.S)
	case Prefix:
		return "startswith", valueText(string(m))
	case Suffix:
		return "endswith", valueText(string(m))
	case Words:
		return "words", valueText(strings.Join(m, " "))
	case IntRange:
		if m.Lo == m.Hi {
			return "==", intText(f, m.Lo)
		}
		if f.Type == record.TypeTime {
			return "==", intText(f, m.Lo) + ".." + intText(f, m.Hi)
		}
		return "==", intText(f, m.Lo) + "-" + intText(f, m.Hi)
	case FloatRange:
		if m.Lo == m.Hi {
			return "==", floatText(m.Lo)
		}
		return "==", floatText(m.Lo) + "-" + floatText(m.Hi)
	case AddrRange:
		return "==", addrText(m)
	}
	return "", ""
}

// wordsField is the field that words of f's values are asked of.
func wordsField(f *record.Field) *record.Field {
	if f.Type == record.TypeText {
		return f
	}
	for _, g := range record.Fields() {
		if g.Raw == f.Name {
			return g
		}
	}
	return nil
}

// valueText is a text as a value, in quotes where it needs them.
func valueText(s string) string {
	for i := range len(s) {
		if c := s[i]; !isAlnum(c) && (i == 0 || strings.IndexByte("_.:@-", c) < 0) {
			return quoteText(s)
		}
	}
	if s == "" {
		return quoteText(s)
	}
	return s
}

// quoteText is a text in quotes; what would be a wildcard or an escape is escaped.
func quoteText(s string) string {
	return `"` + strings.ReplaceAll(literal(s), `"`, `\"`) + `"`
}

func floatText(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// intText is a number as its field's type is written; durations with the largest unit that needs no fraction.
func intText(f *record.Field, n int64) string {
	switch f.Type {
	case record.TypeTime:
		return string(record.AppendTime(nil, n))
	case record.TypeBool:
		if n == 0 || n == 1 {
			return strconv.FormatBool(n == 1)
		}
	case record.TypeDuration:
		return durationText(n)
	}
	return strconv.FormatInt(n, 10)
}

func durationText(n int64) string {
	for i := len(durationUnits) - 2; i > 1; i-- { // from d down to us
		if u := durationUnits[i]; n != 0 && n%u.size == 0 && u.name != "µs" {
			return strconv.FormatInt(n/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10) + "ns"
}

// addrText is a range of addresses as an address, a network or a range.
func addrText(r AddrRange) string {
	if r == everyV4 {
		return "ipv4"
	}
	if r.Lo == r.Hi {
		return addrString(r.Lo)
	}
	for bits := 127; bits >= 0; bits-- {
		if network(r.Lo, bits) == r {
			if r.Lo.Is4() && r.Hi.Is4() {
				bits -= 96
			}
			return addrString(r.Lo) + "/" + strconv.Itoa(bits)
		}
	}
	return addrString(r.Lo) + "-" + addrString(r.Hi)
}

func addrString(a record.Addr) string { return a.String() }

// String is the metric as it is written.
func (m Metric) String() string {
	if m.Func == Count {
		return "count"
	}
	name := ""
	for n, f := range funcs {
		if f == m.Func {
			name = n
		}
	}
	if m.Func == Percentile {
		name += floatText(m.P)
	}
	return name + "(" + m.Field.Name + ")"
}

// stage writes a stage without its pipe.
func (p *printer) stage(s Stage) {
	switch s := s.(type) {
	case Top:
		p.add("top ", strconv.Itoa(s.N), " ", s.Field.Name, " by ", s.By.String())
	case CountBy:
		p.add("count")
		p.by(s.By)
	case Stats:
		p.add("stats ")
		for i, m := range s.Metrics {
			p.add([]string{"", ", "}[min(i, 1)], m.String())
		}
		p.by(s.By)
	case Timechart:
		p.add("timechart ")
		if s.Interval > 0 {
			p.add(durationText(s.Interval), " ")
		}
		p.add(s.Metric.String())
		if s.By != nil {
			p.by([]*record.Field{s.By})
		}
	case Sort:
		if s.Metric != nil {
			p.add("sort ", s.Metric.String())
		} else {
			p.add("sort ", s.Field.Name)
		}
		if s.Desc {
			p.add(" desc")
		}
	case Head:
		p.add("head ", strconv.Itoa(s.N))
	case Columns:
		p.add("fields ")
		p.names(s.Fields)
	}
}

func (p *printer) by(fields []*record.Field) {
	if len(fields) > 0 {
		p.add(" by ")
		p.names(fields)
	}
}

func (p *printer) names(fields []*record.Field) {
	for i, f := range fields {
		if i > 0 {
			p.add(", ")
		}
		p.add(f.Name)
	}
}
