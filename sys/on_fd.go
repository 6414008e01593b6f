package sys

import (
	"bytes"

	"github.com/tapir-project/tapir/scap"
)

// openDirectory is scap's O_DIRECTORY.
const openDirectory = 1 << 10

// put stores a new descriptor of e's thread and makes it the event's.
func (s *Inspector) put(e *Event, f *FD) {
	t := s.table(e.Thread)
	if t == nil {
		return
	}
	if old := t.get(f.Num); old != nil && old.closing { // the number was free already when close returned
		f.canceled = true
	}
	if s.closed.t == e.Thread && s.closed.n == f.Num {
		s.closed = closing{}
	}
	if !t.put(f) {
		s.dropped++
		return
	}
	e.FD = f
	e.Thread.last.fd = f.Num
}

// onOpen: open, creat, openat, openat2, open_by_handle_at.
func onOpen(s *Inspector, e *Event) {
	n, _ := e.Int(0)
	if n < 0 {
		return
	}
	f := &FD{Num: n, Type: scap.FDFile}
	at := func(name, flags, dev, ino int) []byte {
		if v, ok := e.Int(flags); ok && flags > 0 {
			f.OpenFlags = uint32(v)
		}
		if v, ok := e.Int(dev); ok && dev > 0 {
			f.Device = uint32(v)
		}
		if v, ok := e.Int(ino); ok && ino > 0 {
			f.Inode = uint64(v)
		}
		return e.Text(name)
	}
	dir, name := e.cwd(), []byte(nil)
	switch e.Type {
	case 3:
		name = at(1, 2, 4, 5)
	case 59:
		name = at(1, 0, 3, 4)
	case 103:
		in := e.enter()
		if in == nil {
			dir = unknownDir
			break
		}
		name = in.Text(1)
		if v, ok := in.Int(2); ok {
			f.OpenFlags = uint32(v)
		}
		v, _ := in.Int(0)
		dir = s.dirOf(e, v, name)
	case 307, 327:
		if e.Type == 307 {
			name = at(2, 3, 5, 6)
		} else {
			name = at(2, 3, 6, 7)
		}
		v, _ := e.Int(1)
		dir = s.dirOf(e, v, name)
	case 337:
		name = at(3, 2, 4, 5)
	}
	if in := e.enter(); in != nil && (e.Type == 307 || e.Type == 327) && in.Params() >= 4 {
		if b := in.Text(1); len(b) > 0 { // the name as it was when the kernel read it first
			name = b
			v, _ := in.Int(0)
			dir = s.dirOf(e, v, name)
		}
	}
	if f.OpenFlags&openDirectory != 0 {
		f.Type = scap.FDDirectory
	}
	f.Name = s.path(dir, name)
	e.renamed = true
	s.put(e, f)
}

// path is name in dir, as one of few strings that are kept.
func (s *Inspector) path(dir string, name []byte) string {
	var buf [512]byte
	return s.names.get(appendPath(buf[:0], dir, name))
}

const (
	unknownDir = "<UNKNOWN>"
	atCwd      = -100 // AT_FDCWD
)

// dirOf is the directory that a name is relative to: that of descriptor n, or the working directory.
func (s *Inspector) dirOf(e *Event, n int64, name []byte) string {
	switch {
	case len(name) > 0 && name[0] == '/':
		return "."
	case n == atCwd:
		return e.cwd()
	}
	f := s.FD(e.Thread, n)
	if f == nil {
		return unknownDir
	}
	if len(f.Name) > 0 && f.Name[len(f.Name)-1] == '/' {
		return f.Name
	}
	return f.Name + "/"
}

func onCloseEnter(s *Inspector, e *Event) {
	if e.FD != nil {
		e.FD.closing = true
	}
}

// onClose forgets the descriptor once the event is over, unless its number was opened anew meanwhile.
func onClose(s *Inspector, e *Event) {
	if e.FD == nil {
		return
	}
	e.FD.closing = false
	if e.FD.canceled {
		e.FD.canceled = false
		return
	}
	if n, _ := e.Int(0); n >= 0 {
		s.closed = closing{e.Thread, e.Thread.last.fd}
	}
}

// onNewFD is the handler of calls that return a descriptor of the kind.
func onNewFD(kind scap.FDType) handler {
	return func(s *Inspector, e *Event) {
		if n, ok := e.Int(0); ok && n >= 0 {
			s.put(e, &FD{Num: n, Type: kind})
		}
	}
}

func onPipe(s *Inspector, e *Event) {
	if n, _ := e.Int(0); n < 0 {
		return
	}
	ino, _ := e.Int(3)
	for i := 1; i <= 2; i++ {
		if n, ok := e.Int(i); ok {
			s.put(e, &FD{Num: n, Type: scap.FDPipe, Inode: uint64(ino)})
		}
	}
}

