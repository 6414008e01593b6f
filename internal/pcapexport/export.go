// Package pcapexport writes packets to a capture file as a stream: pcap with nanosecond times, or pcapng with an interface
// for each link type. The API and the export command are its callers.
package pcapexport

import (
	"fmt"
	"io"

	"github.com/tapir-project/tapir/internal/pcapio"
	"github.com/tapir-project/tapir/record"
)

// bufferSize is how many bytes are gathered before they are written.
const bufferSize = 256 << 10

// Writer writes one capture file. Its Packet is a yield function for walks over packets; the first error ends the walk
// and is reported by Close.
type Writer struct {
	Packets uint64 // written so far

	w      io.Writer
	ng     bool
	buf    []byte
	link   record.LinkType
	ifaces map[record.LinkType]uint32
	err    error
}

// New makes a writer of pcap, or pcapng if ng is set.
func New(w io.Writer, ng bool) *Writer { return &Writer{w: w, ng: ng} }

// MixedLinksError tells that a pcap file would need two link types.
type MixedLinksError struct{ First, Second record.LinkType }

func (e *MixedLinksError) Error() string {
	return fmt.Sprintf("the packets have link types %d and %d, and a pcap file holds one (use pcapng)", e.First, e.Second)
}

// Packet appends p and says whether to go on.
func (w *Writer) Packet(p *record.Packet) bool {
	if w.err != nil {
		return false
	}
	if w.ng {
		w.enhanced(p)
	} else {
		w.plain(p)
	}
	if w.err == nil && len(w.buf) >= bufferSize {
		w.flush()
	}
	return w.err == nil
}

func (w *Writer) plain(p *record.Packet) {
	if w.Packets == 0 {
		w.link = p.Link
		w.buf = pcapio.AppendPcapHeader(w.buf, p.Link, 0)
	}
	if p.Link != w.link {
		w.err = &MixedLinksError{w.link, p.Link}
		return
	}
	w.buf = pcapio.AppendPacket(w.buf, p)
	w.Packets++
}

func (w *Writer) enhanced(p *record.Packet) {
	if w.ifaces == nil {
		w.ifaces = map[record.LinkType]uint32{}
		w.buf = pcapio.AppendSection(w.buf, "tapir")
	}
	i, ok := w.ifaces[p.Link]
	if !ok {
		i = uint32(len(w.ifaces))
		w.ifaces[p.Link] = i
		w.buf = pcapio.AppendInterface(w.buf, "", p.Link, 0)
	}
	w.buf = pcapio.AppendEnhanced(w.buf, i, p)
	w.Packets++
}

func (w *Writer) flush() {
	if len(w.buf) == 0 {
		return
	}
	_, w.err = w.w.Write(w.buf)
	w.buf = w.buf[:0]
}

// Close writes what is left. A file without packets still gets its header.
func (w *Writer) Close() error {
	if w.err == nil && w.Packets == 0 {
		if w.ng {
			w.buf = pcapio.AppendInterface(pcapio.AppendSection(w.buf, "tapir"), "", record.LinkEthernet, 0)
		} else {
			w.buf = pcapio.AppendPcapHeader(w.buf, record.LinkEthernet, 0)
		}
	}
	if w.err == nil {
		w.flush()
	}
	return w.err
}
