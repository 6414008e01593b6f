package sflowtool

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/netsampler/goflow2/v2/decoders/netflow"
	"github.com/netsampler/goflow2/v2/decoders/netflowlegacy"

	"github.com/tapir-project/tapir/sflow"
)

// datagrams are those that were sent.
type datagrams [][]byte

// netFlow gives the NetFlow that becomes of datagrams.
func netFlow(t *testing.T, o NetFlowOptions, in ...[]byte) datagrams {
	t.Helper()
	var out datagrams
	send := func(agent netip.Addr, b []byte) error {
		if agent != ip1 {
			t.Errorf("from agent %s, want %s", agent, ip1)
		}
		out = append(out, bytes.Clone(b))
		return nil
	}
	write(t, Options{Format: NetFlow, NetFlow: o, Send: send}, in...)
	return out
}

var sampled = []sflow.Data{&sflow.Header{Protocol: 1, FrameLength: 466, Stripped: 4, Bytes: tcp4(0)},
	&sflow.Router{NextHop: netip.MustParseAddr("192.0.2.254"), SrcMask: 24, DstMask: 16},
	&sflow.Gateway{NextHop: ip1, SrcAS: 65001, SrcPeerAS: 65002, Path: []sflow.PathSegment{{AS: []uint32{65003, 65004}}}}}

// Another implementation reads what we write.
func TestNetFlow5(t *testing.T) {
	out := netFlow(t, NetFlowOptions{Version: 5}, datagram(sampled...), datagram(request), datagram(sampled...))
	if len(out) != 2 {
		t.Fatalf("%d datagrams, want 2: HTTP samples are no flows", len(out))
	}
	var p netflowlegacy.PacketNetFlowV5
	if err := netflowlegacy.DecodeMessageVersion(bytes.NewBuffer(out[1]), &p); err != nil {
		t.Fatal(err)
	}
	r := p.Records[0]
	if p.FlowSequence != 1 || p.UnixSecs != uint32(captured.Captured.Unix()) || p.SamplingInterval != 0 {
		t.Errorf("%+v", p)
	}
	want := netflowlegacy.RecordsNetFlowV5{SrcAddr: 0xc0000201, DstAddr: 0xc6336402, NextHop: 0xc00002fe, Input: 3, Output: 0xffff, DPkts: 1000, DOctets: 448000,
		First: r.First, Last: r.First, SrcPort: 49152, DstPort: 443, TCPFlags: 0x12, Proto: 6, Tos: 0xb8, SrcAS: 65001, DstAS: 65004, SrcMask: 24, DstMask: 16}
	if r != want {
		t.Errorf("%+v\nwant %+v", r, want)
	}
	out = netFlow(t, NetFlowOptions{Version: 5, Unscaled: true, PeerAS: true}, datagram(sampled...))
	p = netflowlegacy.PacketNetFlowV5{}
	if err := netflowlegacy.DecodeMessageVersion(bytes.NewBuffer(out[0]), &p); err != nil {
		t.Fatal(err)
	}
	if r := p.Records[0]; p.SamplingInterval != 1000|0x4000 || r.DPkts != 1 || r.DOctets != 448 || r.SrcAS != 65002 || r.DstAS != 65003 {
		t.Errorf("%+v", p)
	}
}

func TestNetFlow9(t *testing.T) {
	v6 := datagram(&sflow.Header{Protocol: 12, FrameLength: 64, Bytes: udp6()})
	out := netFlow(t, NetFlowOptions{Version: 9}, datagram(sampled...), v6)
	if len(out) != 2 {
		t.Fatalf("%d datagrams, want 2", len(out))
	}
	for i, want := range []map[uint16]any{
		{8: ip1.AsSlice(), 12: ip2.AsSlice(), 7: uint64(49152), 11: uint64(443), 1: uint64(448000), 2: uint64(1000), 14: uint64(0x3fffffff), 16: uint64(65001), 9: uint64(24)},
		{27: netip.MustParseAddr("2001:db8::1").AsSlice(), 7: uint64(5000), 1: uint64(16000), 31: uint64(0x12345), 4: uint64(17), 5: uint64(0xab)},
	} {
		var p netflow.NFv9Packet
		if err := netflow.DecodeMessageVersion(bytes.NewBuffer(out[i]), netflow.CreateTemplateSystem(), &p, nil); err != nil {
			t.Fatal(err)
		}
		set, ok := p.FlowSets[1].(netflow.DataFlowSet)
		if !ok || len(set.Records) != 1 || p.UnixSeconds != uint32(captured.Captured.Truncate(time.Second).Unix()) {
			t.Fatalf("%+v", p)
		}
		found := 0
		for _, f := range set.Records[0].Values {
			b := f.Value.([]byte)
			switch w := want[f.Type].(type) {
			case []byte:
				found++
				if !bytes.Equal(b, w) {
					t.Errorf("field %d is %x, want %x", f.Type, b, w)
				}
			case uint64:
				found++
				var n uint64
				for _, c := range b {
					n = n<<8 | uint64(c)
				}
				if n != w {
					t.Errorf("field %d is %d, want %d", f.Type, n, w)
				}
			}
		}
		if found != len(want) {
			t.Errorf("%d of %d fields found", found, len(want))
		}
	}
}
