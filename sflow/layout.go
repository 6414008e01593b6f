package sflow

import "strings"

// Type is how a field is encoded and what it means.
type Type uint8

// The types of fields.
const (
	U8       Type = iota // one byte; fields of this type come in fours
	U32                  //
	U64                  //
	Hex64                // 64 bits usually read in hexadecimal
	F32                  // IEEE 754 single
	Percent              // hundredths of a percent, all ones if unknown
	Text                 // characters
	Opaque               // bytes: the beginning of a packet
	Addr                 // address of either family behind its type
	IP4                  // four bytes
	IP6                  // sixteen bytes
	MAC                  // six bytes
	UUID                 // sixteen bytes
	Words                // a list of words
	Labels               // a stack of MPLS label stack entries (RFC 3032), topmost first
	Tags                 // a stack of VLAN tags (TPID, TCI), outermost first
	ASPath               // a list of path segments, each a type and a list of AS numbers
	Adaptors             // a list of interfaces, each an index and a list of MAC addresses
	Lanes                // a list of optical lanes of ten words: see LaneFields
	PDUs                 // a list of packets, each a list of flow records
)

// Number says whether values of the type are in Value.Num.
func (t Type) Number() bool { return t <= Percent }

// Field is one field of a record.
type Field struct {
	Name string // as sflowtool prints it; MIB-II names where there are any
	Type Type
	Max  int // longest text by the specification, 0 if it has no bound
}

// Layout is the structure of a record.
type Layout struct {
	Tag      Tag
	Counters bool   // of a counter record
	Class    string // "flowSampleType" or "extendedType" where the record is introduced by its Name, else empty
	Name     string // what the record is
	Prefix   string // in front of the fields' names when they are printed
	Optional int    // so many fields at the end were added later and may be absent
	Fields   []Field
}

// LaneFields are the names of the ten words of an optical lane: currents in µA, powers in µW, wavelengths in nm.
var LaneFields = [10]string{"index", "tx_bias_current_uA", "tx_power_uW", "tx_power_min_uW", "tx_power_max_uW", "tx_wavelength_nM",
	"rx_power_uW", "rx_power_min_uW", "rx_power_max_uW", "rx_wavelength_nM"}

// Layouts lists the structures of all known records, flow records first.
func Layouts() []*Layout {
	out := make([]*Layout, 0, len(flowLayouts)+len(counterLayouts))
	for i := range flowLayouts {
		out = append(out, &flowLayouts[i])
	}
	for i := range counterLayouts {
		out = append(out, &counterLayouts[i])
	}
	return out
}

// byFormat finds the layouts of enterprise 0, byTag the others; the two numberings, flow and counters, stand side by side.
var byFormat, byTag = index()

func index() (std [2][1 << 12]*Layout, other [2]map[Tag]*Layout) {
	other = [2]map[Tag]*Layout{{}, {}}
	add := func(table int, l []Layout) {
		for i := range l {
			l[i].Counters = table == 1
			if l[i].Tag.Enterprise() == 0 {
				std[table][l[i].Tag] = &l[i]
			} else {
				other[table][l[i].Tag] = &l[i]
			}
		}
	}
	add(0, flowLayouts)
	add(0, oldLayouts)
	add(1, counterLayouts)
	return std, other
}

func layoutOf(table uint8, t Tag) *Layout {
	if t < 1<<12 {
		return byFormat[table][t]
	}
	return byTag[table][t]
}

// FlowLayout is the structure of the flow record with that tag, nil if it is unknown.
func FlowLayout(t Tag) *Layout { return layoutOf(0, t) }

// CounterLayout is the structure of the counter record with that tag, nil if it is unknown.
func CounterLayout(t Tag) *Layout { return layoutOf(1, t) }

// fields joins runs of fields.
func fields(runs ...[]Field) (out []Field) {
	for _, r := range runs {
		out = append(out, r...)
	}
	return out
}

// of makes fields of one type from their names, which spaces part.
func of(t Type, names string) (out []Field) {
	for _, n := range strings.Fields(names) {
		out = append(out, Field{Name: n, Type: t})
	}
	return out
}

func u32(names string) []Field { return of(U32, names) }
func u64(names string) []Field { return of(U64, names) }

// text makes text fields whose length the specification bounds.
func text(most int, names string) []Field {
	out := of(Text, names)
	for i := range out {
		out[i].Max = most
	}
	return out
}
