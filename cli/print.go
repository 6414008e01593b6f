package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/tapir-project/tapir/record"
)

// printer writes records as JSON lines or as one readable line each.
type printer struct {
	w    io.Writer
	json bool
	node string
	loc  *time.Location
	enc  record.Encoder
	line []byte // lines that are not written yet
	n    int
	// columns are what a line of text has, separated by tabs, below a line of their names; nil: what tells most.
	columns []*record.Field
}

func newPrinter(w io.Writer, asJSON bool, node string) *printer {
	return &printer{w: w, json: asJSON, node: node, loc: time.UTC, enc: record.Encoder{Node: node}}
}

// printAt is how many bytes are written at once.
const printAt = 64 << 10

// print writes one record, when there is enough to write.
func (p *printer) print(r *record.Record) error {
	p.n++
	switch {
	case p.json:
		p.line = p.enc.Append(p.line, r)
	case p.columns != nil:
		p.line = p.cells(p.line, r)
	default:
		p.line = p.text(p.line, r)
	}
	p.line = append(p.line, '\n')
	if len(p.line) < printAt {
		return nil
	}
	return p.flush()
}

// cells appends the columns' values; before those of the first record, their names.
func (p *printer) cells(dst []byte, r *record.Record) []byte {
	if p.n == 1 {
		for i, f := range p.columns {
			dst = append(tab(dst, i), f.Name...)
		}
		dst = append(dst, '\n')
	}
	for i, f := range p.columns {
		dst = append(tab(dst, i), printable(record.Text(r, p.node, f))...)
	}
	return dst
}

func tab(dst []byte, i int) []byte {
	if i > 0 {
		dst = append(dst, '\t')
	}
	return dst
}

func (p *printer) flush() error {
	_, err := p.w.Write(p.line)
	p.line = p.line[:0]
	return err
}

// Fields the text lines show.
var (
	fSrcIP    = record.MustID("source.ip")
	fSrcPort  = record.MustID("source.port")
	fDstIP    = record.MustID("destination.ip")
	fDstPort  = record.MustID("destination.port")
	fSrcMAC   = record.MustID("source.mac")
	fDstMAC   = record.MustID("destination.mac")
	fProtocol = record.MustID("network.protocol")
	fPackets  = record.MustID("network.packets")
	fBytes    = record.MustID("network.bytes")
	fState    = record.MustID("session.state")
	fType     = record.MustID("type")
	fStatus   = record.MustID("status")
	fDuration = record.MustID("event.duration")
	fMethod   = record.MustID("method")
	fQuery    = record.MustID("query")
	fPath     = record.MustID("path")
	fResource = record.MustID("resource")
	fError    = record.MustID("error.message")
	fCode     = record.MustID("http.response.status_code")
	fRcode    = record.MustID("dns.response_code")
)

// infoFields are what tells most of a session, in that order; the first values of each are shown.
var infoFields = []record.FieldID{
	record.MustID("http.uri"), record.MustID("url.domain"), record.MustID("dns.question.name"), record.MustID("tls.client.server_name"),
	record.MustID("tls.version"), record.MustID("dhcp.type"), record.MustID("icmp.type"), record.MustID("user.name"),
}

func (p *printer) text(dst []byte, r *record.Record) []byte {
	dst = time.Unix(0, r.Start).In(p.loc).AppendFormat(dst, "2006-01-02 15:04:05.000000")
	switch r.Kind {
	case record.KindTransaction:
		return p.transaction(dst, r)
	case record.KindSysEvent:
		return p.call(dst, r)
	case record.KindSample:
		return p.sample(dst, r)
	}
	return p.session(dst, r)
}

func (p *printer) session(dst []byte, r *record.Record) []byte {
	v := &r.Values
	dst = fmt.Appendf(dst, "  session      %-14s ", protocols(v))
	dst = endpoints(dst, v)
	dst = fmt.Appendf(dst, "  %d packets, %s, %s", number(v, fPackets), sizeText(number(v, fBytes)), spanText(r.End-r.Start))
	if s := first(v, fState); s != "" && s != "end of input" {
		dst = append(append(dst, ", "...), s...)
	}
	for _, id := range infoFields {
		if s := some(v, id, 2); s != "" {
			dst = append(append(dst, "  "...), s...)
		}
	}
	return dst
}

// Fields of the line of a system call.
var (
	fCallName = record.MustID("evt.type")
	fCallArgs = record.MustID("evt.args")
	fCallProc = record.MustID("proc.name")
	fCallTID  = record.MustID("thread.tid")
)

