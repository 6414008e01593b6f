package mirror_test

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/mirror"
)

// super sends a TCP packet of n segments of mss bytes as one, its checksum left to the device: what the kernel makes of a
// large write, or of segments that came in a row. It gives the packet as it stands in memory.
func super(p *port, n, mss int) []byte {
	p.t.Helper()
	const ethIP, tcp = 34, 20
	f := udp("10.0.0.1", "10.0.0.2", 1000, 80, 0, ethIP+tcp+n*mss)
	f[23] = 6
	binary.BigEndian.PutUint16(f[24:], 0)
	binary.BigEndian.PutUint16(f[24:], ^sum(0, f[14:34]))
	clear(f[ethIP:])
	binary.BigEndian.PutUint16(f[ethIP:], 1000)
	binary.BigEndian.PutUint16(f[ethIP+2:], 80)
	binary.BigEndian.PutUint32(f[ethIP+4:], 1)
	f[ethIP+12], f[ethIP+13] = 0x50, 0x10
	for i := ethIP + tcp; i < len(f); i++ {
		f[i] = byte(i ^ i>>8)
	}
	binary.BigEndian.PutUint16(f[ethIP+16:], pseudo(f)) // of the pseudo header only

	// struct virtio_net_hdr: needs checksum; TCP over IPv4; header length, segment size, where the checksum starts and goes.
	h := []byte{1, 1}
	for _, v := range []uint16{ethIP + tcp, uint16(mss), ethIP, 16} {
		h = binary.NativeEndian.AppendUint16(h, v)
	}
	if n == 1 {
		h[1] = 0
		clear(h[4:6])
	}
	if err := unix.SetsockoptInt(p.fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1); err != nil {
		p.t.Fatal(err)
	}
	p.send(append(h, f...))
	if err := unix.SetsockoptInt(p.fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 0); err != nil {
		p.t.Fatal(err)
	}
	return f
}

