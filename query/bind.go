package query

import (
	"strings"

	"github.com/tapir-project/tapir/record"
)

// Bounds on what a text may grow to by binding: views, saved lists and fields that stand for several others multiply.
const (
	maxNodes    = 100_000 // conditions
	maxMatchers = 500_000 // values compared with, over all conditions
	maxViews    = 8       // views within views
	maxViewText = 4 << 20 // bytes of all views read
)

// binder turns a syntax tree into tests of stored fields.
type binder struct {
	o        Options
	depth    int // views around what is being bound
	viewText int
	nodes    int
	matchers int
	regexes  int // size of all regular expressions
}

// ask is one test while it is bound: the operator, always a positive one, and its values, saved lists resolved.
type ask struct {
	name   word // the field as written
	op     opcode
	opAt   span
	list   listKind
	values []value
	any    bool // the field is one of those another stands for: values that do not fit it are left out
	words  bool // asked of a *.tokens field
	utf8   bool // asked of a payload8.*.utf8 field
}

// where binds the condition of a query; nil is everything.
func (b *binder) where(n node) (Expr, *Error) {
	if n == nil {
		return nil, nil
	}
	return b.expr(n)
}

func (b *binder) expr(n node) (Expr, *Error) {
	if b.nodes++; b.nodes > maxNodes {
		return nil, errAt(n.place(), "the query asks for more than %d conditions", maxNodes)
	}
	switch n := n.(type) {
	case *logicNode:
		return b.logic(n)
	case *notNode:
		x, err := b.expr(n.x)
		if err != nil {
			return nil, err
		}
		return negate(x), nil
	case *testNode:
		return b.test(n)
	}
	return And{}, nil
}

func (b *binder) logic(n *logicNode) (Expr, *Error) {
	kids := make([]Expr, len(n.kids))
	for i, k := range n.kids {
		e, err := b.expr(k)
		if err != nil {
			return nil, err
		}
		kids[i] = e
	}
	if n.or {
		return Or(kids), nil
	}
	return And(kids), nil
}

// negate is Not of e without double negations and constants.
func negate(e Expr) Expr {
	switch x := e.(type) {
	case Not:
		return x.X
	case And:
		if len(x) == 0 {
			return Or{}
		}
	case Or:
		if len(x) == 0 {
			return And{}
		}
	}
	return Not{e}
}

// test binds FIELD OP VALUE.
func (b *binder) test(t *testNode) (Expr, *Error) {
	a := ask{name: t.field, op: t.op, opAt: t.opAt, list: t.arg.list, values: t.arg.values}
	switch t.op {
	case opNe, opIn:
		a.op = opEq
	case opMissing:
		a.op = opExists
	}
	e, err := b.ask(&a)
	if err != nil {
		return nil, err
	}
	if t.op == opNe || t.op == opMissing {
		e = negate(e)
	}
	return e, nil
}

func (b *binder) ask(a *ask) (Expr, *Error) {
	if isView(a.name.text) {
		return b.views(a)
	}
	f, err := b.field(a.name)
	if err != nil {
		return nil, err
	}
	if err := b.resolve(a); err != nil {
		return nil, err
	}
	if f.Raw != "" {
		f, _ = record.Lookup(f.Raw)
		a.words = true
	}
	if f.Any != nil {
		return b.anyField(f, a)
	}
	return b.stored(f, a)
}

// field finds the field of a name among those that the kind asked for can have.
func (b *binder) field(w word) (*record.Field, *Error) {
	f, ok := lookup(w.text)
	if !ok {
		e := unknownField(w, 1<<b.o.Kind)
		if len(e.Suggest) == 0 {
			e.Suggest = nearestFields(w.text, record.InAll)
		}
		if len(e.Suggest) == 0 {
			e.expect("a field of " + kindWords[b.o.Kind] + ` as "tapir fields" lists them`)
		}
		return nil, e
	}
	if !f.Kinds.Has(b.o.Kind) {
		return nil, errAt(w.at, "%s is a field of %s, not of %s", w.text, kindList(f.Kinds), kindWords[b.o.Kind])
	}
	return f, nil
}

// lookup finds a field of the registry, or "user", which stands for every user's name.
func lookup(name string) (*record.Field, bool) {
	if strings.EqualFold(name, userField.Name) {
		return userField, true
	}
	return record.Lookup(name)
}

// userField stands for the users of all protocols: user.name and every field whose name ends in .user. It is not in
// the registry because user is there an alias of the one field that Arkime has.
var userField = func() *record.Field {
	f := &record.Field{Name: "user", Type: record.TypeTerm, Kinds: record.InFlow | record.InSysEvent, Desc: "Any user of the record"}
	for _, g := range record.Fields() {
		if g.Type == record.TypeTerm && g.Stored() && (g.Name == "user.name" || strings.HasSuffix(g.Name, ".user")) {
			f.Any = append(f.Any, g.Name)
		}
	}
	return f
}()

