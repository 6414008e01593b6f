package record

import (
	"slices"
	"strconv"
)

// AppendValueText appends one value as a person reads it: times as RFC 3339, durations as seconds with a unit-free
// decimal point, addresses and text as they are.
func AppendValueText(dst []byte, x Value) []byte {
	switch f := &fields[x.Field()]; f.Type {
	case TypeTerm, TypeText:
		return append(dst, x.Text()...)
	case TypeIP:
		return x.Addr().AppendText(dst)
	case TypeBool:
		return strconv.AppendBool(dst, x.Int() != 0)
	case TypeFloat:
		return strconv.AppendFloat(dst, x.Float(), 'g', -1, 64)
	case TypeTime:
		return AppendTime(dst, x.Int())
	default:
		return strconv.AppendInt(dst, x.Int(), 10)
	}
}

// Text gives the values of a field of r, header fields included, as one text: several are sorted and joined by commas.
// It is "" if there are none. node prefixes ids as in Encoder.
func Text(r *Record, node string, f *Field) string {
	if s, ok := headerText(r, node, f.ID); ok {
		return s
	}
	var all []string
	v := &r.Values
	for i := range v.vals {
		if v.vals[i].id == f.ID {
			all = append(all, string(AppendValueText(nil, v.At(i))))
		}
	}
	if f.Set && !f.Many {
		slices.Sort(all)
	}
	out := ""
	for i, s := range all {
		if i > 0 {
			out += ","
		}
		out += s
	}
	return out
}

// headerText gives a field that records carry outside of Values.
func headerText(r *Record, node string, id FieldID) (string, bool) {
	switch id {
	case idEventID:
		return idText(node, r.ID), true
	case idSessionID:
		return idText(node, r.Session), true
	case idEventKind:
		return r.Kind.String(), true
	case idEventStart:
		return string(AppendTime(nil, r.Start)), true
	case idEventEnd:
		return string(AppendTime(nil, r.End)), true
	case idSessionPart:
		return strconv.Itoa(int(r.Part)), true
	case idSessionFinal:
		return strconv.FormatBool(r.Final), true
	case idObserver:
		return node, true
	}
	return "", false
}

func idText(node string, id ID) string {
	if node == "" {
		return id.String()
	}
	return node + "-" + id.String()
}
