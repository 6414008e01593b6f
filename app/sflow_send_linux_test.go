package app

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/tapir-project/tapir/source"
)

// NetFlow comes from this host, or as from the agent where that is asked for and the families agree.
func TestNetFlowSender(t *testing.T) {
	for _, c := range []struct{ listen, agent, own, spoofed string }{
		{"127.0.0.1:0", "127.0.0.9", "127.0.0.1", "127.0.0.9"},
		{"127.0.0.1:0", "2001:db8::1", "127.0.0.1", "127.0.0.1"},
		{"[::1]:0", "::1", "::1", "::1"},
		{"127.0.0.1:0", "", "127.0.0.1", "127.0.0.1"},
	} {
		conn, err := net.ListenPacket("udp", c.listen)
		if err != nil {
			t.Skipf("%s: %v", c.listen, err) // a machine without IPv6
		}
		var agent netip.Addr
		if c.agent != "" {
			agent = netip.MustParseAddr(c.agent)
		}
		for want, spoof := range map[string]bool{c.own: false, c.spoofed: true} {
			s, err := DialNetFlow(conn.LocalAddr().String(), spoof)
			if errors.Is(err, source.ErrPermission) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Send(agent, []byte("netflow")); err != nil {
				t.Fatalf("agent %s to %s: %v", c.agent, c.listen, err)
			}
			b := make([]byte, 100)
			conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			n, from, err := conn.ReadFrom(b)
			if err != nil || string(b[:n]) != "netflow" || from.(*net.UDPAddr).IP.String() != want {
				t.Errorf("agent %s to %s, spoofed %v: %q from %v, %v; want it from %s", c.agent, c.listen, spoof, b[:n], from, err, want)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		conn.Close()
	}
}

// What nobody hears is lost, and no error.
func TestDialUDPIsLossy(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	c, err := DialUDP(conn.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 3 { // the second learns what became of the first
		if n, err := c.Write([]byte("x")); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}
}