func onSocketpair(s *Inspector, e *Event) {
	if n, _ := e.Int(0); n < 0 {
		return
	}
	source, _ := e.Int(3)
	peer, _ := e.Int(4)
	for i := 1; i <= 2; i++ {
		if n, ok := e.Int(i); ok {
			s.put(e, &FD{Num: n, Type: scap.FDUnix, Unix: [2]uint64{uint64(source), uint64(peer)}})
		}
	}
}

// onDup: dup, dup2, dup3.
func onDup(s *Inspector, e *Event) {
	n, ok := e.Int(0)
	if !ok || n < 0 {
		return
	}
	old := e.FD
	if v, ok := e.Int(1); ok && e.Type != 125 {
		old = s.FD(e.Thread, v)
	}
	s.dup(e, old, n)
}

func (s *Inspector) dup(e *Event, old *FD, n int64) {
	if old == nil {
		return
	}
	f := *old
	f.Num, f.private, f.closing, f.canceled = n, nil, false, false
	s.put(e, &f)
}

// Commands of fcntl that make a descriptor.
const (
	fcntlDup     = 1
	fcntlDupExec = 26
)

func onFcntl(s *Inspector, e *Event) {
	n, _ := e.Int(0)
	cmd, ok := int64(0), false
	if in := e.enter(); in != nil {
		cmd, ok = in.Int(1)
	} else {
		cmd, ok = e.Int(2)
	}
	if ok && n >= 0 && (cmd == fcntlDup || cmd == fcntlDupExec) {
		s.dup(e, e.FD, n)
	}
}

func onChdir(s *Inspector, e *Event) {
	if n, _ := e.Int(0); n >= 0 {
		e.Thread.cwdOwner(s).setCwd(string(e.Text(1)))
	}
}

func onFchdir(s *Inspector, e *Event) {
	if n, _ := e.Int(0); n >= 0 && e.FD != nil {
		e.Thread.cwdOwner(s).setCwd(e.FD.Name)
	}
}

func onGetcwd(s *Inspector, e *Event) {
	if n, _ := e.Int(0); n > 0 && e.Thread.Cwd == "" {
		e.Thread.setCwd(string(e.Text(1)))
	}
}

// setCwd changes the working directory, to a path or relative to what it was.
func (t *Thread) setCwd(dir string) {
	if dir == "" {
		t.Cwd = ""
		return
	}
	var buf [512]byte
	p := appendPath(buf[:0], t.Cwd, []byte(dir))
	if len(p) == 0 || p[len(p)-1] != '/' {
		p = append(p, '/')
	}
	t.Cwd = string(p)
}

// appendPath appends name as it is seen from dir, with . and .. resolved. dir ends with a slash, or is empty.
func appendPath(dst []byte, dir string, name []byte) []byte {
	if len(name) > 0 && name[0] == '/' {
		dir = ""
	}
	if plainPath(name) { // nearly all
		return append(append(dst, dir...), name...)
	}
	start := len(dst)
	dst = append(dst, dir...)
	for len(name) > 0 {
		part, rest, more := bytes.Cut(name, slash)
		name = rest
		switch {
		case len(part) == 0:
			if len(dst) == start {
				dst = append(dst, '/')
			}
			continue
		case string(part) == ".":
			continue
		case string(part) == "..":
			dst = parent(dst, start)
			continue
		}
		dst = append(dst, part...)
		if more {
			dst = append(dst, '/')
		}
	}
	if n := len(dst); n > start+1 && dst[n-1] == '/' {
		dst = dst[:n-1]
	}
	return dst
}

var slash = []byte{'/'}

// parent takes the last part off the path at dst[start:].
func parent(dst []byte, start int) []byte {
	p := dst[start:]
	if n := len(p); n > 1 && p[n-1] == '/' {
		p = p[:n-1]
	}
	if i := bytes.LastIndexByte(p, '/'); i >= 0 {
		return dst[:start+i+1]
	}
	return dst[:start]
}

// plainPath says whether a path has nothing to resolve.
func plainPath(p []byte) bool {
	for i := 0; i < len(p); i++ {
		if p[i] != '/' && p[i] != '.' {
			continue
		}
		if p[i] == '/' {
			if i+1 == len(p) {
				return i == 0
			}
			if p[i+1] == '/' || p[i+1] == '.' {
				return false
			}
		} else if i == 0 {
			return false
		}
	}
	return len(p) > 0
}

// interner keeps the strings that were asked for last, so that names that come again and again are made once.
type interner struct{ slots [4096]string }

func (c *interner) get(b []byte) string {
	h := uint32(2166136261)
	for _, x := range b {
		h = (h ^ uint32(x)) * 16777619
	}
	slot := &c.slots[(h^h>>15)%uint32(len(c.slots))]
	if *slot != string(b) {
		*slot = string(b)
	}
	return *slot
}
