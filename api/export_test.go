package api

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/internal/pcapio"
	"github.com/tapir-project/tapir/packet"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

// decodeCapture reads a capture file whole.
func decodeCapture(t testing.TB, b []byte) (out []record.Packet) {
	t.Helper()
	var d pcapio.Decoder = &pcapio.Pcapng{}
	if pcapio.Sniff(b) == pcapio.KindPcap {
		h, err := pcapio.ParsePcap(b)
		if err != nil {
			t.Fatal(err)
		}
		if !h.Nano {
			t.Error("the pcap has no ns times")
		}
		d, b = h, b[pcapio.PcapHeaderLen:]
	}
	for len(b) > 0 {
		some, n, _, err := d.Decode(b, make([]record.Packet, 0, 1000))
		if err != nil || n == 0 {
			t.Fatalf("after %d packets: %d bytes left, %v", len(out), len(b), err)
		}
		out, b = append(out, some...), b[n:]
	}
	return out
}

// samePackets compares packets byte for byte, with their times to the ns.
func samePackets(t *testing.T, what string, got, want []record.Packet) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d packets, want %d", what, len(got), len(want))
		return
	}
	for i := range got {
		g, w := &got[i], &want[i]
		if g.Time != w.Time || g.WireLen != w.WireLen || g.Link != w.Link || !bytes.Equal(g.Data, w.Data) {
			t.Errorf("%s: packet %d is %d/%d/%d %x\nwant %d/%d/%d %x", what, i, g.Time, g.WireLen, g.Link, g.Data, w.Time, w.WireLen, w.Link, w.Data)
			return
		}
	}
}

// byFlow sorts the frames of a capture by their flow key, without the flow table's help.
func byFlow(frames []record.Packet) map[record.FlowKey][]record.Packet {
	out := map[record.FlowKey][]record.Packet{}
	for i := range frames {
		var d packet.Decoded
		packet.Decode(&d, &frames[i])
		key, _ := d.Key()
		out[key] = append(out[key], frames[i])
	}
	return out
}

// TestSessionExport holds that a session's capture file is exactly its packets.
func TestSessionExport(t *testing.T) {
	names := []string{"nginx", "dns", "tls", "icmp"}
	c := bundled(t)
	frames := capture(t, names...)
	keys := byFlow(frames)
	sessions := map[record.FlowKey][]string{}
	for _, id := range c.search("limit", "0").ids() {
		_, x, _ := record.ParseID(id)
		var d packet.Decoded
		packet.Decode(&d, &c.packets.of(x)[0])
		key, _ := d.Key()
		sessions[key] = append(sessions[key], id)
	}
	compared := 0
	for key, ids := range sessions {
		if len(ids) != 1 {
			continue // the ends met again: which packets are whose is for the flow table to say
		}
		compared++
		for _, node := range []string{"", testNode + "-"} {
			a := c.ok("/api/sessions/" + node + ids[0] + "/pcap")
			samePackets(t, ids[0], decodeCapture(t, a.body), keys[key])
			want := pcapio.AppendPcapHeader(nil, record.LinkEthernet, 0)
			for i := range keys[key] {
				want = pcapio.AppendPacket(want, &keys[key][i])
			}
			if !bytes.Equal(a.body, want) {
				t.Errorf("%s: the file differs", ids[0])
			}
			if cd := a.Header.Get("Content-Disposition"); cd != `attachment; filename="`+ids[0]+`.pcap"` {
				t.Errorf("file name: %s", cd)
			}
		}
		ng := c.ok("/api/sessions/" + ids[0] + "/pcap?format=pcapng")
		samePackets(t, ids[0]+" as pcapng", decodeCapture(t, ng.body), keys[key])
		if ct := ng.Header.Get("Content-Type"); ct != "application/x-pcapng" {
			t.Errorf("pcapng comes as %s", ct)
		}
	}
	if compared < 10 {
		t.Errorf("only %d sessions compared", compared)
	}
}

// TestQueryExport holds that an export is the union of its sessions' packets, in time order.
func TestQueryExport(t *testing.T) {
	c := bundled(t)
	frames := capture(t, "nginx", "dns", "tls", "icmp")
	for _, format := range []string{"pcap", "pcapng"} {
		samePackets(t, "everything as "+format, decodeCapture(t, c.ok("/api/export?format="+format).body), frames)
	}
	var want []record.Packet
	for _, id := range c.wanted(t, record.KindSession, "protocols == [dns, tls]") {
		_, x, _ := record.ParseID(id)
		want = append(want, c.packets.of(x)...)
	}
	slices.SortStableFunc(want, func(a, b record.Packet) int { return cmp.Compare(a.Time, b.Time) })
	got := decodeCapture(t, c.ok(at("/api/export", "q", "protocols == [dns, tls]")).body)
	if len(want) == 0 || len(want) == len(frames) {
		t.Fatalf("the expression finds %d of %d packets", len(want), len(frames))
	}
	samePackets(t, "dns and tls", got, want)
	if a := c.ok(at("/api/export", "q", "tags == nothing")); len(decodeCapture(t, a.body)) != 0 || pcapio.Sniff(a.body) != pcapio.KindPcap {
		t.Errorf("an export of nothing is %x", a.body)
	}
	newest := c.search("limit", "1").ids()[0]
	_, x, _ := record.ParseID(newest)
	samePackets(t, "limit 1", decodeCapture(t, c.ok("/api/export?limit=1").body), c.packets.of(x))
}

