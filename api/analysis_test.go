package api

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/record"
)

// analysed is what packets answers, as far as TCP goes.
type analysed struct {
	Packets []struct {
		Number   int
		From     string
		Payload  int
		Analysis []string
		Tree     []any
		TCP      *struct {
			Seq, Ack uint32
			RelSeq   *uint32 `json:"relative_seq"`
			RelAck   *uint32 `json:"relative_ack"`
			Flags    []string
		}
	}
	More bool
}

func (c *client) analysed(id record.ID, nameValue ...string) (a analysed) {
	c.t.Helper()
	c.ok(at("/api/sessions/"+id.String()+"/packets", append(nameValue, "detail", "summary")...)).json(c.t, &a)
	return a
}

// marked lists what was marked, as "number:mark".
func (a analysed) marked() (out []string) {
	for _, p := range a.Packets {
		for _, m := range p.Analysis {
			out = append(out, fmt.Sprint(p.Number, ":", m))
		}
	}
	return out
}

// handmade is a connection in which everything happens once: ours is 10.0.0.1:4000, theirs 10.0.0.2:80.
func handmade() []record.Packet {
	const ms = int64(1e6)
	at := func(n int64) int64 { return 1e18 + n*ms }
	return []record.Packet{
		tcpFrame(at(0), true, "S", 100, 0, 1000, ""),
		tcpFrame(at(1000), true, "S", 100, 0, 1000, ""), // 2: again
		tcpFrame(at(1010), false, "SA", 900, 101, 1000, ""),
		tcpFrame(at(1020), true, "A", 101, 901, 1000, ""),
		tcpFrame(at(1030), true, "A", 101, 901, 1000, "aaaa"),
		tcpFrame(at(1040), false, "A", 901, 105, 1000, ""),
		tcpFrame(at(1050), true, "A", 109, 901, 1000, "cccc"), // 7: bbbb is missing
		tcpFrame(at(1051), false, "A", 901, 105, 1000, ""),    // 8: and asked for
		tcpFrame(at(1052), true, "A", 105, 901, 1000, "bbbb"), // 9: reordered
		tcpFrame(at(1500), true, "A", 105, 901, 1000, "bbbb"), // 10: again
		tcpFrame(at(1510), false, "A", 901, 113, 0, ""),       // 11: no room
		tcpFrame(at(2510), true, "A", 112, 901, 1000, ""),     // 12: there?
		tcpFrame(at(2520), false, "A", 901, 113, 1000, ""),
		tcpFrame(at(2600), false, "RA", 901, 113, 1000, ""), // 14
	}
}

// tcpFrame is a raw IPv4 packet between 10.0.0.1:4000 (client) and 10.0.0.2:80, with flags by their first letters.
func tcpFrame(t int64, client bool, flags string, seq, ack uint32, window uint16, payload string) record.Packet {
	b := make([]byte, 40, 40+len(payload))
	copy(b, []byte{0x45, 0, byte((40 + len(payload)) >> 8), byte(40 + len(payload)), 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0x0f, 0xa0, 0, 80})
	if !client {
		copy(b[12:], []byte{10, 0, 0, 2, 10, 0, 0, 1, 0, 80, 0x0f, 0xa0})
	}
	binary.BigEndian.PutUint32(b[24:], seq)
	binary.BigEndian.PutUint32(b[28:], ack)
	b[32] = 5 << 4
	for i, f := range "FSRPAU" {
		if strings.ContainsRune(flags, f) {
			b[33] |= 1 << i
		}
	}
	binary.BigEndian.PutUint16(b[34:], window)
	b = append(b, payload...)
	return record.Packet{Time: t, Data: b, WireLen: uint32(len(b)), Link: record.LinkRaw}
}

