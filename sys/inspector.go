package sys

import (
	"io"
	"maps"
	"slices"

	"github.com/tapir-project/tapir/scap"
)

const maxThreads = 128 << 10

// Inspector keeps the state of a machine while its events pass. It is not safe for concurrent use.
type Inspector struct {
	Machine    scap.Machine
	Interfaces []*scap.Interface

	threads  map[int64]*Thread
	recent   [16]*Thread // of the last events, by the low bits of their id: those that run at the same time take turns
	users    map[uint32]*scap.User
	groups   map[uint32]*scap.Group
	boxes    map[string]*Container
	order    []int64 // threads as they came, for lists
	gone     *Thread // ended with the event at hand
	closed   closing
	ev       Event
	num      int64
	changes  uint64 // how often something may have changed what is known
	first    int64
	names    interner
	dropped  uint64
	imagined scap.Event
	keepAll  bool
	services bool // ports are shown by their services' names
	shared   bool // threads know of memory what any of their process told
	// unsettled says that descriptors came whose roles are still to be found.
	unsettled bool
	text      [256]byte // scratch
}

// closing is a descriptor that is forgotten once the event at hand is over.
type closing struct {
	t *Thread
	n int64
}

// New is an inspector that knows nothing yet.
func New() *Inspector {
	s := &Inspector{}
	s.reset()
	return s
}

// Restart forgets all, for another capture; its events are numbered from 1 again.
func (s *Inspector) Restart() {
	s.reset()
	s.num = 0
}

func (s *Inspector) reset() {
	s.threads, s.recent, s.gone, s.order = map[int64]*Thread{}, [16]*Thread{}, nil, nil
	s.users, s.groups = map[uint32]*scap.User{}, map[uint32]*scap.Group{}
	s.boxes, s.Interfaces, s.closed = map[string]*Container{}, nil, closing{}
}

// KeepCalls has every event that leaves a call know what the call was entered with, not only those whose meaning needs it.
func (s *Inspector) KeepCalls() { s.keepAll = true }

// NameServices has ports shown by their services' names: in the names of sockets, which filters see too, and in parameters.
func (s *Inspector) NameServices() { s.services = true }

// ShareMemory has all threads of a process know of its memory what the last of them told, as it is. Without, each knows what it told
// itself, as sysdig shows it.
func (s *Inspector) ShareMemory() { s.shared = true }

// Dropped is how many threads and descriptors were not kept for want of room.
func (s *Inspector) Dropped() uint64 { return s.dropped }

// Table takes an entry of a table. It is what a scap.Reader's Table calls.
func (s *Inspector) Table(entry any) {
	s.changes++
	switch e := entry.(type) {
	case *scap.Section:
		s.reset()
	case *scap.Machine:
		s.Machine = *e
	case *scap.Interface:
		s.Interfaces = append(s.Interfaces, e)
	case *scap.User:
		s.users[e.ID] = e
	case *scap.Group:
		s.groups[e.ID] = e
	case *scap.Process:
		s.addProcess(e)
	case *scap.Descriptor:
		s.addDescriptor(e)
	}
}

func (s *Inspector) addProcess(p *scap.Process) {
	t := &Thread{TID: p.TID, PID: p.PID, Parent: p.Parent, Session: p.Session, Group: p.Group, VTID: p.VTID, VPID: p.VPID, Comm: p.Comm,
		Exe: p.Exe, ExePath: p.ExePath, Root: p.Root, Args: p.Args, Env: p.Env, Cgroups: p.Cgroups, UID: p.UID, GID: p.GID,
		Login: p.Login, FDLimit: p.FDLimit, Flags: p.Flags, TTY: p.TTY, VMSize: p.VMSize, VMRSS: p.VMRSS, VMSwap: p.VMSwap,
		Major: p.MajorFaults, Minor: p.MinorFaults, Program: p.Program, NamespaceStart: p.NamespaceStart, ProcessGroup: p.ProcessGroup, known: true, CapInherit: p.Inheritable,
		CapPerm: p.Permitted, CapEffective: p.Effective}
	t.setCwd(p.Cwd)
	t.ContainerID = containerOf(t.Cgroups)
	s.add(t)
}

func (s *Inspector) addDescriptor(d *scap.Descriptor) {
	t := s.threads[d.Thread]
	if t == nil {
		return
	}
	f := &FD{Num: d.FD, Type: d.Type, L4: d.L4, Source: d.Source, Dest: d.Dest, SourcePort: d.SourcePort, DestPort: d.Port,
		Unix: d.Unix, Name: d.Name, OpenFlags: d.OpenFlags, Device: d.Device, Inode: d.Inode}
	if f.ip() {
		s.rename(f)
		f.connected = f.socket()
	}
	s.unsettled = true
	if !t.ownTable().put(f) {
		s.dropped++
	}
}

