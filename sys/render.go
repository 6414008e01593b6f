package sys

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"net/netip"
	"strconv"

	"github.com/tapir-project/tapir/scap"
)

// Buffers is how the bytes of data are shown.
type Buffers uint8

// The ways to show data.
const (
	Dotted   Buffers = iota // printable characters, a dot for each other
	HexDump                 // -x: hexadecimal digits in lines of 16
	HexText                 // -X: with the characters beside
	TextOnly                // -A: printable characters and line ends, the rest left out
	Base64                  // -b
)

// Style is how events are shown.
type Style struct {
	Buffers Buffers
	Full    bool // data whole, not the first of it
	JSON    bool
	Raw     bool // paths as they are, not with dots for what cannot be printed
}

// dataShown is how many characters of data are shown unless all are asked for.
const dataShown = 80

const (
	hexUpper = "0123456789ABCDEF"
	hexLower = "0123456789abcdef"
)

// appendData appends bytes the way they are asked for.
func appendData(dst, b []byte, st *Style) []byte {
	if len(b) == 0 {
		return dst
	}
	switch st.Buffers {
	case HexDump, HexText:
		return appendDump(dst, b, st.Buffers == HexText)
	case TextOnly:
		dst = append(dst, '\n')
		for i, c := range b {
			switch {
			case c >= 0x20 && c < 0x7f:
				dst = append(dst, c)
			case c == '\r' || c == '\n' && i > 0 && b[i-1] != '\r': // the two together end one line
				dst = append(dst, '\n')
			}
		}
		return dst
	case Base64:
		return base64.StdEncoding.AppendEncode(dst, b)
	}
	cut := !st.Full && !st.JSON && len(b) > dataShown
	if cut {
		b = b[:dataShown-3]
	}
	n := len(dst)
	dst = append(dst, b...)
	for i, c := range dst[n:] {
		if c < 0x20 || c >= 0x7f {
			dst[n+i] = '.'
		}
	}
	if cut {
		dst = append(dst, "..."...)
	}
	return dst
}

// appendDump appends lines of 16 bytes in hexadecimal, with their characters if text is set.
func appendDump(dst, b []byte, text bool) []byte {
	dst = append(dst, '\n')
	for at := 0; at < len(b); at += 16 {
		line := b[at:min(at+16, len(b))]
		dst = append(dst, "\t0x"...)
		for shift := 12; shift >= 0; shift -= 4 {
			dst = append(dst, hexLower[at>>shift&15])
		}
		dst = append(dst, ':')
		for i := range 16 {
			if i&1 == 0 && (i < len(line) || text) {
				dst = append(dst, ' ')
			}
			switch {
			case i < len(line):
				dst = append(dst, hexLower[line[i]>>4], hexLower[line[i]&15])
			case text && (i > len(line) || len(line)&1 == 0): // half a pair is not filled up
				dst = append(dst, "  "...)
			}
		}
		if text {
			dst = append(dst, "  "...)
			for _, c := range line {
				if c < 0x20 || c >= 0x7f {
					c = '.'
				}
				dst = append(dst, c)
			}
		}
		dst = append(dst, '\n')
	}
	return dst
}

// appendNumber appends a parameter's number in its base. Decimal numbers are shown with a sign whatever their type.
func appendNumber(dst []byte, p *scap.Param, n int64) []byte {
	size := p.Kind.Size()
	switch p.Base {
	case scap.Hex:
		return appendHex(dst, unsigned(n, size))
	case scap.Octal:
		if n == 0 {
			return append(dst, '0')
		}
		return strconv.AppendUint(append(dst, '0'), unsigned(n, size), 8)
	}
	if size == 4 {
		n = int64(int32(n))
	}
	return strconv.AppendInt(dst, n, 10)
}

func unsigned(n int64, size int) uint64 {
	if size >= 8 {
		return uint64(n)
	}
	return uint64(n) & (1<<(8*size) - 1)
}

func appendHex(dst []byte, n uint64) []byte {
	var buf [16]byte
	i := len(buf)
	for {
		i--
		buf[i] = hexUpper[n&15]
		if n >>= 4; n == 0 {
			return append(dst, buf[i:]...)
		}
	}
}

