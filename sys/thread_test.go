package sys_test

import (
	"encoding/binary"
	"testing"

	"github.com/tapir-project/tapir/scap"
	"github.com/tapir-project/tapir/sys"
)

// event is an event with the parameters that are given, by name; the others are zero.
func event(t *testing.T, typ scap.Type, thread int64, values map[string]int64) *scap.Event {
	t.Helper()
	e := &scap.Event{Type: typ, Thread: thread, Time: 1}
	var lengths, data []byte
	for _, p := range typ.Info().Params {
		b := binary.LittleEndian.AppendUint64(nil, uint64(values[p.Name]))
		if p.Kind.Size() > 0 {
			b = b[:p.Kind.Size()]
		} else {
			b = b[:1]
		}
		lengths = binary.LittleEndian.AppendUint16(lengths, uint16(len(b)))
		data = append(data, b...)
	}
	if !e.Set(lengths, data) {
		t.Fatal("the parameters do not fit")
	}
	return e
}

// The number that clone returns in a namespace of processes is none of the machine: only the child's own event tells of it.
func TestCloneInNamespace(t *testing.T) {
	const clone = 223
	s := sys.New()
	s.Table(&scap.Process{TID: 5, PID: 5, Comm: "other"})
	s.Table(&scap.Process{TID: 700, PID: 700, VTID: 4, VPID: 4, Comm: "parent"})
	s.Apply(event(t, clone, 700, map[string]int64{"res": 5, "tid": 700, "pid": 700, "vtid": 4, "vpid": 4}))
	if other := s.Thread(5); other == nil || other.Comm != "other" {
		t.Errorf("another thread became %+v", other)
	}
	s.Apply(event(t, clone, 701, map[string]int64{"tid": 701, "pid": 701, "ptid": 700, "vtid": 5, "vpid": 5}))
	if child := s.Thread(701); child == nil || child.Parent != 700 || child.VTID != 5 {
		t.Errorf("the child is %+v", child)
	}
}

// Some events that leave a call tell all by themselves: what is known changes by them though the entering ones are missing.
func TestLeavingAlone(t *testing.T) {
	s := sys.New()
	s.Table(&scap.Process{TID: 7, PID: 7, Cwd: "/"})
	s.Apply(event(t, 275, 7, map[string]int64{"res": 9}))
	s.Apply(event(t, 159, 7, map[string]int64{"vm_size": 100, "vm_rss": 10}))
	if p := s.Thread(7); p.Session != 9 || p.VMSize != 100 || p.VMRSS != 10 {
		t.Errorf("%+v", p)
	}
}

// Of memory each thread knows what it told itself, and, where it is shared, what any of its process told.
func TestShareMemory(t *testing.T) {
	for _, c := range []struct {
		shared bool
		want   string
	}{{false, "50 100 100"}, {true, "100 100 100"}} {
		s := sys.New()
		if c.shared {
			s.ShareMemory()
		}
		s.Table(&scap.Process{TID: 7, PID: 7, VMSize: 50})
		s.Table(&scap.Process{TID: 8, PID: 7, VMSize: 50, Flags: scap.ThreadFiles | scap.ThreadSame})
		f := format(t, "*%proc.vmsize", nil)
		s.Apply(event(t, 159, 8, map[string]int64{"vm_size": 100}))
		got, _ := f.Append(nil, s.Apply(event(t, 52, 7, nil)))
		got, _ = f.Append(append(got, ' '), s.Apply(event(t, 52, 8, nil)))
		s.Apply(event(t, 152, 8, map[string]int64{"vm_size": 100})) // of the process
		if got, _ = f.Append(append(got, ' '), s.Apply(event(t, 52, 7, nil))); string(got) != c.want {
			t.Errorf("shared: %v, %s, want %s", c.shared, got, c.want)
		}
	}
}

// What execve tells of capabilities and of the program is what its children have.
func TestProgramIsInherited(t *testing.T) {
	s := sys.New()
	s.Table(&scap.Machine{Boot: 1000})
	s.Table(&scap.Process{TID: 7, PID: 7, VTID: 7, VPID: 7})
	s.Apply(event(t, 293, 7, map[string]int64{"tid": 7, "pid": 7, "flags": 1 | 8, "cap_effective": 3, "exe_ino": 4, "exe_ino_ctime": 5, "exe_ino_mtime": 6}))
	s.Apply(event(t, 223, 7, map[string]int64{"res": 8, "tid": 7, "pid": 7, "vtid": 7, "vpid": 7, "pidns_init_start_ts": 9}))
	want := scap.Program{ExeWritable: true, ExeLower: true, ExeInode: 4, ExeChanged: 5, ExeModified: 6}
	if p := s.Thread(8); p == nil || p.Program != want || p.CapEffective != 3 || p.NamespaceStart != 1009 {
		t.Errorf("%+v", p)
	}
	s.Apply(event(t, 283, 7, nil)) // which tells nothing of it
	if p := s.Thread(7); p.Program.ExeInode != 0 || p.Program.ExeChanged != 0 || p.Program.ExeModified != 0 {
		t.Errorf("%+v", p.Program)
	}
}
