package sys

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tapir-project/tapir/scap"
)

// fdInt is a number of the event's descriptor.
func fdInt(n func(e *Event, f *FD) (int64, bool)) numFunc {
	return func(_ *Field, e *Event) (int64, bool) {
		f, ok := e.fdOf()
		if !ok || f == nil {
			return 0, false
		}
		return n(e, f)
	}
}

// fdText is a text of the event's descriptor.
func fdText(text func(e *Event, f *FD, dst []byte) ([]byte, bool)) textFunc {
	return func(_ *Field, e *Event, dst []byte) ([]byte, bool) {
		f, ok := e.fdOf()
		if !ok || f == nil {
			return dst, false
		}
		return text(e, f, dst)
	}
}

// end is one end of a connection: an address and whether it is known.
type end struct {
	addr []byte
	port uint16
}

// client, server, localEnd and remoteEnd find an end of the event's connection.
func client(_ *Event, f *FD) (end, bool) {
	if f.role == roleNone || !f.socket() {
		return end{}, false
	}
	return end{f.addr(&f.Source), f.SourcePort}, true
}

func server(_ *Event, f *FD) (end, bool) {
	switch {
	case f.listens():
		return end{f.addr(&f.Source), f.SourcePort}, true
	case f.role == roleNone || !f.socket():
		return end{}, false
	}
	return end{f.addr(&f.Dest), f.DestPort}, true
}

func localEnd(e *Event, f *FD) (end, bool) {
	if f.role == roleNone || !f.socket() {
		return end{}, false
	}
	if e.s.local(f.addr(&f.Source)) {
		return end{f.addr(&f.Source), f.SourcePort}, true
	}
	return end{f.addr(&f.Dest), f.DestPort}, true
}

func remoteEnd(e *Event, f *FD) (end, bool) {
	if f.role == roleNone || !f.socket() {
		return end{}, false
	}
	if e.s.local(f.addr(&f.Source)) {
		return end{f.addr(&f.Dest), f.DestPort}, true
	}
	return end{f.addr(&f.Source), f.SourcePort}, true
}

type endFunc = func(e *Event, f *FD) (end, bool)

// addrText is an end's address.
func addrText(which endFunc) textFunc {
	return fdText(func(e *Event, f *FD, dst []byte) ([]byte, bool) {
		x, ok := which(e, f)
		if !ok || f.role == roleNone { // it listened before the capture began
			return dst, false
		}
		return appendAddr(dst, x.addr), true
	})
}

func portInt(which endFunc) numFunc {
	return fdInt(func(e *Event, f *FD) (int64, bool) {
		x, ok := which(e, f)
		return int64(x.port), ok
	})
}

func clientPort(e *Event, f *FD) (int64, bool) {
	if f.role != roleNone && (f.Type == scap.FDUnix || f.listens()) {
		return 0, true
	}
	x, ok := client(e, f)
	return int64(x.port), ok
}

// eachAddr yields the addresses of some ends to a filter.
func eachAddr(which ...endFunc) func(*Field, *Event, func(int64, []byte) bool) {
	return func(_ *Field, e *Event, yield func(int64, []byte) bool) {
		f, _ := e.fdOf()
		if f == nil || !f.ip() || f.role == roleNone {
			return
		}
		for _, w := range which {
			if x, ok := w(e, f); ok && !yield(0, x.addr) {
				return
			}
		}
	}
}

// bothAddrs are the addresses of either end, roles known or not.
func bothAddrs(_ *Field, e *Event, yield func(int64, []byte) bool) {
	f, _ := e.fdOf()
	switch {
	case f == nil || !f.ip():
	case f.listens():
		yield(0, f.addr(&f.Source))
	default:
		_ = yield(0, f.addr(&f.Source)) && yield(0, f.addr(&f.Dest))
	}
}

func bothPorts(_ *Field, e *Event, yield func(int64, []byte) bool) {
	f, _ := e.fdOf()
	switch {
	case f == nil || !f.ip():
	case f.listens():
		yield(int64(f.SourcePort), nil)
	default:
		_ = yield(int64(f.SourcePort), nil) && yield(int64(f.DestPort), nil)
	}
}

var (
	fromCreator = []struct {
		types string // of events that make a descriptor
		char  byte
	}{{"open openat openat2 creat open_by_handle_at", 'f'}, {"socket accept accept4", '4'}, {"pipe pipe2", 'p'}, {"eventfd eventfd2", 'e'},
		{"signalfd signalfd4", 's'}, {"timerfd_create", 't'}, {"inotify_init inotify_init1", 'i'}}
	creatorChars = func() (chars [scap.Types]byte) {
		for t := range scap.Type(scap.Types) {
			for _, c := range fromCreator {
				if slices.Contains(strings.Fields(c.types), t.Info().Name) {
					chars[t] = c.char
				}
			}
		}
		return chars
	}()
)

