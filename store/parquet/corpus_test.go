package parquet

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/tapir-project/tapir/bench/sessions/traffic"
	"github.com/tapir-project/tapir/internal/communityid"
	"github.com/tapir-project/tapir/record"
)

var sink = os.Getenv("OUT")

var sessionNames = map[string]string{
	"bytes": "network.bytes", "databytes": "network.data_bytes", "dstbytes": "destination.bytes", "srcbytes": "source.bytes",
	"dstdatabytes": "server.bytes", "srcdatabytes": "client.bytes", "dstpackets": "destination.packets", "srcpackets": "source.packets",
	"packets": "network.packets", "ipproto": "network.iana_number", "length_ms": "session.length", "protocols": "network.protocol",
	"segment": "session.segments", "dstport": "destination.port", "srcport": "source.port", "srcttl": "source.ttl", "dstttl": "destination.ttl",
	"dstmac": "destination.mac", "srcmac": "source.mac", "ethertype": "network.ethertype", "srcpayload8": "source.payload8", "dstpayload8": "destination.payload8",
	"initrtt_ms": "tcp.init_rtt", "tags": "tags", "vlan": "network.vlan.id", "outerdst": "destination.outer.ip", "outersrc": "source.outer.ip", "vni": "network.vni",
	"src": "source.ip", "dst": "destination.ip",
}

