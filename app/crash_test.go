package app

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/tapir-project/tapir/internal/pcapio"
	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

// The test program is also the process that is killed: with these variables set it imports instead of testing.
const (
	importEnv = "TAPIR_TEST_IMPORT"
	dataEnv   = "TAPIR_TEST_DATA"
)

func TestMain(m *testing.M) {
	if file := os.Getenv(importEnv); file != "" {
		_, err := Import(context.Background(), Config{Data: os.Getenv(dataEnv), Workers: 2, SegmentBytes: 4 << 20},
			ReadFiles{Files: []string{file}}, func(Progress) {})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if filter, ok := os.LookupEnv(captureEnv); ok {
		captureChild(filter)
	}
	os.Exit(m.Run())
}

// An import that is killed at any moment leaves nothing half: the next writer finishes the flows from the packets on
// disk, so that every stored packet is counted in exactly one session, every record is there once, and every packet is
// one of the capture's.
func TestKillDuringImport(t *testing.T) {
	rounds := 50
	if testing.Short() {
		rounds = 5
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "loop.pcap")
	original := writeLoop(t, file, 25)
	empty := filepath.Join(dir, "empty.pcap")
	if err := os.WriteFile(empty, pcapio.AppendPcapHeader(nil, record.LinkEthernet, 0), 0o600); err != nil {
		t.Fatal(err)
	}
	whole := timeImport(t, file, filepath.Join(dir, "whole"))
	r := rand.New(rand.NewPCG(7, uint64(time.Now().UnixNano())))
	killed, recovered := 0, 0
	for i := range rounds {
		data := filepath.Join(dir, fmt.Sprint("data", i))
		if killImport(t, file, data, time.Duration(r.Int64N(int64(whole)+1))) {
			killed++
		}
		if _, err := os.Stat(filepath.Join(data, "VERSION")); err != nil {
			continue // killed before it had begun
		}
		s, err := Import(context.Background(), Config{Data: data, Workers: 2, SegmentBytes: 4 << 20}, ReadFiles{Files: []string{empty}}, func(Progress) {})
		if err != nil {
			t.Fatalf("round %d: start after the kill: %v", i, err)
		}
		if s.Recovered.Records > 0 {
			recovered++
		}
		checkWhole(t, data, original)
		if t.Failed() {
			t.Fatalf("round %d: recovered %+v", i, s.Recovered)
		}
		os.RemoveAll(data)
	}
	if killed < rounds/6 || recovered < rounds/10 {
		t.Errorf("%d of %d imports were killed while they ran, %d had something to recover: the test tests too little", killed, rounds, recovered)
	}
	t.Logf("%d of %d imports killed, %d recoveries", killed, rounds, recovered)
}

// packetSum tells packets apart by time and bytes.
type packetSum [16]byte

func sum(p *record.Packet) (s packetSum) {
	h := sha256.New()
	var t [8]byte
	binary.LittleEndian.PutUint64(t[:], uint64(p.Time))
	h.Write(t[:])
	h.Write(p.Data)
	copy(s[:], h.Sum(nil))
	return s
}

// writeLoop writes the bundled captures n times over with other addresses and later times, and gives what it wrote.
func writeLoop(t *testing.T, file string, n int) map[packetSum]int {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	w.Write(pcapio.AppendPcapHeader(nil, record.LinkEthernet, 0))
	sums := map[packetSum]int{}
	captures, err := filepath.Glob("../testdata/*.pcap")
	if err != nil || len(captures) == 0 {
		t.Fatal("no captures in testdata")
	}
	for round := range n {
		for _, c := range captures {
			for _, p := range readPackets(t, c) {
				p.Data = append([]byte(nil), p.Data...)
				if len(p.Data) > 34 && binary.BigEndian.Uint16(p.Data[12:]) == 0x0800 {
					p.Data[27] ^= byte(round)
					p.Data[31] ^= byte(round)
				}
				p.Time += int64(round) * 3e8
				w.Write(pcapio.AppendPacket(nil, &p))
				sums[sum(&p)]++
			}
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return sums
}

func readPackets(t *testing.T, file string) (all []record.Packet) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d, err := pcapio.ParsePcap(b)
	if err != nil {
		t.Fatal(err)
	}
	for b = b[pcapio.PcapHeaderLen:]; len(b) > 0; {
		out, n, _, err := d.Decode(b, make([]record.Packet, 0, 1024))
		if err != nil || n == 0 {
			t.Fatalf("%s: %v", file, err)
		}
		all, b = append(all, out...), b[n:]
	}
	return all
}

func importer(file, data string) *exec.Cmd {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), importEnv+"="+file, dataEnv+"="+data)
	c.Stderr = os.Stderr
	return c
}