var kindWords = [record.Kinds]string{"sessions", "transactions", "samples", "system events"}

func kindList(set record.KindSet) string {
	var words []string
	for k, w := range kindWords {
		if set.Has(record.Kind(k)) {
			words = append(words, w)
		}
	}
	return strings.ReplaceAll(orList(words), " or ", " and ")
}

// members are the fields that an Any field stands for in records of this kind.
func members(f *record.Field, kind record.Kind) []*record.Field {
	var out []*record.Field
	for _, name := range f.Any {
		if g, ok := record.Lookup(name); ok && g.Kinds.Has(kind) {
			out = append(out, g)
		}
	}
	return out
}

// anyField binds a test of a field that stands for several others. Their values are taken together as one set, so each
// of ]a,b[ may be found in another field.
func (b *binder) anyField(f *record.Field, a *ask) (Expr, *Error) {
	if a.list == allOf && len(a.values) > 1 {
		all := make(And, len(a.values))
		for i := range a.values {
			one := *a
			one.values, one.list = a.values[i:i+1], single
			e, err := b.anyField(f, &one)
			if err != nil {
				return nil, err
			}
			all[i] = e
		}
		return all, nil
	}
	one := *a
	one.any, one.utf8 = true, strings.HasSuffix(f.Name, ".utf8")
	var or Or
	for _, m := range members(f, b.o.Kind) {
		e, err := b.stored(m, &one)
		if err != nil {
			return nil, err
		}
		if e != nil {
			or = append(or, e)
		}
	}
	switch len(or) {
	case 0:
		return nil, errAt(a.name.at, "no field of %s that %s stands for can have such a value", kindWords[b.o.Kind], a.name.text)
	case 1:
		return or[0], nil
	}
	return or, nil
}

// item is what one value asks for: matchers of the field, or a condition of its own where another field comes in.
type item struct {
	match []Matcher
	expr  Expr
}

func (i item) empty() bool { return i.match == nil && i.expr == nil }

// stored binds a test of a field that records hold. The result is nil if, as one of several fields, it cannot pass.
func (b *binder) stored(f *record.Field, a *ask) (Expr, *Error) {
	if b.nodes++; b.nodes > maxNodes {
		return nil, errAt(a.name.at, "the query asks for more than %d conditions", maxNodes)
	}
	if a.op == opExists {
		return &Test{Field: f}, nil
	}
	if err := fits(f, a); err != nil {
		return nil, err
	}
	items := make([]item, 0, len(a.values))
	for i := range a.values {
		v := &a.values[i]
		if v.isStar() && (a.op == opEq || a.op == opGlob) {
			if a.list == allOf {
				continue // whatever else is asked for, a value is there
			}
			return &Test{Field: f}, nil
		}
		it, err := b.item(f, a, v)
		if err != nil {
			return nil, err
		}
		if b.matchers += len(it.match); b.matchers > maxMatchers {
			return nil, errAt(v.at, "the query compares with more than %d values", maxMatchers)
		}
		if !it.empty() {
			items = append(items, it)
		}
	}
	switch {
	case len(items) == 0 && a.list == allOf:
		return &Test{Field: f}, nil
	case len(items) == 0:
		return nil, nil
	case a.list == allOf:
		return combineAll(f, items), nil
	}
	return combineAny(f, items), nil
}

// isStar says whether v is a lone *, which asks for any value at all.
func (v *value) isStar() bool { return v.text == "*" && v.kind <= quotedValue }

// item binds one value.
func (b *binder) item(f *record.Field, a *ask, v *value) (item, *Error) {
	switch f.Type {
	case record.TypeTerm, record.TypeText:
		return b.term(f, a, v)
	case record.TypeIP:
		return b.address(f, a, v)
	case record.TypeFloat:
		return floatItem(f, a, v)
	}
	return b.integer(f, a, v)
}

// combineAny makes one test of all plain matchers, and an Or if there are conditions beside it.
func combineAny(f *record.Field, items []item) Expr {
	var match []Matcher
	var or Or
	for _, it := range items {
		match = append(match, it.match...)
		if it.expr != nil {
			or = append(or, it.expr)
		}
	}
	if match != nil {
		t := &Test{Field: f, Match: distinct(match)}
		if or == nil {
			return t
		}
		or = append(Or{t}, or...)
	}
	if len(or) == 1 {
		return or[0]
	}
	return or
}

// combineAll makes one test if each value became one matcher, else an And of tests.
func combineAll(f *record.Field, items []item) Expr {
	var match []Matcher
	var and And
	plain := true
	for _, it := range items {
		plain = plain && it.expr == nil && len(it.match) == 1
		match = append(match, it.match...)
		and = append(and, combineAny(f, []item{it}))
	}
	if plain {
		match = distinct(match)
		return &Test{Field: f, Match: match, All: len(match) > 1}
	}
	if len(and) == 1 {
		return and[0]
	}
	return and
}

