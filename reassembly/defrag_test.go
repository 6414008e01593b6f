package reassembly

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tapir-project/tapir/packet"
	"github.com/tapir-project/tapir/record"
)

// fragment4 is an IPv4 fragment; src is the last byte of its source address.
func fragment4(src byte, id uint16, off int, more bool, data string) []byte {
	b := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, src, 10, 0, 0, 99}
	binary.BigEndian.PutUint16(b[2:], uint16(20+len(data)))
	binary.BigEndian.PutUint16(b[4:], id)
	word := uint16(off / 8)
	if more {
		word |= 0x2000
	}
	binary.BigEndian.PutUint16(b[6:], word)
	return append(b, data...)
}

// fragment6 is an IPv6 fragment behind destination options, which the datagram keeps.
func fragment6(src byte, id uint32, off int, more bool, data string) []byte {
	b := make([]byte, 40, 56+len(data))
	b[0], b[6], b[7], b[8], b[23], b[24], b[39] = 0x60, 60, 64, 0xfd, src, 0xfd, 99
	b = append(b, 44, 0, 1, 4, 0, 0, 0, 0) // destination options: padding
	b = append(b, 17, 0, 0, 0)
	word := uint16(off)
	if more {
		word |= 1
	}
	binary.BigEndian.PutUint16(b[50:], word)
	b = binary.BigEndian.AppendUint32(b, id)
	binary.BigEndian.PutUint16(b[4:], uint16(16+len(data)))
	return append(b, data...)
}

// add gives an IP packet to f.
func add(t testing.TB, f *Defragmenter, ip []byte, now int64) ([]byte, bool) {
	t.Helper()
	var d packet.Decoded
	packet.Decode(&d, &record.Packet{Link: record.LinkRaw, Data: ip, WireLen: uint32(len(ip))})
	if d.Verdict != packet.Fragment {
		t.Fatalf("%x is no fragment: %s", ip, d.Verdict)
	}
	return f.Add(&d, now)
}

// text is n bytes that tell where they stand.
func text(n int) string {
	var s strings.Builder
	for i := 0; s.Len() < n; i++ {
		fmt.Fprintf(&s, "%07d.", i)
	}
	return s.String()[:n]
}

// udpText is a UDP datagram of n bytes in all.
func udpText(n int) string {
	return string(binary.BigEndian.AppendUint16([]byte{0x13, 0x88, 0x00, 0x35}, uint16(n))) + "\x00\x00" + text(n-8)
}

// settle checks that every fragment is accounted for.
func settle(t testing.TB, f *Defragmenter) DefragStats {
	t.Helper()
	s := f.Stats()
	if sum := s.Joined + s.Duplicates + s.Malformed + s.Conflicts + s.Lost + uint64(s.Held); sum != s.Fragments {
		t.Fatalf("%d of %d fragments are accounted for: %+v", sum, s.Fragments, s)
	}
	if s.Bytes > f.limits.Bytes || s.Open > f.limits.Datagrams {
		t.Fatalf("beyond the limits: %+v", s)
	}
	return s
}

