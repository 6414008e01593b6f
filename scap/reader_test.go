package scap

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"strings"
	"testing"
)

// le appends numbers in the byte order of files: each in its own width.
func le(dst []byte, values ...any) []byte {
	for _, v := range values {
		switch v := v.(type) {
		case string:
			dst = append(dst, v...)
		case []byte:
			dst = append(dst, v...)
		default:
			var err error
			if dst, err = binary.Append(dst, binary.LittleEndian, v); err != nil {
				panic(err)
			}
		}
	}
	return dst
}

func text(s string) []byte { return le(nil, uint16(len(s)), s) }

func block(kind uint32, body []byte) []byte {
	for len(body)%4 != 0 {
		body = append(body, 0)
	}
	n := uint32(len(body) + blockOverhead)
	return le(nil, kind, n, body, n)
}

func section(options string) []byte {
	return block(blockSection, le(nil, uint32(magic), uint16(1), uint16(2), int64(-1), options))
}

// readEvent is a read of fd as it is entered.
func readEvent(time, fd uint64) []byte {
	return block(blockEvent2, le(nil, uint16(1), time, uint64(7), uint32(26+4+12), uint16(6), uint32(2), uint16(8), uint16(4), fd, uint32(99)))
}

// times reads all events of a file and gives their times.
func times(t *testing.T, file []byte) (out []int64, r *Reader, tables []any) {
	t.Helper()
	r, err := NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	r.Table = func(e any) { tables = append(tables, e) }
	var e Event
	for {
		err := r.Next(&e)
		if err == io.EOF {
			return out, r, tables
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e.Time)
	}
}

func TestReadsParameters(t *testing.T) {
	r, err := NewReader(bytes.NewReader(append(section(""), readEvent(5, 3)...)))
	if err != nil {
		t.Fatal(err)
	}
	var e Event
	if err := r.Next(&e); err != nil {
		t.Fatal(err)
	}
	fd, _ := e.Int(0)
	size, _ := e.Int(1)
	if e.Time != 5 || e.Thread != 7 || e.CPU != 1 || e.Type.Info().Name != "read" || e.Params() != 2 || fd != 3 || size != 99 {
		t.Errorf("got %+v fd=%d size=%d", e, fd, size)
	}
	if _, ok := e.Int(2); ok || e.Param(2) != nil {
		t.Error("a parameter that the event has not")
	}
}

// An event of the first layout does not say how many parameters it has.
func TestFirstLayout(t *testing.T) {
	body := le(nil, uint16(0), uint64(9), uint64(7), uint32(22+4+12), uint16(6), uint16(8), uint16(4), uint64(3), uint32(99))
	bare := le(nil, uint16(0), uint64(10), uint64(7), uint32(22), uint16(2)) // an open that was entered, without parameters
	file := append(append(section(""), block(blockEvent1, body)...), block(blockEvent1, bare)...)
	r, _ := NewReader(bytes.NewReader(file))
	var e Event
	for _, want := range []int{2, 0} {
		if err := r.Next(&e); err != nil || e.Params() != want {
			t.Errorf("%v, %d parameters, want %d", err, e.Params(), want)
		}
	}
}

func TestSectionOptionsUnknownBlocksAndAppendedFiles(t *testing.T) {
	file := append(section("\x01\x00\x04\x00note\x00\x00\x00\x00"), readEvent(1, 3)...)
	file = append(file, block(0x300, []byte("whatever"))...)
	file = append(file, readEvent(2, 3)...)
	got, r, tables := times(t, append(file, append(section(""), readEvent(3, 3)...)...))
	if len(got) != 3 || got[2] != 3 || len(tables) != 2 {
		t.Errorf("%v, tables %v", got, tables)
	}
	if d := r.Damage(); d.Any() {
		t.Error(d.String())
	}
}

func TestGzip(t *testing.T) {
	var buf bytes.Buffer
	for _, part := range [][]byte{section(""), readEvent(1, 3)} { // two members
		z := gzip.NewWriter(&buf)
		z.Write(part)
		z.Close()
	}
	if got, _, _ := times(t, buf.Bytes()); len(got) != 1 {
		t.Error(got)
	}
}

