package api

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/packet"
	"github.com/tapir-project/tapir/record"
)

// said is what stream answers.
type said struct {
	Chunks []struct {
		From, Time string
		Data       []byte
		Gap        int
	}
	More bool
}

// side is what one side said, gaps as [n].
func (s said) side(from string) string {
	var b strings.Builder
	for _, c := range s.Chunks {
		if c.From != from {
			continue
		}
		b.Write(c.Data)
		if c.Gap > 0 {
			fmt.Fprintf(&b, "[%d]", c.Gap)
		}
	}
	return b.String()
}

func (c *client) stream(id record.ID, nameValue ...string) (s said) {
	c.t.Helper()
	c.ok(at("/api/sessions/"+id.String()+"/stream", nameValue...)).json(c.t, &s)
	return s
}

// bySeq puts the bytes of both sides of a TCP session together by their sequence numbers alone.
func bySeq(frames []record.Packet) (out [2][]byte) {
	var first [2]uint32
	var known [2]bool
	for i := range frames {
		var d packet.Decoded
		packet.Decode(&d, &frames[i])
		side := 0
		if d.SrcPort < d.DstPort {
			side = 1
		}
		if d.Flags&packet.SYN != 0 {
			first[side], known[side] = d.Seq+1, true
		}
		if len(d.Payload) == 0 || !known[side] {
			continue
		}
		off := int(d.Seq - first[side])
		out[side] = append(out[side], make([]byte, max(0, off+len(d.Payload)-len(out[side])))...)
		copy(out[side][off:], d.Payload)
	}
	return out
}

func TestStream(t *testing.T) {
	c := bundled(t)
	n := 0
	for _, id := range c.search("q", "tcp.flags.syn > 0", "limit", "0").ids() {
		_, x, _ := record.ParseID(id)
		want := bySeq(c.packets.of(x))
		got := c.stream(x)
		for i, from := range []string{"client", "server"} {
			if got.side(from) != string(want[i]) {
				t.Errorf("%s: the %s said %.200q, want %.200q", id, from, got.side(from), want[i])
			}
			a := c.ok(at("/api/sessions/"+id+"/stream", "format", "raw", "side", from))
			if !bytes.Equal(a.body, want[i]) {
				t.Errorf("%s: the raw bytes of the %s are %d, want %d", id, from, len(a.body), len(want[i]))
			}
			if ct, cd := a.Header.Get("Content-Type"), a.Header.Get("Content-Disposition"); ct != "application/octet-stream" || cd != `attachment; filename="`+id+"-"+from+`.bin"` {
				t.Errorf("raw: %s, %s", ct, cd)
			}
		}
		if got.More {
			t.Errorf("%s: more than %d bytes?", id, len(want[0])+len(want[1]))
		}
		n += len(want[0]) + len(want[1])
	}
	if n < 20_000 {
		t.Errorf("only %d bytes compared", n)
	}
}

// isData says whether a frame is a TCP segment with payload, and from which side.
func isData(p *record.Packet) (data, client bool, n int) {
	var d packet.Decoded
	packet.Decode(&d, p)
	return d.Proto == packet.ProtoTCP && len(d.Payload) > 0, d.SrcPort > d.DstPort, len(d.Payload)
}

// TestStreamGap holds that what the capture lost shows where it is missing.
func TestStreamGap(t *testing.T) {
	c := bundled(t)
	r := c.first(t, c, "protocols == http && server.bytes > 5000")
	frames := c.packets.of(r.ID)
	whole := bySeq(frames)[1]
	at, lost, before := -1, 0, 0
	for i := range frames {
		if data, client, n := isData(&frames[i]); data && !client {
			if before > 0 {
				at, lost = i, n
				break
			}
			before += n
		}
	}
	if at < 0 || before+lost >= len(whole) {
		t.Fatal("no segment in the middle")
	}
	c = serve(t, play(t, slices.Delete(slices.Clone(frames), at, at+1)...))
	got := c.stream(c.records.recs[len(c.records.recs)-1].Session).side("server")
	if want := fmt.Sprintf("%s[%d]%s", whole[:before], lost, whole[before+lost:]); got != want {
		t.Errorf("with a gap of %d behind %d: %d bytes, want %d", lost, before, len(got), len(want))
	}
	raw := c.ok("/api/sessions/" + c.records.recs[0].Session.String() + "/stream?format=raw&side=server").body
	if want := string(whole[:before]) + string(whole[before+lost:]); string(raw) != want {
		t.Errorf("raw with a gap: %d bytes, want %d", len(raw), len(want))
	}
}

