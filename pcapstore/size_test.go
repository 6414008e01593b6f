package pcapstore

import (
	"math/rand/v2"
	"os"
	"testing"

	"github.com/tapir-project/tapir/record"
)

// TestSidecarSize bounds what naming flows costs, for traffic like that of a busy link: a thousand flows at a time of
// 17 packets on average, half of them of the usual lengths.
func TestSidecarSize(t *testing.T) {
	const n = 200_000
	dir := t.TempDir()
	rec := start(t, dir, Options{Policy: Block, Sync: SyncNever})
	rng := rand.New(rand.NewPCG(60, 1))
	flows := make([]Flow, 1000)
	data := make([]byte, 1514)
	lens := []int{54, 60, 66, 74, 1514, 1514}
	made := 0
	for i := range n {
		f := &flows[rng.IntN(len(flows))]
		if f.ID.IsZero() || rng.IntN(17) == 0 {
			*f = Flow{ID: flowID(made)}
			made++
		}
		size := lens[rng.IntN(len(lens))]
		if rng.IntN(2) == 0 {
			size = 60 + rng.IntN(1400)
		}
		p := record.Packet{Time: base + int64(i)*1000, Link: record.LinkEthernet, Data: data[:size], WireLen: uint32(size)}
		if _, err := rec.Writer(0).Append(&p, f); err != nil {
			t.Fatal(err)
		}
	}
	drain(t, rec)
	journal := fileSize(t, paths(t, dir, extJournal)[0])
	rec.mustStop()
	index := fileSize(t, paths(t, dir, extIndex)[0])
	perPacket := float64(journal-int64(made*idLen)) / n
	t.Logf("%d flows: journal %.2f bytes a packet (%.2f without ids), index %.2f", made, float64(journal)/n, perPacket, float64(index)/n)
	if perPacket > 3.5 {
		t.Errorf("journal: %.2f bytes a packet without ids, want at most 3.5", perPacket)
	}
	if float64(index)/n > 5 {
		t.Errorf("index: %.2f bytes a packet, want at most 5", float64(index)/n)
	}
}

func fileSize(t *testing.T, path string) int64 {
	t.Helper()
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return st.Size()
}
