package parquet

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/tapir-project/tapir/internal/communityid"
	"github.com/tapir-project/tapir/record"
)

// The sessions of the corpus (TAPIR_CORPUS), again and again with other addresses as bench/importing's loop has them,
// show how small records of a hundred protocols become.

// corpusNames says under which names the corpus lists what every session has.
var corpusNames = map[string]string{
	"srcbytes": "source.bytes", "dstbytes": "destination.bytes", "bytes": "network.bytes",
	"srcpackets": "source.packets", "dstpackets": "destination.packets", "packets": "network.packets",
	"srcdatabytes": "client.bytes", "dstdatabytes": "server.bytes", "databytes": "network.data_bytes",
	"src": "source.ip", "dst": "destination.ip", "srcport": "source.port", "dstport": "destination.port",
	"srcttl": "source.ttl", "dstttl": "destination.ttl", "srcmac": "source.mac", "dstmac": "destination.mac",
	"srcpayload8": "source.payload8", "dstpayload8": "destination.payload8", "outersrc": "source.outer.ip", "outerdst": "destination.outer.ip",
	"ipproto": "network.iana_number", "length_ms": "session.length", "protocols": "network.protocol", "segment": "session.segments",
	"ethertype": "network.ethertype", "initrtt_ms": "tcp.init_rtt", "tags": "tags", "vlan": "network.vlan.id", "vni": "network.vni",
}

// corpusSessions makes records of the corpus's sessions, their starts counted from that of their capture.
func corpusSessions(tb testing.TB) (out []*record.Record) {
	dir := os.Getenv("TAPIR_CORPUS")
	if dir == "" {
		tb.Skip("TAPIR_CORPUS is not set")
	}
	b, err := os.ReadFile(filepath.Join(dir, "sessions", "expected.jsonl"))
	if err != nil {
		tb.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	first := map[any]float64{}
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var m map[string]any
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			tb.Fatal(err)
		}
		if f, ok := first[m["pcap"]]; !ok || m["first"].(float64) < f {
			first[m["pcap"]] = m["first"].(float64)
		}
		out = append(out, corpusRecord(m, first[m["pcap"]], random))
	}
	return out
}

func corpusRecord(m map[string]any, zero float64, random *rand.Rand) *record.Record {
	r := &record.Record{Final: true}
	from, to := m["first"].(float64), m["last"].(float64)
	r.Start = int64(min(from-zero, 30_000))*1e6 + random.Int64N(1000)*1000
	r.End = r.Start + int64(to-from)*1e6
	v := &r.Values
	for k, x := range m {
		if n, ok := corpusNames[k]; ok {
			addJSON(v, n, x)
		}
	}
	fields, _ := m["f"].(map[string]any)
	for k, x := range fields {
		addJSON(v, k, x)
	}
	flags, tcp := m["tcpflags"].(map[string]any)
	for k, x := range flags {
		addJSON(v, "tcpflags."+k, x)
	}
	if tcp {
		for _, n := range []string{"tcp.seq.src", "tcp.seq.dst", "tcp.handshake", "source.tcp.rtt", "destination.tcp.rtt"} {
			addJSON(v, n, float64(random.Uint32()))
		}
	}
	v.AddInt(record.MustID("event.duration"), r.End-r.Start)
	return r
}

// addJSON adds values of a field; names of no field are passed over.
func addJSON(v *record.Values, name string, x any) {
	f, ok := record.Lookup(name)
	if !ok || !f.Stored() {
		return
	}
	switch x := x.(type) {
	case []any:
		for _, y := range x {
			addJSON(v, name, y)
		}
	case float64:
		if f.Type.Numeric() {
			v.AddInt(f.ID, int64(x))
		} else {
			v.AddString(f.ID, strconv.FormatFloat(x, 'g', -1, 64))
		}
	case string:
		switch a, err := netip.ParseAddr(x); {
		case f.Type == record.TypeIP && err == nil:
			v.AddAddr(f.ID, record.AddrFrom(a))
		case f.Type.Numeric():
			n, _ := strconv.ParseInt(x, 10, 64)
			v.AddInt(f.ID, n)
		case f.Type != record.TypeIP:
			v.AddString(f.ID, x)
		}
	}
}

// looped makes the k-th record of round n: other addresses, a later time.
func looped(out, in *record.Record, n, k int) {
	shift := 1_700_000_000e9 + int64(n)*5e8 + int64((n*7+k*3)%2)*1000
	out.Reset()
	out.Kind, out.Final, out.Start, out.End = in.Kind, true, in.Start+shift, in.End+shift
	num := map[record.FieldID]int64{}
	ends := map[record.FieldID]record.Addr{}
	for i := range in.Values.Len() {
		x := in.Values.At(i)
		if f := x.Field(); f == fSrcIP || f == fDstIP {
			a := x.Addr()
			if a.Is4() {
				a[12], a[13] = a[12]^byte(n>>8), a[13]^byte(n)
			}
			ends[f] = a
			out.Values.PutAddr(f, a)
			continue
		}
		putValue(&out.Values, x)
		num[x.Field()] = x.Int()
	}
	src, dst, sport, dport, proto := ends[fSrcIP], ends[fDstIP], uint16(num[fSrcPort]), uint16(num[fDstPort]), uint8(num[fProto])
	if !src.IsZero() {
		out.Values.PutText(fCommunity, communityid.Append(nil, src, dst, sport, dport, proto))
	}
	key, _ := record.NewFlowKey(src, dst, sport, dport, proto)
	out.ID = record.NewID(out.Start, key.Hash(), uint32(k))
	out.Session = out.ID
}

// BenchmarkCorpus reports the bytes a session takes; the bar is 120, transactions included.
func BenchmarkCorpus(b *testing.B) {
	recs := corpusSessions(b)
	bu, e := newBuilder(), newEncoder()
	var one record.Record
	bytes, rows := int64(0), 0
	for b.Loop() {
		bu.reset()
		for i := range 60_000 {
			looped(&one, recs[i%len(recs)], i/len(recs), i%len(recs))
			bu.add(&one, 1_800_000_000e9, nil)
		}
		e.begin(io.Discard, schemaOf(bu))
		if err := e.write(bu); err != nil {
			b.Fatal(err)
		}
		n, err := e.finish(nil)
		if err != nil {
			b.Fatal(err)
		}
		bytes, rows = bytes+n, rows+bu.rows
	}
	b.ReportMetric(float64(bytes)/float64(rows), "B/session")
}