// TestStreamReordered holds that segments that came out of order are put in order.
func TestStreamReordered(t *testing.T) {
	c := bundled(t)
	r := c.first(t, c, "protocols == http && server.bytes > 5000")
	frames := c.packets.of(r.ID)
	whole := bySeq(frames)
	swapped := 0
	for i := len(frames) - 1; i > 0; i-- {
		a, ac, _ := isData(&frames[i-1])
		b, bc, _ := isData(&frames[i])
		if a && b && ac == bc {
			frames[i-1].Data, frames[i].Data = frames[i].Data, frames[i-1].Data
			frames[i-1].WireLen, frames[i].WireLen = frames[i].WireLen, frames[i-1].WireLen
			swapped++
		}
	}
	if swapped == 0 {
		t.Fatal("nothing to swap")
	}
	c = serve(t, play(t, frames...))
	got := c.stream(c.records.recs[0].Session)
	if got.side("client") != string(whole[0]) || got.side("server") != string(whole[1]) {
		t.Errorf("%d segments swapped: the stream differs", swapped)
	}
}

func TestStreamLimit(t *testing.T) {
	c := bundled(t)
	r := c.first(t, c, "protocols == http && server.bytes > 5000")
	whole := bySeq(c.packets.of(r.ID))
	total := len(whole[0]) + len(whole[1])
	for _, x := range []struct {
		bytes int
		more  bool
	}{{1, true}, {100, true}, {total - 1, true}, {total, false}, {total + 1, false}} {
		got := c.stream(r.ID, "bytes", itoa(x.bytes))
		n := len(got.side("client")) + len(got.side("server"))
		if n != min(x.bytes, total) || got.More != x.more {
			t.Errorf("bytes=%d of %d: %d bytes, more %v", x.bytes, total, n, got.More)
		}
	}
	raw := c.ok(at("/api/sessions/"+r.ID.String()+"/stream", "format", "raw", "side", "server", "bytes", "1000")).body
	if !bytes.Equal(raw, whole[1][:1000]) {
		t.Errorf("raw: %d bytes", len(raw))
	}
}

// TestStreamDefaultLimit holds that JSON ends at 1 MiB and raw does not.
func TestStreamDefaultLimit(t *testing.T) {
	var frames []record.Packet
	for i := range 1200 {
		p := udpFrame(1e18+int64(i), 4000, 1400)
		binary.BigEndian.PutUint32(p.Data[28:], uint32(i))
		frames = append(frames, p)
	}
	c := serve(t, play(t, frames...))
	id := c.records.recs[0].ID
	if got := c.stream(id); len(got.side("client")) != 1<<20 || !got.More {
		t.Errorf("%d bytes, more %v", len(got.side("client")), got.More)
	}
	if got := c.stream(id, "bytes", "2000000"); len(got.side("client")) != 1200*1400 || got.More || len(got.Chunks) != 1200 {
		t.Errorf("%d bytes in %d chunks, more %v", len(got.side("client")), len(got.Chunks), got.More)
	}
	if raw := c.ok("/api/sessions/" + id.String() + "/stream?format=raw").body; len(raw) != 1200*1400 {
		t.Errorf("raw: %d bytes", len(raw))
	}
}

// TestStreamMessages holds that datagrams come one by one, each with its side and time.
func TestStreamMessages(t *testing.T) {
	c := bundled(t)
	r := c.first(t, c, "protocols == dns && network.transport == udp && packets == 2")
	frames := c.packets.of(r.ID)
	got := c.stream(r.ID)
	if len(got.Chunks) != 2 {
		t.Fatalf("%d chunks", len(got.Chunks))
	}
	for i, from := range []string{"client", "server"} {
		var d packet.Decoded
		packet.Decode(&d, &frames[i])
		if x := got.Chunks[i]; x.From != from || x.Time != string(record.AppendTime(nil, frames[i].Time)) || !bytes.Equal(x.Data, d.Payload) || x.Gap != 0 {
			t.Errorf("chunk %d: %+v", i, x)
		}
	}
}

// TestStreamCutPackets holds that bytes the capture cut off show as a gap.
func TestStreamCutPackets(t *testing.T) {
	p := udpFrame(1e18, 4000, 100)
	p.Data = p.Data[:len(p.Data)-40]
	c := serve(t, play(t, p))
	if got := c.stream(c.records.recs[0].ID); len(got.Chunks) != 1 || len(got.Chunks[0].Data) != 60 || got.Chunks[0].Gap != 40 {
		t.Errorf("%+v", got)
	}
}

