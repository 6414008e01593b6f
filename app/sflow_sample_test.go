package app

import (
	"math"
	"testing"
	"time"

	"github.com/tapir-project/tapir/sflow"
)

// One of n packets is sampled, at random but the same every time; the pool counts all of them.
func TestSampleCapture(t *testing.T) {
	const file = "../testdata/nginx.pcap"
	run := func(n uint32) (samples, pool int, bytes []byte) {
		err := SampleCapture(t.Context(), ReadFiles{Files: []string{file}}, n, 0, func(b []byte, at time.Time) error {
			bytes = append(bytes, b...)
			d, err := sflow.Parse(b)
			if err != nil || len(b) > sflow.MaxDatagram || at.IsZero() {
				t.Errorf("%v, %d bytes, %v", err, len(b), at)
			}
			it, s, r, h := d.Samples(), sflow.Sample{}, sflow.Record{}, sflow.Header{}
			for it.Next(&s) {
				samples++
				pool = int(s.Pool)
				records := s.Records()
				if s.Rate != n || !records.Next(&r) || r.Decode(&h) != nil || h.Protocol != sflow.HeaderEthernet || len(h.Bytes) > sampledBytes || h.Stripped != 4 {
					t.Errorf("%+v %+v", s, h)
				}
			}
			return it.Err()
		})
		if err != nil {
			t.Fatal(err)
		}
		return samples, pool, bytes
	}
	all, pool, first := run(1)
	if all != pool || all < 100 {
		t.Fatalf("1:1 gives %d samples of %d packets", all, pool)
	}
	if _, _, again := run(1); string(again) != string(first) {
		t.Error("two runs differ")
	}
	some, _, _ := run(4)
	if want := float64(all) / 4; math.Abs(float64(some)-want) > 4*math.Sqrt(want) {
		t.Errorf("1:4 gives %d samples of %d packets", some, all)
	}
}
