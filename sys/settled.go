package sys

import (
	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/scap"
)

// settledFields are those that are the same for both events of a call, and for every call of the same type by the same thread on the
// same descriptor, as long as neither changes.
var settledFields = map[string]bool{"evt.type": true, "evt.is_io": true, "evt.is_io_read": true, "evt.is_io_write": true, "evt.category": true,
	"fd.num": true, "fd.type": true, "fd.typechar": true, "fd.l4proto": true, "fd.sockfamily": true, "fd.is_server": true,
	"fd.port": true, "fd.cport": true, "fd.sport": true, "fd.lport": true, "fd.rport": true, "fd.proto": true,
	"fd.ip": true, "fd.cip": true, "fd.sip": true, "fd.lip": true, "fd.rip": true, "fd.net": true,
	"proc.name": true, "proc.pid": true, "thread.tid": true}

// settled says whether a condition asks for settledFields only.
func settled(c *query.Condition) bool {
	if c.Logic == query.Single {
		f, err := Find(c.Field, nil)
		return err == nil && settledFields[f.def.name]
	}
	for _, k := range c.Kids {
		if !settled(k) {
			return false
		}
	}
	return true
}

// Settled says whether the filter asks only for what a call has that Inspector.Settled takes: it passes both events of it, or neither.
func (f *Filter) Settled() bool { return f.test == nil || f.settled }

// settledTypes are the events that leave a call which reads or writes and changes nothing that is known of a descriptor, unless, as
// settledTCP has it, that is no connection of TCP.
var settledTypes, settledTCP = findSettled()

func findSettled() (all, tcp [scap.Types]bool) {
	const same = scap.ReadsFD | scap.WritesFD | scap.UsesFD
	for t := scap.Type(1); t < typeRing; t += 2 {
		in, out := (t - 1).Info(), t.Info()
		if out.Flags&(scap.ReadsFD|scap.WritesFD) == 0 || out.Flags&same != in.Flags&same || out.Flags&(scap.UsesFD|scap.Aside) != scap.UsesFD ||
			in.Name != out.Name || in.Category != out.Category || needsEnter[t-1] || handlers[t-1] != nil || fdParam[t] == 0 {
			continue
		}
		all[t] = handlers[t] == nil
		tcp[t] = t == typeRecvfrom || t == typeRecvmsg
	}
	return all, tcp
}

// verdict is what a filter said of calls on a descriptor. Nothing of what it was asked has changed as long as no event was applied since.
type verdict struct {
	filter  *Filter
	thread  *Thread
	kind    scap.Type
	changes uint64
	pass    bool
}

// Settled does for a whole call what Apply does for its two events, if that is no more than to count them and to note that the thread
// made them: ok says whether it is, and pass whether both pass the filter, which is Settled too. raw is the event that leaves the call, as
// yet without parameters, with the time it was entered, and n the descriptor that it reads or writes.
func (s *Inspector) Settled(raw *scap.Event, n int64, filter *Filter) (pass, ok bool) {
	if !settledTypes[raw.Type] && !settledTCP[raw.Type] || s.num == 0 || s.unsettled || s.keepAll {
		return false, false
	}
	s.finish()
	t := s.lookup(raw.Thread)
	if t == nil {
		return false, false
	}
	f := s.FD(t, n)
	if f == nil || f.socket() && !f.connected || !settledTypes[raw.Type] && (f.Name == "" || f.L4 != scap.L4TCP) {
		return false, false
	}
	s.num += 2
	l := &t.last
	l.kind, l.set, l.valid, l.fd, l.entered, l.kept = raw.Type-1, true, true, n, raw.Enter, false
	l.latency = max(raw.Time-raw.Enter, 0)
	v := &f.verdicts[0]
	if raw.Type.Info().Flags&scap.WritesFD != 0 {
		v = &f.verdicts[1]
	}
	if v.kind != raw.Type || v.changes != s.changes || v.thread != t || v.filter != filter {
		e := &s.ev
		*e = Event{Event: raw, Num: s.num, Info: raw.Type.Info(), Thread: t, FD: f, s: s, first: s.first}
		*v = verdict{filter, t, raw.Type, s.changes, filter.Pass(e)}
	}
	return v.pass, true
}
