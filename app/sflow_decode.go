package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"time"

	"github.com/tapir-project/tapir/internal/pcapio"
	"github.com/tapir-project/tapir/packet"
	"github.com/tapir-project/tapir/reassembly"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/source"
)

// maxUDP is the longest payload of a UDP datagram.
const maxUDP = 65507

// Datagram is a UDP payload that may be sFlow.
type Datagram struct {
	Payload  []byte
	From, To netip.AddrPort // invalid where they are not known
	Captured time.Time      // zero where there is no time: a file that is one datagram
}

// SFlowDatagrams gives the sFlow datagrams of files to emit: those in captures, to whatever port, fragments put together,
// and files that are one datagram each. A datagram is borrowed until emit returns. Those of captures come at playback times the
// speed at which they were captured, at once if it is 0.
func SFlowDatagrams(ctx context.Context, in ReadFiles, playback float64, emit func(*Datagram) error) error {
	var captures []string
	var errs []error
	for _, name := range in.Files {
		raw, stdin, err := readRaw(name, in.Stdin)
		switch {
		case err != nil:
			errs = append(errs, err)
		case raw != nil:
			if err := emit(&Datagram{Payload: raw}); err != nil {
				return err
			}
		default:
			captures = append(captures, name)
			if stdin != nil {
				in.Stdin = stdin
			}
		}
	}
	if len(captures) == 0 {
		return errors.Join(errs...)
	}
	in.Files = captures
	src, err := openFiles(in)
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	defer src.Close()
	clock := playbackClock{speed: playback}
	f := datagramFinder{defrag: reassembly.NewDefragmenter(reassembly.DefragLimits{}), emit: func(d *Datagram) error {
		if err := clock.wait(ctx, d.Captured.UnixNano()); err != nil {
			return err
		}
		return emit(d)
	}}
	err = src.Run(ctx, func(b *source.Block) error {
		for i := range b.Packets {
			if err := f.packet(&b.Packets[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(append(errs, err)...)
}

// readRaw reads a file that is a datagram; it gives nothing if it is none. Standard input that was looked into comes
// back whole.
func readRaw(name string, stdin io.Reader) (raw []byte, rest io.Reader, err error) {
	var r *bufio.Reader
	if name == "-" {
		r = bufio.NewReaderSize(stdin, maxUDP+1)
	} else {
		f, err := os.Open(name)
		if err != nil {
			return nil, nil, err
		}
		defer f.Close()
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return nil, nil, nil
		}
		r = bufio.NewReaderSize(f, maxUDP+1)
	}
	head, err := r.Peek(8)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	if !isSFlow(head) {
		return nil, r, nil
	}
	raw, err = io.ReadAll(io.LimitReader(r, maxUDP+1))
	if err == nil && len(raw) > maxUDP {
		err = fmt.Errorf("%s begins like an sFlow datagram but is longer than one can be; captures are pcap or pcapng files", name)
	}
	return raw, nil, err
}

// isSFlow judges a payload by its first words: version and type of the agent's address.
func isSFlow(b []byte) bool {
	if len(b) < 8 {
		return false
	}
	version, kind := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	return (version == 2 || version == 4 || version == 5) && kind <= 3
}

// datagramFinder takes UDP payloads out of packets.
type datagramFinder struct {
	emit    func(*Datagram) error
	decoded packet.Decoded
	defrag  *reassembly.Defragmenter
}

func (f *datagramFinder) packet(p *record.Packet) error {
	d := &f.decoded
	packet.Decode(d, p)
	if d.Verdict == packet.Fragment {
		ip, done := f.defrag.Add(d, p.Time)
		if !done {
			return nil
		}
		packet.DecodeIP(d, bytes.Clone(ip))
	}
	if !d.Layers.Has(packet.LayerUDP) || !isSFlow(d.Payload) {
		return nil
	}
	return f.emit(&Datagram{Payload: d.Payload, From: netip.AddrPortFrom(d.Src.Netip(), d.SrcPort), To: netip.AddrPortFrom(d.Dst.Netip(), d.DstPort),
		Captured: time.Unix(0, p.Time)})
}

// ListenSFlow gives every datagram that comes to a UDP port of host, which may be empty for all addresses, to emit until ctx
// ends. Network is udp, udp4 or udp6. It is for looking at what agents send; the collector is for keeping it.
func ListenSFlow(ctx context.Context, network, host string, port int, emit func(d *Datagram, received time.Time) error) error {
	conn, err := (&net.ListenConfig{}).ListenPacket(ctx, network, net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return fmt.Errorf("listen for sflow: %w (ss -lunp shows who has the port; -p takes another)", err)
	}
	udp := conn.(*net.UDPConn)
	stop := context.AfterFunc(ctx, func() { udp.Close() })
	defer stop()
	defer udp.Close()
	to := udp.LocalAddr().(*net.UDPAddr).AddrPort()
	buf := make([]byte, maxUDP)
	for {
		n, from, err := udp.ReadFromUDPAddrPort(buf)
		if err != nil {
			if ctx.Err() != nil && errors.Is(err, net.ErrClosed) {
				return nil
			}
			return fmt.Errorf("receive sflow: %w", err)
		}
		if err := emit(&Datagram{Payload: buf[:n], From: from, To: to}, time.Now()); err != nil {
			return err
		}
	}
}

// DatagramCapture writes datagrams whole as a capture (pcap, raw IP).
type DatagramCapture struct {
	w           *bufio.Writer
	packet, buf []byte
}

// NewDatagramCapture makes a capture in w.
func NewDatagramCapture(w io.Writer) *DatagramCapture {
	c := &DatagramCapture{w: bufio.NewWriter(w)}
	c.w.Write(pcapio.AppendPcapHeader(nil, record.LinkRaw, 65535)) // an error is Add's, or Flush's
	return c
}

// Add adds a datagram that was captured, or received, then.
func (c *DatagramCapture) Add(d *Datagram, at time.Time) error {
	c.packet = packet.AppendUDP(c.packet[:0], d.From, d.To, d.Payload)
	c.buf = pcapio.AppendPacket(c.buf[:0], &record.Packet{Time: at.UnixNano(), Data: c.packet, WireLen: uint32(len(c.packet))})
	_, err := c.w.Write(c.buf)
	return err
}

// Flush writes what is buffered.
func (c *DatagramCapture) Flush() error { return c.w.Flush() }