// TestStreamFragments holds that a datagram that came in fragments is one message.
func TestStreamFragments(t *testing.T) {
	whole := udpFrame(1e18, 4000, 3000)
	for i := range whole.Data[28:] {
		whole.Data[28+i] = byte(i)
	}
	var frames []record.Packet
	for off := 0; off < 3008; off += 1480 {
		part := whole.Data[20+off : min(20+off+1480, len(whole.Data))]
		b := append(bytes.Clone(whole.Data[:20]), part...)
		binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
		binary.BigEndian.PutUint16(b[4:], 77)
		flags := uint16(off / 8)
		if off+1480 < 3008 {
			flags |= 0x2000
		}
		binary.BigEndian.PutUint16(b[6:], flags)
		frames = append(frames, record.Packet{Time: whole.Time + int64(off), Data: b, WireLen: uint32(len(b)), Link: record.LinkRaw})
	}
	x := play(t, whole)
	id := x.records.recs[0].ID
	x.records.recs[0].End = 2e18
	x.packets.all = nil
	for _, p := range frames {
		x.packets.all = append(x.packets.all, memPacket{id, p})
	}
	if got := serve(t, x).stream(id); len(got.Chunks) != 1 || got.side("client") != string(whole.Data[28:]) {
		t.Errorf("%d chunks, %d bytes", len(got.Chunks), len(got.side("client")))
	}
}

// packetPage is what packets answers.
type packetPage struct {
	Packets []struct {
		Number, Length, Captured, Payload int
		Time, From, Protocol, Info, Data  string
		TCP                               *struct {
			Seq, Ack, Window uint32
			Flags            []string
		}
		Tree []treeNode
	}
	More bool
}

// treeNode is a node as the API has it.
type treeNode struct {
	Name, Value    string
	Offset, Length int
	Children       []treeNode
}

func (c *client) packetPage(id record.ID, nameValue ...string) (p packetPage) {
	c.t.Helper()
	c.ok(at("/api/sessions/"+id.String()+"/packets", nameValue...)).json(c.t, &p)
	return p
}

func TestPackets(t *testing.T) {
	c := bundled(t)
	r := c.first(t, c, "protocols == http && packets > 8")
	frames := c.packets.of(r.ID)
	page := c.packetPage(r.ID)
	if len(page.Packets) != len(frames) || page.More {
		t.Fatalf("%d packets of %d, more %v", len(page.Packets), len(frames), page.More)
	}
	for i, p := range page.Packets {
		f := &frames[i]
		var d packet.Decoded
		packet.Decode(&d, f)
		data, err := base64.StdEncoding.DecodeString(p.Data)
		if err != nil || !bytes.Equal(data, f.Data) || p.Number != i+1 || p.Length != int(f.WireLen) || p.Captured != len(f.Data) || p.Time != string(record.AppendTime(nil, f.Time)) {
			t.Errorf("packet %d: %+v", i, p)
		}
		if p.TCP.Seq != d.Seq || p.TCP.Ack != d.Ack || p.TCP.Window != uint32(d.Window) || p.Payload != len(d.Payload) {
			t.Errorf("packet %d: %+v", i, p.TCP)
		}
		if want := sideName(d.SrcPort > d.DstPort); p.From != want {
			t.Errorf("packet %d is from %s", i, p.From)
		}
		protocol, info := "Transmission Control Protocol", "Src Port: "+itoa(int(d.SrcPort))
		if len(d.Payload) > 0 {
			protocol, info = "HTTP", "HTTP/1.1"
			if !bytes.Contains(d.Payload, []byte(" HTTP/1.1\r\n")) && !bytes.HasPrefix(d.Payload, []byte("HTTP/1.1 ")) {
				info = "Continuation, " + itoa(len(d.Payload)) + " bytes"
			}
		}
		if len(p.Tree) < 4 || p.Protocol != protocol || !strings.Contains(p.Info, info) {
			t.Errorf("packet %d: %s %q, %d nodes, want %s %q", i, p.Protocol, p.Info, len(p.Tree), protocol, info)
		}
	}
	if got := strings.Join(page.Packets[0].TCP.Flags, ",") + " " + strings.Join(page.Packets[1].TCP.Flags, ","); got != "SYN SYN,ACK" {
		t.Errorf("flags: %s", got)
	}
	checkTree(t, page.Packets[3].Tree, 0, len(frames[3].Data))
	http := page.Packets[3].Tree[len(page.Packets[3].Tree)-1]
	method := http.Children[0].Children[0]
	if b := frames[3].Data[method.Offset : method.Offset+method.Length]; http.Name != "Hypertext Transfer Protocol" || method.Name != "Request Method" || string(b) != "GET" {
		t.Errorf("%s, %s: %q", http.Name, method.Name, b)
	}
}

