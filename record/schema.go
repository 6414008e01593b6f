package record

import (
	"fmt"
	"slices"
	"strings"
)

// FieldID is a field's place in the registry. It is stable within one build only; what is written to disk or
// sent over the wire are names.
type FieldID uint16

// Type is what a field's values are.
type Type uint8

// The field types, as shared by query, store and API.
const (
	TypeTerm     Type = iota // exact text
	TypeText                 // text asked for by its words
	TypeIP                   // an address
	TypeInt                  // 64-bit integer
	TypeFloat                // 64-bit floating point
	TypeBool                 // true or false
	TypeTime                 // ns since the epoch
	TypeDuration             // ns
	TypeBytes                // a number of bytes
)

var typeNames = [...]string{"term", "text", "ip", "integer", "float", "boolean", "date", "duration", "bytes"}

// String is the type's name as `tapir fields` prints it.
func (t Type) String() string { return typeNames[t] }

func (t Type) inArena() bool { return t <= TypeIP }

// Numeric says whether values of t are numbers: they compare, sum and average.
func (t Type) Numeric() bool { return t >= TypeInt }

// Kind is a kind of record.
type Kind uint8

// The kinds of record. A data directory has one folder for each.
const (
	KindSession Kind = iota
	KindTransaction
	KindSample
	KindSysEvent
	Kinds int = iota
)

var kindNames = [...]string{"session", "transaction", "sample", "sysevent"}

// String is the kind's name as flags, paths and the API spell it.
func (k Kind) String() string { return kindNames[k] }

// ParseKind reads a kind's name.
func ParseKind(s string) (Kind, error) {
	for i, n := range kindNames {
		if s == n {
			return Kind(i), nil
		}
	}
	return 0, fmt.Errorf("unknown kind %q (kinds: %s)", s, strings.Join(kindNames[:], ", "))
}

// KindSet is a set of kinds, one bit each.
type KindSet uint8

// The sets that occur in the registry.
const (
	InSession     KindSet = 1 << KindSession
	InTransaction KindSet = 1 << KindTransaction
	InSample      KindSet = 1 << KindSample
	InSysEvent    KindSet = 1 << KindSysEvent
	InFlow                = InSession | InTransaction
	InAll                 = InSession | InTransaction | InSample | InSysEvent
)

// Has says whether k is in s.
func (s KindSet) Has(k Kind) bool { return s&(1<<k) != 0 }

// Names lists the kinds of s.
func (s KindSet) Names() (out []string) {
	for k := range Kinds {
		if s.Has(Kind(k)) {
			out = append(out, kindNames[k])
		}
	}
	return out
}

// Fold is how a term's case is kept.
type Fold uint8

// Case handling of term fields: the value is stored, and a query's value compared, as is, lowered, or raised.
const (
	FoldNone Fold = iota
	FoldLower
	FoldUpper
)

// Clock is how JSON prints a time.
type Clock uint8

// The ways to print a time.
const (
	ClockNanos  Clock = iota // RFC 3339 with nine decimals
	ClockMillis              // RFC 3339 with three: dates that have no more, such as those of certificates
	ClockEpoch               // ms since the epoch as a number, as Arkime has it
)

// Field is one entry of the registry.
type Field struct {
	ID      FieldID
	Name    string   // canonical, ECS where ECS has one
	Type    Type     //
	Set     bool     // a session holds the set of the values seen; transactions always hold one, unless Many
	Many    bool     // a transaction holds several values too (header flags, answers)
	Kinds   KindSet  // records that can have it
	Fold    Fold     //
	Aliases []string // further names that queries take: Arkime's, Wireshark's, sysdig's
	Any     []string // a field that stands for several others (ip, port, host): true if any of them is
	Raw     string   // a *.tokens field: the field whose values its words are looked up in
	Clock   Clock    // how JSON prints a time
	Desc    string
	// Also lists other spellings of a value, each with the stored one: tls.version takes TLSv1.2 and 1.2.
	Also map[string]string
}

// Multi says whether a record of kind k can hold several values of f.
func (f *Field) Multi(k Kind) bool { return f.Many || f.Set && k == KindSession }

// Stored says whether records hold values of f themselves, unlike an Any or tokens field.
func (f *Field) Stored() bool { return f.Any == nil && f.Raw == "" }

// fields is the registry by id, byName its lower-cased names and aliases, sorted the canonical order (by name, for
// deterministic output) and rank each field's place in it. They are built as package variables, so that any package
// may look fields up in variables of its own.
var fields, byName, sorted, rank = buildRegistry()

// registry lists the parts of the schema. Order matters only to aliases: the first field to claim one has it.
var registry = [][]Field{
	generalFields,
	httpFields,
	dnsFields,
	tlsFields,
	icmpFields,
	arpFields,
	dhcpFields,
	arkimeFields,
	queryFields,
	sysdigFields,
	sflowFields,
}

func buildRegistry() (fields []Field, byName map[string]FieldID, sorted []FieldID, rank []uint16) {
	byName = make(map[string]FieldID)
	for _, part := range registry {
		for _, f := range part {
			f.ID = FieldID(len(fields))
			if _, twice := byName[strings.ToLower(f.Name)]; twice {
				panic("record: field " + f.Name + " is in the registry twice")
			}
			fields = append(fields, f)
			byName[strings.ToLower(f.Name)] = f.ID // a canonical name wins over another field's alias
		}
	}
	for _, n := range sampled {
		fields[byName[strings.ToLower(n)]].Kinds |= InSample
	}
	for i := range fields {
		for _, a := range fields[i].Aliases {
			if _, taken := byName[strings.ToLower(a)]; !taken {
				byName[strings.ToLower(a)] = fields[i].ID
			}
		}
		sorted = append(sorted, FieldID(i))
	}
	addWireshark(fields, byName)
	slices.SortFunc(sorted, func(a, b FieldID) int { return comparePath(fields[a].Name, fields[b].Name) })
	rank = make([]uint16, len(fields))
	for i, id := range sorted {
		rank[id] = uint16(i)
	}
	return fields, byName, sorted, rank
}

// comparePath orders dotted names so that what shares a prefix stands together ("a.b" before "a-b").
func comparePath(a, b string) int {
	n := min(len(a), len(b))
	for i := 0; i < n; i++ {
		if a[i] != b[i] {
			if a[i] == '.' {
				return -1
			}
			if b[i] == '.' {
				return 1
			}
			return int(a[i]) - int(b[i])
		}
	}
	return len(a) - len(b)
}

// Fields gives the whole registry in canonical order. The slice is the caller's, the entries are shared.
func Fields() []*Field {
	out := make([]*Field, len(sorted))
	for i, id := range sorted {
		out[i] = &fields[id]
	}
	return out
}

// FieldByID gives the entry of id.
func FieldByID(id FieldID) *Field { return &fields[id] }

// NumFields is the number of fields; every FieldID is below it.
func NumFields() int { return len(fields) }

// Rank is the field's place in canonical order.
func (id FieldID) Rank() int { return int(rank[id]) }

// Lookup finds a field by its canonical name or an alias, whatever its case, "db:" names included.
func Lookup(name string) (*Field, bool) {
	id, ok := byName[strings.ToLower(strings.TrimPrefix(name, "db:"))]
	if !ok {
		return nil, false
	}
	return &fields[id], true
}

// MustID is the id of a canonical name; it panics on a name the registry does not have, which is our own bug.
// Parsers call it in package-level variables.
func MustID(name string) FieldID {
	if id, ok := byName[strings.ToLower(name)]; ok && fields[id].Name == name {
		return id
	}
	panic("record: no field " + name + " in the registry")
}
