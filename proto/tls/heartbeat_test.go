package tls

import (
	"bytes"
	"encoding/binary"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/internal/pcapio"
	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/proto/prototest"
	"github.com/tapir-project/tapir/record"
)

// beat makes a heartbeat record: a message that claims a payload, with what it really holds behind.
func beat(typ byte, claimed, holds int) []byte {
	body := string([]byte{typ, byte(claimed >> 8), byte(claimed)}) + strings.Repeat("h", holds)
	return rec(typeHeartbeat, body)
}

// leak is the response of a vulnerable server: a message in as many full records as it takes.
func leak(n int) (b []byte) {
	m := string([]byte{heartbeatResponse, byte(n >> 8), byte(n)}) + strings.Repeat("m", n+heartbeatMinPadding)
	for len(m) > fullRecord {
		b, m = append(b, rec(typeHeartbeat, m[:fullRecord])...), m[fullRecord:]
	}
	return append(b, rec(typeHeartbeat, m)...)
}

// turn is what one side sends at once.
type turn struct {
	dir  proto.Dir
	data []byte
}

var (
	helloTurns = []turn{
		{proto.ToServer, rec(typeHandshake, msg(msgClientHello, smallClient))},
		{proto.ToClient, rec(typeHandshake, msg(msgServerHello, smallServer)+msg(14, ""))},
	}
	finishedTurns = []turn{
		{proto.ToServer, append(append(rec(typeHandshake, msg(msgClientKeyExchange, strings.Repeat("k", 66))), rec(typeChangeCipherSpec, "\x01")...), rec(typeHandshake, strings.Repeat("F", 40))...)},
		{proto.ToClient, append(rec(typeChangeCipherSpec, "\x01"), rec(typeHandshake, strings.Repeat("F", 40))...)},
		{proto.ToServer, rec(typeApplicationData, strings.Repeat("a", 200))},
		{proto.ToClient, rec(typeApplicationData, strings.Repeat("b", 900))},
	}
)

func turns(parts ...any) (out []turn) {
	for _, p := range parts {
		switch p := p.(type) {
		case []turn:
			out = append(out, p...)
		case turn:
			out = append(out, p)
		}
	}
	return out
}

// sealedBeat is an encrypted heartbeat record: what stands in it cannot be told.
func sealedBeat(n int) []byte {
	return rec(typeHeartbeat, strings.Repeat("\x02\xff\xff\x00", n/4+1)[:n])
}

// beatCases are connections with heartbeats and what their sessions must say.
var beatCases = []struct {
	name                                     string
	mss                                      int
	turns                                    []turn
	bleed, request, response, claimed, extra string
}{
	{"attack", 1448, turns(helloTurns, turn{proto.ToServer, beat(1, 0x4000, 0)}, turn{proto.ToClient, leak(0x4000)}),
		"claim response", "3", "16384 19", "16384", "16400"},
	{"attack-64k", 1448, turns(helloTurns, turn{proto.ToServer, beat(1, 0xffff, 0)}, turn{proto.ToClient, leak(0xffff)}),
		"claim response", "3", "16384 18", "65535", "65551"},
	{"attempt", 1448, turns(helloTurns, turn{proto.ToServer, beat(1, 0x4000, 20)}, turn{proto.ToClient, rec(typeAlert, "\x02\x0a")}),
		"claim", "23", "", "16384", ""},
	{"benign", 1448, turns(helloTurns, turn{proto.ToServer, beat(1, 16, 32)}, turn{proto.ToClient, beat(2, 16, 32)},
		turn{proto.ToClient, beat(1, 0, 16)}, turn{proto.ToServer, beat(2, 0, 16)}, finishedTurns),
		"", "35 19", "35 19", "16 0", ""},
	{"split", 7, turns(helloTurns, turn{proto.ToServer, beat(1, 1000, 30)}, turn{proto.ToClient, leak(1000)}),
		"claim response", "33", "1019", "1000", "986"},
	{"encrypted", 1448, turns(helloTurns, finishedTurns, turn{proto.ToServer, sealedBeat(64)}, turn{proto.ToClient, append(sealedBeat(0x4000), sealedBeat(96)...)}),
		"response", "64", "16384 96", "", "16416"},
	{"encrypted-benign", 1448, turns(helloTurns, finishedTurns, turn{proto.ToServer, sealedBeat(64)}, turn{proto.ToClient, sealedBeat(64)},
		turn{proto.ToClient, sealedBeat(48)}, turn{proto.ToServer, sealedBeat(48)}, turn{proto.ToServer, sealedBeat(64)}, turn{proto.ToServer, sealedBeat(112)}, turn{proto.ToClient, sealedBeat(112)}),
		"", "64 48 112", "64 48 112", "", ""},
	{"lost-request", 1448, turns(helloTurns, turn{proto.ToClient, leak(100)}),
		"", "", "119", "", ""},
}

