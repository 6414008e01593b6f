package syscalls

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/tapir-project/tapir/scap"
	"github.com/tapir-project/tapir/sys"
)

// Calls that are settled go another way than those whose events are delivered. The same records give the same file, numbers and state
// by both, whatever the filter.
func TestSettled(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	var tables []any
	plan, err := Compile("proc.name=syscalls.test") // what others do would fill the ring, which nobody reads meanwhile
	if err != nil {
		t.Fatal(err)
	}
	src, err := Open(Config{Tables: func(entry any) { tables = append(tables, entry) }, Pairs: true, Plan: plan})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	actors := map[uint32]bool{} // what others do may be told otherwise the second time: of their control groups, if they have ended meanwhile
	for range 3 {
		c := exec.Command(self)
		c.Env = append(os.Environ(), "TAPIR_TEST_ACT="+t.TempDir())
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		actors[uint32(c.Process.Pid)] = true
	}
	if err := src.kernel.detach(); err != nil {
		t.Fatal(err)
	}
	var records [][]byte
	for r := src.kernel.rings.next(); r != nil; r = src.kernel.rings.next() {
		if src.decoder.read(r) && actors[src.decoder.pid] {
			records = append(records, slices.Clone(r))
		}
	}
	for _, text := range []string{"", "evt.is_io=true", "fd.l4proto=tcp", "evt.is_io=true and fd.type in (ipv4, ipv6)", "not evt.is_io_read=true and fd.ip=127.0.0.1",
		"evt.type in (read, write) or fd.typechar=4", "proc.name=nobody", "evt.category=net and not fd.l4proto=udp"} {
		filter, err := sys.NewFilter(text)
		if err != nil || !filter.Settled() {
			t.Fatalf("%s: %v; it is settled: %t", text, err, filter.Settled())
		}
		slow, settled := replay(t, src, tables, records, filter, false)
		fast, some := replay(t, src, tables, records, filter, true)
		if settled > 0 || some < 50 {
			t.Errorf("%q: %d and %d calls were settled", text, settled, some)
		}
		if !bytes.Equal(slow, fast) {
			t.Errorf("%q: %d bytes by events, %d by settled calls, are not the same", text, len(slow), len(fast))
		}
	}
}

// replay writes the events of records that pass, behind them the state that they leave, and says how many calls were settled.
func replay(t *testing.T, live *Source, tables []any, records [][]byte, filter *sys.Filter, settle bool) (file []byte, settled int) {
	var out bytes.Buffer
	w, s := scap.NewWriter(&out, false), sys.New()
	for _, entry := range tables {
		s.Table(entry)
	}
	src := &Source{cfg: Config{Pairs: true, Write: w.Event}, known: live.known, epoch: live.epoch}
	if settle {
		src.cfg.Settled = func(raw *scap.Event, fd int64) Fate {
			pass, ok := s.Settled(raw, fd, filter)
			if !ok {
				return Delivered
			}
			settled++
			if pass {
				return Written
			}
			return Unneeded
		}
	}
	var raw scap.Event
	for _, r := range records {
		ok, err := src.take(r, &raw)
		if err != nil {
			t.Fatal(err)
		}
		for ; ok; ok = src.rest(&raw) {
			if filter.Pass(s.Apply(&raw)) {
				if err := w.Event(&raw); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	last := scap.Event{Time: time.Hour.Nanoseconds(), Type: dropEvent}
	last.Set([]byte{4, 0}, make([]byte, 4))
	last.Thread = s.Apply(&last).Num // how many events there were
	if err := w.Event(&last); err != nil {
		t.Fatal(err)
	}
	if err := s.Dump(w.Table); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), settled
}
