package tls

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/packet"
	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/proto/prototest"
	"github.com/tapir-project/tapir/record"
)

// tape is a flow with everything it gave.
type tape struct {
	*proto.Flow
	txs []txn
}

// txn is a transaction as text.
type txn struct {
	proto.Transaction
	text map[string][]string
}

func newTape(t proto.Transport, protocols ...*proto.Protocol) *tape {
	x := &tape{}
	env := &proto.Env{Protocols: proto.NewSet(protocols), Emit: func(_ *proto.Flow, t *proto.Transaction) {
		x.txs = append(x.txs, txn{*t, texts(&t.Values)})
	}}
	x.Flow = &proto.Flow{Transport: t, Set: &record.Values{}, Env: env, ClientPort: 40000, ServerPort: 443}
	return x
}

func texts(v *record.Values) map[string][]string {
	out := map[string][]string{}
	for i := range v.Len() {
		f := record.FieldByID(v.At(i).Field())
		out[f.Name] = append(out[f.Name], strings.Trim(string(record.AppendJSONValue(nil, v.At(i))), `"`))
	}
	return out
}

// session is what the session holds of a field, joined.
func (x *tape) session(name string) string { return strings.Join(texts(x.Set)[name], " ") }

func (t txn) get(name string) string { return strings.Join(t.text[name], " ") }

// close ends the flow.
func (x *tape) close() *tape {
	x.Close(proto.ToServer, x.Time)
	x.Close(proto.ToClient, x.Time)
	return x
}

// segment is the payload of one packet.
type segment struct {
	dir  proto.Dir
	data []byte
	time int64
}

// segments are those of the n-th connection to a port in a capture in testdata.
func segments(t testing.TB, file string, port uint16, n int) (out []segment) {
	t.Helper()
	var d packet.Decoded
	var clients []uint16
	for _, p := range prototest.Read(t, "testdata/"+file+".pcap") {
		packet.Decode(&d, &p)
		dir, client := proto.ToServer, d.SrcPort
		if d.SrcPort == port {
			dir, client = proto.ToClient, d.DstPort
		} else if d.DstPort != port {
			continue
		}
		if len(clients) == 0 || clients[len(clients)-1] != client {
			clients = append(clients, client)
		}
		if len(clients) == n+1 && len(d.Payload) > 0 {
			out = append(out, segment{dir, append([]byte(nil), d.Payload...), p.Time})
		}
	}
	if len(out) == 0 {
		t.Fatalf("%s has no connection %d to port %d", file, n, port)
	}
	return out
}

func (x *tape) play(segs []segment) *tape {
	for _, s := range segs {
		x.Data(s.dir, s.data, s.time)
	}
	return x
}

// rec makes a record.
func rec(typ byte, body string) []byte {
	b := binary.BigEndian.AppendUint16([]byte{typ, 3, 3}, uint16(len(body)))
	return append(b, body...)
}

// msg makes a handshake message.
func msg(typ byte, body string) string {
	return string([]byte{typ, byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}) + body
}

// clientHello and serverHello are bodies of small hellos of TLS 1.2.
var (
	smallClient = "\x03\x03" + strings.Repeat("c", 32) + "\x00\x00\x02\x00\x2f\x01\x00"
	smallServer = "\x03\x03" + strings.Repeat("s", 32) + "\x04sess\x00\x2f\x00"
)
