// Package sourcetest is the suite that every source of packets passes. The tests of a source call Run with something
// that makes sources of known packets; the suite drives them as the pipeline does and checks the contract of package
// source.
package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"testing"
	"time"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/source"
)

// Fixture is one source, freshly opened, and what it has to deliver.
type Fixture struct {
	Source source.Source
	// Want is the packets in order. Their Iface is ignored; Time is too where it is 0.
	Want []record.Packet
	// Feed makes the packets come, for a live source; it is called while Run runs. Such a source does not end by
	// itself: the suite ends it when all packets are there.
	Feed func(t *testing.T)
}

// Patience is how long the suite waits for packets that do not come, and for a source to end.
const Patience = 5 * time.Second

// Prompt is how long a source may take to end after its context.
const Prompt = time.Second

// Run runs the suite. Make is called for each test and returns an open source of at least 10 packets; the suite closes
// it.
func Run(t *testing.T, make func(t *testing.T) Fixture) {
	for name, test := range map[string]func(*testing.T, Fixture){
		"packets in order":       order,
		"borrowed until release": borrowed,
		"context ends it":        cancelled,
		"context ended before":   cancelledBefore,
		"emit's error ends it":   emitFails,
		"statistics add up":      statistics,
	} {
		t.Run(name, func(t *testing.T) {
			f := make(t)
			test(t, f)
			if err := f.Source.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
}

// taken is a packet as it was when it was emitted.
type taken struct {
	record.Packet
	queue int
}

// taker collects what a source emits.
type taker struct {
	mu      sync.Mutex // guards what follows: sources of several queues emit concurrently
	packets []taken
	problem error
	enough  func()
	want    int
	onBlock func(*source.Block)
}

// take is the emit function. It copies everything.
func (k *taker) take(b *source.Block) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := range b.Packets {
		p := b.Packets[i]
		p.Data = append([]byte(nil), p.Data...)
		k.packets = append(k.packets, taken{p, b.Queue})
	}
	if n := len(b.Packets); n > 0 && b.Now < b.Packets[n-1].Time {
		k.problem = fmt.Errorf("block's clock is %d, its last packet's time %d", b.Now, b.Packets[n-1].Time)
	}
	if k.onBlock != nil {
		k.onBlock(b)
	}
	if len(k.packets) >= k.want {
		k.enough()
	}
	return nil
}

// drive runs f's source until it delivered what is wanted. Live sources are ended then.
func drive(t *testing.T, f Fixture, onBlock func(*source.Block)) *taker {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	k := &taker{want: len(f.Want), enough: func() {}, onBlock: onBlock}
	if f.Feed != nil {
		k.enough = cancel
	}
	err := run(ctx, t, f, k.take)
	if f.Feed != nil && errors.Is(err, context.Canceled) {
		err = nil
	}
	if err != nil {
		t.Fatalf("Run: %v, after %d of %d packets", err, len(k.packets), len(f.Want))
	}
	if k.problem != nil {
		t.Error(k.problem)
	}
	return k
}

// run runs the source and feeds it.
func run(ctx context.Context, t *testing.T, f Fixture, emit func(*source.Block) error) error {
	done := make(chan error, 1)
	go func() { done <- f.Source.Run(ctx, emit) }()
	if f.Feed != nil {
		f.Feed(t)
	}
	select {
	case err := <-done:
		return err
	case <-time.After(2 * Patience):
		t.Fatal("Run did not end")
		return nil
	}
}

// order: what is delivered is what was sent, and interfaces and link types are known.
func order(t *testing.T, f Fixture) {
	k := drive(t, f, nil)
	if len(k.packets) != len(f.Want) {
		t.Fatalf("%d packets, want %d", len(k.packets), len(f.Want))
	}
	ifaces := f.Source.Interfaces()
	for i := range k.packets {
		g, w := &k.packets[i], &f.Want[i]
		if string(g.Data) != string(w.Data) || g.WireLen != w.WireLen || g.Link != w.Link || w.Time != 0 && g.Time != w.Time {
			t.Fatalf("packet %d: %+v\nwant %+v", i, g.Packet, *w)
		}
		if int(g.Iface) >= len(ifaces) {
			t.Fatalf("packet %d: of interface %d, but %d are known", i, g.Iface, len(ifaces))
		}
		if g.queue >= f.Source.Queues() {
			t.Fatalf("packet %d: of queue %d of %d", i, g.queue, f.Source.Queues())
		}
	}
}

// borrowed: as many blocks as a consumer may hold back keep their bytes; a consumer that holds more only makes the
// source wait.
func borrowed(t *testing.T, f Fixture) {
	var held []*source.Block
	var sums []uint64
	seed := maphash.MakeSeed()
	check := func(n int) {
		for i := range held[:n] {
			if sum(seed, held[i]) != sums[i] {
				t.Errorf("the bytes of a retained block changed")
			}
			held[i].Release()
		}
		held, sums = held[n:], sums[n:]
	}
	drive(t, f, func(b *source.Block) {
		b.Retain()
		held, sums = append(held, b), append(sums, sum(seed, b))
		if len(held) == source.MaxHeld {
			check(source.MaxHeld / 2)
		}
	})
	check(len(held))
}

func sum(seed maphash.Seed, b *source.Block) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for i := range b.Packets {
		p := &b.Packets[i]
		fmt.Fprint(&h, p.Time, p.WireLen, p.Iface, p.Link)
		h.Write(p.Data)
	}
	return h.Sum64()
}

// cancelled: Run ends soon after its context, with the context's error, from within emit and while it waits for a
// consumer that holds everything back.
func cancelled(t *testing.T, f Fixture) {
	ctx, cancel := context.WithCancel(t.Context())
	var at time.Time
	var once sync.Once
	err := run(ctx, t, f, func(*source.Block) error {
		once.Do(func() { at = time.Now(); cancel() })
		return nil
	})
	if took := time.Since(at); took > Prompt {
		t.Errorf("Run took %v to end, want at most %v", took, Prompt)
	}
	if !errors.Is(err, context.Canceled) && !(err == nil && f.Feed == nil) { // a file may have had one block only
		t.Errorf("Run: %v, want %v", err, context.Canceled)
	}
}

func cancelledBefore(t *testing.T, f Fixture) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f.Feed = nil
	err := run(ctx, t, f, func(b *source.Block) error {
		if len(b.Packets) > 0 {
			t.Errorf("%d packets although the context had ended before", len(b.Packets))
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v, want %v", err, context.Canceled)
	}
}

// emitFails: the error of emit ends Run and comes back as it is; nothing is emitted after it.
func emitFails(t *testing.T, f Fixture) {
	want := errors.New("disk full")
	var mu sync.Mutex
	calls := make(map[int]int)
	err := run(t.Context(), t, f, func(b *source.Block) error {
		mu.Lock()
		defer mu.Unlock()
		calls[b.Queue]++
		return want
	})
	if !errors.Is(err, want) {
		t.Errorf("Run: %v, want %v", err, want)
	}
	for q, n := range calls {
		if n > 1 {
			t.Errorf("queue %d: emit was called %d times, want no more after its error", q, n)
		}
	}
}

// statistics: what was delivered is what is counted.
func statistics(t *testing.T, f Fixture) {
	if s := f.Source.Stats(); s.Packets != 0 || s.Bytes != 0 {
		t.Errorf("before Run: %+v", s)
	}
	k := drive(t, f, nil)
	var bytes uint64
	for i := range k.packets {
		bytes += uint64(len(k.packets[i].Data))
	}
	s := f.Source.Stats()
	if s.Packets != uint64(len(k.packets)) || s.Bytes != bytes {
		t.Errorf("%d packets of %d bytes are counted; %d of %d were delivered", s.Packets, s.Bytes, len(k.packets), bytes)
	}
	if s.Drops.Total() != 0 || s.Filtered != 0 {
		t.Errorf("lost without a reason: %+v", s)
	}
	if s.Size > 0 && s.Position != s.Size {
		t.Errorf("at byte %d of %d after the end", s.Position, s.Size)
	}
}
