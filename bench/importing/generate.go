package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/tapir-project/tapir/internal/pcapio"
	"github.com/tapir-project/tapir/record"
)

// Sizes of the captures made here, like those of the bars in docs/bench.md.
const (
	loopBytes = 300e6
	httpBytes = 540e6
)

// generate makes the two captures in dir, unless they are there.
func generate(dir string) []string {
	loop, http := filepath.Join(dir, "loop.pcap"), filepath.Join(dir, "http.pcap")
	for file, write := range map[string]func(*pcapWriter){loop: writeLoop, http: writeHTTP} {
		if _, err := os.Stat(file); err == nil {
			continue
		}
		f, err := os.Create(file)
		if err != nil {
			log.Fatal(err)
		}
		w := &pcapWriter{w: bufio.NewWriterSize(f, 1<<20)}
		w.bytes(pcapio.AppendPcapHeader(nil, record.LinkEthernet, 0))
		write(w)
		if err := w.w.Flush(); err != nil {
			log.Fatal(err)
		}
		if err := f.Close(); err != nil {
			log.Fatal(err)
		}
		fmt.Fprintf(os.Stderr, "made %s, %d packets\n", file, w.packets)
	}
	return []string{loop, http}
}

type pcapWriter struct {
	w       *bufio.Writer
	n       int64
	packets int
	buf     []byte
}

func (w *pcapWriter) bytes(b []byte) {
	n, err := w.w.Write(b)
	if err != nil {
		log.Fatal(err)
	}
	w.n += int64(n)
}

func (w *pcapWriter) packet(t int64, data []byte) {
	w.buf = pcapio.AppendPacket(w.buf[:0], &record.Packet{Time: t, Data: data, WireLen: uint32(len(data)), Link: record.LinkEthernet})
	w.bytes(w.buf)
	w.packets++
}

// writeLoop writes the bundled captures again and again, half a second apart, with the upper half of each IPv4 address
// changed every round.
func writeLoop(w *pcapWriter) {
	files, err := filepath.Glob("testdata/*.pcap")
	if err != nil || len(files) == 0 {
		log.Fatal("no captures in testdata (run from the project's folder)")
	}
	var captures [][]record.Packet
	for _, f := range files {
		captures = append(captures, readCapture(f))
	}
	const base = int64(1_700_000_000e9)
	for round := 0; w.n < loopBytes; round++ {
		for _, packets := range captures {
			t0 := packets[0].Time
			for i := range packets {
				data := append([]byte(nil), packets[i].Data...)
				if len(data) > 34 && binary.BigEndian.Uint16(data[12:]) == 0x0800 {
					for _, at := range []int{26, 30} {
						binary.BigEndian.PutUint16(data[at:], binary.BigEndian.Uint16(data[at:])^uint16(round))
					}
				}
				w.packet(base+int64(round)*5e8+min(packets[i].Time-t0, 30e9), data)
			}
		}
	}
}

func readCapture(file string) (all []record.Packet) {
	b, err := os.ReadFile(file)
	if err != nil {
		log.Fatal(err)
	}
	d, err := pcapio.ParsePcap(b)
	if err != nil {
		log.Fatalf("%s: %v", file, err)
	}
	for b = b[pcapio.PcapHeaderLen:]; len(b) > 0; {
		out, n, _, err := d.Decode(b, make([]record.Packet, 0, 1024))
		if err != nil || n == 0 {
			log.Fatalf("%s: %v", file, err)
		}
		all, b = append(all, out...), b[n:]
	}
	return all
}

// conn is one synthetic HTTP connection: its remaining segments.
type conn struct {
	client, server uint32
	port           uint16
	queue          []segment
}

type segment struct {
	fromServer bool
	seq, ack   uint32
	flags      byte
	data       []byte
}

// writeHTTP writes 400 connections at a time, each of one to three requests answered with 300 B to 200 kB.
func writeHTTP(w *pcapWriter) {
	r := rand.New(rand.NewPCG(1, 2))
	body := make([]byte, 1<<20)
	for i := range body {
		body[i] = byte(r.Uint32())
	}
	var live []*conn
	t, k := int64(1_700_000_000e9), 0
	for w.n < httpBytes || len(live) > 0 {
		for w.n < httpBytes && len(live) < 400 {
			k++
			live = append(live, newConn(r, k, body))
		}
		i := r.IntN(len(live))
		c := live[i]
		for range min(r.IntN(8)+1, len(c.queue)) {
			w.packet(t, c.frame(c.queue[0]))
			c.queue = c.queue[1:]
			t += 2000
		}
		if len(c.queue) == 0 {
			live[i] = live[len(live)-1]
			live = live[:len(live)-1]
		}
	}
}

const (
	fin, syn, psh, ack = 1, 2, 8, 16
	mss                = 1460
)

func newConn(r *rand.Rand, k int, body []byte) *conn {
	c := &conn{client: 0x0a000001 + uint32(k*7919%50000), server: 0xc0a80001 + uint32(k%200), port: uint16(1024 + k*31%60000)}
	cs, ss := r.Uint32()>>1, r.Uint32()>>1
	add := func(fromServer bool, flags byte, data []byte) {
		s := segment{fromServer: fromServer, seq: cs, ack: ss, flags: flags, data: data}
		if fromServer {
			s.seq, s.ack = ss, cs
			ss += uint32(len(data))
		} else {
			cs += uint32(len(data))
		}
		c.queue = append(c.queue, s)
	}
	add(false, syn, nil)
	cs++
	add(true, syn|ack, nil)
	ss++
	add(false, ack, nil)
	size := []int{300, 1500, 8000, 20000, 60000, 200000}[r.IntN(6)]
	for q := range r.IntN(3) + 1 {
		add(false, psh|ack, fmt.Appendf(nil, "GET /item/%d/%d?q=%d HTTP/1.1\r\nHost: host%d.example.com\r\nUser-Agent: bench/%d (X11; Linux)\r\nAccept: */*\r\nCookie: sid=%d\r\n\r\n", k, q, k, k%500, k%20, k))
		answer := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n", size)
		answer = append(answer, body[k%65536:k%65536+size]...)
		for i := 0; i < len(answer); i += mss {
			add(true, psh|ack, answer[i:min(i+mss, len(answer))])
			if i/mss%2 == 1 {
				add(false, ack, nil)
			}
		}
	}
	add(false, fin|ack, nil)
	cs++
	add(true, fin|ack, nil)
	ss++
	add(false, ack, nil)
	return c
}

// frame builds the Ethernet frame of a segment; TCP checksums are left 0, as with offloading.
func (c *conn) frame(s segment) []byte {
	src, dst, sport, dport := c.client, c.server, c.port, uint16(80)
	if s.fromServer {
		src, dst, sport, dport = dst, src, dport, sport
	}
	f := append([]byte{0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 8, 0}, 0x45, 0)
	f = binary.BigEndian.AppendUint16(f, uint16(40+len(s.data)))
	f = append(f, 0, 0, 0x40, 0, 64, 6, 0, 0)
	f = binary.BigEndian.AppendUint32(f, src)
	f = binary.BigEndian.AppendUint32(f, dst)
	f = binary.BigEndian.AppendUint16(f, sport)
	f = binary.BigEndian.AppendUint16(f, dport)
	f = binary.BigEndian.AppendUint32(f, s.seq)
	f = binary.BigEndian.AppendUint32(f, s.ack)
	f = append(f, 0x50, s.flags, 0xff, 0xff, 0, 0, 0, 0)
	return append(f, s.data...)
}
