package query

// The syntax tree is what the parser makes of the text before names and values mean anything: Parse binds it, Format
// prints it. All positions are byte offsets into the text.

// span is text[from:to].
type span struct{ from, to int }

// word is a piece of the text.
type word struct {
	text string
	at   span
}

// node is a condition: one of *logicNode, *notNode, *allNode, *testNode.
type node interface{ place() span }

// logicNode joins two or more conditions. What stood in parentheses is a node of its own.
type logicNode struct {
	or   bool
	kids []node
}

type notNode struct {
	x  node
	at span // of the ! or not
}

// allNode is a lone *: everything.
type allNode struct{ at span }

// testNode is FIELD OP VALUE.
type testNode struct {
	field word
	op    opcode
	opAt  span
	arg   operand
}

func (n *logicNode) place() span {
	return span{n.kids[0].place().from, n.kids[len(n.kids)-1].place().to}
}
func (n *notNode) place() span { return span{n.at.from, n.x.place().to} }
func (n *allNode) place() span { return n.at }
func (n *testNode) place() span {
	return span{n.field.at.from, max(n.opAt.to, n.arg.at.to)}
}

// listKind says how the values of an operand are joined.
type listKind uint8

const (
	single listKind = iota
	anyOf           // [a,b] or (a,b)
	allOf           // ]a,b[
)

// operand is what stands right of an operator.
type operand struct {
	values []value
	list   listKind
	at     span
}

// valueKind is how a value is written.
type valueKind uint8

const (
	bareValue valueKind = iota
	quotedValue
	regexValue
	shortcutValue
	listedValue // out of a shortcut: means itself, wildcards and escapes do not apply
)

// value is one value as written: text is what stands between the quotes or slashes, behind the $, or the whole word,
// with escapes in place.
type value struct {
	kind valueKind
	text string
	at   span // quotes, slashes and $ included
}

// opcode is an operator.
type opcode uint8

const (
	opEq opcode = iota
	opNe
	opLt
	opLe
	opGt
	opGe
	opContains
	opIContains
	opStarts
	opEnds
	opGlob
	opMatches
	opPmatch
	opIn
	opExists
	opMissing // != EXISTS!
)

// opNames are the operators as they are printed.
var opNames = [...]string{"==", "!=", "<", "<=", ">", ">=", "contains", "icontains", "startswith", "endswith", "glob",
	"matches", "pmatch", "in", "exists", "!= EXISTS!"}

func (o opcode) String() string { return opNames[o] }

// symbolOps are the operators made of symbols, longer ones before those they begin with.
var symbolOps = []struct {
	text string
	op   opcode
}{{"==", opEq}, {"=~", opMatches}, {"=", opEq}, {"!=", opNe}, {"<=", opLe}, {"<", opLt}, {">=", opGe}, {">", opGt}, {"~", opMatches}}

// wordOps are the operators made of letters: the grammar's, sysdig's regex and Wireshark's two-letter ones.
var wordOps = map[string]opcode{
	"contains": opContains, "icontains": opIContains, "startswith": opStarts, "endswith": opEnds, "glob": opGlob,
	"matches": opMatches, "regex": opMatches, "pmatch": opPmatch, "in": opIn, "exists": opExists,
	"eq": opEq, "ne": opNe, "lt": opLt, "le": opLe, "gt": opGt, "ge": opGe,
}

// plain says that a value of o is taken as it is: a slash at its start begins a path, not a regular expression.
func (o opcode) plain() bool {
	switch o {
	case opContains, opIContains, opStarts, opEnds, opGlob, opPmatch, opIn:
		return true
	}
	return false
}

// stageNode is a stage as written; which members are set depends on its name.
type stageNode struct {
	name     string // in lower case
	at       span   // of the name
	n        int    // top, head
	interval *word  // timechart
	fields   []word // top, sort, fields
	metrics  []metricNode
	by       []word
	desc     bool
	to       int // where the stage ends
}

// metricNode is a metric as written: count or fn(field).
type metricNode struct {
	fn    string // in lower case: count, sum, avg, min, max, unique, p
	p     float64
	field word // empty for count
	at    span
}

// stageNames are the stages, in the order in which they are shown.
var stageNames = []string{"top", "count", "stats", "timechart", "sort", "head", "fields"}

// metricNames are the functions of metrics as they are shown to people; any p from p0.1 to p99.9 is taken.
var metricNames = []string{"count", "sum", "avg", "min", "max", "unique", "p50", "p90", "p95", "p99"}
