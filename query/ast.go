package query

import "github.com/tapir-project/tapir/record"

// Query is a parsed and bound query: what Parse returns. It is immutable.
type Query struct {
	Text   string // as it was written
	Where  Expr   // nil: everything
	Stages []Stage
	Kind   record.Kind // the kind of record it was bound to
}

// Expr is a bound condition: one of And, Or, Not, Test. Fields that stand for several others, tokens fields, ports
// behind addresses and saved lists are resolved by binding: every Test names a stored field. An evaluator needs
// nothing but these four.
type Expr interface{ expr() }

// And is true if all are; an empty And is true.
type And []Expr

// Or is true if any is; an empty Or is false.
type Or []Expr

// Not is true if X is false. Tests on absent values are false, so Not of one is true.
type Not struct{ X Expr }

// Test is true if a value of Field passes any of Match; with All, if each of Match is passed by some value; without
// any Match, if the field has a value at all.
//
// Fields of the header (record.Header) are tested too. A test of event.id or session.id has Text matchers only: the 26
// characters of the id in capitals, without the node, which is asked for by a test of observer.name beside it.
type Test struct {
	Field *record.Field
	Match []Matcher
	All   bool
}

func (And) expr()   {}
func (Or) expr()    {}
func (Not) expr()   {}
func (*Test) expr() {}

// Matcher is one thing a value can be compared with: one of the types below, chosen to fit the field's type.
type Matcher interface{ matcher() }

// Text equals a term exactly; it is already folded as the field is.
type Text string

// Wildcard matches a whole term; * stands for any run of characters and ? for one character (of UTF-8, or one byte
// that is not); the rest is literal and folded as the field is. A literal * or ? is preceded by a backslash, as is a
// backslash.
type Wildcard string

// Regex matches a whole term: RE2, anchored at both ends, limited to what all stores evaluate alike. It holds literals,
// the dot, which matches line feeds too (RE2's flag s), classes, groups, |, *, +, ? and {n,m}. Punctuation that is an
// operator in RE2 or Lucene is preceded by a backslash where it is literal. Letters are folded as the field is.
type Regex string

// Substring is contained in a term; AnyCase ignores ASCII case.
type Substring struct {
	S       string
	AnyCase bool
}

// Prefix begins a term.
type Prefix string

// Suffix ends a term.
type Suffix string

// Words are all found in the value, in this order and next to each other, ignoring ASCII case: a phrase. They are in
// lower case. The words of a value are those of SplitWords: runs of letters, digits, underscores and characters beyond
// ASCII; so in RE2 (?i)(^|W)first W+ second(W|$) with W = [^0-9A-Za-z_\x{80}-\x{10ffff}].
type Words []string

// IntRange holds integers, times (ns), durations (ns), bytes and booleans (0, 1): Lo <= value <= Hi.
type IntRange struct{ Lo, Hi int64 }

// FloatRange holds floats: Lo <= value <= Hi, each end left out if its Open is set.
type FloatRange struct {
	Lo, Hi         float64
	OpenLo, OpenHi bool
}

// AddrRange holds addresses: Lo <= value <= Hi as 16-byte numbers. A CIDR, a single address, "ipv4" and "ipv6" are
// ranges too; "ipv6" is two of them, below and above the IPv4-mapped addresses.
type AddrRange struct{ Lo, Hi record.Addr }

func (Text) matcher()       {}
func (Wildcard) matcher()   {}
func (Regex) matcher()      {}
func (Substring) matcher()  {}
func (Prefix) matcher()     {}
func (Suffix) matcher()     {}
func (Words) matcher()      {}
func (IntRange) matcher()   {}
func (FloatRange) matcher() {}
func (AddrRange) matcher()  {}

// Stage is one step behind a pipe: one of the types below.
type Stage interface{ stage() }

// Func is what a metric computes.
type Func uint8

// The metric functions.
const (
	Count Func = iota
	Sum
	Avg
	Min
	Max
	Percentile
	Unique
)

// Metric is one number for each group.
type Metric struct {
	Func  Func
	Field *record.Field // nil for Count
	P     float64       // Percentile: 0 < P < 100
}

// Top is the N groups of Field with the highest metric.
type Top struct {
	N     int
	Field *record.Field
	By    Metric
}

// CountBy counts, by up to five fields.
type CountBy struct{ By []*record.Field }

// Stats computes metrics, by up to five fields.
type Stats struct {
	Metrics []Metric
	By      []*record.Field
}

// Timechart computes a metric for each bucket of time, split by By if that is not nil. Interval 0 means: as fits.
type Timechart struct {
	Interval int64 // ns
	Metric   Metric
	By       *record.Field
}

// Sort orders rows or groups.
type Sort struct {
	Field  *record.Field
	Metric *Metric // a column of an earlier stage, instead of Field
	Desc   bool
}

// Head keeps the first N rows.
type Head struct{ N int }

// Columns chooses what is shown.
type Columns struct{ Fields []*record.Field }

func (Top) stage()       {}
func (CountBy) stage()   {}
func (Stats) stage()     {}
func (Timechart) stage() {}
func (Sort) stage()      {}
func (Head) stage()      {}
func (Columns) stage()   {}
