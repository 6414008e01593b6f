package parquet

import (
	"fmt"
	"slices"

	"github.com/tapir-project/tapir/record"
)

// slot is a column's place in tables indexed by column: a field's first value is at 2*FieldID, its further values at
// 2*FieldID+1, and columns that are no field's come behind. Like field ids, slots mean something within one build
// only; files know columns by name and by the id that columnID makes of it.
type slot uint16

// more is the column of the further values of the field whose first value is in s.
func (s slot) more() slot { return s | 1 }

// isMore says whether s holds further values: a LIST.
func (s slot) isMore() bool { return s&1 == 1 && s < slotDerived }

func slotOf(f record.FieldID) slot { return slot(f) * 2 }

// physical is how the values of a column are stored.
type physical uint8

const (
	physText  physical = iota // BYTE_ARRAY, UTF-8
	physAddr                  // FIXED_LEN_BYTE_ARRAY(16), UUID: an address, big-endian, IPv4 mapped
	physID                    // the same: an id
	physInt                   // INT64
	physTime                  // INT64, TIMESTAMP(NANOS)
	physFloat                 // DOUBLE
	physBool                  // BOOLEAN
)

// Header fields that a Record carries outside of Values, and fields with a part to play in the layout.
var (
	fStart     = record.MustID("event.start")
	fEnd       = record.MustID("event.end")
	fID        = record.MustID("event.id")
	fSession   = record.MustID("session.id")
	fPart      = record.MustID("session.part")
	fFinal     = record.MustID("session.final")
	fIngested  = record.MustID("event.ingested")
	fKind      = record.MustID("event.kind")
	fNode      = record.MustID("observer.name")
	fCommunity = record.MustID("network.community_id")
	fRate      = record.MustID("sflow.sampling_rate")
)

var (
	slotStart     = slotOf(fStart)
	slotEnd       = slotOf(fEnd)
	slotID        = slotOf(fID)
	slotSession   = slotOf(fSession)
	slotPart      = slotOf(fPart)
	slotFinal     = slotOf(fFinal)
	slotIngested  = slotOf(fIngested)
	slotNode      = slotOf(fNode)
	slotRate      = slotOf(fRate)
	slotDerived   = slot(2 * record.NumFields()) // bits: which fields follow from others (derived.go)
	slotCommunity = slotDerived + 1              // the first 16 bits of a derived Community ID
	numSlots      = int(slotCommunity) + 1
)

// columnSpec is what is fixed about a column.
type columnSpec struct {
	name string
	id   int32 // field_id in the file's schema
	phys physical
	rank uint16 // place in the order of columns in files
}

// specs is indexed by slot; byName finds a slot by its column's name.
var specs, slotByName = buildSpecs()

func buildSpecs() ([]columnSpec, map[string]slot) {
	specs := make([]columnSpec, 2*record.NumFields()+2)
	for _, f := range record.Fields() {
		phys, s := physicalOf(f), slotOf(f.ID)
		specs[s] = columnSpec{name: f.Name, phys: phys, rank: uint16(4 + 2*f.ID.Rank())}
		specs[s.more()] = columnSpec{name: f.Name + "+", phys: phys, rank: uint16(5 + 2*f.ID.Rank())}
	}
	for i, f := range []record.FieldID{fStart, fEnd, fID, fSession} { // first in files, so that rows are sorted by their first cell
		specs[slotOf(f)].rank = uint16(i)
	}
	n := 2 * record.NumFields()
	specs[n] = columnSpec{name: "~derived", phys: physInt, rank: uint16(n + 4)}
	specs[n+1] = columnSpec{name: "~community", phys: physInt, rank: uint16(n + 5)}
	byName := make(map[string]slot, len(specs))
	for i := range specs {
		specs[i].id = columnID(specs[i].name)
		byName[specs[i].name] = slot(i)
	}
	return specs, byName
}

func physicalOf(f *record.Field) physical {
	switch {
	case f.ID == fID || f.ID == fSession:
		return physID
	case f.Type == record.TypeIP:
		return physAddr
	case f.Type == record.TypeFloat:
		return physFloat
	case f.Type == record.TypeBool:
		return physBool
	case f.Type == record.TypeTime:
		return physTime
	case f.Type.Numeric():
		return physInt
	}
	return physText
}

// columnID is the field_id of the column of that name: FNV-1a folded to 31 bits. It must stay as it is, files are
// read by it; TestColumnIDsDiffer watches over the registry.
func columnID(name string) int32 {
	h := uint32(2166136261)
	for i := 0; i < len(name); i++ {
		h = (h ^ uint32(name[i])) * 16777619
	}
	return int32(h & 0x7fffffff)
}

// sortSlots puts columns into the order they have in files.
func sortSlots(s []slot) {
	slices.SortFunc(s, func(a, b slot) int { return int(specs[a].rank) - int(specs[b].rank) })
}

func (s slot) String() string { return fmt.Sprintf("%q", specs[s].name) }