// checkTree holds that every node lies within its parent's bytes.
func checkTree(t *testing.T, nodes []treeNode, from, to int) {
	for _, n := range nodes {
		if n.Offset < from || n.Offset+n.Length > to {
			t.Errorf("%s is %d+%d, outside %d..%d", n.Name, n.Offset, n.Length, from, to)
		}
		checkTree(t, n.Children, n.Offset, n.Offset+n.Length)
	}
}

func TestPacketPages(t *testing.T) {
	c := bundled(t)
	r := c.first(t, c, "protocols == http && packets > 8")
	n := len(c.packets.of(r.ID))
	var numbers []int
	for offset := 0; ; offset += 3 {
		page := c.packetPage(r.ID, "limit", "3", "offset", itoa(offset), "detail", "summary")
		for _, p := range page.Packets {
			numbers = append(numbers, p.Number)
			if p.Tree != nil || p.Data != "" || p.Info == "" {
				t.Errorf("summary: %+v", p)
			}
		}
		if page.More != (offset+3 < n) {
			t.Errorf("offset %d of %d: more %v", offset, n, page.More)
		}
		if !page.More {
			break
		}
	}
	if want := n; len(numbers) != want || !slices.IsSorted(numbers) || numbers[0] != 1 || numbers[want-1] != want {
		t.Errorf("pages: %v of %d", numbers, want)
	}
	if page := c.packetPage(r.ID, "offset", "1000"); len(page.Packets) != 0 || page.More {
		t.Errorf("beyond the end: %+v", page)
	}
}

// TestSides holds that each side is known by what its session's record says, whatever carries it.
func TestSides(t *testing.T) {
	ip := func(s string) record.Addr {
		var a record.Addr
		a[10], a[11] = 0xff, 0xff
		fmt.Sscanf(s, "%d.%d.%d.%d", &a[12], &a[13], &a[14], &a[15])
		return a
	}
	rec := func(addr string, port int64, mac string) *record.Record {
		r := &record.Record{}
		if addr != "" {
			r.Values.AddAddr(fSourceIP, ip(addr))
		}
		if port != 0 {
			r.Values.AddInt(fSourcePort, port)
		}
		r.Values.AddString(fSourceMAC, mac)
		return r
	}
	dec := func(src, dst string, sp, dp uint16) *packet.Decoded {
		return &packet.Decoded{Src: ip(src), Dst: ip(dst), SrcPort: sp, DstPort: dp, SrcMAC: packet.MAC{2, 0, 0, 0, 0, 1}, DstMAC: packet.MAC{2, 0, 0, 0, 0, 2}}
	}
	const own, other = "02:00:00:00:00:01", "02:00:00:00:00:02"
	for _, x := range []struct {
		name string
		rec  *record.Record
		d    *packet.Decoded
		want bool
	}{
		{"tcp request", rec("10.0.0.1", 4000, ""), dec("10.0.0.1", "10.0.0.2", 4000, 80), true},
		{"tcp response", rec("10.0.0.1", 4000, ""), dec("10.0.0.2", "10.0.0.1", 80, 4000), false},
		{"one host", rec("10.0.0.1", 4000, ""), dec("10.0.0.1", "10.0.0.1", 80, 4000), false},
		{"ntp request", rec("10.0.0.1", 123, ""), dec("10.0.0.1", "10.0.0.2", 123, 123), true},
		{"ntp response", rec("10.0.0.1", 123, ""), dec("10.0.0.2", "10.0.0.1", 123, 123), false},
		{"icmp", rec("10.0.0.1", 0, ""), dec("10.0.0.2", "10.0.0.1", 0, 0), false},
		{"dhcp request", rec("0.0.0.0", 68, ""), dec("0.0.0.0", "255.255.255.255", 68, 67), true},
		{"dhcp response", rec("0.0.0.0", 68, ""), dec("10.0.0.2", "10.0.0.9", 67, 68), false},
		{"dhcp renewal", rec("0.0.0.0", 68, ""), dec("10.0.0.9", "10.0.0.2", 68, 67), true},
		{"arp request", rec("", 0, own), dec("0.0.0.0", "0.0.0.0", 0, 0), true},
		{"arp response", rec("", 0, other), dec("0.0.0.0", "0.0.0.0", 0, 0), false},
		{"nothing known", rec("", 0, ""), dec("0.0.0.0", "0.0.0.0", 0, 0), true},
	} {
		e := newEnds(x.rec)
		if got := e.client(x.d); got != x.want {
			t.Errorf("%s: from the client %v, want %v", x.name, got, x.want)
		}
	}
}