func corpusLines(t testing.TB, path string) (out []map[string]any) {
	dir := os.Getenv("TAPIR_CORPUS")
	if dir == "" {
		t.Skip("TAPIR_CORPUS is not set")
	}
	b, err := os.ReadFile(filepath.Join(dir, path))
	if err != nil {
		t.Fatal(err)
	}
	sc := bufio.NewScanner(bytes.NewReader(b))
	sc.Buffer(nil, 1<<24)
	for sc.Scan() {
		var m map[string]any
		if err := json.Unmarshal(sc.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
	}
	return out
}

func addAny(v *record.Values, name string, x any) bool {
	f, ok := record.Lookup(name)
	if !ok || !f.Stored() {
		return false
	}
	switch x := x.(type) {
	case []any:
		for _, y := range x {
			addAny(v, name, y)
		}
	case float64:
		if f.Type.Numeric() {
			v.AddInt(f.ID, int64(x))
		} else {
			v.AddString(f.ID, strconv.FormatFloat(x, 'g', -1, 64))
		}
	case string:
		switch {
		case f.Type == record.TypeIP:
			if a, err := netip.ParseAddr(x); err == nil {
				v.AddAddr(f.ID, record.AddrFrom(a))
			}
		case f.Type.Numeric():
			n, err := strconv.ParseInt(x, 10, 64)
			if err != nil {
				return false
			}
			v.AddInt(f.ID, n)
		default:
			v.AddString(f.ID, x)
		}
	}
	return true
}

// corpusSessions are the corpus's sessions as records.
func corpusSessions(t testing.TB) (out []*record.Record) {
	first := map[string]float64{}
	for _, m := range corpusLines(t, "sessions/expected.jsonl") {
		r := &record.Record{Final: true}
		p := m["pcap"].(string)
		f := m["first"].(float64)
		if _, ok := first[p]; !ok {
			first[p] = f
		}
		if f < first[p] {
			first[p] = f
		}
		l := m["last"].(float64)
		us := int64(rand.IntN(1000)) * 1000
		r.Start = int64(min(f-first[p], 30000))*1e6 + us
		r.End = r.Start + int64(l-f)*1e6
		if l > f {
			r.End += int64(rand.IntN(1000)) * 1000
		}
		v := &r.Values
		for k, x := range m {
			if n, ok := sessionNames[k]; ok {
				addAny(v, n, x)
			}
		}
		fields, _ := m["f"].(map[string]any)
		for k, x := range fields {
			if !addAny(v, k, x) && os.Getenv("V") != "" {
				fmt.Println("no field", k)
			}
		}
		if fl, ok := m["tcpflags"].(map[string]any); ok {
			for k, x := range fl {
				if x.(float64) > 0 {
					addAny(v, "tcpflags."+k, x)
				}
			}
			addAny(v, "tcp.seq.src", float64(rand.Uint32()))
			addAny(v, "tcp.seq.dst", float64(rand.Uint32()))
			addAny(v, "tcp.handshake", float64(rand.IntN(100000)*1000))
			addAny(v, "source.tcp.rtt", float64(rand.IntN(100000)*1000))
			addAny(v, "destination.tcp.rtt", float64(rand.IntN(100000)*1000))
			addAny(v, "session.state", "fin")
			addAny(v, "network.transport", "tcp")
		} else {
			addAny(v, "session.state", "timeout")
			addAny(v, "network.transport", "udp")
		}
		addAny(v, "network.type", "ipv4")
		addAny(v, "file.path", "/data/import/loop.pcap")
		addAny(v, "event.duration", float64(r.End-r.Start))
		out = append(out, r)
	}
	return out
}

// loop gives n records: rounds of recs with the addresses and times of mkpcap.py loop.
func loop(recs []*record.Record, n int, yield func(*record.Record)) {
	src, dst, cid := record.MustID("source.ip"), record.MustID("destination.ip"), record.MustID("network.community_id")
	var out record.Record
	for i, r := 0, 0; i < n; r++ {
		for k, in := range recs {
			if i++; i > n {
				break
			}
			out.Reset()
			jit := int64(r*7+k*3) % 2 * 1000
			out.Kind, out.Final, out.Start, out.End = in.Kind, in.Final, in.Start+1700000000e9+int64(r)*5e8+jit, in.End+1700000000e9+int64(r)*5e8+jit
			var s, d record.Addr
			var sp, dp uint16
			var proto uint8
			for j := range in.Values.Len() {
				v := in.Values.At(j)
				f := record.FieldByID(v.Field())
				switch {
				case v.Field() == src || v.Field() == dst:
					a := v.Addr()
					if a.Is4() {
						a[13] ^= byte(r)
						a[12] ^= byte(r >> 8)
					}
					if v.Field() == src {
						s = a
					} else {
						d = a
					}
					out.Values.PutAddr(v.Field(), a)
				case f.Type == record.TypeIP:
					out.Values.PutAddr(v.Field(), v.Addr())
				case f.Type == record.TypeTerm || f.Type == record.TypeText:
					out.Values.PutText(v.Field(), v.Text())
				default:
					switch v.Field() {
					case fSrcPort:
						sp = uint16(v.Int())
					case fDstPort:
						dp = uint16(v.Int())
					case fProto:
						proto = uint8(v.Int())
					}
					out.Values.PutInt(v.Field(), v.Int())
				}
			}
			if !s.IsZero() {
				out.Values.PutText(cid, communityid.Append(nil, s, d, sp, dp, proto))
			}
			key, _ := record.NewFlowKey(s, d, sp, dp, proto)
			out.ID = record.NewID(out.Start, key.Hash(), uint32(k))
			yield(&out)
		}
	}
}

func TestExperimentTraffic(t *testing.T) {
	src := traffic.New(traffic.Config{})
	n := 60000
	nv := 0
	var copies []*record.Record
	for range n {
		c := new(record.Record)
		src.Session(c)
		copies = append(copies, c)
		nv += c.Values.Len()
	}
	experiment(t, copies, nv)
}

func TestExperimentTx(t *testing.T) {
	src := traffic.New(traffic.Config{})
	n := 60000
	nv := 0
	var copies []*record.Record
	var ses record.Record
	for len(copies) < n {
		src.Session(&ses)
		c := new(record.Record)
		if src.Transaction(&ses, c) {
			copies = append(copies, c)
			nv += c.Values.Len()
		}
	}
	experiment(t, copies, nv)
}

func TestExperiment(t *testing.T) {
	recs := corpusSessions(t)
	n := 60000
	nv := 0
	var copies []*record.Record
	loop(recs, n, func(r *record.Record) {
		c := new(record.Record)
		c.CopyFrom(r)
		copies = append(copies, c)
		nv += r.Values.Len()
	})
	experiment(t, copies, nv)
}

func experiment(t *testing.T, copies []*record.Record, nv int) {
	n := len(copies)
	b := newBuilder()
	switch os.Getenv("Z") {
	case "2":
		zstdLevel = zstd.SpeedDefault
	case "3":
		zstdLevel = zstd.SpeedBetterCompression
	}
	e := newEncoder()
	for range 3 {
		b.reset()
		t0 := time.Now()
		for _, r := range copies {
			b.add(r, 1700000000e9, nil)
		}
		t1 := time.Now()
		var buf bytes.Buffer
		e.begin(&buf, schemaOf(b))
		if err := e.write(b); err != nil {
			t.Fatal(err)
		}
		size, err := e.finish(nil)
		if err != nil {
			t.Fatal(err)
		}
		t2 := time.Now()
		fmt.Printf("values/rec %.1f shapes %d cols %d add %v/rec encode %v/rec size %.1f B/rec\n", float64(nv)/float64(n), len(b.shapes), len(e.schema), t1.Sub(t0)/time.Duration(n), t2.Sub(t1)/time.Duration(n), float64(size)/float64(n))
		if sink != "" {
			os.WriteFile(sink, buf.Bytes(), 0o644)
		}
	}
	_ = strings.ToLower
}
