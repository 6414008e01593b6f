package dns

import (
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/record"
)

// bench drives one flow the way the pipeline does and keeps what comes out as JSON.
type bench struct {
	f   *proto.Flow
	set record.Values
	out []string
	enc record.Encoder
}

func newBench(t proto.Transport, server string, port uint16) *bench {
	b := &bench{}
	env := &proto.Env{Protocols: proto.NewSet([]*proto.Protocol{Protocol, Multicast, LinkLocal})}
	env.Emit = func(_ *proto.Flow, t *proto.Transaction) {
		r := record.Record{Kind: record.KindTransaction, Start: t.Start, End: t.End}
		r.Values.CopyFrom(&t.Values)
		if t.Failed {
			r.Values.PutString(record.MustID("status"), "Error")
		}
		r.Values.PutInt(record.MustID("source.bytes"), t.BytesIn)
		r.Values.PutInt(record.MustID("destination.bytes"), t.BytesOut)
		b.out = append(b.out, string(b.enc.Append(nil, &r)))
	}
	b.f = &proto.Flow{Client: addr("192.0.2.1"), Server: addr(server), ClientPort: 40000, ServerPort: port, Transport: t, Set: &b.set, Env: env}
	return b
}

func addr(s string) record.Addr { return record.AddrFrom(netip.MustParseAddr(s)) }

func (b *bench) close(now int64) {
	b.f.Close(proto.ToServer, now)
	b.f.Close(proto.ToClient, now)
}

// session is the session's values as JSON.
func (b *bench) session() string {
	r := record.Record{Kind: record.KindSession}
	r.Values.CopyFrom(&b.set)
	return string(b.enc.Append(nil, &r))
}

// ask and answer make messages about one name of type A.
func ask(t testing.TB, id uint16, name string) []byte { return build(t, id, false, name, nil) }

func answer(t testing.TB, id uint16, name string, ips ...string) []byte {
	return build(t, id, true, name, ips)
}

func build(t testing.TB, id uint16, response bool, name string, ips []string) []byte {
	t.Helper()
	n := dnsmessage.MustNewName(name)
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, Response: response, RecursionDesired: true, RecursionAvailable: response},
		Questions: []dnsmessage.Question{{Name: n, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}},
	}
	for _, ip := range ips {
		m.Answers = append(m.Answers, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: n, Class: dnsmessage.ClassINET, TTL: 300},
			Body:   &dnsmessage.AResource{A: netip.MustParseAddr(ip).As4()},
		})
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// has fails for each of want that is not in got.
func has(t *testing.T, got string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("%s\nis not in\n%s", w, got)
		}
	}
}

func TestPair(t *testing.T) {
	b := newBench(proto.UDP, "192.0.2.53", 53)
	b.f.Data(proto.ToServer, ask(t, 7, "www.Example.co.uk."), 1e9)
	b.f.Data(proto.ToClient, answer(t, 7, "www.example.co.uk.", "192.0.2.80", "192.0.2.81"), 1.5e9)
	b.close(2e9)
	if len(b.out) != 1 {
		t.Fatalf("%d transactions, want 1: %s", len(b.out), b.out)
	}
	t.Log(b.out[0])
	t.Log(b.session())
}

func BenchmarkAnswer(b *testing.B) {
	x := newBench(proto.UDP, "192.0.2.53", 53)
	x.f.Env.Emit = func(*proto.Flow, *proto.Transaction) {}
	q, a := ask(b, 7, "www.example.com."), answer(b, 7, "www.example.com.", "192.0.2.80")
	x.f.Data(proto.ToServer, q, 1)
	b.Run("query and response", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			x.f.Data(proto.ToServer, q, 1)
			x.f.Data(proto.ToClient, a, 2)
		}
	})
	b.Run("new session", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			x.set.Reset()
			x.f.Data(proto.ToServer, q, 1)
			x.f.Data(proto.ToClient, a, 2)
		}
	})
	b.Run("response alone", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			x.f.Data(proto.ToClient, a, 2)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	noise := []byte("\x80\x60\x12\x34\x00\x08\x02\x03\x12\x34\x56\x78 and so on: not DNS, a voice that is sent in RTP packets")
	p := &proto.Probe{Transport: proto.UDP, Port: [2]uint16{40000, 40002}}
	p.Data[0] = noise
	for b.Loop() {
		if match(p) != proto.No {
			b.Fatal("noise matched")
		}
	}
}