// TestTransactionExport holds that the sessions of transactions are exported whole.
func TestTransactionExport(t *testing.T) {
	c := bundled(t)
	r := c.first(t, c, "protocols == http && packets > 5")
	a := c.ok(at("/api/export", "kind", "transaction", "q", "session.id == "+r.ID.String()))
	samePackets(t, "session of a transaction", decodeCapture(t, a.body), c.packets.of(r.ID))
}

// udpFrame is a raw IPv4 packet of a flow of its own.
func udpFrame(t int64, srcPort uint16, size int) record.Packet {
	b := make([]byte, 28+size)
	copy(b, []byte{0x45, 0, byte(len(b) >> 8), byte(len(b)), 0, 0, 0, 0, 64, 17, 0, 0, 10, 9, 8, 7, 10, 9, 8, 6, byte(srcPort >> 8), byte(srcPort), 0x27, 0x0f, byte((8 + size) >> 8), byte(8 + size)})
	return record.Packet{Time: t, Data: b, WireLen: uint32(len(b)), Link: record.LinkRaw}
}

// ethernet puts an Ethernet header before a raw packet.
func ethernet(p record.Packet) record.Packet {
	p.Data = append([]byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0}, p.Data...)
	p.WireLen, p.Link = p.WireLen+14, record.LinkEthernet
	return p
}

func TestMixedLinkTypes(t *testing.T) {
	frames := []record.Packet{ethernet(udpFrame(1e18, 1, 10)), udpFrame(1e18+1, 2, 10)}
	c := serve(t, play(t, frames...))
	a := c.get("/api/export")
	e := a.failure(t)
	if a.StatusCode != 400 || e.Error.Param != "format" || !strings.Contains(e.Error.Message, "use pcapng") || a.Header.Get("Content-Disposition") != "" {
		t.Errorf("mixed links as pcap: %s %s", a.Status, a.body)
	}
	samePackets(t, "mixed links", decodeCapture(t, c.ok("/api/export?format=pcapng").body), frames)

	for i := range 500 { // the second link type comes when much is out already
		frames = append(frames, ethernet(udpFrame(1e18-int64(i), 1, 1400)))
	}
	c = serve(t, play(t, frames...))
	if a, err := c.try("GET", "/api/export"); err == nil {
		t.Errorf("a pcap that was cut short ends well: %s, %d bytes", a.Status, len(a.body))
	}
}

func TestExportFailures(t *testing.T) {
	c := bundled(t)
	r := c.first(t, c, "protocols == http")
	pcap := "/api/sessions/" + r.ID.String() + "/pcap"
	refuse := func(path string, status int, word string) {
		t.Helper()
		if a := c.get(path); a.StatusCode != status || !strings.Contains(a.failure(t).Error.Message, word) {
			t.Errorf("%s: %s %s", path, a.Status, a.body)
		}
	}
	refuse("/api/sessions/01ARZ3NDEKTSV4RRFFQ69G5FAV/pcap", 404, "no such record")
	refuse("/api/sessions/nonsense/pcap", 400, "not an id")
	refuse(at("/api/export", "q", "| head 3"), 400, "leave out the stages")
	c.packets.fail = errors.New("segment 7 is gone")
	refuse(pcap, 500, "segment 7 is gone") // little enough to be taken back
	c.packets.fail = nil
	c.records.fail = errors.New("no records")
	refuse("/api/export", 500, "no records")
	c.records.fail = nil
	c.packets.all = nil
	refuse(pcap, 404, "expired")
	c.srv.Packets = nil
	for _, path := range []string{pcap, "/api/export", "/api/sessions/" + r.ID.String() + "/packets", "/api/sessions/" + r.ID.String() + "/stream"} {
		refuse(path, 501, "no packets")
	}
}

// A fragment waits for the rest of its datagram, and may so be older than the session it becomes a part of.
func TestPacketsBeforeTheStart(t *testing.T) {
	x := play(t, udpFrame(1e18, 1, 10))
	id := x.records.recs[0].ID
	early := udpFrame(1e18-30e9, 1, 20)
	x.packets.all = append(x.packets.all, memPacket{id, early})
	c := serve(t, x)
	for _, path := range []string{"/api/sessions/" + id.String() + "/pcap", "/api/export"} {
		if got := decodeCapture(t, c.ok(path).body); len(got) != 2 || got[0].Time != early.Time {
			t.Errorf("%s: %d packets", path, len(got))
		}
	}
}

