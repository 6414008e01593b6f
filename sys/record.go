package sys

import (
	"encoding/base64"
	"math"
	"net/netip"
	"slices"
	"unicode/utf8"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/scap"
)

// storedFields are the fields of a stored call. Of those that show one thing in several ways one is stored; what lists could be
// made of when asked is left out.
var storedFields = []string{"evt.num", "evt.type", "syscall.type", "evt.category", "evt.cpu", "evt.latency", "evt.buffer", "evt.buflen", "evt.res",
	"evt.rawres", "evt.failed", "evt.is_io", "evt.is_io_read", "evt.is_io_write", "evt.io_dir", "evt.is_wait", "evt.is_syslog", "evt.count",
	"evt.abspath", "evt.is_open_read", "evt.is_open_write", "evt.is_open_exec", "proc.pid", "proc.exe", "proc.name", "proc.args",
	"proc.cmdline", "proc.cwd", "proc.ppid", "proc.pname", "proc.loginshellid", "proc.duration", "proc.vmsize", "proc.vmrss", "thread.tid",
	"thread.ismain", "thread.vtid", "proc.vpid", "proc.sid", "proc.tty", "proc.exepath", "user.uid", "user.name", "user.loginuid", "group.gid",
	"group.name", "container.id", "container.name", "container.image", "fd.num", "fd.type", "fd.typechar", "fd.name", "fd.directory", "fd.filename",
	"fd.cip", "fd.sip", "fd.lip", "fd.rip", "fd.cport", "fd.sport", "fd.lport", "fd.rport", "fd.l4proto", "fd.sockfamily", "fd.is_server",
	"fd.connected", "syslog.facility", "syslog.severity", "syslog.message", "k8s.pod.name", "k8s.ns.name"}

// addedFields are stored where they are not 0: of what is only added up nothing is the same, and costs nothing.
var addedFields = []string{"evt.count.exit", "evt.count.error", "evt.buflen.file.in", "evt.buflen.file.out", "evt.buflen.net.in", "evt.buflen.net.out",
	"thread.exectime"}

// Recorder makes records of events: one of each call, with what it was entered with and what it returned, and one of
// each event that is no call.
type Recorder struct {
	fields  []recorded
	args    record.FieldID
	bytes   record.FieldID
	latency record.FieldID
	style   Style
	buf     []byte
}

// recorded is a field and where a record has it.
type recorded struct {
	*Field
	id    record.FieldID
	typ   record.Type
	added bool // stored where it is not 0
}

// NewRecorder makes records of what s sees, which is told to keep what calls were entered with.
func NewRecorder(s *Inspector) *Recorder {
	s.KeepCalls()
	r := &Recorder{style: Style{Full: true, Raw: true}, args: record.MustID("evt.args"), bytes: record.MustID("evt.buffer_base64"), latency: record.MustID("evt.latency")}
	for i, name := range slices.Concat(storedFields, addedFields) {
		f, err := Find(name, &r.style)
		known, ok := record.Lookup(name)
		if err != nil || !ok {
			panic("sys: field " + name + " cannot be stored")
		}
		r.fields = append(r.fields, recorded{f, known.ID, known.Type, i >= len(storedFields)})
	}
	return r
}

// idSeed makes the same file give the same ids.
const idSeed = 0x9e3779b97f4a7c15

// Fill makes rec the record of e; false says that e is only the beginning of a call, or internal.
func (r *Recorder) Fill(rec *record.Record, e *Event) bool {
	if !e.Shown() || !e.Type.Exit() && hasExit[e.Type] {
		return false
	}
	rec.Kind, rec.Final = record.KindSysEvent, true
	rec.End, rec.Start = e.Time, e.Time
	if e.Type.Exit() {
		rec.Start -= e.Latency()
	}
	rec.ID = record.NewID(rec.Start, uint64(e.Event.Thread)*idSeed^uint64(e.CPU), uint32(e.Num))
	for i := range r.fields {
		if f := &r.fields[i]; f.id != r.latency || e.Type.Exit() { // of what is no call, the latency would be that of the call before
			r.add(&rec.Values, f, e)
		}
	}
	r.buf = r.buf[:0]
	if in := e.enter(); in != nil && e.Type.Exit() && !repeated(in, e) {
		whole := *e
		whole.Event, whole.Info = in, in.Type.Info()
		r.buf = whole.AppendArgs(r.buf, &r.style)
	}
	r.buf = e.AppendArgs(r.buf, &r.style)
	for len(r.buf) > 0 && r.buf[len(r.buf)-1] == ' ' {
		r.buf = r.buf[:len(r.buf)-1]
	}
	rec.Values.PutText(r.args, r.buf)
	return true
}

// repeated says whether the event that leaves a call has all that the call was entered with, as in newer files.
func repeated(in *scap.Event, e *Event) bool {
	for i := range min(in.Params(), len(in.Type.Info().Params)) {
		if at := e.Info.Find(in.Type.Info().Params[i].Name); at < 0 || at >= e.Params() {
			return false
		}
	}
	return true
}

func (r *Recorder) add(v *record.Values, f *recorded, e *Event) {
	switch f.typ {
	case record.TypeTerm, record.TypeText:
		if f.def.name == "evt.buffer" { // as it was, not as it is shown
			v.PutText(f.id, e.Data())
			if !utf8.Valid(e.Data()) { // stores keep text
				r.buf = base64.StdEncoding.AppendEncode(r.buf[:0], e.Data())
				v.PutText(r.bytes, r.buf)
			}
			return
		}
		var ok bool
		if r.buf, ok = f.Append(r.buf[:0], e); ok && string(r.buf) != "<NA>" {
			v.AddText(f.id, r.buf)
		}
	case record.TypeIP:
		f.def.each(f.Field, e, func(_ int64, b []byte) bool {
			if a, ok := netip.AddrFromSlice(b); ok {
				v.AddAddr(f.id, record.Addr(a.As16()))
			}
			return false
		})
	case record.TypeFloat:
		if n, ok := f.Number(e); ok {
			v.AddFloat(f.id, math.Float64frombits(uint64(n)))
		}
	default:
		if n, ok := f.Number(e); ok && (n != 0 || !f.added) {
			v.AddInt(f.id, n)
		}
	}
}

// hasExit are the entering events that a leaving one follows.
var hasExit = func() (has [scap.Types]bool) {
	for t := scap.Type(0); t+1 < scap.Types; t += 2 {
		has[t] = (t + 1).Info().Known()
	}
	return has
}()
