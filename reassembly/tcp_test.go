package reassembly

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// play feeds segments and returns what came out: bytes, with holes as runs of '?'.
func play(s *Stream, b *Budget, segs []seg) []byte {
	var out []byte
	pop := func(now int64) {
		for {
			c, ok := s.Pop(b, now)
			if !ok {
				return
			}
			out = append(out, c.Data...)
			out = append(out, bytes.Repeat([]byte{'?'}, c.Gap)...)
		}
	}
	for _, g := range segs {
		if g.ack != 0 {
			s.Ack(g.ack)
		}
		s.Add(b, g.seq, g.data, len(g.data)+g.cut, g.now)
		pop(g.now)
	}
	s.Flush()
	pop(1 << 60)
	s.Release(b)
	return out
}

type seg struct {
	seq  uint32
	data []byte
	cut  int
	ack  uint32
	now  int64
}

func at(seq uint32, text string) seg { return seg{seq: seq, data: []byte(text)} }

func TestStream(t *testing.T) {
	const top, two, three = 0xfffffffc, 0, 4 // the pieces run over the end of the sequence space
	for _, c := range []struct {
		name string
		segs []seg
		want string
	}{
		{"in order", []seg{at(1, "abc"), at(4, "def")}, "abcdef"},
		{"swapped", []seg{at(1, "abc"), at(7, "ghi"), at(4, "def")}, "abcdefghi"},
		{"sent again", []seg{at(1, "abc"), at(1, "abc"), at(4, "def"), at(2, "bcde")}, "abcdef"},
		{"overlap forward", []seg{at(1, "abc"), at(2, "XXdef")}, "abcdef"},
		{"first copy wins while held", []seg{at(1, "a"), at(4, "def"), at(3, "cXXXg"), at(2, "b")}, "abcdefg"},
		{"held twice", []seg{at(1, "a"), at(3, "c"), at(3, "c"), at(5, "e"), at(2, "bcde")}, "abcde"},
		{"hole", []seg{at(1, "abc"), at(6, "fgh")}, "abc??fgh"},
		{"two holes", []seg{at(1, "a"), at(3, "c"), at(5, "e")}, "a?c?e"},
		{"wraps", []seg{at(top, "abcd"), at(three, "ijkl"), at(two, "efgh")}, "abcdefghijkl"},
		{"cut by snaplen", []seg{{seq: 1, data: []byte("ab"), cut: 3}, at(6, "fg")}, "ab???fg"},
		{"cut behind a hole", []seg{at(1, "a"), {seq: 3, data: []byte("c"), cut: 1}, at(2, "b"), at(5, "e")}, "abc?e"},
		{"acknowledged hole is given up", []seg{at(1, "ab"), {seq: 5, data: []byte("ef"), ack: 9, now: 1}, {seq: 7, data: []byte("gh"), ack: 9, now: 1e9}, {seq: 3, data: []byte("cd"), now: 2e9}}, "ab??efgh"},
		{"far jump begins anew", []seg{at(1, "ab"), at(1<<30, "cd")}, "abcd"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s Stream
			var b Budget
			if got := string(play(&s, &b, c.segs)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if b.Used() != 0 {
				t.Errorf("%d bytes still held", b.Used())
			}
		})
	}
}

// Any order, repetition and overlap of the pieces of a text gives the text back; a lost piece gives its bytes as a hole.
func TestStreamAgainstModel(t *testing.T) {
	for n := range 3000 {
		r := rand.New(rand.NewPCG(1, uint64(n)))
		text := make([]byte, r.IntN(400)+1)
		for i := range text {
			text[i] = byte('a' + r.IntN(26))
		}
		base := r.Uint32()
		seen := make([]bool, len(text))
		segs := []seg{{seq: base, data: text[:1]}}
		seen[0] = true
		for range r.IntN(60) {
			from := r.IntN(len(text))
			to := min(len(text), from+r.IntN(40)+1)
			segs = append(segs, seg{seq: base + uint32(from), data: text[from:to]})
			for i := from; i < to; i++ {
				seen[i] = true
			}
		}
		last := 0
		for i, ok := range seen {
			if ok {
				last = i + 1
			}
		}
		want := make([]byte, last)
		for i := range want {
			want[i] = '?'
			if seen[i] {
				want[i] = text[i]
			}
		}
		var s Stream
		var b Budget
		if got := play(&s, &b, segs); !bytes.Equal(got, want) {
			t.Fatalf("case %d:\ngot  %s\nwant %s", n, got, want)
		}
		if b.Used() != 0 {
			t.Fatalf("case %d: %d bytes still held", n, b.Used())
		}
	}
}

func TestStreamIsBounded(t *testing.T) {
	var s Stream
	b := Budget{Max: 1 << 20}
	big := make([]byte, 1400)
	s.Add(&b, 0, big, len(big), 0)
	for i := range 100_000 {
		s.Add(&b, uint32(10_000+2*1400*i), big, len(big), 0)
		for {
			if _, ok := s.Pop(&b, 0); !ok {
				break
			}
		}
		if b.Used() > b.Max+8192 || len(s.held) > MaxSegments+1 {
			t.Fatalf("%d bytes, %d segments held after %d segments", b.Used(), len(s.held), i)
		}
	}
	if s.GapSeen == 0 {
		t.Error("no gap was reported")
	}
}

func TestStreamInOrderDoesNotAllocate(t *testing.T) {
	var s Stream
	var b Budget
	data := make([]byte, 1000)
	seq := uint32(0)
	if n := testing.AllocsPerRun(1000, func() {
		s.Add(&b, seq, data, len(data), 0)
		for {
			if _, ok := s.Pop(&b, 0); !ok {
				break
			}
		}
		seq += 1000
	}); n != 0 {
		t.Errorf("%v allocations for a segment in order, want 0", n)
	}
}

func FuzzStream(f *testing.F) {
	f.Add([]byte{0, 3, 6, 3, 3, 3})
	f.Fuzz(func(t *testing.T, in []byte) {
		var s Stream
		b := Budget{Max: 4096}
		total := 0
		var out uint64
		for i := 0; i+1 < len(in); i += 2 {
			data := bytes.Repeat([]byte{in[i]}, int(in[i+1]))
			s.Add(&b, uint32(in[i])*7, data, len(data), int64(i))
			total += len(data)
			for {
				c, ok := s.Pop(&b, int64(i))
				if !ok {
					break
				}
				out += uint64(len(c.Data))
			}
		}
		s.Flush()
		for {
			c, ok := s.Pop(&b, 1<<40)
			if !ok {
				break
			}
			out += uint64(len(c.Data))
		}
		s.Release(&b)
		if out > uint64(total) || b.Used() != 0 {
			t.Fatalf("%d bytes in, %d out, %d held", total, out, b.Used())
		}
	})
}
