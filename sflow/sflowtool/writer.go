package sflowtool

import (
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/tapir-project/tapir/internal/pcapio"
	"github.com/tapir-project/tapir/record"
)

// Format is what Write writes.
type Format uint8

// The formats, with sflowtool's options.
const (
	Text         Format = iota // no option: a line for each field
	Line                       // -l
	Fields                     // -L
	JSON                       // -j
	PrettyJSON                 // -J
	CommonLog                  // -H: combined log format of HTTP samples
	Grep                       // -g: text with the context on each line
	PCAP                       // -t: headers of flow samples
	DiscardsPCAP               // -T: headers of discards
	NetFlow                    // -c
)

// Options say what to write.
type Options struct {
	Format   Format
	Fields   []string         // of Format Fields
	Strip    bool             // -x: leave payload out of PCAP
	VLANs    *VLANs           // samples of other VLANs are left out of everything but text and JSON; nil is all
	NetFlow  NetFlowOptions   // of Format NetFlow
	Location *time.Location   // of printed times, nil is local time
	Now      func() time.Time // stamps what has no time of capture in CommonLog and NetFlow
	Warn     func(error)      // damage, as it is found; nil drops it
	// Send takes the datagrams of Format NetFlow, which it must not keep, with the sFlow agent that sent the sample.
	Send func(agent netip.Addr, datagram []byte) error
}

// Meta is what is known of a datagram beside its bytes.
type Meta struct {
	Source   netip.Addr // who sent it, invalid if unknown
	Captured time.Time  // time in the capture file, zero if there is none
	Received time.Time  // time it was received, zero if it comes from a file
}

// Writer writes datagrams in one format.
type Writer struct {
	o      Options
	w      io.Writer
	err    error
	buf    []byte
	quiet  bool // nothing is written field by field
	gather bool // what samples say is needed after they are read

	meta   Meta
	head   head
	prefix []string // of field names
	flow   flow     // of the sample being written
	clf    commonLog
	custom custom

	depth    int  // JSON: nesting
	fresh    bool // JSON: nothing stands in the innermost list yet
	lastSec  int64
	lastTime []byte
	sequence uint32 // NetFlow
}

// head is the context of a line.
type head struct {
	agent         netip.Addr
	sub, sequence uint32
	version       uint32
	sample, tag   uint32
	class, index  uint32
}

const flushAt = 64 << 10

// New makes a Writer. Output is buffered; Flush ends it.
func New(w io.Writer, o Options) *Writer {
	if o.Location == nil {
		o.Location = time.Local
	}
	if o.Warn == nil {
		o.Warn = func(error) {}
	}
	out := &Writer{o: o, w: w, buf: make([]byte, 0, 2*flushAt)}
	out.custom.init(o.Fields)
	switch o.Format {
	case Text, Grep, JSON, PrettyJSON, Fields:
	default:
		out.quiet = true
	}
	out.gather = out.quiet || o.VLANs != nil
	if o.Format == PCAP || o.Format == DiscardsPCAP {
		out.buf = pcapio.AppendPcapHeader(out.buf, record.LinkEthernet, 65536)
	}
	return out
}

// Flush writes what is buffered.
func (w *Writer) Flush() error {
	if w.err == nil && len(w.buf) > 0 {
		_, w.err = w.w.Write(w.buf)
	}
	w.buf = w.buf[:0]
	return w.err
}

// Write writes one datagram. Damage in it is no error but a warning.
func (w *Writer) Write(b []byte, m Meta) error {
	w.meta, w.head, w.flow, w.prefix = m, head{}, flow{}, w.prefix[:0]
	if w.json() {
		w.depth, w.fresh = 1, true
		w.buf = append(w.buf, '{')
	} else {
		w.log("startDatagram =================================\n")
	}
	w.datagram(b)
	if w.json() {
		w.depth = 1
		w.close('}')
		w.buf = append(w.buf, '\n')
		if w.o.Format == PrettyJSON {
			w.buf = append(w.buf, '\n')
		}
	} else {
		w.log("endDatagram   =================================\n")
	}
	w.custom.clear(scopeDatagram)
	if len(w.buf) >= flushAt {
		return w.Flush()
	}
	return w.err
}

func (w *Writer) json() bool { return w.o.Format == JSON || w.o.Format == PrettyJSON }

func (w *Writer) warn(format string, args ...any) { w.o.Warn(fmt.Errorf(format, args...)) }

// context begins a line of Grep.
func (w *Writer) context() {
	t := w.meta.Captured
	if t.IsZero() {
		t = w.meta.Received
	}
	h := &w.head
	w.buf = w.appendTime(w.buf, t)
	w.buf = appendAddr(append(w.buf, ' '), h.agent)
	for i, v := range []uint32{h.sub, h.sequence, h.class, h.index, h.sample >> 12, h.sample & 0xfff, h.tag >> 12, h.tag & 0xfff} {
		w.buf = strconv.AppendUint(append(w.buf, "   : : :"[i]), uint64(v), 10)
	}
	w.buf = append(w.buf, ' ')
}

// log writes a line that is no field: in text formats only.
func (w *Writer) log(line string) {
	switch w.o.Format {
	case Grep:
		w.context()
		fallthrough
	case Text:
		w.buf = append(w.buf, line...)
	}
}