// settle finds out which end of their connections processes were that had them when the capture began: the server's, if
// one of them listens on the port. Tables have the process's own end first, events the client's.
func (s *Inspector) settle() {
	s.unsettled = false
	ports := map[uint16]bool{}
	s.Threads(func(t *Thread) bool {
		t.ownTable().all(func(f *FD) bool {
			if f.listens() {
				ports[f.SourcePort] = true
			}
			return true
		})
		return true
	})
	s.Threads(func(t *Thread) bool {
		t.ownTable().all(func(f *FD) bool {
			if !f.socket() || f.role != roleNone {
				return true
			}
			f.role = roleClient
			if ports[f.SourcePort] {
				f.role = roleServer
				f.swap()
				s.rename(f)
			}
			return true
		})
		return true
	})
}

// add stores a thread.
func (s *Inspector) add(t *Thread) *Thread {
	if old := s.threads[t.TID]; old == nil {
		if len(s.threads) >= maxThreads {
			s.evict()
		}
		s.order = append(s.order, t.TID)
	}
	s.threads[t.TID] = t
	*s.remembered(t.TID) = nil
	if t.TID != t.PID {
		if m := s.threads[t.PID]; m != nil {
			m.children++
		}
	}
	return t
}

// evict forgets the thread that came first of those that are left.
func (s *Inspector) evict() {
	for i, id := range s.order {
		if t := s.threads[id]; t != nil {
			s.order = append(s.order[:0], s.order[i+1:]...)
			s.remove(t)
			s.dropped++
			return
		}
	}
}

func (s *Inspector) remove(t *Thread) {
	if s.threads[t.TID] != t {
		return
	}
	delete(s.threads, t.TID)
	*s.remembered(t.TID) = nil
	if t.TID != t.PID {
		if m := s.threads[t.PID]; m != nil && m.children > 0 {
			m.children--
		}
	}
	if len(s.order) > 2*len(s.threads)+1024 { // leave out those that ended
		kept := s.order[:0]
		for _, id := range s.order {
			if s.threads[id] != nil {
				kept = append(kept, id)
			}
		}
		s.order = kept
	}
}

// Thread is the thread with the id; nil if it is not known.
func (s *Inspector) Thread(tid int64) *Thread { return s.threads[tid] }

// Threads calls f with all threads in the order in which they became known.
func (s *Inspector) Threads(f func(*Thread) bool) {
	for _, id := range s.order {
		if t := s.threads[id]; t != nil && !f(t) {
			return
		}
	}
}

// FDs calls f with the descriptors of t.
func (s *Inspector) FDs(t *Thread, f func(*FD) bool) {
	if table := s.table(t); table != nil {
		table.all(f)
	}
}

// thread is the thread of an event, made up if nothing is known of it.
func (s *Inspector) thread(tid int64) *Thread {
	if t := s.lookup(tid); t != nil {
		return t
	}
	return s.add(unknownThread(tid))
}

// lookup is the thread with the id, and remembers it; nil if it is not known.
func (s *Inspector) lookup(tid int64) *Thread {
	r := s.remembered(tid)
	if t := *r; t != nil && t.TID == tid {
		return t
	}
	t := s.threads[tid]
	if t != nil {
		*r = t
	}
	return t
}

// remembered is where the thread with the id is remembered.
func (s *Inspector) remembered(tid int64) **Thread {
	return &s.recent[uint64(tid)%uint64(len(s.recent))]
}

func unknownThread(tid int64) *Thread {
	return &Thread{TID: tid, PID: tid, Parent: -1, Session: -1, Group: -1, ProcessGroup: -1, VTID: -1, VPID: -1, Comm: "<NA>", Exe: "<NA>", UID: None,
		GID: None, Login: None, FDLimit: -1}
}

// Next takes the source's next event and applies it. The event is valid until the next call.
func (s *Inspector) Next(src Source, raw *scap.Event) (*Event, error) {
	if err := src.Next(raw); err != nil {
		if err == io.EOF {
			s.finish()
		}
		return nil, err
	}
	return s.Apply(raw), nil
}

// Apply applies an event to the state.
func (s *Inspector) Apply(raw *scap.Event) *Event {
	s.finish()
	if s.unsettled {
		s.settle()
	}
	s.num++
	s.changes++
	e := &s.ev
	*e = Event{Event: raw, Num: s.num, Info: raw.Type.Info(), s: s}
	switch raw.Type {
	case typeRing, typeRingDone:
		e.Info = ringInfo(e)
	case typeSendmmsg, typeRecvmmsg:
		e.Info = mmsgInfo(e)
	}
	if s.num == 1 {
		s.first = raw.Time
	}
	e.first = s.first
	if s.begin(e) {
		if h := handlers[raw.Type]; h != nil {
			h(s, e)
		}
	}
	return e
}

