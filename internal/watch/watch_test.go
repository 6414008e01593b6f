package watch

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

const (
	second = int64(time.Second)
	minute = int64(time.Minute)
	hour   = int64(time.Hour)
	t0     = 1_763_712_000 * second // a full hour
)

// at is a period from a to b seconds after t0.
func at(a, b int64, lost uint64) Period {
	return Period{From: t0 + a*second, To: t0 + b*second, Lost: Lost{Dropped: lost}}
}

func TestPeriodsJoin(t *testing.T) {
	var l Log
	for i := range int64(100) {
		l.Add(at(i*10, i*10+10, 0))
	}
	if want := []Period{at(0, 1000, 0)}; !reflect.DeepEqual(l.periods, want) {
		t.Fatalf("periods that follow each other are %v, want %v", l.periods, want)
	}
	l.Add(at(1000, 1010, 3)) // minute 16, as is what follows
	l.Add(at(1010, 1019, 4))
	l.Add(at(1020, 1030, 0))
	l.Add(at(1100, 1110, 0)) // after a pause
	want := []Period{at(0, 1000, 0), at(1000, 1019, 7), at(1020, 1030, 0), at(1100, 1110, 0)}
	if !reflect.DeepEqual(l.periods, want) {
		t.Fatalf("periods are %v, want %v", l.periods, want)
	}
}

func TestOldLossesAreKeptByTheHour(t *testing.T) {
	var l Log
	for i := range int64(3 * 24 * 60) { // three days that lose a packet each minute
		l.Add(Period{From: t0 + i*minute, To: t0 + (i+1)*minute, Lost: Lost{Dropped: 1}})
	}
	if n := len(l.periods); n > 48+24*60+60 || n < 48+24*60 {
		t.Errorf("%d periods, want about 48 hours and 1440 minutes", n)
	}
	if lost, gaps := l.Between(0, 1<<62); lost.Dropped != 3*24*60 || gaps != nil {
		t.Errorf("lost %v with gaps %v, want %d without", lost, gaps, 3*24*60)
	}
	if lost, _ := l.Between(t0+2*hour+1, t0+2*hour+2); lost.Dropped != 60 {
		t.Errorf("lost %v in an hour two days ago, want 60", lost)
	}
	if lost, _ := l.Between(t0+71*hour, t0+71*hour+2*minute); lost.Dropped != 2 {
		t.Errorf("lost %v in two minutes, want 2", lost)
	}
}

func TestGaps(t *testing.T) {
	var l Log
	l.Add(at(1000, 2000, 0))
	l.Add(at(3000, 4000, 5))
	l.Add(at(3500, 6000, 0)) // a second recorder's
	l.Add(at(7000, 8000, 0))
	file := at(2100, 2900, 9)
	file.Imported = true
	l.Add(file)
	span := func(a, b int64) Gap { return Gap{t0 + a*second, t0 + b*second} }
	for _, c := range []struct {
		from, to int64
		lost     uint64
		gaps     []Gap
	}{
		{0, 9000, 14, []Gap{span(2000, 3000), span(6000, 7000)}},
		{2500, 6500, 14, []Gap{span(2500, 3000), span(6000, 6500)}},
		{3000, 3600, 5, nil},
		{0, 1500, 0, nil},
		{8500, 9000, 0, nil},
	} {
		lost, gaps := l.Between(t0+c.from*second, t0+c.to*second)
		if lost.Dropped != c.lost || !reflect.DeepEqual(gaps, c.gaps) {
			t.Errorf("%d to %d: lost %v, gaps %v; want %d, %v", c.from, c.to, lost, gaps, c.lost, c.gaps)
		}
	}
}

func TestAliveEndsAGapThatAKillLeft(t *testing.T) {
	var l Log
	l.Alive(t0) // no capture yet
	l.Add(at(0, 60, 0))
	l.Alive(t0 + 100*second)
	l.Alive(t0 + 50*second)
	if want := []Period{at(0, 100, 0)}; !reflect.DeepEqual(l.periods, want) {
		t.Errorf("periods are %v, want %v", l.periods, want)
	}
}

func TestSaveAndOpen(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(dir)
	if err != nil || len(l.periods) != 0 {
		t.Fatalf("an empty folder gives %v, %v", l, err)
	}
	l.Add(at(0, 60, 3))
	if err := l.Save(); err != nil {
		t.Fatal(err)
	}
	m, err := Open(dir)
	if err != nil || !reflect.DeepEqual(m.periods, l.periods) {
		t.Fatalf("read back %v, %v; want %v", m.periods, err, l.periods)
	}
	if err := os.WriteFile(filepath.Join(dir, "watched.json"), []byte(`[{"from":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if m, err = Open(dir); err == nil || len(m.periods) != 0 {
		t.Errorf("a torn log gives %v without an error", m)
	}
}
