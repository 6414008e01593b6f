package sys

import (
	"maps"
	"slices"

	"github.com/tapir-project/tapir/scap"
)

// Dump tells the state as the tables of a capture that would begin now, in the order of a file.
func (s *Inspector) Dump(emit func(entry any) error) error {
	machine := s.Machine
	entries := []any{&scap.Section{Major: 1, Minor: 2}, &machine}
	for _, i := range s.Interfaces {
		entries = append(entries, i)
	}
	for _, id := range slices.Sorted(maps.Keys(s.users)) {
		entries = append(entries, s.users[id])
	}
	for _, id := range slices.Sorted(maps.Keys(s.groups)) {
		entries = append(entries, s.groups[id])
	}
	s.Threads(func(t *Thread) bool {
		entries = append(entries, t.process())
		return true
	})
	s.Threads(func(t *Thread) bool {
		if t.fds != nil && !t.sharesFDs() {
			t.fds.all(func(f *FD) bool {
				entries = append(entries, f.descriptor(t.TID))
				return true
			})
		}
		return true
	})
	for _, e := range entries {
		if err := emit(e); err != nil {
			return err
		}
	}
	return nil
}

// process is the thread as a table has it.
func (t *Thread) process() *scap.Process {
	return &scap.Process{TID: t.TID, PID: t.PID, Parent: t.Parent, Session: t.Session, Group: t.Group, Comm: t.Comm, Exe: t.Exe, ExePath: t.ExePath,
		Cwd: t.Cwd, Root: t.Root, Args: t.Args, Env: t.Env, Cgroups: t.Cgroups, FDLimit: t.FDLimit, Flags: t.Flags, UID: t.UID, GID: t.GID,
		VMSize: t.VMSize, VMRSS: t.VMRSS, VMSwap: t.VMSwap, MajorFaults: t.Major, MinorFaults: t.Minor, VTID: t.VTID, VPID: t.VPID, TTY: t.TTY,
		Login: t.Login, Program: t.Program, NamespaceStart: t.NamespaceStart, Inheritable: t.CapInherit, Permitted: t.CapPerm, Effective: t.CapEffective,
		ProcessGroup: t.ProcessGroup}
}

// descriptor is the descriptor as a table has it: with the process's own end first.
func (f *FD) descriptor(thread int64) *scap.Descriptor {
	d := *f
	if d.socket() && d.role == roleServer {
		d.swap()
	}
	return &scap.Descriptor{Thread: thread, FD: d.Num, Inode: d.Inode, Type: d.Type, L4: d.L4, Source: d.Source, Dest: d.Dest,
		SourcePort: d.SourcePort, Port: d.DestPort, Unix: d.Unix, Name: d.Name, OpenFlags: d.OpenFlags, Device: d.Device}
}
