package icmp

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/record"
)

func addr(s string) record.Addr { return record.AddrFrom(netip.MustParseAddr(s)) }

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// bench drives one flow between 192.0.2.1 and 192.0.2.2, or 2001:db8::1 and ::2.
type bench struct {
	f   *proto.Flow
	set record.Values
	out []string
	enc record.Encoder
}

func newBench(number uint16) *bench {
	b := &bench{}
	env := &proto.Env{Protocols: proto.NewSet([]*proto.Protocol{Protocol})}
	env.Emit = func(_ *proto.Flow, t *proto.Transaction) {
		r := record.Record{Kind: record.KindTransaction, Values: t.Values}
		s, _, _ := strings.Cut(string(b.enc.Append(nil, &r)), `"event"`)
		_, icmp, _ := strings.Cut(string(b.enc.Append(nil, &r)), `"icmp":`)
		status := "OK "
		if t.Failed {
			status = "Error "
		}
		b.out = append(b.out, status+strings.Trim(s, "{,")+" "+strings.TrimSuffix(icmp, "}"))
	}
	b.f = &proto.Flow{Client: addr("192.0.2.1"), Server: addr("192.0.2.2"), Transport: proto.IP, Number: number, Set: &b.set, Env: env}
	if number == numberICMPv6 {
		b.f.Client, b.f.Server = addr("2001:db8::1"), addr("2001:db8::2")
	}
	return b
}

func (b *bench) close(now int64) {
	b.f.Close(proto.ToServer, now)
	b.f.Close(proto.ToClient, now)
}

const (
	ip4 = "4500 0054 0000 4000 40 01 0000 c0000201 c0000202 " // quoted: ICMP from .1 to .2
	udp = "4500 0020 0000 4000 40 11 0000 c0000201 c0000202 8235 0035 000c 0000"
	ip6 = "60000000 0010 3a 40 20010db8000000000000000000000001 20010db8000000000000000000000002 "
)