// finish forgets what ended with the event before.
func (s *Inspector) finish() {
	if s.closed.t != nil {
		if table := s.table(s.closed.t); table != nil {
			table.remove(s.closed.n)
		}
		s.closed = closing{}
	}
	if s.gone != nil {
		s.endThread(s.gone)
		s.gone = nil
	}
}

// endThread forgets a thread, and with the first of a process its other ones.
func (s *Inspector) endThread(t *Thread) {
	s.remove(t)
}

// begin finds the event's thread and descriptor, and says whether what it does to the state can be told.
func (s *Inspector) begin(e *Event) bool {
	if e.Info.Flags&scap.Aside != 0 || besides[e.Type] {
		e.aside, e.Thread = true, s.threads[e.Event.Thread]
		return besides[e.Type] || e.Type == typeProcinfo && e.Thread != nil
	}
	if e.Type == typeSwitch6 {
		e.Thread = s.threads[e.Event.Thread]
		e.aside = e.Thread == nil
		return !e.aside
	}
	t := s.thread(e.Event.Thread)
	e.Thread = t
	l := &t.last
	if !e.Type.Exit() {
		return s.enter(e, l)
	}
	return s.leave(e, t, l)
}

func (s *Inspector) enter(e *Event, l *lastCall) bool {
	l.kind, l.set, l.valid, l.fd, l.latency, l.entered, l.kept = e.Type, true, false, -1, 0, e.Time, false
	if e.Info.Flags&scap.UsesFD != 0 {
		if n, ok := e.Int(0); ok {
			l.fd = n
			e.FD = s.FD(e.Thread, n)
		}
	}
	if s.keepAll || needsEnter[e.Type] {
		l.params.CopyFrom(e.Event)
		l.kept = true
	}
	return true
}

func (s *Inspector) leave(e *Event, t *Thread, l *lastCall) bool {
	if n, ok := e.Result(); ok && n < 0 {
		e.Errno = -n
	}
	if e.Type == typeRingDone {
		took, _ := e.Int(e.Info.Find("latency"))
		e.Enter = e.Time - took
	}
	if e.Enter != 0 { // one event is the whole call
		l.kind, l.set, l.valid, l.kept, l.fd = e.Type-1, true, true, false, -1
		l.latency = max(e.Time-e.Enter, 0)
	} else {
		l.latency = 0
		if l.entered != 0 {
			l.latency = max(e.Time-l.entered, 0)
		}
		l.valid = l.set && l.kind == e.Type-1
		if !l.valid && !whole(e) {
			return false
		}
	}
	if e.Info.Flags&scap.UsesFD != 0 {
		if n, ok := e.ownFD(); ok && (!l.valid || e.Enter != 0 || ownFirst(e.Type) && l.fd < 0) {
			l.fd = n
		}
		e.FD = s.FD(t, l.fd)
		if e.FD != nil && e.Errno == 0 && e.IsIO() && e.FD.socket() {
			e.FD.connected = true
		}
		return e.FD != nil || e.Type == typeRingDone || l.fd >= 0 && infers[e.Type]
	}
	return true
}

// scratch is room for a text that is needed for a moment.
func (s *Inspector) scratch() []byte { return s.text[:0] }

// User is the user with the id; nil if there is none.
func (s *Inspector) User(id uint32) *scap.User { return s.users[id] }

// Imagine is an event of thread t on descriptor f that never was: to ask fields and filters about the state. It is valid
// until the next event.
func (s *Inspector) Imagine(t *Thread, f *FD) *Event {
	s.imagined = scap.Event{Type: typeReadEnter}
	s.ev = Event{Event: &s.imagined, Info: typeReadEnter.Info(), Thread: t, FD: f, s: s, Num: s.num}
	return &s.ev
}

// Ancestors calls f with the ancestors of t's process, numbered from 1; with self it begins with the process itself.
func (s *Inspector) Ancestors(t *Thread, self bool, f func(i int, a *Thread)) {
	if m := s.Main(t); m != nil {
		t = m
	}
	n := 0
	if self {
		n = 1
		f(n, t)
	}
	for range maxAncestors {
		p := s.ParentOf(t)
		if p == nil || p == t {
			return
		}
		n++
		f(n, p)
		t = p
	}
}

// Containers lists the containers that are known, by id.
func (s *Inspector) Containers() []*Container {
	out := make([]*Container, 0, len(s.boxes))
	for _, id := range slices.Sorted(maps.Keys(s.boxes)) {
		out = append(out, s.boxes[id])
	}
	return out
}
