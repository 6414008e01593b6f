package query

import "github.com/tapir-project/tapir/record"

// Condition is a condition as it is written, before names and values mean anything: what package sys binds to the
// fields of an event that is still in the making. It is All or Any of Kids, not Kids[0], everything, or a single test.
type Condition struct {
	Logic  Logic
	Kids   []*Condition
	Field  string // as it is written, its argument included
	Op     string // "==", "!=", "<", "<=", ">", ">=", "contains", ..., "in", "exists", as the grammar lists them
	Values []string
	Pos    int // bytes into the text: of the field, or where the condition begins
	ValPos int // of the first value
}

// Logic is how the parts of a condition are joined.
type Logic uint8

// The kinds of condition. Always is a lone *.
const (
	Single Logic = iota
	All
	Any
	Negation
	Always
)

// Conditions reads a query without stages. Its error, if there is one, is an *Error. An empty text is nil.
func Conditions(text string) (*Condition, error) {
	where, stages, err := parseText(text, record.InSysEvent)
	if err == nil && stages != nil {
		err = errAt(stages[0].at, "stages behind | need a stored capture")
	}
	if err != nil {
		return nil, err.place(text)
	}
	if where == nil {
		return nil, nil
	}
	return condition(where), nil
}

// ErrorAt is an error about the word of text that begins at byte pos.
func ErrorAt(text string, pos int, msg string) error {
	p := parser{src: text, pos: pos}
	return errAt(p.here(), "%s", msg).place(text)
}

func condition(n node) *Condition {
	switch n := n.(type) {
	case *logicNode:
		c := &Condition{Logic: All, Pos: n.place().from}
		if n.or {
			c.Logic = Any
		}
		for _, k := range n.kids {
			c.Kids = append(c.Kids, condition(k))
		}
		return c
	case *notNode:
		return &Condition{Logic: Negation, Kids: []*Condition{condition(n.x)}, Pos: n.at.from}
	case *testNode:
		c := &Condition{Field: n.field.text, Op: n.op.String(), Pos: n.field.at.from, ValPos: n.arg.at.from}
		for _, v := range n.arg.values {
			text := v.text
			if v.kind == quotedValue {
				text = unquoteSlashes(text)
			} else if v.kind == shortcutValue {
				text = "$" + text
			} else if v.kind == regexValue {
				if c.Op == "==" || c.Op == "!=" { // to sysdig it is a path
					text = "/" + text + "/"
				}
			}
			c.Values = append(c.Values, text)
		}
		return c
	}
	return &Condition{Logic: Always, Pos: n.place().from}
}

// unquoteSlashes takes the backslashes away that keep a quote from ending the text.
func unquoteSlashes(s string) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\'' || s[i+1] == '\\') {
			i++
		}
		out = append(out, s[i])
	}
	return string(out)
}
