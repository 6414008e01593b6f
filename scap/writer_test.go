package scap

import (
	"bytes"
	"io"
	"reflect"
	"testing"
)

// What is written is read again, every kind of entry and event.
func TestRoundTrip(t *testing.T) {
	v4 := [16]byte{10, 0, 0, 1}
	tables := []any{
		&Section{1, 2},
		&Machine{CPUs: 2, Memory: 1 << 30, MaxPID: 99, Host: "host", Boot: 5, Flags: 1},
		&Interface{Name: "lo", Address: []byte{127, 0, 0, 1}, Mask: []byte{255, 0, 0, 0}, Broadcast: []byte{0, 0, 0, 0}},
		&Interface{Name: "eth0", Address: make([]byte, 16), Mask: make([]byte, 16), Broadcast: make([]byte, 16), Speed: 7},
		&User{ID: 1, Group: 2, Name: "bob", Home: "/home", Shell: "/bin/sh"},
		&Group{ID: 2, Name: "staff"},
		&Process{TID: 7, PID: 7, Parent: 1, Session: 7, Group: 7, Comm: "sh", Exe: "-sh", ExePath: "/bin/sh", Args: []byte("-c\x00"), Cwd: "/tmp/", Root: "/",
			Env: []byte("A=1\x00"), Cgroups: []byte("cpu=/\x00"), FDLimit: 1024, Flags: 3, UID: 1, GID: 2, VMSize: 3, VMRSS: 4, VMSwap: 5, MajorFaults: 6,
			MinorFaults: 7, VTID: 8, VPID: 9, NamespaceStart: 10, TTY: 11, Login: 12, Inheritable: 13, Permitted: 14, Effective: 15, ProcessGroup: 19,
			Program: Program{ExeWritable: true, ExeUpper: true, ExeInode: 16, ExeChanged: 17, ExeModified: 18, ExeFromMemory: true, ExeLower: true}},
		&Descriptor{Thread: 7, FD: 3, Inode: 4, Type: FDFile, Name: "/etc/passwd", OpenFlags: 1, Device: 5},
		&Descriptor{Thread: 7, FD: 4, Type: FDIPv4, L4: L4TCP, Source: v4, Dest: v4, SourcePort: 1, Port: 2},
		&Descriptor{Thread: 7, FD: 5, Type: FDIPv6Server, L4: L4UDP, Source: [16]byte{15: 1}, SourcePort: 53},
		&Descriptor{Thread: 8, FD: 6, Type: FDUnix, Unix: [2]uint64{1, 2}, Name: "/run/x"},
		&Descriptor{Thread: 8, FD: 7, Type: FDPipe, Name: "pipe:[1]"},
	}
	var buf bytes.Buffer
	w := NewWriter(&buf, false)
	for _, e := range tables {
		if err := w.Table(e); err != nil {
			t.Fatal(err)
		}
	}
	var e Event
	e.Time, e.Thread, e.Type, e.CPU, e.Hidden = 5, 7, 9, 3, true
	if !e.Set([]byte{8, 0, 3, 0}, []byte("\x03\x00\x00\x00\x00\x00\x00\x00abc")) {
		t.Fatal("the parameters do not fit")
	}
	w.Event(&e)
	size := w.Size()
	if err := w.Flush(); err != nil || size != int64(buf.Len()) {
		t.Fatalf("%v; Size said %d, written are %d", err, size, buf.Len())
	}
	r, err := NewReader(&buf)
	if err != nil {
		t.Fatal(err)
	}
	var got []any
	r.Table = func(e any) { got = append(got, e) }
	var back Event
	if err := r.Next(&back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, tables) {
		for i := range got {
			if i < len(tables) && !reflect.DeepEqual(got[i], tables[i]) {
				t.Errorf("got  %+v\nwant %+v", got[i], tables[i])
			}
		}
		t.Errorf("%d entries, want %d", len(got), len(tables))
	}
	if back.Time != 5 || back.Thread != 7 || back.CPU != 3 || !back.Hidden || string(back.Param(1)) != "abc" {
		t.Errorf("%+v", back)
	}
	if err := r.Next(&back); err != io.EOF {
		t.Error(err)
	}
	if d := r.Damage(); d.Any() {
		t.Error(d.String())
	}
}

// Parameters that are longer than their event are refused.
func TestSetChecksLengths(t *testing.T) {
	var e Event
	if e.Set([]byte{9, 0}, []byte("12345678")) || e.Params() != 0 {
		t.Error("nine bytes of eight")
	}
	if e.Set(make([]byte, 2*(MaxParams+1)), nil) {
		t.Error("33 parameters")
	}
}

// A damaged beginning costs what stood there: Salvage finds the rest.
func TestSalvage(t *testing.T) {
	file := append([]byte("garbage!"), append(section(""), readEvent(1, 3)...)...)
	if _, err := NewReader(bytes.NewReader(file)); err == nil {
		t.Error("garbage was taken for a section")
	}
	r, err := Salvage(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	var e Event
	if err := r.Next(&e); err != nil || e.Time != 1 {
		t.Errorf("%v, %+v", err, e)
	}
	if d := r.Damage(); d.Bytes != 8 {
		t.Errorf("%+v", d)
	}
}