// A file that was cut is read up to the cut, one with a hole goes on behind it, and both say what is missing.
func TestDamage(t *testing.T) {
	whole := append(section(""), readEvent(1, 3)...)
	n := len(whole)
	whole = append(append(whole, readEvent(2, 3)...), readEvent(3, 3)...)
	got, r, _ := times(t, whole[:len(whole)-10])
	if d := r.Damage(); len(got) != 2 || d.Cut == 0 || !strings.Contains(d.String(), "cut off") {
		t.Errorf("cut: %v, %s", got, d.String())
	}
	hole := bytes.Clone(whole)
	copy(hole[n:], "\xde\xad\xbe\xef\xff\xff\xff\xff")
	got, r, _ = times(t, hole)
	if d := r.Damage(); len(got) != 2 || got[1] != 3 || d.Holes != 1 || d.First != int64(n) {
		t.Errorf("hole: %v, %+v", got, d)
	}
	if _, err := NewReader(strings.NewReader("GIF89a, not a capture at all")); err == nil {
		t.Error("a picture was taken for a capture")
	}
}

// Entries of a process list end where their version ended; what newer writers append is skipped.
func TestProcessVersions(t *testing.T) {
	entry := le(nil, uint64(7), uint64(7), uint64(1))
	entry = append(entry, text("sh")...)
	entry = append(entry, text("/bin/sh")...)
	entry = append(entry, text("-c\x00ls\x00")...)
	entry = append(entry, text("/tmp")...)
	entry = le(entry, uint64(1024), uint32(0), uint32(5), uint32(6))
	_, _, tables := times(t, append(section(""), block(blockPL1, append(bytes.Clone(entry), entry...))...))
	if len(tables) != 3 || tables[2].(*Process).UID != 5 || string(tables[1].(*Process).Args) != "-c\x00ls\x00" {
		t.Errorf("%+v", tables)
	}
	v9 := le(nil, uint64(7), uint64(7), uint64(1), uint64(7), uint64(7))
	for _, s := range []string{"sh", "/bin/sh", "/bin/dash", "", "/tmp"} {
		v9 = append(v9, text(s)...)
	}
	v9 = le(v9, uint64(1024), uint32(0), uint32(5), uint32(6), uint32(1), uint32(2), uint32(3), uint64(4), uint64(5))
	v9 = append(append(v9, text("A=1\x00")...), le(nil, int64(70), int64(71))...)
	v9 = append(append(v9, text("cpu=/\x00")...), text("/")...)
	v9 = le(v9, uint64(0), uint32(3), uint32(1000), uint8(1)) // and nothing of what came later
	v9 = append(le(nil, uint32(len(v9)+4)), v9...)
	_, r, tables := times(t, append(section(""), block(blockPL9, append(bytes.Clone(v9), v9...))...))
	if p := tables[2].(*Process); len(tables) != 3 || p.ExePath != "/bin/dash" || p.Login != 1000 || !p.ExeWritable || p.VPID != 71 {
		t.Errorf("%+v, %s", tables, r.damage.String())
	}
}

// Every declared parameter has a type with a name, and what the schema refers to exists.
func TestSchema(t *testing.T) {
	known := 0
	for n := range Type(Types) {
		info := n.Info()
		if !info.Known() {
			continue
		}
		known++
		if len(info.Params) > MaxParams {
			t.Errorf("%d %s has %d parameters", n, info.Name, len(info.Params))
		}
		for _, p := range info.Params {
			if p.Kind == None || p.Upper == "" {
				t.Errorf("%d %s: parameter %s has no type", n, info.Name, p.Name)
			}
		}
	}
	if known < 400 || SyscallName(9) != "unlink" || ErrorName(2) != "ENOENT" || Signals[9] != "SIGKILL" {
		t.Errorf("%d events known, %s, %s", known, SyscallName(9), ErrorName(2))
	}
}

func TestNextDoesNotAllocate(t *testing.T) {
	file := section("")
	for i := range uint64(2000) {
		file = append(file, readEvent(i, 3)...)
	}
	r, _ := NewReader(bytes.NewReader(file))
	var e Event
	if n := testing.AllocsPerRun(1000, func() {
		if err := r.Next(&e); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("Next allocates %v times, want 0", n)
	}
}

// Whatever stands in a file, reading it ends, and every event's parameters are there.
func FuzzReader(f *testing.F) {
	f.Add(append(section(""), readEvent(1, 3)...))
	f.Add(append(section("options."), block(blockPL9, le(nil, uint32(9), uint64(1)))...))
	f.Add(append(section(""), block(blockIface1, le(nil, uint16(2), uint16(2), make([]byte, 56), "lo"))...))
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := NewReader(bytes.NewReader(file))
		if err != nil {
			return
		}
		defer r.Close()
		r.Table = func(any) {}
		var e Event
		for r.Next(&e) == nil {
			for i := range e.Params() {
				e.Param(i)
				e.Int(i)
			}
			e.Result()
		}
	})
}
