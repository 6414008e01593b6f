package sys

import (
	"bytes"
	"strconv"

	"github.com/tapir-project/tapir/scap"
)

// pollList is a text of all descriptors that a poll names, with commas between.
func pollList(text func(e *Event, n int64, dst []byte) ([]byte, bool)) textFunc {
	return func(_ *Field, e *Event, dst []byte) ([]byte, bool) {
		i := e.Info.Find("fds")
		if i < 0 || i >= e.Params() {
			return dst, false
		}
		start := len(dst)
		eachPoll(e.Param(i), func(n int64, _ int16) {
			at := len(dst)
			if at > start {
				dst = append(dst, ',')
			}
			out, ok := text(e, n, dst)
			if !ok {
				dst = dst[:at]
				return
			}
			dst = out
		})
		return dst, len(dst) > start
	}
}

// polled is the text of a polled descriptor that is known.
func polled(text func(f *FD, dst []byte) ([]byte, bool)) textFunc {
	return pollList(func(e *Event, n int64, dst []byte) ([]byte, bool) {
		f := (*FD)(nil)
		if e.Thread != nil {
			f = e.s.FD(e.Thread, n)
		}
		if f == nil {
			return dst, false
		}
		return text(f, dst)
	})
}

func endText(which endFunc, port bool) textFunc {
	return polled(func(f *FD, dst []byte) ([]byte, bool) {
		x, ok := which(nil, f)
		switch {
		case !ok:
			return dst, false
		case port:
			return strconv.AppendUint(dst, uint64(x.port), 10), true
		}
		return appendAddr(dst, x.addr), true
	})
}

var listFields = []definition{
	{name: "syslog.facility.str", text: syslogText(func(p int64) string { return at(facilities[:], p>>3) })},
	{name: "syslog.facility", kind: Uint, upper: "UINT32", num: syslogInt(func(p int64) int64 { return p >> 3 })},
	{name: "syslog.severity.str", text: syslogText(func(p int64) string { return at(severities[:], p&7) })},
	{name: "syslog.severity", kind: Uint, upper: "UINT32", num: syslogInt(func(p int64) int64 { return p & 7 })},
	{name: "syslog.message", text: func(_ *Field, e *Event, dst []byte) ([]byte, bool) {
		_, msg, ok := e.syslog()
		return append(dst, msg...), ok
	}},
	{name: "fdlist.nums", text: pollList(func(_ *Event, n int64, dst []byte) ([]byte, bool) { return strconv.AppendInt(dst, n, 10), true })},
	{name: "fdlist.names", path: true, text: pollList(func(e *Event, n int64, dst []byte) ([]byte, bool) {
		if e.Thread != nil {
			if f := e.s.FD(e.Thread, n); f != nil && f.Name != "" {
				return append(dst, f.Name...), true
			}
		}
		return append(dst, "<NA>"...), true
	})},
	{name: "fdlist.cips", text: endText(client, false)},
	{name: "fdlist.sips", text: endText(server, false)},
	{name: "fdlist.cports", text: endText(client, true)},
	{name: "fdlist.sports", text: endText(server, true)},
}

// The names of syslog's facilities and severities (RFC 5424 §6.2.1), as logger and sysdig spell them.
var (
	facilities = [...]string{"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "clock", "authpriv", "ftp", "ntp",
		"logaudit", "logalert", "cron", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"}
	severities = [...]string{"emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"}
)

func at(names []string, i int64) string {
	if i >= 0 && i < int64(len(names)) {
		return names[i]
	}
	return "<NA>"
}

var devLog = []byte("/dev/log")

// isSyslog says whether the event writes to the system's log.
func (e *Event) isSyslog() bool {
	return e.Info.Flags&scap.WritesFD != 0 && e.FD != nil && (e.FD.Type == scap.FDUnix || e.FD.file()) &&
		bytes.Contains([]byte(e.FD.Name), devLog)
}

// syslog is the priority and the text of a message to the system's log.
func (e *Event) syslog() (priority int64, msg []byte, ok bool) {
	if e.Thread == nil || !e.Type.Exit() || !e.isSyslog() {
		return 0, nil, false
	}
	b := e.Data()
	if len(b) < 3 || b[0] != '<' {
		return 0, nil, false
	}
	end := bytes.IndexByte(b, '>')
	if end < 2 || end > 4 {
		return 0, nil, false
	}
	p, err := strconv.Atoi(string(b[1:end]))
	if err != nil || p > 191 {
		return 0, nil, false
	}
	return int64(p), trimmed(b[end+1:]), true
}

func trimmed(b []byte) []byte {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return b
}

func syslogInt(of func(int64) int64) numFunc {
	return func(_ *Field, e *Event) (int64, bool) {
		p, _, ok := e.syslog()
		return of(p), ok
	}
}

func syslogText(of func(int64) string) textFunc {
	return func(_ *Field, e *Event, dst []byte) ([]byte, bool) {
		p, _, ok := e.syslog()
		if !ok {
			return dst, false
		}
		return append(dst, of(p)...), true
	}
}

// appendSyslogInfo is evt.info of a message to the system's log.
func (e *Event) appendSyslogInfo(dst []byte) ([]byte, bool) {
	if e.Info.Flags&scap.WritesFD == 0 || e.FD == nil || e.FD.Type != scap.FDUnix {
		return dst, false
	}
	p, msg, ok := e.syslog()
	if !ok {
		return dst, false
	}
	dst = append(append(append(dst, "syslog sev="...), at(severities[:], p&7)...), " msg="...)
	return append(dst, msg...), true
}

// empties are the fields of what captures have no longer: Mesos, Marathon, sysdig's tracers, and of Kubernetes what its
// runtimes do not tell.
var empties = []string{"k8s.rc.name", "k8s.rc.id", "k8s.rc.label", "k8s.rc.labels", "k8s.svc.name", "k8s.svc.id", "k8s.svc.label",
	"k8s.svc.labels", "k8s.ns.id", "k8s.ns.label", "k8s.ns.labels", "k8s.rs.name", "k8s.rs.id", "k8s.rs.label", "k8s.rs.labels",
	"k8s.deployment.name", "k8s.deployment.id", "k8s.deployment.label", "k8s.deployment.labels", "mesos.task.name", "mesos.task.id",
	"mesos.task.label", "mesos.task.labels", "mesos.framework.name", "mesos.framework.id", "marathon.app.name", "marathon.app.id",
	"marathon.app.label", "marathon.app.labels", "marathon.group.name", "marathon.group.id", "span.id", "span.time", "span.ntags",
	"span.nargs", "span.tags", "span.tag", "span.args", "span.arg", "span.enterargs", "span.enterarg", "span.duration",
	"span.duration.human"}

var emptyFields = func() (out []definition) {
	add := func(name string) { out = append(out, definition{name: name, arg: mayArgument, text: none}) }
	for _, name := range empties {
		add(name)
	}
	for _, who := range []string{"", "p.", "s.", "m."} {
		for _, what := range []string{"id", "ntags", "nargs", "tags", "tag", "args", "arg"} {
			add("evtin.span." + who + what)
		}
	}
	return out
}()