// sum is the Internet checksum's sum (RFC 1071), not inverted.
func sum(s uint32, b []byte) uint16 {
	for i := 0; i+1 < len(b); i += 2 {
		s += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	if len(b)%2 != 0 {
		s += uint32(b[len(b)-1]) << 8
	}
	for s > 0xffff {
		s = s&0xffff + s>>16
	}
	return uint16(s)
}

func pseudo(f []byte) uint16 { return sum(6+uint32(len(f)-34), f[26:34]) }

// payload checks a TCP frame's checksums and gives what it carries.
func payload(t *testing.T, f []byte) []byte {
	t.Helper()
	if sum(0, f[14:34]) != 0xffff || sum(uint32(pseudo(f)), f[34:]) != 0xffff {
		t.Errorf("checksums of a frame of %d bytes: IP %x, TCP %x", len(f), sum(0, f[14:34]), sum(uint32(pseudo(f)), f[34:]))
	}
	return f[54:]
}

// Super-packets and packets without a checksum: an output with offloads gets them as they are, one without gets the
// segments with their checksums, as they would have been on a wire.
func TestOffloads(t *testing.T) {
	for _, mode := range []string{"tc", "auto", "xdp"} {
		t.Run(mode, func(t *testing.T) {
			namespace(t, 4)
			if mode != "xdp" { // which is for outputs with offloads only
				run(t, "ethtool -K eth3 tx off tso off gso off")
			}
			rules := parse(t, "eth1@eth2/eth3")
			if mode == "tc" {
				rules = append(rules, mirror.Rule{From: []string{"eth1"}, To: to("eth4"), Truncate: 200})
			}
			start(t, mirror.Config{Rules: rules, Mode: mode})
			in, p2, p3, p4 := open(t, "p1"), open(t, "p2"), open(t, "p3"), open(t, "p4")
			whole := super(in, 10, 1400)
			same(t, "eth2", p2.recv(), [][]byte{whole})
			if mode == "xdp" {
				single := super(in, 1, 1000)
				same(t, "eth2", p2.recv(), [][]byte{single})
				same(t, "eth3", p3.recv(), [][]byte{whole, single})
				return
			}
			var data []byte
			segments := p3.recv()
			for _, f := range segments {
				data = append(data, payload(t, f)...)
			}
			if len(segments) != 10 || !bytes.Equal(data, whole[54:]) {
				t.Errorf("eth3 got %d segments with %d bytes, want 10 with %d", len(segments), len(data), len(whole)-54)
			}
			if mode == "tc" {
				same(t, "eth4", p4.recv(), [][]byte{whole[:200]})
			}
			single := super(in, 1, 1000) // not larger than a frame, but its checksum is still to be made
			same(t, "eth2", p2.recv(), [][]byte{single})
			if got := p3.recv(); len(got) != 1 || !bytes.Equal(payload(t, got[0]), single[54:]) {
				t.Errorf("eth3 got %d frames, want 1 with what was sent", len(got))
			}
			adds(t, status(t), "eth1", 2)
		})
	}
}

// A super-packet goes through a tunnel as segments that the other end reads as they were.
func TestSuperPacketInTunnel(t *testing.T) {
	namespace(t, 2)
	run(t, "ip addr add 192.0.2.1/24 dev eth2")
	run(t, "ip link set p2 address 02:00:00:00:00:22")
	run(t, "ip link set eth2 mtu 1600")
	run(t, "ip link set p2 mtu 1600")
	run(t, "ethtool -K eth2 tx off tso off gso off")
	run(t, "ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:22 dev eth2 nud permanent")
	there := netip.MustParseAddr("192.0.2.2")
	start(t, mirror.Config{Rules: []mirror.Rule{{From: []string{"eth1"}, To: []mirror.Output{{Remote: &mirror.Remote{Kind: "vxlan", Addr: there, VNI: 77}}}}}})
	in, p2 := open(t, "p1"), open(t, "p2")
	whole := super(in, 10, 1400)
	var data []byte
	frames := p2.recv()
	for _, f := range frames {
		if inner, kind := unwrap(t, f, there); kind == "vxlan" {
			data = append(data, payload(t, inner)...)
		}
	}
	if len(frames) != 10 || !bytes.Equal(data, whole[54:]) {
		t.Errorf("%d frames with %d bytes, want 10 with %d; %+v", len(frames), len(data), len(whole)-54, status(t).Rules)
	}
	adds(t, status(t), "eth1", 1)
}

// Jumbo frames pass where the MTU allows and are counted where it does not; runts pass as they are; a tag does not count.
func TestSizes(t *testing.T) {
	for _, mode := range []string{"tc", "xdp"} {
		t.Run(mode, func(t *testing.T) {
			namespace(t, 3)
			for _, dev := range []string{"p1", "eth1", "p2", "eth2"} {
				run(t, "ip link set %s mtu 9000", dev)
			}
			start(t, mirror.Config{Rules: parse(t, "eth1@eth2/eth3"), Mode: mode})
			in, p2, p3 := open(t, "p1"), open(t, "p2"), open(t, "p3")
			small := slices.Concat(numbered(0, 10, 20), numbered(10, 10, 60), numbered(20, 10, 1514), [][]byte{tagged(numbered(30, 1, 1514)[0], 0x8100, 5),
				{2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 0x88, 0xb5, 1}})
			big := slices.Concat(numbered(40, 10, 9014), numbered(50, 10, 1600))
			in.send(slices.Concat(small, big)...)
			same(t, "eth2", p2.recv(), slices.Concat(small, big))
			same(t, "eth3", p3.recv(), small)
			s := status(t)
			adds(t, s, "eth1", uint64(len(small)+len(big)))
			if o := s.Rules[0].Outputs[1]; o.TooBig != 20 || o.DeviceDropped != 0 {
				t.Errorf("eth3: %+v", o)
			}
		})
	}
}
