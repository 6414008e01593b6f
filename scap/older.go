package scap

import (
	_ "embed" // schema/older.txt
	"encoding/binary"
	"strings"
	"sync"
)

//go:embed schema/older.txt
var olderText string

// older is how sysdig 0.29 knows an event.
type older struct {
	as     Type
	params []int8 // of the older event, the places of its parameters in the newer one; -1 where it has none
	call   bool   // it is the generic event of a call with the ID
	id     uint16
}

// olderEvents are the events that sysdig 0.29 knows otherwise, or not at all.
var olderEvents = sync.OnceValue(loadOlder)

// lastOld is the last event that sysdig 0.29 knows; it stops at those behind.
const lastOld Type = 335

// lastOldFD is the last type of a descriptor that sysdig 0.29 knows.
const lastOldFD = FDFileV2

func loadOlder() map[Type]*older {
	out := map[Type]*older{}
	for line := range strings.Lines(olderText) {
		w := strings.Fields(line)
		if w[0] == "#" {
			continue
		}
		t, n := Type(number(w[0])), number(w[2])
		o := &older{as: t}
		if w[1] == "with" {
			for i := range n {
				o.params = append(o.params, int8(i))
			}
			out[t] = o
			continue
		}
		o.as = Type(n)
		names := o.as.Info().Params
		if like := out[o.as]; like != nil {
			names = names[:len(like.params)]
		}
		for i := range names {
			o.params = append(o.params, int8(t.Info().Find(names[i].Name)))
		}
		out[t] = o
	}
	ids := map[string]uint16{}
	for id := range syscalls {
		ids[syscalls[id].name] = uint16(id)
	}
	for t := lastOld + 1; t < Types; t++ {
		if id := ids[t.Info().Name]; out[t] == nil && id != 0 {
			out[t] = &older{as: t & 1, call: true, id: id}
		}
	}
	return out
}

// olderForm makes out, whose memory is used again, what sysdig 0.29 knows of e, and says whether it knows anything.
func olderForm(e, out *Event) bool {
	o := olderEvents()[e.Type]
	if o == nil {
		return false
	}
	lengths, data := out.lengths[:0], out.data[:0]
	*out = Event{Time: e.Time, Thread: e.Thread, Enter: e.Enter, CPU: e.CPU, Hidden: e.Hidden, Type: o.as}
	if o.call {
		data = binary.LittleEndian.AppendUint16(data, o.id)
		lengths = append(lengths, 2, 0)
		if !o.as.Exit() {
			data = append(data, 0, 0) // the machine's own number of the call is not known any more
			lengths = append(lengths, 2, 0)
		}
		return out.Set(lengths, data)
	}
	declared := o.as.Info().Params
	for i, from := range o.params {
		if from >= 0 && int(from) >= e.n { // an event of an older capture
			break
		}
		var b []byte
		if from >= 0 {
			b = e.Param(int(from))
		}
		size := declared[i].Kind.Size()
		if size > 0 && len(b) > size { // a number that has grown
			b = b[:size]
		}
		data = append(data, b...)
		for n := len(b); n < size; n++ {
			data = append(data, 0)
		}
		n := max(len(b), size)
		lengths = append(lengths, byte(n), byte(n>>8))
	}
	return out.Set(lengths, data)
}