func TestTransactions(t *testing.T) {
	type step struct {
		dir proto.Dir
		sec int64
		hex string
	}
	const to, from = proto.ToServer, proto.ToClient
	for _, c := range []struct {
		name   string
		number uint16
		steps  []step
		want   []string
	}{
		{"echo", 1, []step{{to, 0, "0800 1020 0005 0001 74657374"}, {from, 1, "0000 1820 0005 0001 74657374"}}, []string{
			`OK  {"id":5,"request":{"code":0,"message":"EchoRequest","type":8},"response":{"code":0,"message":"EchoReply","type":0},"seq":1,"version":4},"path":"192.0.2.2"`}},
		{"the server asks", 1, []step{{from, 0, "0800 1020 0005 0001"}, {to, 1, "0000 1820 0005 0001"}}, []string{
			`OK  {"id":5,"request":{"code":0,"message":"EchoRequest","type":8},"response":{"code":0,"message":"EchoReply","type":0},"seq":1,"version":4},"path":"192.0.2.1"`}},
		{"no answer", 1, []step{{to, 0, "0800 1020 0005 0001"}}, []string{
			`Error "error":{"message":["Unmatched request"]} {"id":5,"request":{"code":0,"message":"EchoRequest","type":8},"seq":1,"version":4},"path":"192.0.2.2"`}},
		{"same request twice", 1, []step{{to, 0, "0800 1020 0005 0001"}, {to, 1, "0800 1020 0005 0001"}, {from, 2, "0000 1820 0005 0001"}}, []string{
			`Error "error":{"message":["Another request with the same identifier and sequence number came before the response"]} {"id":5,"request":{"code":0,"message":"EchoRequest","type":8},"seq":1,"version":4},"path":"192.0.2.2"`,
			`OK  {"id":5,"request":{"code":0,"message":"EchoRequest","type":8},"response":{"code":0,"message":"EchoReply","type":0},"seq":1,"version":4},"path":"192.0.2.2"`}},
		{"response twice", 1, []step{{to, 0, "0800 1020 0005 0001"}, {from, 1, "0000 1820 0005 0001"}, {from, 2, "0000 1820 0005 0001"}}, []string{
			`OK  {"id":5,"request":{"code":0,"message":"EchoRequest","type":8},"response":{"code":0,"message":"EchoReply","type":0},"seq":1,"version":4},"path":"192.0.2.2"`,
			`OK "error":{"message":["Duplicate response"]} {"id":5,"response":{"code":0,"message":"EchoReply","type":0},"seq":1,"version":4},"path":"192.0.2.2"`}},
		{"response alone", 1, []step{{from, 0, "0000 1820 0005 0001"}}, []string{
			`OK "error":{"message":["Unmatched response"]} {"id":5,"response":{"code":0,"message":"EchoReply","type":0},"seq":1,"version":4},"path":"192.0.2.2"`}},
		{"timestamp", 1, []step{{to, 0, "0d00 0000 0007 0002 00000000 00000000 00000000"}, {from, 1, "0e00 0000 0007 0002 00000000 00000000 00000000"}}, []string{
			`OK  {"id":7,"request":{"code":0,"message":"TimestampRequest","type":13},"response":{"code":0,"message":"TimestampReply","type":14},"seq":2,"version":4},"path":"192.0.2.2"`}},
		{"port unreachable", 1, []step{{from, 0, "0303 0000 00000000 " + udp}}, []string{
			`Error  {"original":{"destination":{"ip":"192.0.2.2","port":53},"iana_number":17,"source":{"ip":"192.0.2.1","port":33333}},"request":{"code":3,"message":"DestinationUnreachable(Port)","type":3},"version":4},"path":"192.0.2.1"`}},
		{"too big", 1, []step{{from, 0, "0304 0000 0000 0578 " + udp}}, []string{
			`Error  {"mtu":1400,"original":{"destination":{"ip":"192.0.2.2","port":53},"iana_number":17,"source":{"ip":"192.0.2.1","port":33333}},"request":{"code":4,"message":"DestinationUnreachable(FragmentationNeeded)","type":3},"version":4},"path":"192.0.2.1"`}},
		{"an error answers a ping", 1, []step{{to, 0, "0800 1020 0005 0001"}, {from, 1, "030a 0000 00000000 " + ip4 + "0800 1020 0005 0001"}}, []string{
			`Error  {"id":5,"original":{"destination":{"ip":"192.0.2.2"},"iana_number":1,"source":{"ip":"192.0.2.1"}},"request":{"code":0,"message":"EchoRequest","type":8},"response":{"code":10,"message":"DestinationUnreachable(HostAdminProhibited)","type":3},"seq":1,"version":4},"path":"192.0.2.2"`}},
		{"redirect", 1, []step{{from, 0, "0501 0000 c00002fe " + udp}}, []string{
			`OK  {"gateway":"192.0.2.254","original":{"destination":{"ip":"192.0.2.2","port":53},"iana_number":17,"source":{"ip":"192.0.2.1","port":33333}},"request":{"code":1,"message":"Redirect(Host)","type":5},"version":4},"path":"192.0.2.1"`}},
		{"unknown", 1, []step{{to, 0, "fd07 0000 00000000"}}, []string{`OK  {"request":{"code":7,"message":"253(7)","type":253},"version":4},"path":"192.0.2.2"`}},
		{"echo v6", 58, []step{{to, 0, "8000 97d6 0005 0001 74657374"}, {from, 1, "8100 96d6 0005 0001 74657374"}}, []string{
			`OK  {"id":5,"request":{"code":0,"message":"EchoRequest","type":128},"response":{"code":0,"message":"EchoReply","type":129},"seq":1,"version":6},"path":"2001:db8::2"`}},
		{"neighbour", 58, []step{{to, 0, "8700 0000 00000000 20010db8000000000000000000000002"}, {from, 1, "8800 0000 60000000 20010db8000000000000000000000002"}}, []string{
			`OK  {"request":{"code":0,"message":"NeighborSolicitation","type":135},"response":{"code":0,"message":"NeighborAdvertisement","type":136},"target":"2001:db8::2","version":6},"path":"2001:db8::2"`}},
		{"advertisement alone", 58, []step{{from, 1, "8800 0000 60000000 20010db8000000000000000000000002"}}, []string{
			`OK  {"request":{"code":0,"message":"NeighborAdvertisement","type":136},"target":"2001:db8::2","version":6},"path":"2001:db8::1"`}},
		{"too big v6", 58, []step{{from, 0, "0200 0000 00000500 " + ip6 + "8000 97d6 0005 0001"}}, []string{
			`Error  {"mtu":1280,"original":{"destination":{"ip":"2001:db8::2"},"iana_number":58,"source":{"ip":"2001:db8::1"}},"request":{"code":0,"message":"PacketTooBig","type":2},"version":6},"path":"2001:db8::1"`}},
	} {
		b := newBench(c.number)
		for _, s := range c.steps {
			b.f.Data(s.dir, unhex(t, s.hex), s.sec*1e9)
		}
		b.close(20e9)
		if got, want := strings.Join(b.out, "\n"), strings.Join(c.want, "\n"); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, want)
		}
	}
}