// appendParam appends the i-th parameter of e as it is shown among the arguments.
func (e *Event) appendParam(dst []byte, i int, st *Style) []byte {
	b := e.Param(i)
	if i >= len(e.Info.Params) {
		return dst
	}
	p := &e.Info.Params[i]
	switch p.Kind {
	case scap.Charbuf:
		return appendPrintable(dst, b)
	case scap.FSPath:
		return e.appendPathParam(dst, b, e.cwd())
	case scap.FSRelPath:
		dir := e.cwd()
		if n, ok := e.Int(i - 1); ok && i > 0 && e.Info.Params[i-1].Kind == scap.FD {
			if dir = e.s.dirOf(e, n, nil); dir == unknownDir {
				dir = ""
			}
		}
		return e.appendPathParam(dst, b, dir)
	case scap.Bytebuf:
		return appendData(dst, b, st)
	case scap.CharbufList:
		return appendTexts(dst, b, '.')
	case scap.CharbufPairs:
		return appendPairs(dst, b)
	case scap.Sockaddr:
		return appendSockaddr(dst, b, e.s.services)
	case scap.Socktuple:
		return appendTuple(dst, b, e.s.services)
	case scap.FDList:
		return e.appendFDList(dst, b)
	case scap.Dyn:
		return e.appendDyn(dst, b, st)
	case scap.IPv4, scap.IPv6:
		if a, ok := netip.AddrFromSlice(b); ok {
			return a.AppendTo(dst)
		}
		return dst
	}
	n, ok := scap.Number(p.Kind, b)
	if !ok {
		return dst
	}
	return e.appendScalar(dst, p, n)
}

// appendScalar appends a parameter that is a number, with what it means.
func (e *Event) appendScalar(dst []byte, p *scap.Param, n int64) []byte {
	switch p.Kind {
	case scap.Errno:
		return appendErrno(dst, n)
	case scap.FD, scap.FD32:
		return e.appendFD(dst, n)
	case scap.PID, scap.PID32:
		return e.appendPID(dst, n)
	case scap.UID:
		return e.appendUser(dst, uint32(n))
	case scap.GID:
		return e.appendGroup(dst, uint32(n))
	case scap.Flags8, scap.Flags16, scap.Flags32, scap.Mode:
		base := *p
		if p.Base == scap.Decimal { // flags have no sign
			dst = strconv.AppendUint(dst, unsigned(n, 8), 10)
		} else {
			dst = appendNumber(dst, &base, n)
		}
		return appendFlags(dst, p.Flags, uint32(n), '(', ')')
	case scap.SigType:
		return appendSignal(dst, n)
	case scap.SigSet:
		return appendSignals(dst, uint32(n))
	case scap.RelTime:
		return appendInterval(dst, uint64(n))
	case scap.AbsTime:
		return strconv.AppendInt(dst, n, 10)
	case scap.SyscallID:
		dst = strconv.AppendInt(dst, n, 10)
		dst = append(dst, '(')
		dst = append(dst, scap.SyscallName(uint16(n))...)
		return append(dst, ')')
	}
	return appendNumber(dst, p, n)
}

// appendPrintable appends text without what cannot be printed.
func appendPrintable(dst, b []byte) []byte {
	for _, c := range b {
		if c == 0 {
			break
		}
		if c >= 0x20 && c < 0x7f {
			dst = append(dst, c)
		}
	}
	return dst
}

// appendDotted appends text with a dot for what cannot be printed.
func appendDotted(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= 0x20 && c < 0x7f {
			dst = append(dst, c)
		} else {
			dst = append(dst, '.')
		}
	}
	return dst
}

// cwd is the directory that the thread's relative paths begin at.
func (e *Event) cwd() string {
	if e.Thread == nil {
		return ""
	}
	return e.Thread.cwdOwner(e.s).Cwd
}

// appendPathParam appends a path, and where it leads if it is relative.
func (e *Event) appendPathParam(dst, b []byte, dir string) []byte {
	for i, c := range b {
		if c == 0 {
			b = b[:i]
			break
		}
	}
	dst = appendPrintable(dst, b)
	if len(b) > 0 && b[0] == '/' {
		return dst
	}
	dst = append(dst, '(')
	n := len(dst)
	dst = appendPath(dst, dir, b)
	if len(b) == 0 && len(dst) > n+1 && dst[len(dst)-1] == '/' {
		dst = dst[:len(dst)-1]
	}
	for i := n; i < len(dst); i++ {
		if dst[i] < 0x20 || dst[i] >= 0x7f {
			dst[i] = '.'
		}
	}
	return append(dst, ')')
}

