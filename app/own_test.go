package app

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/tapir-project/tapir/record"
)

// A capture of loopback leaves the traffic of its own API out, unless it is asked to take it in; what else goes over
// loopback is there in any case.
func TestOwnTrafficIsLeftOut(t *testing.T) {
	if src, err := (&Capture{Interfaces: []string{"lo"}}).open(1, nil); err != nil {
		t.Skipf("capturing needs CAP_NET_RAW: %v", err)
	} else {
		src.Close()
	}
	for _, keep := range []bool{false, true} {
		to, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer to.Close()
		l, err := Listen("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port, other := l.Addr().(*net.TCPAddr).Port, to.LocalAddr().(*net.UDPAddr).Port
		c := Capture{Interfaces: []string{"lo"}, Filter: fmt.Sprintf("port %d or port %d", port, other)}
		if !keep {
			c.OwnPort = port
		}
		data, urls := t.TempDir(), make(chan string, 1)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() {
			_, err := Record(ctx, Config{Data: data, Workers: 1}, c, func(Progress) {}, func(ctx context.Context, n *Node) error {
				return ServeOn(ctx, l, Serve{Data: data, Ready: func(url string) { urls <- url }})
			})
			done <- err
		}()
		res, err := http.Get(<-urls)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		talk(t, to.LocalAddr().String())
		r, err := OpenReader(data)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		waitFor(t, r, record.KindSession, fmt.Sprintf("port == %d", other), time.Now().Add(20*time.Second))
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if own := idsOf(t, r, fmt.Sprintf("port == %d", port)); (len(own) > 0) != keep {
			t.Errorf("taken in %v: %d sessions of the API", keep, len(own))
		}
	}
}
