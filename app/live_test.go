package app

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/tapir-project/tapir/internal/pcapio"
	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/source"
	"github.com/tapir-project/tapir/store"
)

// captureEnv makes the test program capture on loopback, into dataEnv, what its value filters.
const captureEnv = "TAPIR_TEST_CAPTURE"

func captureChild(filter string) {
	_, err := Record(context.Background(), Config{Data: os.Getenv(dataEnv), Workers: 2}, Capture{Interfaces: []string{"lo"}, Filter: filter}, func(Progress) {}, nil)
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// capture starts a process that captures on loopback and waits until it does.
func capture(t *testing.T, data, filter string) *exec.Cmd {
	t.Helper()
	if src, err := (&Capture{Interfaces: []string{"lo"}}).open(1, nil); errors.Is(err, source.ErrPermission) {
		t.Skip("capturing needs CAP_NET_RAW")
	} else if err != nil {
		t.Fatal(err)
	} else {
		src.Close()
	}
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), captureEnv+"="+filter, dataEnv+"="+data)
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		if r, err := OpenReader(data); err == nil {
			_, running := ReadStatus(r.Dir)
			r.Close()
			if running {
				return c
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("the capture does not start")
	return nil
}

// One process captures, another asks: a session and its request are found within three seconds of the first packet, while
// the connection is still open, and its packets can be had.
func TestSessionIsFoundWithinThreeSeconds(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }))
	defer web.Close()
	port := web.Listener.Addr().(*net.TCPAddr).Port
	data := t.TempDir()
	capture(t, data, fmt.Sprintf("tcp port %d", port))
	r, err := OpenReader(data)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	const tries = 3 // a machine that is busy with other tests may be late once
	for try := 1; ; try++ {
		took := find(t, r, web.URL+fmt.Sprint("/found", try), fmt.Sprintf("url.path == /found%d && port == %d", try, port))
		t.Logf("found after %v", took.Round(10*time.Millisecond))
		if took <= 3*time.Second {
			return
		}
		if try == tries {
			t.Fatal("never found within three seconds")
		}
	}
}

// find makes a request and gives how long it took until its session and its transaction were found, packets included.
func find(t *testing.T, r *Reader, url, expr string) time.Duration {
	t.Helper()
	first := time.Now()
	client := &http.Client{Transport: &http.Transport{}} // keeps the connection
	if _, err := client.Get(url); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []record.Kind{record.KindSession, record.KindTransaction} {
		rec := waitFor(t, r, kind, expr, first.Add(20*time.Second))
		n := 0
		if err := r.Packets(context.Background(), []record.ID{rec.Session}, rec.Start-1e9, rec.End+1e9, func(*record.Packet) bool { n++; return true }); err != nil || n < 5 {
			t.Errorf("%d packets of the session (%v)", n, err)
		}
	}
	return time.Since(first)
}

func waitFor(t *testing.T, r *Reader, kind record.Kind, expr string, deadline time.Time) *record.Record {
	t.Helper()
	q, err := query.Parse(expr, query.Options{Kind: kind})
	if err != nil {
		t.Fatal(err)
	}
	for {
		var found *record.Record
		_, err := r.Records.Search(context.Background(), store.Search{Kind: kind, Where: q.Where, Limit: 1}, func(rec *record.Record) bool {
			found = new(record.Record)
			found.CopyFrom(rec)
			return true
		})
		switch {
		case err != nil:
			t.Fatal(err)
		case found != nil:
			return found
		case time.Now().After(deadline):
			t.Fatalf("no %s for %s in time", kind, expr)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// A capture that is killed loses nothing that it had written, as an import does.
func TestKillDuringCapture(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds for each round")
	}
	to, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	port := to.LocalAddr().(*net.UDPAddr).Port
	empty := filepath.Join(t.TempDir(), "empty.pcap")
	if err := os.WriteFile(empty, pcapio.AppendPcapHeader(nil, record.LinkEthernet, 0), 0o600); err != nil {
		t.Fatal(err)
	}
	for round := range 5 {
		data := filepath.Join(t.TempDir(), "data")
		c := capture(t, data, fmt.Sprintf("udp port %d", port))
		end := time.Now().Add(time.Duration(rand.Int64N(int64(3 * time.Second))))
		for n := 0; time.Now().Before(end); n++ {
			talk(t, to.LocalAddr().String())
			time.Sleep(5 * time.Millisecond)
		}
		c.Process.Kill()
		c.Wait()
		s, err := Import(context.Background(), Config{Data: data, Workers: 2}, ReadFiles{Files: []string{empty}}, func(Progress) {})
		if err != nil {
			t.Fatal(err)
		}
		checkWhole(t, data, nil)
		if t.Failed() {
			t.Fatalf("round %d: recovered %+v", round, s.Recovered)
		}
	}
}

// talk sends a few datagrams from a port of its own.
func talk(t *testing.T, to string) {
	t.Helper()
	c, err := net.Dial("udp", to)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range rand.IntN(5) + 1 {
		if _, err := c.Write([]byte("hello, tapir")); err != nil {
			t.Fatal(err)
		}
	}
}