func appendTexts(dst, b []byte, sep byte) []byte {
	first := true
	eachText(b, func(s []byte) bool {
		if !first {
			dst = append(dst, sep)
		}
		first = false
		dst = append(dst, s...)
		return true
	})
	return dst
}

func appendPairs(dst, b []byte) []byte {
	n := 0
	eachText(b, func(s []byte) bool {
		switch {
		case n == 0:
		case n&1 == 1:
			dst = append(dst, '=')
		default:
			dst = append(dst, ',')
		}
		n++
		dst = append(dst, s...)
		return true
	})
	return dst
}

// appendErrno appends a result, with the name of the error if it is one.
func appendErrno(dst []byte, n int64) []byte {
	dst = strconv.AppendInt(dst, n, 10)
	if n < 0 {
		if name := scap.ErrorName(-n); name != "" {
			dst = append(dst, '(')
			dst = append(dst, name...)
			dst = append(dst, ')')
		}
	}
	return dst
}

// appendFD appends a descriptor, with its type and name if it is known.
func (e *Event) appendFD(dst []byte, n int64) []byte {
	if n < 0 {
		if n == atCwd {
			return append(dst, "-100(AT_FDCWD)"...)
		}
		return appendErrno(dst, n)
	}
	dst = strconv.AppendInt(dst, n, 10)
	if e.Thread == nil {
		return dst
	}
	f := e.FD
	if f == nil || f.Num != n {
		f = e.s.FD(e.Thread, n)
	}
	if f == nil {
		return dst
	}
	dst = append(dst, "(<"...)
	dst = append(dst, f.typeChar())
	if f.Name != "" && f.ip() && (f.role != roleNone || f.listens()) {
		if c := l4Chars[f.L4&7]; c != 0 {
			dst = append(dst, c)
		}
	}
	dst = append(dst, '>')
	dst = appendDotted(dst, f.Name)
	return append(dst, ')')
}

var l4Chars = [8]byte{scap.L4TCP: 't', scap.L4UDP: 'u', scap.L4Raw: 'r'}

func (e *Event) appendPID(dst []byte, n int64) []byte {
	dst = strconv.AppendInt(dst, n, 10)
	if t := e.s.threads[n]; t != nil {
		dst = append(dst, '(')
		dst = append(dst, t.Comm...)
		dst = append(dst, ')')
	}
	return dst
}

func (e *Event) appendUser(dst []byte, id uint32) []byte {
	name := "<NA>"
	if u := e.s.users[id]; u != nil {
		name = u.Name
	}
	return appendAccount(dst, id, name)
}

func (e *Event) appendGroup(dst []byte, id uint32) []byte {
	name := "<NA>"
	if g := e.s.groups[id]; g != nil {
		name = g.Name
	}
	return appendAccount(dst, id, name)
}

// appendAccount appends the id of a user or group with its name.
func appendAccount(dst []byte, id uint32, name string) []byte {
	if id == None {
		return append(dst, "-1(<NONE>)"...)
	}
	dst = append(strconv.AppendUint(dst, uint64(id), 10), '(')
	return append(append(dst, name...), ')')
}

// appendFlags appends the names of v between two characters, nothing if it has none. Names are looked for in the order
// in which they are declared; each takes its bits away, and one that is v as a whole ends the list.
func appendFlags(dst []byte, flags []scap.Flag, v uint32, before, after byte) []byte {
	whole, found := v, false
	for i := range flags {
		f := &flags[i]
		end := f.Value == whole
		if !end && (f.Value == 0 || v&f.Value != f.Value) {
			continue
		}
		switch {
		case found:
			dst = append(dst, '|')
		case before != 0:
			dst = append(dst, before)
		}
		found = true
		dst = append(dst, f.Name...)
		if end {
			break
		}
		v &^= f.Value
	}
	if found && after != 0 {
		dst = append(dst, after)
	}
	return dst
}

func appendSignal(dst []byte, n int64) []byte {
	dst = strconv.AppendInt(dst, n, 10)
	if n > 0 && n < int64(len(scap.Signals)) {
		dst = append(dst, '(')
		dst = append(dst, scap.Signals[n]...)
		dst = append(dst, ')')
	}
	return dst
}

func appendSignals(dst []byte, set uint32) []byte {
	first := true
	for i := 1; i < len(scap.Signals); i++ {
		if set&(1<<(i-1)) == 0 {
			continue
		}
		if !first {
			dst = append(dst, ' ')
		}
		first = false
		dst = append(dst, scap.Signals[i]...)
	}
	return dst
}