func TestPacketTimes(t *testing.T) {
	if from, to := packetTimes(&record.Record{Start: record.MinTime + 5, End: record.MinTime + 9}); from != record.MinTime || to != record.MinTime+9 {
		t.Error(from, to)
	}
}

// flood is a packet store that gives out one packet n times.
type flood struct {
	p record.Packet
	n int
}

func (f *flood) Packets(ctx context.Context, _ []record.ID, _, _ int64, yield func(*record.Packet) bool) error {
	p := f.p
	for i := range f.n {
		p.Time = f.p.Time + int64(i)
		if ctx.Err() != nil || !yield(&p) {
			return ctx.Err()
		}
	}
	return nil
}

// sink is a client that counts.
type sink struct {
	h http.Header
	n int64
}

func (s *sink) Header() http.Header         { return s.h }
func (s *sink) Write(b []byte) (int, error) { s.n += int64(len(b)); return len(b), nil }
func (s *sink) WriteHeader(int)             {}

// TestExportMemory holds that an export takes no memory that grows with it (A4).
func TestExportMemory(t *testing.T) {
	c := serve(t, play(t, udpFrame(1e18, 1, 10)))
	const n, size = 200_000, 1400
	c.srv.Packets = &flood{udpFrame(1e18, 1, size), n}
	for _, format := range []string{"pcap", "pcapng"} {
		out := &sink{h: http.Header{}}
		req, _ := http.NewRequest("GET", "/api/export?format="+format, nil)
		req.Header.Set("Authorization", "Bearer "+testToken)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		c.srv.ServeHTTP(out, req)
		runtime.ReadMemStats(&after)
		if out.n < n*size {
			t.Errorf("%s: %d bytes came", format, out.n)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 4<<20 {
			t.Errorf("%s of %d MB allocates %d bytes", format, out.n>>20, took)
		}
	}
}

func TestExportEndsWithItsClient(t *testing.T) {
	c := serve(t, play(t, udpFrame(1e18, 1, 10)))
	c.srv.Packets = &flood{udpFrame(1e18, 1, 1400), 1 << 40}
	ctx, cancel := context.WithCancel(t.Context())
	req, _ := http.NewRequestWithContext(ctx, "GET", c.url+"/api/export", nil)
	req.Header.Set("Authorization", "Bearer "+testToken)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	res.Body.Close() // the server's Close in Cleanup waits for the handler to end
}

// manySessions is a store that finds n sessions, in an order that is not that of their ids, some of them twice.
type manySessions struct {
	memStore
	n int
}

func (m *manySessions) Search(_ context.Context, s store.Search, yield func(*record.Record) bool) (store.Coverage, error) {
	r := record.Record{Kind: s.Kind}
	for i := range m.n {
		k := i / 3 * 7919 % m.n
		r.Start, r.End = int64(k)*1e6, int64(k)*1e6+5
		r.Session = record.NewID(r.Start, uint64(k), 0)
		if !yield(&r) {
			break
		}
	}
	return store.Coverage{}, nil
}

func TestSelect(t *testing.T) {
	for _, n := range []int{0, 1, 300, 1_000_000} {
		st := &manySessions{n: n}
		sel, err := Select(t.Context(), st, store.Search{Kind: record.KindTransaction})
		if want := (n + 2) / 3; err != nil || len(sel.Flows) != want || sel.Flows == nil {
			t.Fatalf("%d records: %d flows, want %d, %v", n, len(sel.Flows), want, err)
		}
		if cap(sel.Flows) > 2*max(len(sel.Flows), 1<<16) {
			t.Errorf("%d records: room for %d flows", n, cap(sel.Flows))
		}
		if !slices.IsSortedFunc(sel.Flows, func(a, b record.ID) int { return bytes.Compare(a[:], b[:]) }) {
			t.Errorf("%d records: not in order", n)
		}
		if sel, _ := Select(t.Context(), st, store.Search{}); n > 0 && (sel.From != -slack || sel.To < int64(n-n/3-3)*1e6) {
			t.Errorf("%d sessions: from %d to %d", n, sel.From, sel.To)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Select(ctx, &manySessions{n: 5}, store.Search{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a selection that was cancelled: %v", err)
	}
	flows, from, to, err := Flows(t.Context(), &manySessions{n: 9}, store.Search{})
	if fmt.Sprint(len(flows), from < 0, to > 0, err) != "3 true true <nil>" {
		t.Error(flows, from, to, err)
	}
}
