package tls

import (
	"bytes"
	"encoding/binary"
	"math/rand"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/proto"
)

// dtlsFragment makes a datagram with a fragment of a handshake message.
func dtlsFragment(epoch, seq uint16, typ byte, whole string, from, to int) []byte {
	m := []byte{typ, byte(len(whole) >> 16), byte(len(whole) >> 8), byte(len(whole)), byte(seq >> 8), byte(seq),
		byte(from >> 16), byte(from >> 8), byte(from), byte((to - from) >> 16), byte((to - from) >> 8), byte(to - from)}
	m = append(m, whole[from:to]...)
	b := append([]byte{typeHandshake, 0xfe, 0xfd, byte(epoch >> 8), byte(epoch)}, 0, 0, 0, 0, 0, 1)
	return append(binary.BigEndian.AppendUint16(b, uint16(len(m))), m...)
}

var smallDTLSClient = "\xfe\xfd" + strings.Repeat("c", 32) + "\x00\x00\x00\x02\x00\x2f\x01\x00"

// In whatever order and however often the datagrams come, the handshake is read.
func TestDTLSAnyOrder(t *testing.T) {
	segs := segments(t, "dtls", 4441, 0)
	last := 0 // of those before anything is encrypted
	for i, s := range segs {
		if s.data[4] == 0 {
			last = i
		}
	}
	for seed := range int64(50) {
		r := rand.New(rand.NewSource(seed))
		x := newTape(proto.UDP, DTLS)
		x.play(segs[:3])
		flight := append([]segment(nil), segs[3:last-3]...)
		flight = append(flight, flight[:r.Intn(len(flight))]...)
		r.Shuffle(len(flight), func(i, j int) { flight[i], flight[j] = flight[j], flight[i] })
		x.play(flight).play(segs[last-3:]).close()
		if len(x.txs) != 1 || x.txs[0].Failed || x.session("cert.count") != "3" || x.txs[0].get("tls.client.x509.subject.common_name") != "Jörg Müller" {
			t.Fatalf("seed %d: %d transactions, %s certificates: %v", seed, len(x.txs), x.session("cert.count"), x.txs)
		}
	}
}

func TestSpans(t *testing.T) {
	whole := strings.Repeat("0123456789", 50)
	for seed := range int64(200) {
		r := rand.New(rand.NewSource(seed))
		p := partial{size: len(whole)}
		for n := 0; ; n++ {
			from := r.Intn(len(whole) + 1)
			to := from + r.Intn(min(60, len(whole)-from)+1)
			done, _ := p.add(from, []byte(whole[from:to]))
			if full := len(p.have) == 1 && p.have[0] == (span{0, len(whole)}); done != full {
				t.Fatalf("seed %d: done %v with %v", seed, done, p.have)
			}
			if done {
				break
			}
			if n > 5000 {
				t.Fatalf("seed %d: never done: %v", seed, p.have)
			}
		}
		if string(p.buf) != whole {
			t.Fatalf("seed %d: wrong bytes", seed)
		}
	}
}

// A second handshake on the same ports is a second transaction; a ClientHello sent again is not.
func TestDTLSAgain(t *testing.T) {
	first, second := segments(t, "dtls", 4441, 0), segments(t, "dtls", 4442, 0)
	x := newTape(proto.UDP, DTLS)
	x.Data(first[0].dir, first[0].data, first[0].time)
	x.play(first).play(first[:1]).play(second).close()
	if len(x.txs) != 2 || x.txs[0].Failed || x.txs[1].Failed || x.txs[0].get("tls.version") != "1.2" || x.txs[1].get("tls.version") != "1.0" {
		t.Fatalf("%d transactions: %+v", len(x.txs), x.txs)
	}
	if got := x.session("tls.version"); got != "DTLSv1.2 DTLSv1.0" {
		t.Errorf("versions %s", got)
	}
}

// DTLS 1.3: what is encrypted has another header.
func TestDTLS13(t *testing.T) {
	x := newTape(proto.UDP, DTLS)
	hello := smallDTLSClient + "\x00\x07\x00\x2b\x00\x03\x02\xfe\xfc"
	x.Data(proto.ToServer, dtlsFragment(0, 0, msgClientHello, hello, 0, len(hello)), 1)
	answer := "\xfe\xfd" + strings.Repeat("s", 32) + "\x00\x13\x01\x00\x00\x06\x00\x2b\x00\x02\xfe\xfc"
	x.Data(proto.ToClient, dtlsFragment(0, 0, msgServerHello, answer, 0, len(answer)), 2)
	x.Data(proto.ToServer, []byte("\x2c\x00\x01 early data"), 3)
	x.Data(proto.ToClient, append([]byte{0x2c}, strings.Repeat("e", 60)...), 4)
	x.Data(proto.ToServer, append([]byte{0x2c}, strings.Repeat("f", 60)...), 5)
	if len(x.txs) != 1 || x.txs[0].Failed || x.txs[0].End != 5 || x.txs[0].get("tls.version") != "1.3" || x.txs[0].get("tls.cipher") != "TLS_AES_128_GCM_SHA256" {
		t.Errorf("%+v", x.txs)
	}
}

// Other protocols may share the port (RFC 7983).
func TestDTLSAmongOthers(t *testing.T) {
	x := newTape(proto.UDP, DTLS)
	for _, s := range segments(t, "dtls", 4442, 0) {
		x.Data(s.dir, s.data, s.time)
		x.Data(s.dir, append([]byte{0x80, 0x60}, bytes.Repeat([]byte{9}, 40)...), s.time)            // RTP
		x.Data(s.dir, append([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, "0123456789ab"...), s.time) // STUN
	}
	if len(x.txs) != 1 || x.txs[0].Failed {
		t.Errorf("%+v", x.txs)
	}
}

// Fragments that never become messages hold a bounded amount of memory, and what is given up is counted.
func TestDTLSBounded(t *testing.T) {
	x := newTape(proto.UDP, DTLS)
	x.Data(proto.ToServer, dtlsFragment(0, 0, msgClientHello, smallDTLSClient, 0, len(smallDTLSClient)), 1)
	c := &datagrams{handshake: handshake{dtls: true}}
	whole := strings.Repeat("x", 1<<20)
	for seq := range uint16(500) {
		for i := range 200 {
			c.Parse(x.Flow, proto.ToClient, dtlsFragment(0, seq, msgCertificate, whole, 1000*i+500, 1000*i+600))
		}
	}
	kept := 0
	for _, p := range c.half[proto.ToClient].parts {
		kept += cap(p.buf) + 16*cap(p.have)
	}
	if kept > maxPartials*2*maxMessage || c.unread < 400<<20 {
		t.Errorf("%d bytes kept, %d counted as cut", kept, c.unread)
	}
}
