package scap

import "encoding/binary"

// MaxParams is the most parameters an event has.
const MaxParams = 32

// Event is one event as a file or a live capture delivers it. A call is two events, entering and leaving, or one that
// leaves and knows when it was entered. The parameters are borrowed: they are valid until the source's next event.
type Event struct {
	Time   int64 // ns since the epoch
	Thread int64 // id of the thread, in the machine's own namespace
	// Enter is when the call was entered, for a leaving event whose entering event is not delivered; else 0. Its
	// parameters are then all of the call's.
	Enter  int64
	Type   Type
	CPU    uint16
	Hidden bool // it tells the state only: a capture's filter left it out

	n       int    // parameters
	wide    bool   // lengths have four bytes
	split   bool   // ends are filled in
	lengths []byte // n lengths
	data    []byte // the parameters, back to back
	ends    [MaxParams]uint32
}

// Params is the number of parameters the event has. Events of older captures have fewer than are declared.
func (e *Event) Params() int { return e.n }

// Param is the i-th parameter's bytes; nil if the event has none.
func (e *Event) Param(i int) []byte {
	if i >= e.n {
		return nil
	}
	if i == 0 { // most often asked for
		return e.data[:e.length(0)]
	}
	if !e.split {
		e.cut()
	}
	return e.data[e.ends[i-1]:e.ends[i]]
}

func (e *Event) length(i int) uint32 {
	if e.wide {
		return binary.LittleEndian.Uint32(e.lengths[4*i:])
	}
	return uint32(binary.LittleEndian.Uint16(e.lengths[2*i:]))
}

func (e *Event) cut() {
	at := uint32(0)
	for i := range e.n {
		at += e.length(i)
		e.ends[i] = at
	}
	e.split = true
}

// Set gives the event its parameters: lengths holds two bytes for each, data the parameters back to back. Both are
// borrowed. It says whether they fit each other.
func (e *Event) Set(lengths, data []byte) bool { return e.set(lengths, data, false) }

func (e *Event) set(lengths, data []byte, wide bool) bool {
	width := 2
	if wide {
		width = 4
	}
	e.n, e.wide, e.split, e.lengths, e.data = len(lengths)/width, wide, false, lengths, data
	if e.n > MaxParams {
		e.n = 0
		return false
	}
	sum := uint64(0)
	for i := range e.n {
		sum += uint64(e.length(i))
	}
	if sum > uint64(len(data)) {
		e.n = 0
		return false
	}
	return true
}

// Part gives e those parameters of o that stand at from and behind it, n of them. They are borrowed as o's are.
func (e *Event) Part(o *Event, from, n int) {
	if !o.split {
		o.cut()
	}
	width, at := 2, uint32(0)
	if o.wide {
		width = 4
	}
	if from > 0 {
		at = o.ends[from-1]
	}
	end := at
	if n > 0 {
		end = o.ends[from+n-1]
	}
	e.n, e.wide, e.split = n, o.wide, false
	e.lengths, e.data = o.lengths[width*from:width*(from+n)], o.data[at:end]
}

// CopyFrom makes e a deep copy of o, reusing e's memory.
func (e *Event) CopyFrom(o *Event) {
	lengths, data := append(e.lengths[:0], o.lengths...), append(e.data[:0], o.data...)
	*e = *o
	e.lengths, e.data = lengths, data
}

// Int reads the i-th parameter as a number, in its own width and with its own sign; ok says whether it has one.
func (e *Event) Int(i int) (n int64, ok bool) {
	b := e.Param(i)
	if len(b) == 0 {
		return 0, false
	}
	kind := Uint64
	if p := e.Type.Info().Params; i < len(p) {
		kind = p[i].Kind
	}
	return Number(kind, b)
}

// Number reads a parameter's bytes as a number; ok says whether they are one. Unsigned 64-bit numbers keep their bits.
func Number(k Kind, b []byte) (n int64, ok bool) {
	size := k.Size()
	if size == 0 || size > 8 || len(b) < size {
		return 0, false
	}
	switch size {
	case 1:
		if k == Int8 {
			return int64(int8(b[0])), true
		}
		return int64(b[0]), true
	case 2:
		v := binary.LittleEndian.Uint16(b)
		if k == Int16 {
			return int64(int16(v)), true
		}
		return int64(v), true
	case 4:
		v := binary.LittleEndian.Uint32(b)
		if k == Int32 || k == FD32 || k == PID32 {
			return int64(int32(v)), true
		}
		return int64(v), true
	}
	return int64(binary.LittleEndian.Uint64(b)), true
}

// Text is the i-th parameter as text, without the NUL at its end.
func (e *Event) Text(i int) []byte { return trimNUL(e.Param(i)) }

func trimNUL(b []byte) []byte {
	for i, c := range b {
		if c == 0 {
			return b[:i]
		}
	}
	return b
}

// Result is what a call returned; ok is false for events that return nothing. It is the first parameter of a leaving
// event if that is a result, a descriptor, a process or a number called res.
func (e *Event) Result() (n int64, ok bool) {
	if !e.Type.Exit() {
		return 0, false
	}
	p := e.Type.Info().Params
	if len(p) == 0 {
		return 0, false
	}
	switch {
	case p[0].Kind == Errno, p[0].Kind == FD, p[0].Kind == PID, p[0].Name == "res":
		return e.Int(0)
	}
	return 0, false
}