// begin writes a field's name and what goes before its value; end what goes behind.
func (w *Writer) begin(name string) {
	switch w.o.Format {
	case Grep:
		w.context()
	case JSON, PrettyJSON:
		if !w.fresh {
			w.buf = append(w.buf, ',')
		}
		w.fresh = false
		w.indent()
		w.buf = append(w.buf, '"')
	case Fields:
		w.custom.begin(w.prefix, name, len(w.buf))
		return
	}
	for _, p := range w.prefix {
		w.buf = append(w.buf, p...)
	}
	w.buf = append(w.buf, name...)
	if w.json() {
		w.buf = append(w.buf, `":"`...)
	} else {
		w.buf = append(w.buf, ' ')
	}
}

func (w *Writer) end() {
	switch w.o.Format {
	case JSON, PrettyJSON:
		w.buf = append(w.buf, '"')
	case Fields:
		w.buf = w.custom.end(w.buf)
	default:
		w.buf = append(w.buf, '\n')
	}
}

// num writes a field that is a number.
func (w *Writer) num(name string, v uint64) {
	if w.quiet {
		return
	}
	w.begin(name)
	w.buf = strconv.AppendUint(w.buf, v, 10)
	w.end()
}

// str writes a field that is text of ours.
func (w *Writer) str(name, v string) {
	if w.quiet {
		return
	}
	w.begin(name)
	w.buf = append(w.buf, v...)
	w.end()
}

// with writes a field that f appends.
func (w *Writer) with(name string, f func([]byte) []byte) {
	if w.quiet {
		return
	}
	w.begin(name)
	w.buf = f(w.buf)
	w.end()
}

// text writes a field that is text of a stranger: as a C string in a buffer of most bytes, empty ones if always.
func (w *Writer) text(name string, v []byte, most int, always bool) {
	if w.quiet || len(v) == 0 && !always {
		return
	}
	w.begin(name)
	w.buf = appendText(w.buf, cut(v, most), w.json())
	w.end()
}

// cut gives what a C string in a buffer of most bytes keeps of v.
func cut(v []byte, most int) []byte {
	if most > 0 && len(v) >= most {
		v = v[:most-1]
	}
	for i, c := range v {
		if c == 0 {
			return v[:i]
		}
	}
	return v
}

func appendText(dst, v []byte, json bool) []byte {
	for _, c := range v {
		switch {
		case c < 0x20 || c == 0x7f:
			dst = append(dst, '.')
		case json && (c == '"' || c == '\\'):
			dst = append(dst, '\\', c)
		default:
			dst = append(dst, c)
		}
	}
	if json {
		dst = validUTF8(dst, len(v))
	}
	return dst
}

// validUTF8 replaces what is no UTF-8 in the last n bytes or so of dst, which JSON must not hold.
func validUTF8(dst []byte, n int) []byte {
	at := max(len(dst)-2*n, 0)
	for _, c := range dst[at:] {
		if c >= 0x80 {
			fixed := strings.ToValidUTF8(string(dst[at:]), "\uFFFD")
			return append(dst[:at], fixed...)
		}
	}
	return dst
}

// indent begins a line of PrettyJSON.
func (w *Writer) indent() {
	if w.o.Format == PrettyJSON {
		w.buf = append(w.buf, '\n')
		for range w.depth {
			w.buf = append(w.buf, ' ')
		}
	}
}

// open begins an object or list of JSON; the name is empty within lists.
func (w *Writer) open(name string, bracket byte) {
	if !w.json() {
		return
	}
	if !w.fresh {
		w.buf = append(w.buf, ',')
		w.indent()
	}
	if name != "" {
		w.buf = append(append(append(w.buf, '"'), name...), `":`...)
	}
	w.buf = append(w.buf, bracket)
	w.depth++
	w.fresh = true
}

func (w *Writer) close(bracket byte) {
	if !w.json() {
		return
	}
	w.depth--
	w.indent()
	w.buf = append(w.buf, bracket)
	w.fresh = false
}

// appendTime appends a time as ISO 8601 with the offset of its zone; the zero time is the epoch.
func (w *Writer) appendTime(dst []byte, t time.Time) []byte {
	sec := int64(0)
	if !t.IsZero() {
		sec = t.Unix()
	}
	if w.lastTime == nil || sec != w.lastSec {
		w.lastSec, w.lastTime = sec, time.Unix(sec, 0).In(w.o.Location).AppendFormat(w.lastTime[:0], "2006-01-02T15:04:05-0700")
	}
	return append(dst, w.lastTime...)
}

const hexLower, hexUpper = "0123456789abcdef", "0123456789ABCDEF"

func appendHex(dst, b []byte) []byte {
	for _, c := range b {
		dst = append(dst, hexLower[c>>4], hexLower[c&15])
	}
	return dst
}

// appendAddr appends an address, IPv6 with all of its zeros; "-" stands for none.
func appendAddr(dst []byte, a netip.Addr) []byte {
	if !a.IsValid() {
		return append(dst, '-')
	}
	return appendAddrBytes(dst, a.AsSlice())
}

func appendAddrBytes(dst, b []byte) []byte {
	switch len(b) {
	case 4:
		for i, c := range b {
			if i > 0 {
				dst = append(dst, '.')
			}
			dst = strconv.AppendUint(dst, uint64(c), 10)
		}
		return dst
	case 16:
		for i := 0; i < 16; i += 2 {
			if i > 0 {
				dst = append(dst, ':')
			}
			dst = appendHex(dst, b[i:i+2])
		}
		return dst
	}
	return append(dst, '-')
}
