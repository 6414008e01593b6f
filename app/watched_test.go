package app

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/tapir-project/tapir/internal/datadir"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/source"
	"github.com/tapir-project/tapir/store"
)

// A capture that loses packets, is killed and started again is told of by every answer about that time.
func TestAnswersTellWhatCapturesLost(t *testing.T) {
	data := t.TempDir()
	dir, err := datadir.OpenWriter(data, datadir.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	n := &Node{dir: dir, cfg: Config{Log: slog.New(slog.DiscardHandler)}}
	lost := func(dropped, notStored uint64) (p Progress) {
		p.Source.Drops = source.Drops{Kernel: dropped}
		p.Totals.NotStored = notStored
		return p
	}
	t0 := time.Unix(1_763_712_000, 0)
	at := func(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }

	first := n.watching(at(0))
	for s := 1; s <= 100; s++ {
		first.note(at(s), lost(0, 0), false)
	}
	first.note(at(101), lost(7, 2), false)
	// Killed here; its last status says that it lived until second 110.
	status, err := json.Marshal(RecorderStatus{PID: 1, Time: at(110)})
	if err == nil {
		err = os.WriteFile(statusPath(dir), status, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	second := n.watching(at(200))
	second.note(at(205), lost(0, 0), false)
	second.note(at(230), lost(1, 0), true)
	p := lost(4, 0) // a file of that day before
	p.Totals.Packets, p.Totals.FirstPacket, p.Totals.LastPacket = 9, at(-3600).UnixNano(), at(-3000).UnixNano()
	n.noteImport(p)

	r, err := OpenReader(data)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, c := range []struct {
		from, to           int
		dropped, notStored int64
		gaps               []store.Range
	}{
		{-4000, 1000, 12, 2, []store.Range{{From: at(110).UnixNano(), To: at(200).UnixNano()}}},
		{0, 1000, 8, 2, []store.Range{{From: at(110).UnixNano(), To: at(200).UnixNano()}}},
		{0, 50, 0, 0, nil},
		{150, 190, 0, 0, []store.Range{{From: at(150).UnixNano(), To: at(190).UnixNano()}}},
		{210, 1000, 1, 0, nil},
	} {
		got, err := r.Records.Search(context.Background(), store.Search{Range: store.Range{From: at(c.from).UnixNano(), To: at(c.to).UnixNano()}},
			func(*record.Record) bool { return true })
		if err != nil {
			t.Fatal(err)
		}
		if got.Dropped != c.dropped || got.NotStored != c.notStored || len(got.Gaps) != len(c.gaps) || len(c.gaps) > 0 && got.Gaps[0] != c.gaps[0] {
			t.Errorf("%d to %d s: %d dropped, %d not stored, gaps %v; want %d, %d, %v", c.from, c.to, got.Dropped, got.NotStored, got.Gaps, c.dropped, c.notStored, c.gaps)
		}
	}
}
