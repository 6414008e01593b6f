package sys

import "github.com/tapir-project/tapir/scap"

// Source delivers events: a .scap file, or a live capture.
//
// Next fills e, whose parameters are borrowed until the next call; io.EOF ends the events. Tables, which a source tells
// through Inspector.Table, come before the events that need them.
type Source interface {
	Next(e *scap.Event) error
}

// Event is one event with what it is about. It is valid until the inspector's next.
type Event struct {
	*scap.Event
	Num    int64      // from 1; hidden events count
	Info   *scap.Info // its declaration
	Thread *Thread    // whose it is; nil for events that are nobody's, and beside calls for those of threads that are not known
	FD     *FD        // what it reads, writes, makes or closes; nil if it is not known
	Errno  int64      // number of the error it returned; 0 if it did not

	s       *Inspector
	first   int64 // time of the capture's first event
	renamed bool  // it changed the descriptor's name
	aside   bool  // it does not touch its thread's state, and is no part of its calls
}

// fdOf is the event's descriptor, or the one its thread used last, for fields that tell of descriptors. ok says
// whether the event has to do with descriptors at all.
func (e *Event) fdOf() (f *FD, ok bool) {
	if e.Info.Flags&(scap.CreatesFD|scap.UsesFD|scap.DestroysFD) == 0 || e.Thread == nil {
		return nil, false
	}
	if e.FD != nil {
		return e.FD, true
	}
	if n := e.Thread.last.fd; n != -1 {
		return e.s.FD(e.Thread, n), true
	}
	return nil, true
}

// Latency is how long the call took, in ns; 0 for events that enter one.
func (e *Event) Latency() int64 {
	if e.Thread == nil || e.aside {
		return 0
	}
	return e.Thread.last.latency
}

// Category is the event's category, that of its descriptor for reads and writes.
func (e *Event) Category() scap.Category {
	switch c := e.Info.Category; c {
	case scap.CatIO:
		return e.ioCategory()
	case scap.CatSyscall:
		id, _ := e.Int(0)
		if c = scap.SyscallCategory(uint16(id)); c == scap.CatIO {
			return scap.CatUnknown
		}
		return c
	case scap.CatInternal:
		return scap.CatUnknown
	default:
		return c
	}
}

func (e *Event) ioCategory() scap.Category {
	if e.FD == nil {
		return scap.CatUnknown
	}
	switch e.FD.Type {
	case scap.FDFile, scap.FDFileV2, scap.FDDirectory:
		return scap.CatFile
	case scap.FDIPv4, scap.FDIPv6, scap.FDIPv4Server, scap.FDIPv6Server:
		return scap.CatNet
	case scap.FDPipe, scap.FDUnix, scap.FDEvent, scap.FDSignal, scap.FDInotify, scap.FDNetlink:
		return scap.CatFDIPC
	case scap.FDOther, scap.FDEventpoll, scap.FDTimer:
		return scap.CatOther
	}
	return scap.CatUnknown
}

// Shown says whether the event is shown to people who did not ask for what is internal.
func (e *Event) Shown() bool { return e.Info.Category != scap.CatInternal && !e.Hidden }

// IsIO says whether the event reads or writes.
func (e *Event) IsIO() bool { return e.Info.Flags&(scap.ReadsFD|scap.WritesFD) != 0 }

// Name is the event's name; a generic event has that of its call.
func (e *Event) Name() string {
	if e.Info.Category == scap.CatSyscall {
		id, _ := e.Int(0)
		return scap.SyscallName(uint16(id))
	}
	return e.Info.Name
}

// enter is what the call was entered with; nil if that is not known.
func (e *Event) enter() *scap.Event {
	if e.Enter != 0 || e.Thread == nil {
		return nil
	}
	if l := &e.Thread.last; l.valid && l.kept {
		return &l.params
	}
	return nil
}