func TestDefrag(t *testing.T) {
	whole := udpText(40)
	four := func(off, end int, more bool) []byte { return fragment4(1, 7, off, more, whole[off:end]) }
	six := func(off, end int, more bool) []byte { return fragment6(1, 7, off, more, whole[off:end]) }
	evil := func(off int, more bool, s string) []byte { return fragment4(1, 7, off, more, s) }
	for _, c := range []struct {
		name  string
		frags [][]byte
		want  string // data of the last datagram that was completed
		stats DefragStats
	}{
		{"in order", [][]byte{four(0, 16, true), four(16, 32, true), four(32, 40, false)}, whole, DefragStats{Datagrams: 1, Joined: 3}},
		{"last first", [][]byte{four(32, 40, false), four(16, 32, true), four(0, 16, true)}, whole, DefragStats{Datagrams: 1, Joined: 3}},
		{"middle last", [][]byte{four(32, 40, false), four(0, 16, true), four(16, 32, true)}, whole, DefragStats{Datagrams: 1, Joined: 3}},
		{"one missing", [][]byte{four(0, 16, true), four(32, 40, false)}, "", DefragStats{Held: 2, Open: 1}},
		{"duplicate", [][]byte{four(0, 16, true), four(0, 16, true), four(16, 40, false)}, whole, DefragStats{Datagrams: 1, Joined: 2, Duplicates: 1}},
		{"first bytes win", [][]byte{four(0, 24, true), evil(16, false, "EVILEVILEVILEVILEVILEVIL")}, whole[:24] + "EVILEVILEVILEVIL",
			DefragStats{Datagrams: 1, Joined: 2, Overlaps: 1}},
		{"over two pieces and gaps", [][]byte{four(8, 16, true), four(24, 32, true), evil(0, true, strings.Repeat("-", 32)), four(32, 40, false)},
			strings.Repeat("-", 8) + whole[8:16] + strings.Repeat("-", 8) + whole[24:40], DefragStats{Datagrams: 1, Joined: 4, Overlaps: 1}},
		{"within one piece", [][]byte{four(0, 24, true), evil(8, true, "EVILEVIL"), four(24, 40, false)}, whole,
			DefragStats{Datagrams: 1, Joined: 2, Overlaps: 1, Duplicates: 1}},
		{"teardrop", [][]byte{four(0, 32, true), evil(24, false, "\x00\x00\x00\x00")}, "", DefragStats{Held: 1, Open: 1, Conflicts: 1}},
		{"beyond the end", [][]byte{four(16, 40, false), evil(40, true, "EVILEVIL"), four(0, 16, true)}, whole, DefragStats{Datagrams: 1, Joined: 2, Conflicts: 1}},
		{"two ends", [][]byte{four(16, 40, false), evil(40, false, "EVILEVIL"), evil(16, false, "EVIL"), four(0, 16, true)}, whole,
			DefragStats{Datagrams: 1, Joined: 2, Conflicts: 2}},
		{"ping of death", [][]byte{four(0, 16, true), evil(65528, false, "EVILEVIL"), four(16, 40, false)}, "", DefragStats{Oversize: 1, Lost: 3, Open: 1}},
		{"not divisible by eight", [][]byte{evil(0, true, "EVILE")}, "", DefragStats{Malformed: 1}},
		{"empty", [][]byte{evil(16, false, "")}, "", DefragStats{Malformed: 1}},
		{"id collision", [][]byte{four(0, 16, true), fragment4(2, 7, 16, false, "other host's data"), four(16, 40, false)}, whole,
			DefragStats{Datagrams: 1, Joined: 2, Held: 1, Open: 1}},
		{"ipv6", [][]byte{six(16, 40, false), six(0, 16, true)}, whole, DefragStats{Datagrams: 1, Joined: 2}},
		{"ipv6 duplicate", [][]byte{six(0, 16, true), six(0, 16, true), six(16, 40, false)}, whole, DefragStats{Datagrams: 1, Joined: 2, Duplicates: 1}},
		{"ipv6 overlap", [][]byte{six(0, 24, true), six(16, 40, false), six(24, 40, false)}, "", DefragStats{Overlaps: 1, Overlapped: 1, Lost: 3, Open: 1}},
		{"ipv6 within", [][]byte{six(0, 24, true), six(8, 16, true), six(24, 40, false)}, "", DefragStats{Overlaps: 1, Overlapped: 1, Lost: 3, Open: 1}},
		{"ipv6 beside ipv4", [][]byte{six(0, 16, true), four(16, 40, false)}, "", DefragStats{Held: 2, Open: 2}},
	} {
		f := NewDefragmenter(DefragLimits{})
		got := ""
		for i, b := range c.frags {
			if ip, done := add(t, f, b, int64(i)); done {
				got = wholeData(t, c.name, ip)
			}
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
		s := settle(t, f)
		c.stats.Fragments, s.Bytes = uint64(len(c.frags)), 0
		if s != c.stats {
			t.Errorf("%s:\n got %+v\nwant %+v", c.name, s, c.stats)
		}
	}
}

// wholeData decodes a datagram and returns its data.
func wholeData(t *testing.T, name string, ip []byte) string {
	t.Helper()
	var d packet.Decoded
	packet.DecodeIP(&d, ip)
	if d.Verdict != packet.OK || d.Proto != 17 {
		t.Errorf("%s: datagram decodes to %s, protocol %d", name, d.Verdict, d.Proto)
	}
	size := 20
	if ip[0]>>4 == 6 {
		if ip[40] != 17 || int(binary.BigEndian.Uint16(ip[4:])) != len(ip)-40 {
			t.Errorf("%s: headers are %x", name, ip[:48])
		}
		size = 48
	} else if int(binary.BigEndian.Uint16(ip[2:])) != len(ip) || checksum(ip[:20]) != 0xffff || ip[6]|ip[7] != 0 {
		t.Errorf("%s: header is %x", name, ip[:20])
	}
	return string(ip[size:])
}

func checksum(b []byte) uint16 {
	sum := 0
	for i := 0; i < len(b); i += 2 {
		sum += int(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

func TestDefragZero(t *testing.T) {
	var f Defragmenter
	add(t, &f, fragment4(1, 7, 0, true, text(16)), 0)
	if _, done := add(t, &f, fragment4(1, 7, 16, false, "x"), defaultFragAge-1); !done || f.limits.Bytes != defaultFragBytes {
		t.Errorf("the zero Defragmenter has limits %+v and put together %d datagrams, want 1", f.limits, f.Stats().Datagrams)
	}
}

// TestDefragCut checks that a fragment whose end was not captured makes its datagram void at once.
func TestDefragCut(t *testing.T) {
	f := NewDefragmenter(DefragLimits{})
	b := fragment4(1, 7, 0, true, text(64))
	var d packet.Decoded
	packet.Decode(&d, &record.Packet{Link: record.LinkRaw, Data: b[:40], WireLen: uint32(len(b))})
	f.Add(&d, 0)
	add(t, f, fragment4(1, 7, 64, false, "rest"), 0)
	if s := settle(t, f); s.Cut != 1 || s.Lost != 2 || s.Open != 1 {
		t.Errorf("got %+v, want one datagram cut with two fragments", s)
	}
}

func TestDefragTime(t *testing.T) {
	f := NewDefragmenter(DefragLimits{Age: 100})
	add(t, f, fragment4(1, 1, 0, true, text(16)), 1000)
	add(t, f, fragment4(1, 2, 0, true, text(16)), 1099)
	add(t, f, fragment4(1, 1, 16, true, text(16)), 1099)
	if s := settle(t, f); s.Open != 2 || s.Expired != 0 {
		t.Errorf("at 1099: %+v, want two open", s)
	}
	add(t, f, fragment4(1, 3, 0, true, text(16)), 1100)
	if s := settle(t, f); s.Open != 2 || s.Expired != 1 || s.Lost != 2 {
		t.Errorf("at 1100: %+v, want the first gone with its two fragments", s)
	}
	add(t, f, fragment4(1, 4, 0, true, text(16)), 5) // time may go back
	if s := settle(t, f); s.Open != 3 {
		t.Errorf("back at 5: %+v, want three open", s)
	}
}

func TestDefragBounds(t *testing.T) {
	f := NewDefragmenter(DefragLimits{Datagrams: 3, Bytes: 1 << 20})
	for id := range uint16(5) {
		add(t, f, fragment4(1, id, 0, true, text(16)), 0)
	}
	if s := settle(t, f); s.Open != 3 || s.Evicted != 2 || s.Lost != 2 {
		t.Errorf("%+v, want 3 open and 2 evicted", s)
	}
	if _, done := add(t, f, fragment4(1, 0, 16, false, "x"), 0); done {
		t.Error("the oldest datagram was completed, want it evicted")
	}
	if _, done := add(t, f, fragment4(1, 4, 16, false, "x"), 0); !done {
		t.Error("the newest datagram was not completed")
	}

	f = NewDefragmenter(DefragLimits{Bytes: 64 << 10})
	for id := range uint16(1000) {
		add(t, f, fragment4(1, id, 0, true, text(1480)), 0)
	}
	if s := settle(t, f); s.Evicted < 900 || s.Bytes > 64<<10 {
		t.Errorf("%+v, want at most 64 KiB", s)
	}
	// Buffers of one size make room for those of another.
	for id := range uint16(1000) {
		add(t, f, fragment4(2, id, 0, true, text(16)), 0)
	}
	settle(t, f)

	f = NewDefragmenter(DefragLimits{Bytes: 1}) // no room for anything
	add(t, f, fragment4(1, 7, 0, true, text(16)), 0)
	if s := settle(t, f); s.Evicted != 1 || s.Lost != 1 {
		t.Errorf("%+v, want the fragment lost", s)
	}

	f = NewDefragmenter(DefragLimits{})
	for i := 8000; i > 0; i-- {
		add(t, f, fragment4(1, 7, i*8-8, true, "01234567"), 0)
	}
	if s := settle(t, f); s.Pieces != 1 || s.Held != 0 {
		t.Errorf("%+v, want the datagram given up for its pieces", s)
	}
}

func TestDefragAllocates(t *testing.T) {
	f := NewDefragmenter(DefragLimits{})
	whole := udpText(30_000)
	var ds []packet.Decoded
	for off := 0; off < len(whole); off += 1480 {
		end := min(off+1480, len(whole))
		for _, b := range [][]byte{fragment4(1, 7, off, end < len(whole), whole[off:end]), fragment6(1, 7, off, end < len(whole), whole[off:end])} {
			var d packet.Decoded
			packet.Decode(&d, &record.Packet{Link: record.LinkRaw, Data: b, WireLen: uint32(len(b))})
			ds = append(ds, d)
		}
	}
	now, n := int64(0), 0
	run := func() {
		for i := range ds {
			if _, done := f.Add(&ds[i], now); done {
				n++
			}
			now++
		}
	}
	run()
	if a := testing.AllocsPerRun(100, run); a != 0 {
		t.Errorf("%v allocations for two datagrams, want 0", a)
	}
	if n != 204 {
		t.Errorf("%d datagrams put together, want 204", n)
	}
}

// TestDefragAgainstModel cuts random datagrams into fragments, shuffles them with duplicates and with fragments of
// others, and checks that all come out whole.
func TestDefragAgainstModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 200 {
		f := NewDefragmenter(DefragLimits{})
		want := map[string]int{}
		var frags [][]byte
		for id := range rng.IntN(8) + 1 {
			whole := udpText(9 + rng.IntN(5000) + id*10)
			want[whole]++
			for off := 0; off < len(whole); {
				end := min(off+8*(1+rng.IntN(100)), len(whole))
				b := fragment4(byte(id%2), uint16(id/2), off, end < len(whole), whole[off:end])
				if id%3 == 0 {
					b = fragment6(byte(id), 5, off, end < len(whole), whole[off:end])
				}
				if end == len(whole) && off == 0 {
					delete(want, whole) // not cut
					break
				}
				frags = append(frags, b)
				if rng.IntN(4) == 0 {
					frags = append(frags, b)
				}
				off = end
			}
		}
		rng.Shuffle(len(frags), func(i, j int) { frags[i], frags[j] = frags[j], frags[i] })
		for i, b := range frags {
			if ip, done := add(t, f, b, int64(i)); done {
				want[wholeData(t, "round", ip)]--
			}
		}
		settle(t, f)
		for w, n := range want {
			if n > 0 {
				t.Fatalf("round %d: a datagram of %d bytes did not come out", round, len(w))
			}
		}
	}
}

// FuzzDefrag gives fragments as the input says to a small Defragmenter and checks its bounds, its lists and its books.
func FuzzDefrag(f *testing.F) {
	f.Add([]byte{0, 0, 1, 4, 0, 2, 0, 8, 0, 1, 1, 1})
	f.Add([]byte{1, 4, 0, 8, 0, 0, 1, 4, 0, 2, 1, 4, 0, 1, 0, 200})
	f.Add([]byte{2, 0, 1, 255, 3, 255, 0, 8})
	f.Fuzz(func(t *testing.T, in []byte) {
		f := NewDefragmenter(DefragLimits{Datagrams: 4, Bytes: 32 << 10, Age: 64})
		for i := 0; i+4 <= len(in); i += 4 {
			kind, place, flags, size := in[i], int(in[i+1])*8, in[i+2], int(in[i+3])
			if flags&4 != 0 {
				place *= 32
			}
			if flags&1 != 0 {
				size &^= 7
			}
			if place == 0 && flags&1 == 0 {
				continue // whole
			}
			data := string(bytes.Repeat([]byte{byte(i/4) | 1}, size))
			b := fragment4(kind>>1&3, 7, place, flags&1 != 0, data)
			if kind&1 != 0 {
				b = fragment6(kind>>1&3, 7, place, flags&1 != 0, data)
			}
			ip, done := add(t, f, b, int64(i))
			s := settle(t, f)
			if done && (len(ip) > 65575 || s.Datagrams == 0) {
				t.Fatalf("a datagram of %d bytes, %+v", len(ip), s)
			}
			checkLists(t, f)
		}
	})
}

// checkLists checks invariant D1 and that list, table and counters agree.
func checkLists(t *testing.T, f *Defragmenter) {
	n, held := 0, 0
	for g := f.oldest; g != nil; g = g.next {
		n++
		held += g.frags
		have, end := 0, 0
		var last *piece
		for p := g.pieces; p != nil; p = p.next {
			if p.off < end || p.end <= p.off || g.dead {
				t.Fatalf("piece %d to %d behind %d, dead %t", p.off, p.end, end, g.dead)
			}
			have, end, last = have+p.end-p.off, p.end, p
		}
		if have != g.have && !g.dead || last != g.last || f.byKey[g.key] != g {
			t.Fatalf("datagram %+v has %d bytes", g, have)
		}
	}
	if n != len(f.byKey) || held != f.stats.Held {
		t.Fatalf("%d datagrams listed, %d in the table; %d fragments, %d counted", n, len(f.byKey), held, f.stats.Held)
	}
}

func BenchmarkDefrag(b *testing.B) {
	f := NewDefragmenter(DefragLimits{})
	whole := udpText(8000)
	var ds []packet.Decoded
	for off := 0; off < len(whole); off += 1480 {
		end := min(off+1480, len(whole))
		ip := fragment4(1, 7, off, end < len(whole), whole[off:end])
		var d packet.Decoded
		packet.Decode(&d, &record.Packet{Link: record.LinkRaw, Data: ip, WireLen: uint32(len(ip))})
		ds = append(ds, d)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(whole)))
	for b.Loop() {
		for i := range ds {
			f.Add(&ds[i], 0)
		}
	}
}