func timeImport(t *testing.T, file, data string) time.Duration {
	t.Helper()
	begin := time.Now()
	if err := importer(file, data).Run(); err != nil {
		t.Fatal(err)
	}
	os.RemoveAll(data)
	return time.Since(begin)
}

// killImport kills an import after d and says whether it was still running.
func killImport(t *testing.T, file, data string, d time.Duration) bool {
	t.Helper()
	c := importer(file, data)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(d)
	c.Process.Kill()
	return c.Wait() != nil
}

// checkWhole compares packets with sessions and, if that is not nil, with the original.
func checkWhole(t *testing.T, data string, original map[packetSum]int) {
	t.Helper()
	r, err := OpenReader(data)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx := context.Background()
	left := map[packetSum]int{}
	stored := int64(0)
	err = r.Packets(ctx, nil, record.MinTime, record.MaxTime, func(p *record.Packet) bool {
		stored++
		s := sum(p)
		if left[s]++; original != nil && left[s] > original[s] {
			t.Errorf("packet %d of %d bytes is not in the capture, or too often", stored, len(p.Data))
			return false
		}
		return true
	})
	if err != nil {
		t.Error(err)
	}
	counted := int64(0)
	seen := map[record.ID]bool{}
	for _, kind := range []record.Kind{record.KindSession, record.KindTransaction} {
		_, err = r.Records.Search(ctx, store.Search{Kind: kind}, func(rec *record.Record) bool {
			if seen[rec.ID] {
				t.Errorf("%s %s is stored twice", kind, rec.ID)
			}
			seen[rec.ID] = true
			if kind == record.KindSession {
				if !rec.Final {
					t.Errorf("session %s is not finished", rec.ID)
				}
				x, _ := rec.Values.First(record.MustID("network.packets"))
				counted += x.Int()
				checkExport(t, r, rec, x.Int())
			}
			return true
		})
		if err != nil {
			t.Error(err)
		}
	}
	if counted != stored {
		t.Errorf("sessions count %d packets, %d are on disk", counted, stored)
	}
	table, err := r.Records.Aggregate(ctx, store.Aggregate{Metrics: []query.Metric{{Func: query.Sum, Field: record.FieldByID(record.MustID("network.packets"))}}})
	if err != nil || stored > 0 && (len(table.Rows) != 1 || int64(table.Rows[0].Metrics[0]) != stored) {
		t.Errorf("sum over sessions: %+v %v, want %d", table, err, stored)
	}
}

// checkExport counts the packets that a session's export gives, for one session in 16.
func checkExport(t *testing.T, r *Reader, rec *record.Record, want int64) {
	t.Helper()
	if rec.ID[15]&15 != 0 {
		return
	}
	n := int64(0)
	if err := r.Packets(context.Background(), []record.ID{rec.ID}, rec.Start, rec.End, func(*record.Packet) bool { n++; return true }); err != nil {
		t.Error(err)
	}
	if n != want {
		t.Errorf("session %s counts %d packets, its export has %d", rec.ID, want, n)
	}
}
