package arp

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/record"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const (
	request      = "0001 0800 06 04 0001 020000000001 c0000201 000000000000 c0000202"
	reply        = "0001 0800 06 04 0002 020000000002 c0000202 020000000001 c0000201"
	probe        = "0001 0800 06 04 0001 020000000001 00000000 000000000000 c0000202"
	announcement = "0001 0800 06 04 0001 020000000001 c0000201 000000000000 c0000201"
	gratuitous   = "0001 0800 06 04 0002 020000000001 c0000201 ffffffffffff c0000201"
	chaos        = "0001 0804 06 02 0002 020000000001 1234 ffffffffffff 4321"
)

// session feeds messages to one flow and gives what the session got as JSON.
func session(messages ...[]byte) string {
	var set record.Values
	f := &proto.Flow{Transport: proto.Link, Number: 0x0806, Set: &set, Env: &proto.Env{Protocols: proto.NewSet([]*proto.Protocol{Protocol})}}
	for i, b := range messages {
		f.Data(proto.Dir(i&1), b, int64(i))
	}
	f.Close(proto.ToServer, 9)
	f.Close(proto.ToClient, 9)
	r := record.Record{Kind: record.KindSession, Values: set}
	var enc record.Encoder
	s, _, _ := strings.Cut(string(enc.Append(nil, &r)), `,"event"`)
	return s[1:]
}

func TestSession(t *testing.T) {
	for _, c := range []struct {
		name     string
		messages []string
		want     string
	}{
		{"who has and is at", []string{request, reply}, `"arp":{"ip":["192.0.2.2"],"mac":["02:00:00:00:00:02"],"opcode":[1,2],"operation":["REPLY","REQUEST"],"request":{"ip":["192.0.2.1"],"mac":["02:00:00:00:00:01"]},"target":{"ip":["192.0.2.2"]}}`},
		{"probe", []string{probe}, `"arp":{"opcode":[1],"operation":["PROBE"],"request":{"mac":["02:00:00:00:00:01"]},"target":{"ip":["192.0.2.2"]}}`},
		{"announcement", []string{announcement}, `"arp":{"opcode":[1],"operation":["ANNOUNCEMENT"],"request":{"ip":["192.0.2.1"],"mac":["02:00:00:00:00:01"]},"target":{"ip":["192.0.2.1"]}}`},
		{"gratuitous", []string{gratuitous}, `"arp":{"ip":["192.0.2.1"],"mac":["02:00:00:00:00:01"],"opcode":[2],"operation":["GRATUITOUS"]}`},
		{"not IPv4", []string{chaos}, `"arp":{"mac":["02:00:00:00:00:01"],"opcode":[2],"operation":["REPLY"]}`},
	} {
		var in [][]byte
		for _, m := range c.messages {
			in = append(in, unhex(t, m))
		}
		if got := session(in...); got != c.want {
			t.Errorf("%s: got  %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	var set record.Values
	f := &proto.Flow{Transport: proto.Link, Set: &set, Env: &proto.Env{}}
	b, p := unhex(t, reply), new(parser)
	if n := testing.AllocsPerRun(100, func() { p.Parse(f, proto.ToServer, b) }); n != 0 {
		t.Errorf("Parse allocates %v times, want 0", n)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{request, reply, probe, announcement, gratuitous, chaos, "0001 0800 ff ff 0001"} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		session(b, b)
	})
}