// appendInterval appends ns and, in brackets, seconds with six significant digits; all ones are no time at all.
func appendInterval(dst []byte, n uint64) []byte {
	if n == math.MaxUint64 {
		return append(dst, "none"...)
	}
	dst = strconv.AppendUint(dst, n, 10)
	dst = append(dst, '(')
	dst = appendShort(dst, float64(n)/1e9)
	return append(dst, 's', ')')
}

// appendShort appends a number as C's %g does.
func appendShort(dst []byte, x float64) []byte {
	if x == 0 {
		return append(dst, '0')
	}
	exp := int(math.Floor(math.Log10(math.Abs(x))))
	var buf [32]byte
	s := strconv.AppendFloat(buf[:0], x, 'e', 5, 64)
	for i, c := range s { // rounding may have raised the exponent
		if c == 'e' {
			exp, _ = strconv.Atoi(string(s[i+1:]))
		}
	}
	if exp < -4 || exp >= 6 {
		mant, at := s, 0
		for i, c := range s {
			if c == 'e' {
				mant, at = s[:i], i
			}
		}
		return append(append(dst, trimZeros(mant)...), s[at:]...)
	}
	s = strconv.AppendFloat(buf[:0], x, 'f', 5-exp, 64)
	return append(dst, trimZeros(s)...)
}

func trimZeros(s []byte) []byte {
	dot := false
	for _, c := range s {
		dot = dot || c == '.'
	}
	for dot && (s[len(s)-1] == '0' || s[len(s)-1] == '.') {
		dot = s[len(s)-1] != '.'
		s = s[:len(s)-1]
	}
	return s
}

// appendFDList appends the descriptors of a poll: number, type and flags.
func (e *Event) appendFDList(dst, b []byte) []byte {
	first := true
	eachPoll(b, func(n int64, flags int16) {
		if !first {
			dst = append(dst, ' ')
		}
		first = false
		dst = strconv.AppendInt(dst, n, 10)
		c := byte('?')
		if e.Thread != nil {
			if f := e.s.FD(e.Thread, n); f != nil {
				c = f.typeChar()
			}
		}
		dst = append(dst, ':', c)
		dst = strconv.AppendUint(dst, uint64(uint16(flags)), 16)
	})
	return dst
}

// eachPoll calls f with each descriptor of a list.
func eachPoll(b []byte, f func(n int64, flags int16)) {
	if len(b) < 2 {
		return
	}
	count := int(binary.LittleEndian.Uint16(b))
	for b = b[2:]; count > 0 && len(b) >= 10; count-- {
		f(int64(binary.LittleEndian.Uint64(b)), int16(binary.LittleEndian.Uint16(b[8:])))
		b = b[10:]
	}
}

const badParam = "INVALID DYNAMIC PARAMETER"

// dynKinds are the types that the selector of a parameter stands for, by event name.
var dynKinds = map[string][]scap.Param{
	"setsockopt": {{Kind: scap.Bytebuf}, {Kind: scap.Errno}, {Kind: scap.Uint32}, {Kind: scap.Uint64}, {Kind: scap.RelTime}},
	"getsockopt": {{Kind: scap.Bytebuf}, {Kind: scap.Errno}, {Kind: scap.Uint32}, {Kind: scap.Uint64}, {Kind: scap.RelTime}},
	"ptrace":     {{Kind: scap.Uint64, Base: scap.Hex}, {Kind: scap.SigType}},
	"bpf":        {{Kind: scap.FD}, {Kind: scap.Errno}},
	"keyctl":     {{Kind: scap.Charbuf}, {Kind: scap.Bytebuf}, {Kind: scap.Uint64, Base: scap.Hex}},
}

// appendDyn appends a parameter whose first byte selects its type.
func (e *Event) appendDyn(dst, b []byte, st *Style) []byte {
	kinds := dynKinds[e.Info.Name]
	if len(b) == 0 || int(b[0]) >= len(kinds) {
		return append(dst, badParam...)
	}
	p := &kinds[b[0]]
	switch p.Kind {
	case scap.Bytebuf:
		return appendData(dst, b[1:], st)
	case scap.Charbuf:
		return appendPrintable(dst, b[1:])
	}
	n, ok := scap.Number(p.Kind, b[1:])
	if !ok {
		return append(dst, badParam...)
	}
	return e.appendScalar(dst, p, n)
}
