package tls

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/proto/prototest"
)

func TestGolden(t *testing.T) { prototest.Golden(t, Protocol, DTLS) }

func TestMatch(t *testing.T) {
	hello := string(rec(typeHandshake, msg(msgClientHello, smallClient)))
	data := string(rec(typeApplicationData, strings.Repeat("x", 100)))
	for _, c := range []struct {
		name, client, server string
		want                 proto.Verdict
	}{
		{"ClientHello", hello, "", proto.Yes},
		{"its first byte", hello[:1], "", proto.More},
		{"its header", hello[:5], "", proto.More},
		{"up to the version", hello[:10], "", proto.Yes},
		{"ServerHello", "", string(rec(typeHandshake, msg(msgServerHello, smallServer))), proto.Yes},
		{"alert", "", "\x15\x03\x01\x00\x02\x02\x28", proto.Yes},
		{"alert of no kind", "", "\x15\x03\x01\x00\x02\x07\x28", proto.No},
		{"one record from the middle", data, "", proto.More},
		{"two in one direction", data + data, "", proto.Yes},
		{"one in each", data, data, proto.Yes},
		{"record and rubbish", data + "GET / HTTP/1.1", "", proto.No},
		{"beginning of a large record", data[:3] + "\x40\x00" + "xxxx", "", proto.More},
		{"record too large", data[:3] + "\x60\x00" + "xxxx", "", proto.No},
		{"HTTP", "GET / HTTP/1.1\r\n", "", proto.No},
		{"SSH", "SSH-2.0-x\r\n", "SSH-2.0-y\r\n", proto.No},
		{"zeros", strings.Repeat("\x00", 40), "", proto.No},
		{"nothing in the hello", "\x16\x03\x01\x00\x00", "", proto.No},
		{"SSL 2.0", string(v2hello), "", proto.Yes},
	} {
		p := &proto.Probe{Transport: proto.TCP, Data: [2][]byte{[]byte(c.client), []byte(c.server)}}
		if got := match(p); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestMatchDTLS(t *testing.T) {
	first := segments(t, "dtls", 4441, 0)
	app := "\x17\xfe\xfd\x00\x01\x00\x00\x00\x00\x00\x01\x00\x04data"
	for _, c := range []struct {
		name string
		data []byte
		want proto.Verdict
	}{
		{"ClientHello", first[0].data, proto.Yes},
		{"HelloVerifyRequest", first[1].data, proto.Yes},
		{"fragment", first[4].data, proto.Yes},
		{"application data", []byte(app + app), proto.Yes},
		{"a byte more", []byte(app + "x"), proto.No},
		{"DNS", []byte("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x00\x00\x01\x00\x01"), proto.No},
		{"QUIC", append([]byte{0xc3, 0, 0, 0, 1}, bytes.Repeat([]byte{5}, 1195)...), proto.No},
	} {
		if got := matchDTLS(&proto.Probe{Transport: proto.UDP, Data: [2][]byte{c.data, nil}}); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// starttls speaks a line protocol until its client says STARTTLS.
type starttls struct{}

func (starttls) Parse(f *proto.Flow, dir proto.Dir, b []byte) int {
	off := 0
	for {
		n := bytes.IndexByte(b[off:], '\n') + 1
		if n == 0 {
			return off
		}
		off += n
		if string(b[off-n:off]) == "220 ready\r\n" {
			f.Switch("tls")
			return off
		}
	}
}
func (starttls) Gap(*proto.Flow, proto.Dir, int) {}
func (starttls) Close(*proto.Flow, proto.Dir)    {}

// A protocol hands over in the middle of its stream, whatever it said before.
func TestStartTLS(t *testing.T) {
	line := &proto.Protocol{Name: "line", Transport: proto.TCP, New: func() proto.Parser { return starttls{} },
		Match: func(p *proto.Probe) proto.Verdict {
			if bytes.HasPrefix(p.Data[0], []byte("EHLO")) {
				return proto.Yes
			}
			return proto.No
		}}
	x := newTape(proto.TCP, line, Protocol)
	x.Data(proto.ToServer, []byte("EHLO me\r\nSTARTTLS\r\n"), 1)
	x.Data(proto.ToClient, []byte("250 STARTTLS\r\n"), 2)
	x.Data(proto.ToClient, []byte("220 ready\r\n"), 3)
	x.play(segments(t, "tls12", 4402, 0)).close()
	if len(x.txs) != 1 || x.txs[0].Failed || x.session("network.protocol") != "line tls" || x.session("url.domain") != "ec.example.org" {
		t.Errorf("%d transactions, protocols %q", len(x.txs), x.session("network.protocol"))
	}
}

// Who opened the connection does not matter: the client is who says ClientHello.
func TestReversed(t *testing.T) {
	x := newTape(proto.TCP, Protocol)
	for _, s := range segments(t, "tls12", 4401, 0) {
		x.Data(s.dir.Other(), s.data, s.time)
	}
	x.close()
	if len(x.txs) != 1 || !x.txs[0].Reverse || x.txs[0].Failed || x.txs[0].get("tls.client.x509.subject.common_name") != "Jörg Müller" {
		t.Fatalf("%+v", x.txs)
	}
}

// A hole in the server's flight costs its certificates, not the handshake.
func TestGapInHandshake(t *testing.T) {
	segs := segments(t, "resume", 4424, 0)
	x := newTape(proto.TCP, Protocol)
	for i, s := range segs {
		if i == 1 { // ServerHello to ServerHelloDone
			x.Data(s.dir, s.data[:100], s.time)
			x.Gap(s.dir, len(s.data)-100, s.time)
			continue
		}
		x.Data(s.dir, s.data, s.time)
	}
	x.close()
	if len(x.txs) != 1 || x.txs[0].Failed || x.txs[0].End == 0 || x.txs[0].get("error.message") != proto.NoteResponseGap {
		t.Fatalf("%+v", x.txs)
	}
	if x.txs[0].get("tls.version") != "1.1" || x.txs[0].get("tls.server.subject") != "" {
		t.Errorf("%v", x.txs[0].text)
	}
}

// Bytes missing within an encrypted record do not matter.
func TestGapInApplicationData(t *testing.T) {
	x := newTape(proto.TCP, Protocol)
	x.play(segments(t, "tls12", 4402, 0)[:4])
	c := new(conn)
	f := x.Flow
	c.established = true
	r := rec(typeApplicationData, strings.Repeat("x", 16000))
	c.Parse(f, 0, r[:1000])
	c.Gap(f, 0, 14000)
	c.Parse(f, 0, r[15000:])
	if h := &c.half[0]; h.lost || h.skip != 0 {
		t.Errorf("record border lost: %+v", h)
	}
}

func TestOneDirection(t *testing.T) {
	for _, dir := range []proto.Dir{proto.ToServer, proto.ToClient} {
		x := newTape(proto.TCP, Protocol)
		for _, s := range segments(t, "tls12", 4401, 0) {
			if s.dir == dir {
				x.Data(s.dir, s.data, s.time)
			}
		}
		x.close()
		note := map[proto.Dir]string{proto.ToServer: proto.NoteNoResponse, proto.ToClient: proto.NoteNoRequest}[dir]
		if len(x.txs) != 1 || !x.txs[0].Failed || x.txs[0].Reverse || x.txs[0].get("error.message") != note {
			t.Errorf("direction %d: %+v", dir, x.txs)
		}
	}
}

// The middle of a connection is labelled, and that is all.
func TestMidStream(t *testing.T) {
	segs := segments(t, "tls12", 4401, 0)
	x := newTape(proto.TCP, Protocol).play(segs[4:]).close()
	if len(x.txs) != 0 || x.session("network.protocol") != "tls" {
		t.Errorf("%d transactions, protocols %q", len(x.txs), x.session("network.protocol"))
	}
}

// A chain beyond 64 KiB is cut, what fits is read, the rest is counted.
func TestBoundedChain(t *testing.T) {
	var cert string // with its length
	for b := segments(t, "resume", 4424, 0)[1].data; cert == ""; b = b[headerLen+int(b[3])<<8+int(b[4]):] {
		if m := b[headerLen:]; m[0] == msgCertificate {
			cert = string(m[7 : 10+uint24(m[7:])])
		}
	}
	list := strings.Repeat(cert, 200)
	body := string([]byte{byte(len(list) >> 16), byte(len(list) >> 8), byte(len(list))}) + list
	x := newTape(proto.TCP, Protocol)
	x.Data(proto.ToServer, rec(typeHandshake, msg(msgClientHello, smallClient)), 1)
	x.Data(proto.ToClient, rec(typeHandshake, msg(msgServerHello, smallServer)), 2)
	all := msg(msgCertificate, body)
	size := len(all)
	for len(all) > 0 {
		n := min(len(all), 16000)
		x.Data(proto.ToClient, rec(typeHandshake, all[:n]), 3)
		all = all[n:]
	}
	x.Data(proto.ToClient, rec(typeHandshake, msg(14, "")), 4)
	x.close()
	cut, _ := strconv.Atoi(x.session("tls.cut_bytes"))
	want := size - 7 - maxChain*len(cert)
	if len(x.txs) != 1 || x.session("cert.count") != "64" || cut != want {
		t.Errorf("%d transactions, %s certificates, %d bytes cut, want %d", len(x.txs), x.session("cert.count"), cut, want)
	}
}

// Messages without end are not read without end.
func TestBoundedMessages(t *testing.T) {
	x := newTape(proto.TCP, Protocol)
	x.Data(proto.ToServer, rec(typeHandshake, msg(msgClientHello, smallClient)), 1)
	for range 100 {
		x.Data(proto.ToServer, rec(typeHandshake, strings.Repeat(msg(msgClientHello, smallClient), 100)), 2)
	}
	x.close()
	if len(x.txs) > maxMessages || x.session("tls.cut_bytes") == "" {
		t.Errorf("%d transactions, cut %q", len(x.txs), x.session("tls.cut_bytes"))
	}
}

func TestPlainAnswer(t *testing.T) {
	x := newTape(proto.TCP, Protocol)
	x.Data(proto.ToServer, rec(typeHandshake, msg(msgClientHello, smallClient)), 1)
	x.Data(proto.ToClient, []byte("SSH-2.0-OpenSSH\r\n"), 2)
	if len(x.txs) != 1 || !x.txs[0].Failed {
		t.Errorf("%+v", x.txs)
	}
	x.close()
	if len(x.txs) != 1 {
		t.Error("emitted twice")
	}
}

var v2hello = append([]byte{0x80, 0x1c, 1, 3, 1, 0, 3, 0, 0, 0, 16, 0, 0, 0x2f}, "0123456789abcdef"...)

// A client may say its first hello in the form of SSL 2.0 and go on with TLS 1.0.
func TestV2HelloThenTLS(t *testing.T) {
	x := newTape(proto.TCP, Protocol)
	x.Data(proto.ToServer, v2hello[:7], 1)
	x.Data(proto.ToServer, v2hello[7:], 2)
	x.Data(proto.ToClient, rec(typeHandshake, msg(msgServerHello, smallServer)+msg(14, "")), 3)
	x.Data(proto.ToServer, append(rec(typeChangeCipherSpec, "\x01"), rec(typeHandshake, strings.Repeat("f", 40))...), 4)
	x.Data(proto.ToClient, append(rec(typeChangeCipherSpec, "\x01"), rec(typeHandshake, strings.Repeat("g", 40))...), 5)
	if len(x.txs) != 1 || x.txs[0].Failed || x.txs[0].Start != 1 || x.txs[0].End != 5 || x.txs[0].get("tls.client.supported_ciphers") != "TLS_RSA_WITH_AES_128_CBC_SHA" {
		t.Errorf("%+v", x.txs)
	}
}

// SSL 2.0 to its end.
func TestV2(t *testing.T) {
	x := newTape(proto.TCP, Protocol)
	hello := append([]byte{0x80, 0x1c, 1, 0, 2, 0, 3, 0, 0, 0, 16, 1, 0, 0x80}, "0123456789abcdef"...)
	x.Data(proto.ToServer, hello, 1)
	x.Data(proto.ToClient, append([]byte{0x80, 11 + 3 + 4, 4, 0, 1, 0, 2, 0, 0, 0, 3, 0, 4, 1, 0, 0x80}, "conn"...), 2)
	x.Data(proto.ToServer, append([]byte{0x80, 20, 2, 1, 0, 0x80}, strings.Repeat("k", 16)...), 3)
	x.Data(proto.ToClient, []byte("\x00\x18\x05encrypted verification"), 4)
	if len(x.txs) != 1 || x.txs[0].Failed || x.txs[0].get("tls.version") != "2.0" || x.txs[0].get("tls.version_protocol") != "ssl" || x.session("tls.version") != "SSLv2" {
		t.Errorf("%+v", x.txs)
	}
}

// Bulk data is skipped without a copy and without an allocation.
func TestApplicationDataDoesNotAllocate(t *testing.T) {
	x := newTape(proto.TCP, Protocol).play(segments(t, "resume", 4424, 0)[:4])
	stream := bytes.Repeat(rec(typeApplicationData, strings.Repeat("x", 16000)), 4)
	if n := testing.AllocsPerRun(100, func() { bulk(x.Flow, stream) }); n != 0 {
		t.Errorf("application data allocates %v times, want 0", n)
	}
}

func bulk(f *proto.Flow, stream []byte) {
	for b := stream; len(b) > 0; {
		n := min(len(b), 1448)
		f.Data(proto.ToClient, b[:n], f.Time)
		b = b[n:]
	}
}