func TestHeartbeats(t *testing.T) {
	for _, c := range beatCases {
		t.Run(c.name, func(t *testing.T) {
			x := newTape(proto.TCP, Protocol)
			for i, turn := range c.turns {
				for b := turn.data; len(b) > 0; b = b[min(len(b), c.mss):] {
					x.Data(turn.dir, b[:min(len(b), c.mss)], int64(i+1)*1e6)
				}
			}
			x.close()
			for name, want := range map[string]string{"tls.heartbleed": c.bleed, "tls.heartbeat.request.bytes": c.request,
				"tls.heartbeat.response.bytes": c.response, "tls.heartbeat.claimed_bytes": c.claimed, "tls.heartbeat.excess_bytes": c.extra} {
				if got := x.session(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
		})
	}
}

// A response whose records are all full is complete when the connection ends or another request is sent.
func TestHeartbeatFullResponse(t *testing.T) {
	x := newTape(proto.TCP, Protocol)
	for i, turn := range turns(helloTurns, finishedTurns, turn{proto.ToServer, sealedBeat(64)}, turn{proto.ToClient, sealedBeat(fullRecord)}) {
		x.Data(turn.dir, turn.data, int64(i))
	}
	if got := x.close().session("tls.heartbeat.excess_bytes"); got != "16320" {
		t.Errorf("%s bytes more than asked, want 16320", got)
	}
}

// Heartbeats of DTLS, in the clear and encrypted.
func TestHeartbeatDTLS(t *testing.T) {
	dtls := func(epoch uint16, body string) []byte {
		b := append([]byte{typeHeartbeat, 0xfe, 0xfd, byte(epoch >> 8), byte(epoch)}, 0, 0, 0, 0, 0, 9)
		return append(binary.BigEndian.AppendUint16(b, uint16(len(body))), body...)
	}
	segs := segments(t, "dtls", 4441, 0)
	for _, c := range []struct {
		name  string
		at    int // segments of the handshake before the heartbeats
		beats [2][]byte
		bleed string
	}{
		{"clear", 1, [2][]byte{dtls(0, "\x01\x10\x00"), dtls(0, string(leak(1400)[5:]))}, "claim response"},
		{"encrypted", len(segs), [2][]byte{dtls(1, strings.Repeat("e", 60)), dtls(1, strings.Repeat("e", 1400))}, "response"},
		{"benign", len(segs), [2][]byte{dtls(1, strings.Repeat("e", 1400)), dtls(1, strings.Repeat("e", 60))}, ""},
	} {
		x := newTape(proto.UDP, DTLS).play(segs[:c.at])
		x.Data(proto.ToServer, c.beats[0], x.Time)
		x.Data(proto.ToClient, c.beats[1], x.Time)
		if got := x.close().session("tls.heartbleed"); got != c.bleed {
			t.Errorf("%s: %q, want %q", c.name, got, c.bleed)
		}
	}
}

// The captures in testdata are what beatCases make; -update writes them.
func TestHeartbeatCaptures(t *testing.T) {
	update := flag.Lookup("update").Value.String() == "true"
	for i, c := range beatCases {
		file := "testdata/heartbeat-" + c.name + ".pcap"
		want := capture(c.turns, uint16(41000+i), c.mss)
		if update {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the test makes (%v); go test -update writes it", file, err)
		}
		if n := len(prototest.Read(t, file)); n < 5 {
			t.Errorf("%s: %d packets", file, n)
		}
	}
}

// capture plays turns over a TCP connection of IPv4, 1 ms apart, with handshake and end.
func capture(all []turn, port uint16, mss int) []byte {
	b := pcapio.AppendPcapHeader(nil, record.LinkEthernet, 0)
	now := int64(1_700_000_000e9)
	seq := [2]uint32{1000, 5000}
	send := func(dir proto.Dir, flags byte, data []byte) {
		now += 1e6
		f := frame(dir, port, seq[dir], seq[dir.Other()], flags, data)
		b = pcapio.AppendPacket(b, &record.Packet{Time: now, Data: f, WireLen: uint32(len(f))})
		seq[dir] += uint32(len(data)) + uint32(flags&1) + uint32(flags>>1&1)
	}
	send(proto.ToServer, 2, nil)
	send(proto.ToClient, 0x12, nil)
	send(proto.ToServer, 0x10, nil)
	for _, turn := range all {
		for d := turn.data; len(d) > 0; d = d[min(len(d), mss):] {
			send(turn.dir, 0x18, d[:min(len(d), mss)])
		}
	}
	send(proto.ToServer, 0x11, nil)
	send(proto.ToClient, 0x11, nil)
	send(proto.ToServer, 0x10, nil)
	return b
}

// frame makes a TCP segment over IPv4 and Ethernet. Checksums are 0, as of a sender that leaves them to its card.
func frame(dir proto.Dir, port uint16, seq, ack uint32, flags byte, data []byte) []byte {
	macs := []string{"\x02\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x01", "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02"}
	ips := []string{"\xc0\x00\x02\x07\xc6\x33\x64\x09", "\xc6\x33\x64\x09\xc0\x00\x02\x07"}
	ports := [][2]uint16{{port, 443}, {443, port}}
	be := binary.BigEndian
	f := append([]byte(macs[dir]), 0x08, 0x00)
	f = be.AppendUint16(append(f, 0x45, 0), uint16(40+len(data)))
	f = append(f, 0, 0, 0x40, 0, 64, 6, 0, 0)
	f = append(f, ips[dir]...)
	f = be.AppendUint16(be.AppendUint16(f, ports[dir][0]), ports[dir][1])
	f = be.AppendUint32(be.AppendUint32(f, seq), ack)
	f = append(f, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0)
	return append(f, data...)
}