// call is the line of a system call: when, who, what, with what, how long.
func (p *printer) call(dst []byte, r *record.Record) []byte {
	dst = fmt.Appendf(dst, "  call         %s(%d) %s %s", printable(first(&r.Values, fCallProc)), number(&r.Values, fCallTID), first(&r.Values, fCallName),
		printable(first(&r.Values, fCallArgs)))
	return append(append(dst, "  "...), spanText(r.End-r.Start)...)
}

func (p *printer) transaction(dst []byte, r *record.Record) []byte {
	v := &r.Values
	dst = fmt.Appendf(dst, "  transaction  %-14s ", first(v, fType))
	dst = endpoints(dst, v)
	dst = fmt.Appendf(dst, "  %s", first(v, fStatus))
	if x, ok := v.First(fDuration); ok {
		dst = fmt.Appendf(dst, " %s", spanText(x.Int()))
	}
	switch {
	case v.Has(fQuery):
		dst = fmt.Appendf(dst, "  %s", first(v, fQuery))
	case v.Has(fMethod):
		dst = fmt.Appendf(dst, "  %s %s", first(v, fMethod), first(v, fResource))
	case v.Has(fPath):
		dst = fmt.Appendf(dst, "  %s", first(v, fPath))
	}
	for _, id := range []record.FieldID{fCode, fRcode} {
		if v.Has(id) {
			dst = fmt.Appendf(dst, "  %s", first(v, id))
		}
	}
	if s := some(v, fError, 4); s != "" {
		dst = fmt.Appendf(dst, "  (%s)", s)
	}
	return dst
}

func endpoints(dst []byte, v *record.Values) []byte {
	if !v.Has(fSrcIP) {
		return fmt.Appendf(dst, "%s -> %s", first(v, fSrcMAC), first(v, fDstMAC))
	}
	dst = endpoint(dst, v, fSrcIP, fSrcPort)
	dst = append(dst, " -> "...)
	return endpoint(dst, v, fDstIP, fDstPort)
}

func endpoint(dst []byte, v *record.Values, ip, port record.FieldID) []byte {
	a, _ := v.First(ip)
	n := number(v, port)
	if n == 0 {
		return a.Addr().AppendText(dst)
	}
	if !a.Addr().Is4() {
		dst = append(dst, '[')
		dst = append(a.Addr().AppendText(dst), ']')
	} else {
		dst = a.Addr().AppendText(dst)
	}
	return strconv.AppendInt(append(dst, ':'), n, 10)
}

// protocols lists them, the one that says most first.
func protocols(v *record.Values) string {
	var all []string
	for i := range v.Len() {
		if x := v.At(i); x.Field() == fProtocol {
			all = append([]string{string(x.Text())}, all...)
		}
	}
	return strings.Join(all, ",")
}

func number(v *record.Values, id record.FieldID) int64 {
	if x, ok := v.First(id); ok {
		return x.Int()
	}
	return 0
}

func first(v *record.Values, id record.FieldID) string { return some(v, id, 1) }

// some gives up to n values of a field, safe to print on a terminal.
func some(v *record.Values, id record.FieldID, n int) string {
	var out []string
	for i := range v.Len() {
		if x := v.At(i); x.Field() == id && len(out) < n {
			out = append(out, printable(string(record.AppendValueText(nil, x))))
		}
	}
	return strings.Join(out, ", ")
}

// printable escapes what could move the cursor or hide text, and cuts what is long.
func printable(s string) string {
	const most = 200
	if len(s) > most {
		s = s[:most] + "..."
	}
	if strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return s
	}
	q := strconv.QuoteToGraphic(s)
	return q[1 : len(q)-1]
}

// sizeText writes a number of bytes as people read it.
func sizeText(n int64) string {
	const unit = 1000
	if n < unit {
		return strconv.FormatInt(n, 10) + " B"
	}
	f, i := float64(n), -1
	for ; f >= unit && i < 4; i++ {
		f /= unit
	}
	return fmt.Sprintf("%.1f %cB", f, "kMGTP"[i])
}

// spanText writes a duration in ns as people read it.
func spanText(ns int64) string {
	d := time.Duration(ns)
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%.0f µs", float64(ns)/1e3)
	case d < time.Second:
		return fmt.Sprintf("%.1f ms", float64(ns)/1e6)
	case d < time.Minute:
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}
