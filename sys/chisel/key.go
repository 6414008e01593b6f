package chisel

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/tapir-project/tapir/sys"
)

// keySep stands between the values of a key.
const keySep = "\x01\x01"

// Key is the fields that the rows of a table are told apart by.
type Key struct {
	fields []*sys.Field
	buf    []byte
}

// NewKey compiles the fields with the names.
func NewKey(st *sys.Style, names ...string) (*Key, error) {
	k := &Key{}
	for _, n := range names {
		f, err := sys.Find(n, st)
		if err != nil {
			return nil, err
		}
		k.fields = append(k.fields, f)
	}
	return k, nil
}

// Of is e's key, valid until the next call; ok is false if e lacks one of the fields.
func (k *Key) Of(e *sys.Event) (key []byte, ok bool) {
	key = k.buf[:0]
	for i, f := range k.fields {
		if i > 0 {
			key = append(key, keySep...)
		}
		if key, ok = f.Append(key, e); !ok {
			return nil, false
		}
	}
	k.buf = key
	return key, true
}

// Names are the fields' names as they were asked for.
func (k *Key) Names() []string {
	names := make([]string, len(k.fields))
	for i, f := range k.fields {
		names[i] = f.Name
	}
	return names
}

// SplitKey is the values that a key is made of.
func SplitKey(key string) []string { return strings.Split(key, keySep) }

// Unit is what a table sums, and how it is shown.
type Unit uint8

// The units.
const (
	Plain     Unit = iota
	InBytes        //
	InTime         // ns
	InPercent      // of the time that passed
)

// Amount is what e adds to a sum of f; ok is false if it adds nothing.
func (u Unit) Amount(f *sys.Field, e *sys.Event) (n int64, ok bool) {
	n, ok = f.Number(e)
	if u == InPercent { // percent of a processor in the second before, as ns
		return int64(math.Float64frombits(uint64(n)) * 1e7), ok
	}
	return n, ok && n > 0
}

// Text is a sum that was gathered in delta ns.
func (u Unit) Text(n, delta int64) string {
	switch u {
	case InBytes:
		return byteText(n)
	case InTime:
		return timeText(n)
	case InPercent:
		if delta <= 0 {
			return "0.00%"
		}
		return fmt.Sprintf("%.2f%%", float64(n)/float64(delta)*100)
	}
	return strconv.FormatInt(n, 10)
}

// byteText is a number of bytes in its largest unit.
func byteText(n int64) string {
	v := float64(n)
	for _, u := range [...]struct {
		size float64
		name string
	}{{1 << 50, "P"}, {1 << 40, "T"}, {1 << 30, "G"}, {1 << 20, "M"}, {1 << 10, "KB"}} {
		if v > u.size {
			return fmt.Sprintf("%.2f%s", math.Floor(v/u.size*100+0.5)/100, u.name) // halves go up
		}
	}
	return fmt.Sprintf("%dB", n)
}

// timeText is a duration in its largest unit.
func timeText(ns int64) string {
	switch {
	case ns >= 1e9:
		return fmt.Sprintf("%d.%02ds", ns/1e9, ns%1e9/1e7)
	case ns >= 1e7:
		return fmt.Sprintf("%dms", ns/1e6)
	case ns >= 1e6:
		return fmt.Sprintf("%d.%02dms", ns/1e6, ns%1e6/1e4)
	case ns >= 1e4:
		return fmt.Sprintf("%dus", ns/1e3)
	case ns >= 1e3:
		return fmt.Sprintf("%d.%02dus", ns/1e3, ns%1e3/10)
	}
	return fmt.Sprintf("%dns", ns)
}