func TestAnalysis(t *testing.T) {
	c := serve(t, play(t, handmade()...))
	id := c.records.recs[0].Session
	a := c.analysed(id)
	want := "2:retransmission 7:gap 8:duplicate_ack 9:out_of_order 10:retransmission 11:zero_window 12:keepalive 14:reset"
	if got := strings.Join(a.marked(), " "); got != want {
		t.Errorf("marked %s\nwant   %s", got, want)
	}
	for i, want := range map[int]string{0: "0 -", 2: "0 1", 3: "1 1", 4: "1 1", 6: "9 1", 10: "1 13"} {
		x := a.Packets[i].TCP
		got := fmt.Sprint(*x.RelSeq, " -")
		if x.RelAck != nil {
			got = fmt.Sprint(*x.RelSeq, " ", *x.RelAck)
		}
		if got != want {
			t.Errorf("packet %d has the numbers %s, want %s", i+1, got, want)
		}
	}
	// a page says the same as the whole
	for n := range a.Packets {
		page := c.analysed(id, "limit", "1", "offset", fmt.Sprint(n))
		if len(page.Packets) != 1 || fmt.Sprint(page.Packets[0].Analysis) != fmt.Sprint(a.Packets[n].Analysis) || *page.Packets[0].TCP.RelSeq != *a.Packets[n].TCP.RelSeq {
			t.Errorf("page of packet %d: %+v", n+1, page)
		}
	}
	var one analysed
	c.ok(at("/api/sessions/"+id.String()+"/packets", "number", "9")).json(t, &one)
	if len(one.Packets) != 1 || !one.More || one.Packets[0].Number != 9 || one.Packets[0].TCP.Seq != 105 || one.Packets[0].Analysis != nil || one.Packets[0].TCP.RelSeq != nil || len(one.Packets[0].Tree) == 0 {
		t.Errorf("one packet: %+v", one)
	}
}

// TestAnalysisInTheMiddle holds that numbers count from what was seen first where the handshake was not.
func TestAnalysisInTheMiddle(t *testing.T) {
	c := serve(t, play(t, handmade()[4:]...))
	a := c.analysed(c.records.recs[0].Session)
	if x := a.Packets[0].TCP; *x.RelSeq != 1 || *x.RelAck != 1 {
		t.Errorf("%d %d", *x.RelSeq, *x.RelAck)
	}
	if x := a.Packets[1].TCP; *x.RelSeq != 1 || *x.RelAck != 5 {
		t.Errorf("%d %d", *x.RelSeq, *x.RelAck)
	}
}

// TestAnalysisSums holds that the marks of a session's packets are what its record counts, on real connections that lose,
// repeat and reorder segments.
func TestAnalysisSums(t *testing.T) {
	counters := map[string]string{"retransmission": "retransmissions", "out_of_order": "out_of_order", "duplicate_ack": "duplicate_acks", "zero_window": "zero_window"}
	frames := capture(t, "nginx", "tls")
	rnd := rand.New(rand.NewPCG(1, 2))
	total := map[string]int64{}
	for round := range 8 {
		var disturbed []record.Packet
		for i := range frames {
			switch n := rnd.IntN(100); {
			case n < 2: // lost
			case n < 10:
				disturbed = append(disturbed, frames[i], frames[i])
			default:
				disturbed = append(disturbed, frames[i])
			}
		}
		for i := 1; i < len(disturbed); i++ {
			if rnd.IntN(10) == 0 {
				disturbed[i].Time, disturbed[i-1].Time = disturbed[i-1].Time, disturbed[i].Time
				disturbed[i], disturbed[i-1] = disturbed[i-1], disturbed[i]
			}
		}
		c := serve(t, play(t, disturbed...))
		for _, r := range c.records.whole(record.KindSession) {
			got := map[string]int64{}
			for _, p := range c.analysed(r.Session, "limit", "2000").Packets {
				side := map[string]string{"client": "source", "server": "destination"}[p.From]
				for _, m := range p.Analysis {
					if field := counters[m]; field != "" {
						got[side+".tcp."+field]++
						total[m]++
					}
				}
			}
			for _, side := range []string{"source", "destination"} {
				for _, field := range counters {
					name := side + ".tcp." + field
					x, _ := r.Values.First(record.MustID(name))
					var want int64
					if r.Values.Has(record.MustID(name)) {
						want = x.Int()
					}
					if got[name] != want {
						t.Errorf("round %d: %s: %s is %d, its packets have %d", round, r.Session, name, want, got[name])
					}
				}
			}
		}
	}
	if total["retransmission"] < 50 || total["out_of_order"] < 10 || total["duplicate_ack"] < 10 {
		t.Errorf("this proves little: %v", total)
	}
}
