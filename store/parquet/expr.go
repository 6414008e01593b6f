package parquet

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/record"
)

// question writes the SQL of one question and notes which columns it needs. The SQL holds values only as quoted
// literals (see quote), never as they came.
//
// Conditions are written so that NULL stands for false, as WHERE takes it; only below a NOT it is made false.
type question struct {
	kind record.Kind
	have []bool // by slot: columns that occur in the files; nil: any may
	need map[slot]bool
}

func newQuestion(kind record.Kind, have []bool) *question {
	return &question{kind: kind, have: have, need: map[slot]bool{slotStart: true, slotEnd: true}}
}

func (q *question) has(s slot) bool { return q.have == nil || q.have[s] }

// col is the name of a column, quoted; NULL for one that no file has.
func (q *question) col(s slot) string {
	if !q.has(s) {
		return "NULL::" + sqlType(s)
	}
	q.need[s] = true
	return ident(specs[s].name)
}

func ident(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// quote makes a text a literal. Columns hold UTF-8 with U+FFFD for what is none (builder), so literals do; and since
// SQL reaches DuckDB as a C string, a NUL is spelt out.
func quote(s string) string {
	parts := strings.Split(validText(s), "\x00")
	for i, p := range parts {
		parts[i] = "'" + strings.ReplaceAll(p, "'", "''") + "'"
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return "(" + strings.Join(parts, " || chr(0) || ") + ")"
}

func quoteAddr(a record.Addr) string { return quoteUUID(a) }

func quoteUUID(b [16]byte) string {
	return fmt.Sprintf("'%x-%x-%x-%x-%x'::UUID", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func quoteTime(t int64) string { return "make_timestamp_ns(" + strconv.FormatInt(t, 10) + ")" }

// condition is e as SQL.
func (q *question) condition(e query.Expr) string {
	switch e := e.(type) {
	case query.And:
		return q.join(e, " AND ", "true")
	case query.Or:
		return q.join(e, " OR ", "false")
	case query.Not:
		return "(" + q.condition(e.X) + ") IS NOT TRUE"
	case *query.Test:
		return q.test(e)
	}
	return "true" // nil: everything
}

func (q *question) join(es []query.Expr, op, none string) string {
	if len(es) == 0 {
		return none
	}
	out := make([]string, len(es))
	for i, e := range es {
		out[i] = "(" + q.condition(e) + ")"
	}
	return strings.Join(out, op)
}

// test is a condition on one field.
func (q *question) test(t *query.Test) string {
	if s, ok := q.special(t); ok {
		return s
	}
	if !q.occurs(t.Field.ID) {
		return "false"
	}
	v := q.value(t.Field)
	if len(t.Match) == 0 {
		return v.sql + " IS NOT NULL"
	}
	if !t.All {
		return v.any(t.Match)
	}
	out := make([]string, len(t.Match))
	for i, m := range t.Match {
		out[i] = "(" + v.any([]query.Matcher{m}) + ")"
	}
	return strings.Join(out, " AND ")
}

// occurs says whether some file may have a value of f.
func (q *question) occurs(f record.FieldID) bool {
	if f == fKind || f == fPart || f == fFinal || f == fSession {
		return true
	}
	for _, s := range sourcesOf(f) {
		if q.has(s) {
			return true
		}
	}
	return false
}

// special handles tests that can do without computing their field for each row.
func (q *question) special(t *query.Test) (string, bool) {
	if t.Field.ID == fCommunity {
		return q.communityTest(t)
	}
	return "", false
}

// communityTest looks for whole Community IDs by the bits that are kept of them.
func (q *question) communityTest(t *query.Test) (string, bool) {
	if len(t.Match) != 1 {
		return "", false
	}
	text, ok := t.Match[0].(query.Text)
	if !ok {
		return "", false
	}
	v := q.value(t.Field)
	own := q.col(slotOf(fCommunity)) + " = " + quote(string(text))
	p := communityPrefix([]byte(text))
	if p < 0 {
		return own, true
	}
	return fmt.Sprintf("%s = %d AND %s = %s OR %s", q.col(slotCommunity), p, v.sql, quote(string(text)), own), true
}

// value is a field as SQL: its first value, and the list of the further ones if it can have some.
type value struct {
	sql  string
	list string
	phys physical
}

// value gives the SQL of a field's values.
func (q *question) value(f *record.Field) value {
	s := slotOf(f.ID)
	switch {
	case f.ID == fKind:
		return value{sql: quote(q.kind.String()), phys: physText}
	case f.ID == fSession && q.kind == record.KindSession:
		return value{sql: q.col(slotID), phys: physID}
	case q.kind != record.KindSession && (f.ID == fPart || f.ID == fFinal):
		return value{sql: "NULL::" + sqlType(s), phys: specs[s].phys}
	case f.ID == fPart:
		return value{sql: "coalesce(" + q.col(s) + ", 0)", phys: physInt}
	case f.ID == fFinal:
		return value{sql: "coalesce(" + q.col(s) + ", true)", phys: physBool}
	}
	v := value{sql: q.col(s), phys: specs[s].phys}
	if d := q.derived(f.ID); d != "" {
		v.sql = d
	}
	if f.Multi(q.kind) && q.has(s.more()) {
		v.list = q.col(s.more())
	}
	return v
}

// derived is the SQL of a field that may follow from others, "" for other fields.
func (q *question) derived(f record.FieldID) string {
	if f == fCommunity {
		return q.communitySQL()
	}
	for i := range derivedRules {
		r := &derivedRules[i]
		if r.field != f {
			continue
		}
		formula := q.col(slotOf(r.a)) + " + " + q.col(slotOf(r.b))
		if r.span != 0 {
			formula = fmt.Sprintf("(epoch_ns(%s) - epoch_ns(%s)) // %d", q.col(slotEnd), q.col(slotStart), r.span)
		}
		return q.ifDerived(r.bit, formula, slotOf(f))
	}
	return ""
}

func (q *question) ifDerived(bit int64, formula string, own slot) string {
	return fmt.Sprintf("CASE WHEN %s & %d <> 0 THEN %s ELSE %s END", q.col(slotDerived), bit, formula, q.col(own))
}

// communitySQL computes Community IDs with a function of ours (engine.go).
func (q *question) communitySQL() string {
	icmp := fmt.Sprintf("%s IN (%d, %d)", q.col(slotOf(fProto)), protoICMP, protoICMPv6)
	end := func(port, icmpField record.FieldID) string {
		return fmt.Sprintf("coalesce(CASE WHEN %s THEN %s ELSE %s END, 0)", icmp, q.col(slotOf(icmpField)), q.col(slotOf(port)))
	}
	return q.ifDerived(communityBit, fmt.Sprintf("community_id(%s, %s, %s, %s, %s)", q.col(slotOf(fSrcIP)), q.col(slotOf(fDstIP)),
		end(fSrcPort, fICMPType), end(fDstPort, fICMPCode), q.col(slotOf(fProto))), slotOf(fCommunity))
}

// any says that some value passes some of the matchers.
func (v value) any(ms []query.Matcher) string {
	cond := anyOf(v.sql, v.phys, ms)
	if v.list == "" {
		return cond
	}
	single := make([]string, len(ms))
	for i, m := range ms {
		if single[i] = literalOf(v.phys, m); single[i] == "" {
			return fmt.Sprintf("(%s) OR list_contains(list_transform(%s, lambda x: %s), true)", cond, v.list, anyOf("x", v.phys, ms))
		}
	}
	if len(single) > fewLiterals {
		return fmt.Sprintf("%s OR list_has_any(%s, [%s])", cond, v.list, strings.Join(single, ", "))
	}
	for _, lit := range single {
		cond += fmt.Sprintf(" OR list_contains(%s, %s)", v.list, lit)
	}
	return cond
}

// fewLiterals are looked for in a list one by one, which takes less time than list_has_any.
const fewLiterals = 3

// anyOf says that the value x passes some of the matchers. Many single values become one IN.
func anyOf(x string, phys physical, ms []query.Matcher) string {
	var single, rest []string
	for _, m := range ms {
		if lit := literalOf(phys, m); lit != "" {
			single = append(single, lit)
		} else {
			rest = append(rest, "("+matches(x, phys, m)+")")
		}
	}
	switch len(single) {
	case 0:
	case 1:
		rest = append(rest, x+" = "+single[0])
	default:
		rest = append(rest, x+" IN ("+strings.Join(single, ", ")+")")
	}
	return strings.Join(rest, " OR ")
}

// literalOf is the one value that m takes, "" if it takes others.
func literalOf(phys physical, m query.Matcher) string {
	switch m := m.(type) {
	case query.Text:
		if phys == physID {
			return idLiteral(string(m))
		}
		return quote(string(m))
	case query.IntRange:
		if m.Lo == m.Hi && phys == physInt {
			return strconv.FormatInt(m.Lo, 10)
		}
		if m.Lo == m.Hi && phys == physTime {
			return quoteTime(m.Lo)
		}
	case query.AddrRange:
		if m.Lo == m.Hi {
			return quoteAddr(m.Lo)
		}
	}
	return ""
}

// idLiteral is an id as columns hold it; text that is none equals no id.
func idLiteral(text string) string {
	_, id, err := record.ParseID(text)
	if err != nil {
		return "NULL"
	}
	return quoteUUID(id)
}

// matches says that the value x passes m.
func matches(x string, phys physical, m query.Matcher) string {
	switch m := m.(type) {
	case query.IntRange:
		return inInts(x, phys, m)
	case query.FloatRange:
		return x + lower(m.OpenLo) + double(m.Lo) + " AND " + x + upper(m.OpenHi) + double(m.Hi)
	case query.AddrRange:
		return x + " BETWEEN " + quoteAddr(m.Lo) + " AND " + quoteAddr(m.Hi)
	case query.Wildcard:
		return wildcard(x, string(m))
	case query.Regex:
		return regex(x, string(m))
	case query.Substring:
		if m.AnyCase {
			return "regexp_matches(" + x + ", " + quote(anyCase(m.S)) + ")"
		}
		return "contains(" + x + ", " + quote(m.S) + ")"
	case query.Prefix:
		return "starts_with(" + x + ", " + quote(string(m)) + ")"
	case query.Suffix:
		return "suffix(" + x + ", " + quote(string(m)) + ")"
	case query.Words:
		return words(x, m)
	}
	return "false"
}

func lower(open bool) string {
	if open {
		return " > "
	}
	return " >= "
}

func upper(open bool) string {
	if open {
		return " < "
	}
	return " <= "
}

func double(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "'inf'::DOUBLE"
	case math.IsInf(f, -1):
		return "'-inf'::DOUBLE"
	case math.IsNaN(f):
		return "NULL"
	}
	return "'" + strconv.FormatFloat(f, 'g', -1, 64) + "'::DOUBLE"
}

// inInts says that a number lies in a range; an end at the limit of all numbers is left out.
func inInts(x string, phys physical, r query.IntRange) string {
	if r.Lo > r.Hi {
		return "false"
	}
	if phys == physBool {
		var in []string
		if r.Lo <= 0 && 0 <= r.Hi {
			in = append(in, "NOT "+x)
		}
		if r.Lo <= 1 && 1 <= r.Hi {
			in = append(in, x)
		}
		return strings.Join(append(in, "false"), " OR ")
	}
	lit := func(n int64) string { return strconv.FormatInt(n, 10) }
	if phys == physTime {
		lit = quoteTime
	}
	out := []string{x + " IS NOT NULL"}
	if r.Lo > math.MinInt64 {
		out = append(out, x+" >= "+lit(r.Lo))
	}
	if r.Hi < math.MaxInt64 {
		out = append(out, x+" <= "+lit(r.Hi))
	}
	if len(out) > 1 {
		out = out[1:]
	}
	return strings.Join(out, " AND ")
}