func typeCharText(_ *Field, e *Event, dst []byte) ([]byte, bool) {
	f, ok := e.fdOf()
	switch {
	case !ok:
		return dst, false
	case f != nil:
		return append(dst, f.typeChar()), true
	case creatorChars[e.Type] != 0:
		return append(dst, creatorChars[e.Type]), true
	}
	return append(dst, 'o'), true
}

// fdName is what the descriptor is called; one that is only being connected has the name of what it connects to.
func fdName(_ *Field, e *Event, dst []byte) ([]byte, bool) {
	f, ok := e.fdOf()
	if !ok {
		return dst, false
	}
	if (f == nil || f.Name == "") && e.Type == typeConnect {
		if b := e.Param(1); len(b) > 0 {
			return appendTuple(dst, b, e.s.services), true
		}
	}
	if f == nil {
		if i := pathParam[e.Type]; i > 0 && e.Params() >= int(i) { // what could not be opened
			return e.appendFullPath(dst, int(i)-1), true
		}
		return dst, e.Type.Exit() && e.Info.Flags&scap.UsesFD != 0
	}
	return append(dst, f.Name...), true
}

// pathParam is the place of the path in events that leave a call which opens one, plus one; else 0.
var pathParam = [scap.Types]int8{3: 2, 59: 2, 307: 3, 327: 3}

// directoryText is the directory of the descriptor, or of what could not be opened.
func directoryText(fl *Field, e *Event, dst []byte) ([]byte, bool) {
	f, ok := e.fdOf()
	if f != nil {
		return directory(e, f, dst)
	}
	if !ok {
		return dst, false
	}
	n := len(dst)
	if dst, ok = fdName(fl, e, dst); !ok || e.Type == typeConnect {
		return dst, false
	}
	if i := lastSlash(string(dst[n:])); i > 0 {
		return dst[:n+i], true
	}
	return append(dst[:n], '/'), true
}

func directory(e *Event, f *FD, dst []byte) ([]byte, bool) {
	if !f.file() && f.Type != scap.FDDirectory {
		return dst, false
	}
	if f.Type == scap.FDDirectory {
		return append(dst, f.Name...), true
	}
	i := lastSlash(f.Name)
	if i <= 0 {
		return append(dst, '/'), true
	}
	return append(dst, f.Name[:i]...), true
}

// device is a number of the device that a file is on.
func device(of func(uint32) uint32) numFunc {
	return fdInt(func(_ *Event, f *FD) (int64, bool) {
		return int64(of(f.Device)), f.file() || f.Type == scap.FDDirectory
	})
}

func filename(_ *Event, f *FD, dst []byte) ([]byte, bool) {
	if !f.file() {
		return dst, false
	}
	i := lastSlash(f.Name)
	if i < 0 {
		return append(dst, '/'), true
	}
	return append(dst, f.Name[i+1:]...), true
}

func protoText(which func(e *Event, f *FD) (int64, bool)) textFunc {
	return func(_ *Field, e *Event, dst []byte) ([]byte, bool) {
		f, _ := e.fdOf()
		if f == nil {
			return dst, false
		}
		port, ok := which(e, f)
		if !ok || !f.socket() { // what listens has no peers, and a path no ports
			return dst, ok
		}
		return appendService(dst, uint16(port), e.s.services), true
	}
}

func portOf(which endFunc) func(e *Event, f *FD) (int64, bool) {
	return func(e *Event, f *FD) (int64, bool) {
		x, ok := which(e, f)
		return int64(x.port), ok
	}
}