func TestBytesAndTimes(t *testing.T) {
	var got []proto.Transaction
	b := newBench(1)
	b.f.Env.Emit = func(_ *proto.Flow, t *proto.Transaction) { got = append(got, *t) }
	b.f.Data(proto.ToServer, unhex(t, "0800 1020 0005 0001 74657374"), 100)
	b.f.Data(proto.ToClient, unhex(t, "0000 1820 0005 0001 74657374"), 300)
	if len(got) != 1 || got[0].Start != 100 || got[0].End != 300 || got[0].BytesIn != 4 || got[0].BytesOut != 4 {
		t.Errorf("got %+v, want one transaction from 100 to 300 with 4 bytes each way", got)
	}
}

func TestTimeout(t *testing.T) {
	b := newBench(1)
	b.f.Data(proto.ToServer, unhex(t, "0800 1020 0005 0001"), 1e9)
	b.f.Data(proto.ToServer, unhex(t, "0800 1020 0005 0002"), 4e9)
	if got, want := b.f.WakeTime(), int64(11e9); got != want {
		t.Fatalf("wake at %d, want %d", got, want)
	}
	b.f.WakeNow(11e9)
	if len(b.out) != 1 || b.f.WakeTime() != 14e9 {
		t.Errorf("%d transactions and next wake at %d, want 1 and 14e9", len(b.out), b.f.WakeTime())
	}
	b.f.WakeNow(14e9)
	if len(b.out) != 2 || b.f.WakeTime() != 0 {
		t.Errorf("%d transactions and next wake at %d, want 2 and none", len(b.out), b.f.WakeTime())
	}
}

func TestMulticastDoesNotWait(t *testing.T) {
	b := newBench(numberICMPv6)
	b.f.Server = addr("ff02::1:ff00:2")
	b.f.Data(proto.ToServer, unhex(t, "8700 0000 00000000 20010db8000000000000000000000002"), 0)
	if len(b.out) != 1 || !strings.HasPrefix(b.out[0], "OK") {
		t.Errorf("got %q, want one transaction with status OK at once", b.out)
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	b := newBench(1)
	b.f.Env.Emit = func(*proto.Flow, *proto.Transaction) {}
	ping, pong := unhex(t, "0800 1020 0005 0001 74657374"), unhex(t, "0000 1820 0005 0001 74657374")
	n := testing.AllocsPerRun(100, func() {
		b.f.Data(proto.ToServer, ping, 1)
		b.f.Data(proto.ToClient, pong, 2)
	})
	if n != 0 {
		t.Errorf("a ping allocates %v times, want 0", n)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"0800 1020 0005 0001 74657374", "0000 1820 0005 0001", "0303 0000 00000000 " + udp, "030a 0000 00000000 " + ip4 + "0800 1020 0005 0001",
		"8700 0000 00000000 20010db8000000000000000000000002", "0200 0000 00000500 " + ip6 + "8000 97d6 0005 0001", "8b00 0000 0000 0000 0102030405060708"} {
		f.Add(unhex(f, s), unhex(f, "0000 1820 0005 0001"))
	}
	f.Fuzz(func(t *testing.T, one, two []byte) {
		for _, number := range []uint16{numberICMP, numberICMPv6} {
			b := newBench(number)
			b.f.Data(proto.ToServer, one, 0)
			b.f.Data(proto.ToClient, two, 1)
			b.f.Data(proto.ToServer, two, 2)
			b.close(3)
			if b.f.Env.Panics != 0 {
				t.Fatal(b.f.Env.LastPanic)
			}
		}
	})
}

func BenchmarkPing(b *testing.B) {
	x := newBench(1)
	x.f.Env.Emit = func(*proto.Flow, *proto.Transaction) {}
	ping, pong := unhex(b, "0800 1020 0005 0001 74657374"), unhex(b, "0000 1820 0005 0001 74657374")
	b.ReportAllocs()
	for b.Loop() {
		x.f.Data(proto.ToServer, ping, 1)
		x.f.Data(proto.ToClient, pong, 2)
	}
}
