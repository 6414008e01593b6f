package app

import (
	"encoding/json"
	"fmt"
	"math"
	"net"
	"testing"
	"time"

	"github.com/tapir-project/tapir/store"
)

func TestMeter(t *testing.T) {
	var m meter
	begin := time.Unix(1e9, 0)
	if got := m.rate(countBytes, rateOver); got != 0 {
		t.Errorf("without samples: %v", got)
	}
	for i := range 400 { // 100 bytes a second, then 500
		s := sample{at: begin.Add(time.Duration(i) * time.Second), networks: map[int]network{1: {packets: uint64(10 * i), bytes: uint64(1000 * i)}}}
		s.counts[countBytes] = float64(100*i + 400*max(0, i-394))
		m.add(s)
	}
	if got := m.rate(countBytes, rateOver); got != 500 {
		t.Errorf("over %v: %v a second, want 500", rateOver, got)
	}
	if got, want := m.rate(countBytes, diskOver), (300*100+5*400)/300.; math.Abs(got-want) > 1e-9 {
		t.Errorf("over %v: %v a second, want %v", diskOver, got, want)
	}
	if packets, bytes := m.network(1); packets != 10 || bytes != 1000 {
		t.Errorf("interface: %v packets, %v bytes a second", packets, bytes)
	}
	if packets, _ := m.network(2); packets != 0 {
		t.Errorf("no such interface: %v", packets)
	}
	if len(m.samples) > 302 {
		t.Errorf("%d samples are kept", len(m.samples))
	}
	m.add(sample{at: begin.Add(time.Hour)})
	if got := m.rate(countBytes, diskOver); got != 0 {
		t.Errorf("after a sleep: %v", got)
	}
}

func TestReach(t *testing.T) {
	day := int64(24 * time.Hour)
	for _, x := range []struct {
		name             string
		s                RecorderStatus
		packets, records Reach
	}{
		{"nothing known", RecorderStatus{Disk: DiskStatus{100, 1000}}, Reach{}, Reach{}},
		{"disk", RecorderStatus{Disk: DiskStatus{100, 1000}, Limits: LimitsStatus{KeepFree: 50}, Rates: RateStatus{PacketDisk: 9, RecordDisk: 1}},
			Reach{(500 + 50) / 10., "free space"}, Reach{500 + 200 + 50, "free space"}},
		{"size", RecorderStatus{Disk: DiskStatus{1e6, 1e6}, Limits: LimitsStatus{Packets: LimitStatus{MaxBytes: 90, MaxAge: day}}, Rates: RateStatus{PacketDisk: 9}},
			Reach{10, "size"}, Reach{}},
		{"age", RecorderStatus{Disk: DiskStatus{1e12, 1e12}, Limits: LimitsStatus{Packets: LimitStatus{MaxAge: day}, Records: LimitStatus{MaxAge: 2 * day}}, Rates: RateStatus{PacketDisk: 9}},
			Reach{86400, "age"}, Reach{2 * 86400, "age"}},
		{"full", RecorderStatus{Disk: DiskStatus{10, 1000}, Limits: LimitsStatus{KeepFree: 50}, Rates: RateStatus{PacketDisk: 10}}, Reach{50, "free space"}, Reach{}},
	} {
		if got := x.s.reach(500, 200); got.Packets != x.packets || got.Records != x.records {
			t.Errorf("%s: %+v", x.name, got)
		}
	}
}

// A running capture tells rates, interfaces, queues with their bounds, and what its disk and limits are.
func TestStatusOfACapture(t *testing.T) {
	to, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	data := t.TempDir()
	capture(t, data, fmt.Sprintf("udp port %d", to.LocalAddr().(*net.UDPAddr).Port))
	r, err := OpenReader(data)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var s NodeStatus
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		talk(t, to.LocalAddr().String())
		if s, err = r.NodeStatus(store.Status{}); err != nil {
			t.Fatal(err)
		}
		if s.Running && s.Recorder.Rates.Packets > 0 && s.Recorder.Rates.PacketDisk > 0 && s.Recorder.Interfaces[0].PacketRate > 0 {
			break
		}
		if time.Now().After(deadline) {
			b, _ := json.Marshal(s)
			t.Fatalf("no rates in time: %s", b)
		}
	}
	x := s.Recorder
	if i := x.Interfaces[0]; len(x.Interfaces) != 1 || i.Name != "lo" || !i.Up || i.Bytes == 0 || i.ByteRate <= 0 {
		t.Errorf("interfaces %+v", x.Interfaces)
	}
	bounds := map[string]int{}
	for _, q := range x.Queues {
		bounds[q.Name] = q.Bound
	}
	if bounds["packets 0"] != 32 || bounds["packets 1"] != 32 || bounds["records"] != maxWaiting || bounds["flows"] != 3_000_000 {
		t.Errorf("queues %+v", x.Queues)
	}
	if s.Disk.Total == 0 || x.Limits.KeepFree != s.Disk.Total/20 || s.Retention.Packets.By != "free space" || s.Retention.Packets.Seconds <= 0 {
		t.Errorf("disk %+v, limits %+v, retention %+v", s.Disk, x.Limits, s.Retention)
	}
}