var fdFields = []definition{
	{name: "fd.num", kind: Int, num: func(_ *Field, e *Event) (int64, bool) {
		f, ok := e.fdOf()
		if f != nil {
			return f.Num, true
		}
		if !ok {
			return 0, false
		}
		return e.Thread.last.fd, true
	}},
	{name: "fd.type", str: func(e *Event) (string, bool) {
		f, ok := e.fdOf()
		if !ok || f == nil {
			return "", false
		}
		return f.typeName(), true
	}, text: fdText(func(_ *Event, f *FD, dst []byte) ([]byte, bool) {
		return append(dst, f.typeName()...), true
	})},
	{name: "fd.typechar", text: typeCharText},
	{name: "fd.name", path: true, text: fdName},
	{name: "fd.directory", path: true, text: directoryText},
	{name: "fd.filename", path: true, text: fdText(filename)},
	{name: "fd.ip", kind: IP, filter: true, text: none, each: bothAddrs},
	{name: "fd.cip", kind: IP, text: addrText(client), each: eachAddr(client)},
	{name: "fd.sip", kind: IP, text: addrText(server), each: eachAddr(server)},
	{name: "fd.lip", kind: IP, text: addrText(localEnd), each: eachAddr(localEnd)},
	{name: "fd.rip", kind: IP, text: addrText(remoteEnd), each: eachAddr(remoteEnd)},
	{name: "fd.port", kind: Port, filter: true, num: fdInt(portOf(server)), each: bothPorts},
	{name: "fd.cport", kind: Port, num: fdInt(clientPort)},
	{name: "fd.sport", kind: Port, num: portInt(server)},
	{name: "fd.lport", kind: Port, num: portInt(localEnd)},
	{name: "fd.rport", kind: Port, num: portInt(remoteEnd)},
	{name: "fd.l4proto", text: fdText(func(_ *Event, f *FD, dst []byte) ([]byte, bool) {
		n := f.l4Name()
		if n == "" || !f.ip() || f.role == roleNone && !f.listens() { // sysdig's value, not a missing one
			n = "<NA>"
		}
		return append(dst, n...), true
	})},
	{name: "fd.sockfamily", text: fdText(func(_ *Event, f *FD, dst []byte) ([]byte, bool) {
		switch {
		case f.ip():
			return append(dst, "ip"...), true
		case f.Type == scap.FDUnix:
			return append(dst, "unix"...), true
		}
		return dst, false
	})},
	{name: "fd.is_server", kind: Bool, num: fdInt(func(e *Event, f *FD) (int64, bool) {
		return number(f.listens() || f.socket() && e.s.local(f.addr(&f.Dest))), true
	})},
	{name: "fd.uid", text: func(_ *Field, e *Event, dst []byte) ([]byte, bool) {
		f, ok := e.fdOf()
		if !ok {
			return dst, false
		}
		n := e.Thread.last.fd
		if f != nil {
			n = f.Num
		}
		return strconv.AppendInt(strconv.AppendInt(dst, e.Thread.TID, 10), n, 10), true
	}},
	{name: "fd.containername", path: true, text: func(f *Field, e *Event, dst []byte) ([]byte, bool) {
		if e.Thread == nil {
			return dst, false
		}
		return fdName(f, e, append(append(dst, e.Thread.ContainerID...), ':'))
	}},
	{name: "fd.containerdirectory", path: true, text: func(f *Field, e *Event, dst []byte) ([]byte, bool) {
		if e.Thread == nil {
			return dst, false
		}
		return directoryText(f, e, append(append(dst, e.Thread.ContainerID...), ':'))
	}},
	{name: "fd.proto", kind: Port, filter: true, num: fdInt(portOf(server)), each: bothPorts},
	{name: "fd.cproto", kind: Port, upper: "CHARBUF", text: protoText(clientPort), num: fdInt(clientPort)},
	{name: "fd.sproto", kind: Port, upper: "CHARBUF", text: protoText(portOf(server)), num: portInt(server)},
	{name: "fd.lproto", kind: Port, upper: "CHARBUF", text: protoText(portOf(localEnd)), num: portInt(localEnd)},
	{name: "fd.rproto", kind: Port, upper: "CHARBUF", text: protoText(portOf(remoteEnd)), num: portInt(remoteEnd)},
	{name: "fd.net", kind: Net, filter: true, text: none, each: bothAddrs},
	{name: "fd.cnet", kind: Net, filter: true, text: none, each: eachAddr(client)},
	{name: "fd.snet", kind: Net, filter: true, text: none, each: eachAddr(server)},
	{name: "fd.lnet", kind: Net, filter: true, text: none, each: eachAddr(localEnd)},
	{name: "fd.rnet", kind: Net, filter: true, text: none, each: eachAddr(remoteEnd)},
	{name: "fd.connected", kind: Bool, num: fdInt(func(_ *Event, f *FD) (int64, bool) { return number(f.connected), true })},
	{name: "fd.name_changed", kind: Bool, num: fdInt(func(e *Event, _ *FD) (int64, bool) { return number(e.renamed), true })},
	// Nobody is asked for the names of addresses while a file is read.
	{name: "fd.cip.name", text: none}, {name: "fd.sip.name", text: none}, {name: "fd.lip.name", text: none}, {name: "fd.rip.name", text: none},
	{name: "fd.dev", kind: HexUint, upper: "INT32", num: device(func(d uint32) uint32 { return d })},
	{name: "fd.dev.major", kind: Int, upper: "INT32", num: device(func(d uint32) uint32 { return d >> 20 })},
	{name: "fd.dev.minor", kind: Int, upper: "INT32", num: device(func(d uint32) uint32 { return d & 0xfffff })},
}
