package scap

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
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
	long := bytes.Clone(whole) // a length that reaches beyond the end is no end
	long[n+6] |= 0x10
	got, r, _ = times(t, long)
	if d := r.Damage(); len(got) != 2 || got[1] != 3 || d.Holes != 1 || d.Cut != 0 {
		t.Errorf("length: %v, %+v", got, d)
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
	f.Add(append(section(""), largeEvent(1, true, []byte("data"))...))
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

// largeEvent is a plugin's event with a parameter beyond 64 KiB, flagged as hidden or not.
func largeEvent(time uint64, hidden bool, data []byte) []byte {
	kind, head := uint32(blockEventBig), le(nil, uint16(1))
	if hidden {
		kind, head = blockFlagBig, le(head, uint32(flagStateOnly))
	}
	return block(kind, le(head, time, uint64(7), uint32(26+8+4+len(data)), uint16(322), uint32(2), uint32(4), uint32(len(data)), uint32(9), data))
}

// Large events have lengths of four bytes; they are read, copied and written as they were.
func TestLargeEvents(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 100_000) // 1.6 MB
	file := append(append(section(""), largeEvent(1, false, data)...), readEvent(2, 3)...)
	file = append(append(file, largeEvent(3, true, data[:70_000])...), largeEvent(4, false, nil)...)
	r, err := NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	w := NewWriter(&again, false)
	r.Table = func(e any) { w.Table(e) }
	var e, kept Event
	for _, want := range []struct {
		time   int64
		params int
		size   int
		hidden bool
	}{{1, 2, len(data), false}, {2, 2, 4, false}, {3, 2, 70_000, true}, {4, 2, 0, false}} {
		if err := r.Next(&e); err != nil {
			t.Fatal(err)
		}
		kept.CopyFrom(&e)
		b := kept.Param(1)
		if e.Time != want.time || e.Params() != want.params || len(b) != want.size || e.Hidden != want.hidden {
			t.Fatalf("at %d: %d parameters, the second of %d bytes, hidden %v; want %+v", e.Time, e.Params(), len(b), e.Hidden, want)
		}
		if want.time != 2 && !bytes.Equal(b, data[:want.size]) {
			t.Fatalf("at %d the data is another", e.Time)
		}
		if err := w.Event(&kept); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Next(&e); err != io.EOF {
		t.Errorf("%v behind the last event", err)
	}
	if d := r.Damage(); d.Any() {
		t.Error(d.String())
	}
	if err := w.Flush(); err != nil || !bytes.Equal(again.Bytes(), file) {
		t.Errorf("%v; %d bytes were written of %d, or other ones", err, again.Len(), len(file))
	}
}

// A large event whose lengths do not fit it is left out, and those behind it are read.
func TestLargeEventsThatLie(t *testing.T) {
	file := section("")
	for _, lie := range []struct {
		at int // in the event's body, behind processor and header
		n  uint32
	}{{28, 1 << 31}, {32, 1 << 30}, {24, 33}, {24, 1 << 29}, {18, 0}, {18, 1 << 31}} {
		b := largeEvent(1, false, []byte("four"))
		binary.LittleEndian.PutUint32(b[8+lie.at:], lie.n)
		file = append(file, b...)
	}
	got, r, _ := times(t, append(file, largeEvent(2, false, []byte("good"))...))
	if d := r.Damage(); len(got) != 1 || got[0] != 2 || d.Events != 6 {
		t.Errorf("%v, %+v", got, d)
	}
}

func packed(t *testing.T, opts []zstd.EOption, parts ...[]byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	for _, part := range parts {
		z, err := zstd.NewWriter(&buf, opts...)
		if err != nil {
			t.Fatal(err)
		}
		z.Write(part)
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return buf.Bytes()
}

// Several zstd frames are one file; what is cut off or damaged is read up to there, and it is said.
func TestZstd(t *testing.T) {
	head := section("")
	var events []byte
	for i := range uint64(5000) {
		events = append(events, readEvent(i+1, 3)...)
	}
	whole := packed(t, nil, head, events, readEvent(9999, 3))
	got, r, tables := times(t, whole)
	if d := r.Damage(); len(got) != 5001 || got[5000] != 9999 || len(tables) != 1 || d.Any() {
		t.Errorf("%d events, %d tables, %s", len(got), len(tables), d.String())
	}
	r.Close()
	got, r, _ = times(t, whole[:len(whole)/2])
	if d := r.Damage(); len(got) >= 5001 || d.Packing == nil || !strings.Contains(d.String(), "compressed file breaks off") {
		t.Errorf("cut: %d events, %s", len(got), d.String())
	}
	r.Close()
	bad := bytes.Clone(whole)
	bad[len(bad)/2] ^= 0xff
	if got, r, _ = times(t, bad); r.damage.Packing == nil {
		t.Errorf("damaged: %d events, nothing said", len(got))
	}
	r.Close()
	// What asks for more memory than the bound is refused, not allocated: a frame header with a window of 2 GiB.
	huge := append([]byte("\x28\xb5\x2f\xfd\x00\xa8"), 1, 0, 0)
	if _, err := NewReader(bytes.NewReader(huge)); err != zstd.ErrWindowSizeExceeded {
		t.Errorf("a window of 2 GiB: %v", err)
	}
}

// docs/scap-format.md names every type of block that is read, the alias numbers and the bounds.
func TestFormatIsDocumented(t *testing.T) {
	b, err := os.ReadFile("../docs/scap-format.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := strings.ToUpper(string(b))
	want := []string{fmt.Sprintf("%d MiB", maxBlock>>20), fmt.Sprintf("%d parameters", MaxParams), "numbers up to 453", fmt.Sprintf("types 1000 and %d are", Types-1), fmt.Sprintf("beyond %d", lastOld)}
	for _, kind := range []uint32{blockSection, blockMachine, blockFD1, blockEvent1, blockIface1, blockUser1, blockFlagged1, blockEvent2, blockFlagged2,
		blockFD2, blockIface2, blockUser2, blockEventBig, blockFlagBig, magic} {
		want = append(want, strings.Replace(fmt.Sprintf("0x%08X", kind), "0x00000", "0x", 1))
	}
	for kind, version := range processVersions {
		want = append(want, fmt.Sprintf("| 0x%X | process list, version %d |", kind, version))
	}
	for alias, kind := range aliases {
		want = append(want, fmt.Sprintf("0x%X = 0x%X", alias, kind))
	}
	for _, s := range want {
		if !strings.Contains(doc, strings.ToUpper(s)) {
			t.Errorf("it does not say %q", s)
		}
	}
}