// distinct leaves out repeated matchers. The result is never longer than what is there.
func distinct(match []Matcher) []Matcher {
	if len(match) < 2 {
		return match
	}
	seen := make(map[any]bool, len(match))
	out := match[:0:0]
	for _, m := range match {
		key := any(m)
		if w, ok := m.(Words); ok {
			key = strings.Join(w, " ")
		}
		if !seen[key] {
			seen[key] = true
			out = append(out, m)
		}
	}
	return out
}

// fits says whether the operator can be asked of fields of this type.
func fits(f *record.Field, a *ask) *Error {
	switch {
	case f.Type <= record.TypeText && (a.op < opLt || a.op > opGe):
		return nil
	case f.Type == record.TypeBool && a.op == opEq:
		return nil
	case f.Type > record.TypeText && f.Type != record.TypeBool && a.op <= opGe:
		return nil
	}
	return errAt(a.opAt, "%s cannot be asked of %s, which is %s", a.op, a.name.text, typeWords[f.Type]).expect(opsOf(f.Type)...)
}

// opsOf are the operators that can be asked of fields of a type, as errors and completions name them.
func opsOf(t record.Type) []string {
	switch t {
	case record.TypeTerm, record.TypeText:
		return []string{"==", "!=", "in", "contains", "icontains", "startswith", "endswith", "glob", "matches", "pmatch", "exists"}
	case record.TypeBool:
		return []string{"==", "!=", "exists"}
	}
	return []string{"==", "!=", "<", "<=", ">", ">=", "in", "exists"}
}

var typeWords = [...]string{"text", "text", "an address", "an integer", "a number", "true or false", "a date", "a duration", "a number of bytes"}

// resolve replaces the saved lists among a's values by what they hold.
func (b *binder) resolve(a *ask) *Error {
	for i := range a.values {
		if a.values[i].kind == shortcutValue {
			return b.resolveAll(a)
		}
	}
	return nil
}

func (b *binder) resolveAll(a *ask) *Error {
	var out []value
	for _, v := range a.values {
		if v.kind != shortcutValue {
			out = append(out, v)
			continue
		}
		if a.op != opEq {
			return errAt(v.at, "a saved list works with ==, != and in only").expect("==", "!=", "in")
		}
		values, ok := []string(nil), false
		if b.o.Shortcuts != nil {
			values, ok = b.o.Shortcuts(v.text)
		}
		if !ok || len(values) == 0 {
			return errAt(v.at, "there is no saved list %s with values; a text that begins with $ stands in quotes", quote(v.text))
		}
		if b.matchers += len(values); b.matchers > maxMatchers {
			return errAt(v.at, "the query compares with more than %d values", maxMatchers)
		}
		for _, s := range values {
			out = append(out, value{listedValue, s, v.at})
		}
	}
	a.values = out
	if a.list == single {
		a.list = anyOf
	}
	return nil
}

// isView says whether name asks for a saved query.
func isView(name string) bool {
	return strings.EqualFold(name, "view") || strings.EqualFold(name, "viewand")
}

// views puts the conditions of saved queries in place of a test of their names.
func (b *binder) views(a *ask) (Expr, *Error) {
	if a.op != opEq {
		return nil, errAt(a.opAt, "a view is named with ==, != or in").expect("==", "!=", "in")
	}
	kids := make([]Expr, 0, len(a.values))
	for i := range a.values {
		e, err := b.view(&a.values[i])
		if err != nil {
			return nil, err
		}
		kids = append(kids, e)
	}
	switch {
	case len(kids) == 1:
		return kids[0], nil
	case a.list == allOf:
		return And(kids), nil
	}
	return Or(kids), nil
}

func (b *binder) view(v *value) (Expr, *Error) {
	text, ok := "", false
	if b.o.Views != nil {
		text, ok = b.o.Views(unescape(v.text))
	}
	if !ok {
		return nil, errAt(v.at, "there is no view %s", quote(v.text))
	}
	if b.viewText += len(text); b.depth >= maxViews || b.viewText > maxViewText {
		return nil, errAt(v.at, "views within views are more than %d deep or %d bytes long; does one refer to itself?", maxViews, maxViewText)
	}
	b.depth++
	defer func() { b.depth-- }()
	where, stages, err := parseText(text, 1<<b.o.Kind)
	if err == nil && stages != nil {
		err = &Error{Msg: "it has stages; only its condition can stand here"}
	}
	var e Expr = And{}
	if err == nil && where != nil {
		e, err = b.expr(where)
	}
	if err != nil {
		if err.Pos, err.End = v.at.from, v.at.to; !strings.HasPrefix(err.Msg, "in view ") {
			err.Msg = "in view " + quote(v.text) + ": " + err.Msg
		}
		return nil, err
	}
	return e, nil
}
