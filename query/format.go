package query

import (
	"strconv"
	"strings"

	"github.com/tapir-project/tapir/record"
)

// maxLine is the length in bytes from which on Format breaks a query into lines.
const maxLine = 100

// Format lays a query out: single blanks, the usual spelling of operators, and, if it is long, one condition or stage
// to a line. Names and values stay as they are written. The error, if there is one, is an *Error.
func Format(text string) (string, error) {
	where, stages, err := parseText(text, record.InAll)
	if err != nil {
		return "", err.place(text)
	}
	f := formatter{src: text}
	f.query(where, stages, " ", " ")
	if f.Len() > maxLine {
		f = formatter{src: text}
		f.query(where, stages, "\n  ", "\n")
	}
	return f.String(), nil
}

// formatter writes a syntax tree.
type formatter struct {
	strings.Builder
	src string
}

func (f *formatter) add(s ...string) {
	for _, x := range s {
		f.WriteString(x)
	}
}

// query writes all; before stands before each further condition, pipe before each stage.
func (f *formatter) query(where node, stages []stageNode, before, pipe string) {
	if l, ok := where.(*logicNode); ok {
		f.logic(l, before)
	} else if where != nil {
		f.node(where)
	}
	for i := range stages {
		if f.Len() > 0 {
			f.add(pipe)
		}
		f.add("| ")
		f.stage(&stages[i])
	}
}

func (f *formatter) logic(l *logicNode, before string) {
	sign := "&& "
	if l.or {
		sign = "|| "
	}
	for i, k := range l.kids {
		if i > 0 {
			f.add(before, sign)
		}
		f.node(k)
	}
}

// node writes a condition that is one of several or negated; of several conditions it needs parentheses only if they
// stood in such, or are joined by && within ||.
func (f *formatter) node(n node) {
	switch n := n.(type) {
	case *logicNode:
		f.add("(")
		f.logic(n, " ")
		f.add(")")
	case *notNode:
		f.not(n.x)
	case *allNode:
		f.add("*")
	case *testNode:
		f.test(n)
	}
}

// not writes a negation. Around a test with another operator than == parentheses make clear what is negated.
func (f *formatter) not(x node) {
	f.add("!")
	if t, ok := x.(*testNode); ok && t.op != opEq && t.op < opExists {
		f.add("(")
		f.node(x)
		f.add(")")
		return
	}
	f.node(x)
}

func (f *formatter) test(n *testNode) {
	f.add(n.field.text)
	switch n.op {
	case opExists:
		f.add(" == EXISTS!")
		return
	case opMissing:
		f.add(" != EXISTS!")
		return
	}
	f.add(" ", n.op.String(), " ")
	if n.arg.list == single {
		f.value(n.op, n.arg.values[0])
		return
	}
	open, closer := "[", "]"
	switch {
	case n.arg.list == allOf:
		open, closer = "]", "["
	case f.src[n.arg.at.from] == '(':
		open, closer = "(", ")"
	}
	f.add(open)
	for i, v := range n.arg.values {
		if i > 0 {
			f.add(", ")
		}
		f.value(n.op, v)
	}
	f.add(closer)
}

// value writes a value as it is in the text. One without quotes that holds blanks, such as a date with a time of day,
// gets some.
func (f *formatter) value(op opcode, v value) {
	text := f.src[v.at.from:v.at.to]
	switch {
	case v.kind != bareValue || !strings.ContainsAny(text, " \t\r\n"):
	case op == opMatches:
		text = "/" + escapeSlashes(text) + "/"
	default:
		text = `"` + strings.ReplaceAll(pattern(text), `"`, `\"`) + `"`
	}
	f.add(text)
}

// escapeSlashes puts a backslash before each slash of a regular expression that has none.
func escapeSlashes(re string) string {
	var b strings.Builder
	for i := 0; i < len(re); i++ {
		if re[i] == '/' {
			b.WriteByte('\\')
		}
		b.WriteByte(re[i])
		if re[i] == '\\' && i+1 < len(re) {
			i++
			b.WriteByte(re[i])
		}
	}
	return b.String()
}

func (f *formatter) stage(s *stageNode) {
	f.add(s.name)
	switch s.name {
	case "top", "head":
		f.add(" ", strconv.Itoa(s.n))
	case "timechart":
		if s.interval != nil {
			f.add(" ", s.interval.text)
		}
	}
	sep := " "
	for _, w := range s.fields {
		f.add(sep, w.text)
		sep = ", "
	}
	sep = " "
	if s.name == "top" && s.metrics != nil {
		sep = " by "
	}
	for _, m := range s.metrics {
		f.add(sep, m.text())
		sep = ", "
	}
	sep = " by "
	for _, w := range s.by {
		f.add(sep, w.text)
		sep = ", "
	}
	if s.desc {
		f.add(" desc")
	}
}

// text is the metric as it is written.
func (m *metricNode) text() string {
	switch m.fn {
	case "count":
		return "count"
	case "p":
		return "p" + floatText(m.p) + "(" + m.field.text + ")"
	}
	return m.fn + "(" + m.field.text + ")"
}
