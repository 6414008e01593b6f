package pcapfile

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/net/bpf"

	"github.com/tapir-project/tapir/internal/pcapio"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/source"
	"github.com/tapir-project/tapir/source/sourcetest"
)

// some makes n packets, the first at second from, the others each step ns later. Sizes vary; the bytes tell the place.
func some(n int, from float64, step int64) []record.Packet {
	ps := make([]record.Packet, n)
	for i := range ps {
		data := make([]byte, 14+(i*37)%1400)
		binary.BigEndian.PutUint32(data, uint32(i))
		ps[i] = record.Packet{Time: int64(from*1e9) + int64(i)*step, Data: data, WireLen: uint32(len(data) + i%3), Link: 1}
	}
	return ps
}

func pcap(ps []record.Packet) []byte {
	b := pcapio.AppendPcapHeader(nil, record.LinkEthernet, 0)
	for i := range ps {
		b = pcapio.AppendPacket(b, &ps[i])
	}
	return b
}

func pcapng(ps []record.Packet) []byte {
	b := pcapio.AppendInterface(pcapio.AppendSection(nil, "test"), "eth0", record.LinkEthernet, 0)
	for i := range ps {
		b = pcapio.AppendEnhanced(b, 0, &ps[i])
	}
	return b
}

// gzipped compresses in several members, as concatenated .gz files are.
func gzipped(b []byte) []byte {
	var out bytes.Buffer
	for len(b) > 0 {
		n := min(len(b), 100_000)
		w := gzip.NewWriter(&out)
		w.Write(b[:n])
		w.Close()
		b = b[n:]
	}
	return out.Bytes()
}

func zstandard(b []byte) []byte {
	w, _ := zstd.NewWriter(nil)
	half := len(b) / 2
	out := w.EncodeAll(b[:half], []byte{0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 'h', 'i'}) // a frame to skip first
	return w.EncodeAll(b[half:], out)
}

func write(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.pcap")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, cfg Config) *Source {
	t.Helper()
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// collect runs the source and copies what it delivers.
func collect(s *Source) (ps []record.Packet, err error) {
	err = s.Run(context.Background(), func(b *source.Block) error {
		for _, p := range b.Packets {
			p.Data = append([]byte(nil), p.Data...)
			ps = append(ps, p)
		}
		return nil
	})
	return ps, err
}

func compare(t *testing.T, got, want []record.Packet) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		g, w := &got[i], &want[i]
		if g.Time != w.Time || !bytes.Equal(g.Data, w.Data) || g.WireLen != w.WireLen || g.Link != w.Link {
			t.Fatalf("packet %d: %+v\nwant %+v", i, *g, *w)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d packets, want %d", len(got), len(want))
	}
}

func TestSuite(t *testing.T) {
	want := some(3000, 1.7e9, 1000)
	overlap := [][]record.Packet{nil, nil, nil}
	for i := range want {
		overlap[i%7%3] = append(overlap[i%7%3], want[i])
	}
	for name, cfg := range map[string]func(t *testing.T) Config{
		"pcap":   func(t *testing.T) Config { return Config{Paths: []string{write(t, pcap(want))}} },
		"pcapng": func(t *testing.T) Config { return Config{Paths: []string{write(t, pcapng(want))}} },
		"gzip":   func(t *testing.T) Config { return Config{Paths: []string{write(t, gzipped(pcap(want)))}} },
		"zstd":   func(t *testing.T) Config { return Config{Paths: []string{write(t, zstandard(pcapng(want)))}} },
		"input":  func(t *testing.T) Config { return Config{Paths: []string{"-"}, Stdin: bytes.NewReader(pcap(want))} },
		"gzip input": func(t *testing.T) Config {
			return Config{Paths: []string{"-"}, Stdin: bytes.NewReader(gzipped(pcap(want)))}
		},
		"pipe": func(t *testing.T) Config { return Config{Paths: []string{"-"}, Stdin: pipe(t, pcap(want))} },
		"dribble": func(t *testing.T) Config {
			return Config{Paths: []string{"-"}, Stdin: dribble{bytes.NewReader(pcapng(want)), 13}}
		},
		"three files": func(t *testing.T) Config { return three(t, overlap) },
		"and a pipe": func(t *testing.T) Config {
			c := three(t, overlap)
			c.Paths[1], c.Stdin = "-", pipe(t, gzipped(pcap(overlap[1])))
			return c
		},
	} {
		t.Run(name, func(t *testing.T) {
			sourcetest.Run(t, func(t *testing.T) sourcetest.Fixture {
				return sourcetest.Fixture{Source: open(t, cfg(t)), Want: want}
			})
		})
	}
}

func three(t *testing.T, ps [][]record.Packet) Config {
	return Config{Paths: []string{write(t, pcap(ps[0])), write(t, gzipped(pcapng(ps[1]))), write(t, zstandard(pcap(ps[2])))}}
}

// pipe is the reading end of a pipe that b comes out of.
func pipe(t *testing.T, b []byte) *os.File {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); w.Write(b); w.Close() }()
	t.Cleanup(func() { r.Close(); <-done })
	return r
}

// dribble gives n bytes at a time.
type dribble struct {
	r io.Reader
	n int
}

func (d dribble) Read(p []byte) (int, error) { return d.r.Read(p[:min(d.n, len(p))]) }

// TestCut: a file cut off at any byte gives the packets before the cut and says where it was.
func TestCut(t *testing.T) {
	want := some(6, 1, 1)
	for name, whole := range map[string][]byte{"pcap": pcap(want), "pcapng": pcapng(want)} {
		at := 24
		if name == "pcapng" {
			at = len(pcapio.AppendInterface(pcapio.AppendSection(nil, "test"), "eth0", 1, 0))
		}
		ends := map[int]int{at: 0} // offset to packets
		for i := range want {
			at += 16 + len(want[i].Data)
			if name == "pcapng" {
				at += 16 + (-len(want[i].Data) & 3)
			}
			ends[at] = i + 1
		}
		for n := range whole {
			s := open(t, Config{Paths: []string{"-"}, Stdin: bytes.NewReader(whole[:n])})
			got, err := collect(s)
			checkCut(t, name, n, got, err, ends)
		}
	}
}

func checkCut(t *testing.T, name string, n int, got []record.Packet, err error, ends map[int]int) {
	t.Helper()
	var cut *Truncated
	switch before, clean := ends[n]; {
	case n < 4:
		if !errors.Is(err, source.ErrNotCapture) {
			t.Fatalf("%s, %d bytes: %v", name, n, err)
		}
	case clean:
		if err != nil || len(got) != before {
			t.Fatalf("%s, %d bytes: %d packets, %v; want %d", name, n, len(got), err, before)
		}
	case name == "pcapng" && n == 40: // the section header alone
	case !errors.As(err, &cut) || cut.Packets != uint64(len(got)) || cut.Offset > int64(n) || !source.Partial(err):
		t.Fatalf("%s, %d bytes: %d packets, %v", name, n, len(got), err)
	default:
		if k, ok := ends[int(cut.Offset)]; ok && k != len(got) {
			t.Fatalf("%s, %d bytes: %d packets, want %d: %v", name, n, len(got), k, err)
		}
	}
}

// TestCutPacked: a compressed file that is cut off gives what can be unpacked.
func TestCutPacked(t *testing.T) {
	want := some(2000, 1, 1)
	for name, whole := range map[string][]byte{"gzip": gzipped(pcap(want)), "zstd": zstandard(pcap(want))} {
		got, err := collect(open(t, Config{Paths: []string{write(t, whole[:len(whole)*2/3])}}))
		var cut *Truncated
		if !errors.As(err, &cut) || !cut.Packed || cut.Packets != uint64(len(got)) {
			t.Fatalf("%s: %d packets, %v", name, len(got), err)
		}
		if name == "gzip" && len(got) < 500 {
			t.Errorf("%s: only %d packets", name, len(got))
		}
		compare(t, got, want[:len(got)])
	}
}

func TestCorrupt(t *testing.T) {
	want := some(10, 1, 1)
	bad := append(pcap(want), "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff more"...)
	got, err := collect(open(t, Config{Paths: []string{write(t, bad)}}))
	var c *Corrupt
	if !errors.As(err, &c) || c.Offset != int64(len(pcap(want))) || c.Packets != 10 || source.Partial(err) {
		t.Errorf("%v", err)
	}
	compare(t, got, want)

	packed := gzipped(pcap(want))
	packed[len(packed)-6] ^= 0xff // the checksum
	got, err = collect(open(t, Config{Paths: []string{write(t, packed)}}))
	if !errors.As(err, &c) || !errors.Is(err, gzip.ErrChecksum) {
		t.Errorf("%v", err)
	}
	compare(t, got, want)
}

func TestNotCapture(t *testing.T) {
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"zip":    {[]byte("PK\x03\x04more"), "x.pcap is not a capture: begins with 50 4b 03 04; want pcap or pcapng, plain, gzip or zstd"},
		"empty":  {nil, "is not a capture: it is empty;"},
		"short":  {[]byte("ab"), "begins with 61 62;"},
		"packed": {gzipped([]byte("hello world")), "is not a capture: unpacked, it begins with 68 65 6c 6c;"},
	} {
		_, err := Open(Config{Paths: []string{write(t, c.b)}})
		if !errors.Is(err, source.ErrNotCapture) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		_, err = collect(open(t, Config{Paths: []string{"-"}, Stdin: bytes.NewReader(c.b)}))
		if !errors.Is(err, source.ErrNotCapture) {
			t.Errorf("%s as input: %v", name, err)
		}
	}
	if _, err := Open(Config{Paths: []string{"/does/not/exist.pcap"}}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	if _, err := Open(Config{}); err == nil {
		t.Error("no paths: no error")
	}
}

func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	late, early := some(5, 2000, 1e9), some(5, 1000, 1e9)
	for name, b := range map[string][]byte{
		"a.pcap": pcap(late), "sub/b.pcapng.gz": gzipped(pcapng(early)), "README": []byte("read me"), ".hidden.pcap": pcap(early),
		".git/x.pcap": pcap(early), "empty": nil,
	} {
		path := filepath.Join(dir, name)
		os.MkdirAll(filepath.Dir(path), 0o700)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var warned []string
	s := open(t, Config{Paths: []string{dir}, Warn: func(err error) { warned = append(warned, err.Error()) }})
	got, err := collect(s)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, got, append(append([]record.Packet{}, early...), late...))
	if st := s.Stats(); st.Files != 2 || st.Done != 2 || st.Skipped != 2 || len(warned) != 2 {
		t.Errorf("%+v, %q", st, warned)
	}
	if got[0].Iface != 0 || s.Interfaces()[0].Name != "eth0" || s.Interfaces()[1].Name != "" {
		t.Errorf("interfaces: %+v", s.Interfaces())
	}
	if _, err := Open(Config{Paths: []string{filepath.Join(dir, ".git", "..", "sub", "..")}}); err != nil {
		t.Errorf("a directory under another name: %v", err)
	}
	if _, err := Open(Config{Paths: []string{t.TempDir()}}); err == nil || !strings.Contains(err.Error(), "no captures") {
		t.Errorf("empty directory: %v", err)
	}
}

// TestMerge: many files that overlap in all ways come in the order of time; equal times in the order of the files.
func TestMerge(t *testing.T) {
	dir := t.TempDir()
	var want []record.Packet
	for i := range 40 {
		ps := some(300, float64(i/2), int64(1e7*(1+i%3)))
		for j := range ps {
			ps[j].Data = fmt.Appendf(nil, "file %d packet %d", i, j)
			ps[j].WireLen = 60
		}
		want = append(want, ps...)
		os.WriteFile(filepath.Join(dir, fmt.Sprintf("%02d", i)), pcap(ps), 0o600)
	}
	sortByTime(want)
	s := open(t, Config{Paths: []string{dir}})
	got, err := collect(s)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, got, want)
	if st := s.Stats(); st.Late != 0 || st.Done != 40 {
		t.Errorf("%+v", st)
	}
}

func sortByTime(ps []record.Packet) {
	for i := 1; i < len(ps); i++ { // stable, and nearly sorted input is not needed to be fast
		for j := i; j > 0 && ps[j].Time < ps[j-1].Time; j-- {
			ps[j], ps[j-1] = ps[j-1], ps[j]
		}
	}
}

// TestTooMany: more overlapping files than may be open lose nothing, and are counted.
func TestTooMany(t *testing.T) {
	dir := t.TempDir()
	const files = maxCost/costPlain + 5
	for i := range files {
		os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d", i)), pcap(some(3, 1, 1e9)), 0o600)
	}
	s := open(t, Config{Paths: []string{dir}})
	got, err := collect(s)
	if st := s.Stats(); err != nil || len(got) != 3*files || st.Late != 5 {
		t.Errorf("%d packets, %v, %+v", len(got), err, st)
	}
}

// TestOneBad: damage in one file does not keep the others from being read.
func TestOneBad(t *testing.T) {
	good, cut := some(100, 1, 1e9), pcap(some(100, 1.5, 1e9))
	paths := []string{write(t, pcap(good)), write(t, cut[:len(cut)-1]), write(t, []byte("\xd4\xc3\xb2\xa1\x02")), write(t, pcapio.AppendPcapHeader(nil, 1, 0))}
	s := open(t, Config{Paths: paths})
	got, err := collect(s)
	if len(got) != 199 || !source.Partial(err) {
		t.Errorf("%d packets, %v", len(got), err)
	}
	for _, path := range paths[1:3] {
		if !strings.Contains(err.Error(), path) {
			t.Errorf("%v does not name %s", err, path)
		}
	}
	if st := s.Stats(); st.Done != 4 {
		t.Errorf("%+v", st)
	}
}

// TestSilentInput: a pipe that nothing comes from does not keep Run from ending, and what came is delivered at once.
func TestSilentInput(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	want := some(3, 1, 1)
	w.Write(pcap(want))
	s := open(t, Config{Paths: []string{"-"}, Stdin: r})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var at time.Time
	n := 0
	err = s.Run(ctx, func(b *source.Block) error {
		if n += len(b.Packets); n == len(want) {
			at = time.Now()
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || n != len(want) || time.Since(at) > 5*time.Second {
		t.Errorf("%v after %d packets", err, n)
	}
}

// TestFilter: "ether[0:4] > 9", by hand: the filter's compiler is not a part of this package.
func TestFilter(t *testing.T) {
	compiled := 0
	filter := source.Filter{Expr: "x", Compile: func(_ string, link record.LinkType, _ uint32) ([]bpf.RawInstruction, error) {
		compiled++
		if link != record.LinkEthernet {
			return nil, errors.New("not on this link type")
		}
		return []bpf.RawInstruction{{Op: 0x20}, {Op: 0x25, Jf: 1, K: 9}, {Op: 0x06, K: 1}, {Op: 0x06}}, nil
	}}
	want := some(3000, 1, 1)
	s := open(t, Config{Paths: []string{write(t, pcap(want)), write(t, pcapng(some(5, 2, 1)))}, Filter: filter})
	got, err := collect(s)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, got, want[10:])
	if st := s.Stats(); st.Filtered != 15 || st.Packets != 2990 || compiled != 1 {
		t.Errorf("%+v, compiled %d times", st, compiled)
	}
	raw := pcapio.AppendPcapHeader(nil, record.LinkRaw, 0)
	_, err = collect(open(t, Config{Paths: []string{write(t, raw)}, Filter: filter}))
	if err == nil || !strings.Contains(err.Error(), "not on this link type") {
		t.Errorf("filter that cannot be compiled: %v", err)
	}
}

// TestLargePackets: packets larger than a buffer, between small ones.
func TestLargePackets(t *testing.T) {
	var want []record.Packet
	for i, n := range []int{60, pcapio.MaxPacket, 0, pcapio.MaxPacket - 1, 60, 300_000, 300_000, 300_000, 1} {
		want = append(want, record.Packet{Time: int64(i), Data: bytes.Repeat([]byte{byte(i)}, n), WireLen: uint32(n), Link: 1})
	}
	for name, b := range map[string][]byte{"pcap": pcap(want), "pcapng": pcapng(want)} {
		got, err := collect(open(t, Config{Paths: []string{write(t, b)}}))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		compare(t, got, want)
	}
}

// TestSkips: blocks of a pcapng file that are larger than any buffer are passed over.
func TestSkips(t *testing.T) {
	want := some(10, 1, 1)
	b := pcapng(want[:5])
	size := uint32(3 << 20)
	b = binary.LittleEndian.AppendUint32(b, 0xbad)
	b = binary.LittleEndian.AppendUint32(b, size)
	b = append(b, make([]byte, size-12)...)
	b = binary.LittleEndian.AppendUint32(b, size)
	cut := len(b) - 100
	b = append(b, pcapng(want[5:])...)
	got, err := collect(open(t, Config{Paths: []string{write(t, b)}}))
	if err != nil {
		t.Fatal(err)
	}
	compare(t, got, want)

	got, err = collect(open(t, Config{Paths: []string{write(t, b[:cut])}}))
	var tr *Truncated
	if !errors.As(err, &tr) || len(got) != 5 {
		t.Errorf("%d packets, %v", len(got), err)
	}
}

func TestOddTimes(t *testing.T) {
	b := pcapio.AppendPcapHeader(nil, 1, 0)
	b = append(b, "\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00"...)
	got, err := collect(open(t, Config{Paths: []string{write(t, b)}}))
	if err != nil || len(got) != 1 || got[0].Time != math.MaxUint32*1e9+math.MaxUint32 {
		t.Errorf("%v, %v", got, err)
	}
}

// TestSteady: reading does not allocate per packet, and memory stays within its bound although the consumer keeps as
// much as it may.
func TestSteady(t *testing.T) {
	path := write(t, pcap(some(100_000, 1, 1)))
	read := func() {
		s := open(t, Config{Paths: []string{path}})
		s.Run(context.Background(), func(*source.Block) error { return nil })
	}
	if n := testing.AllocsPerRun(3, read); n > 200 {
		t.Errorf("%v allocations for 100000 packets", n)
	}
	for files := 1; files < 1000; files *= 3 {
		m := newMemory(files)
		buffers, blocks := cap(m.buffers.free), cap(m.blocks.free)
		packets := cap(newBlock(m, 1024).Packets)
		if files > 1 {
			packets = 256
		}
		if total := buffers*m.size + blocks*packets*48; total > 48<<20 || buffers < 2*min(files, mergeMax)+source.MaxHeld {
			t.Errorf("%d files: %d buffers of %d, %d blocks of %d packets: %d MiB", files, buffers, m.size, blocks, packets, total>>20)
		}
	}
}
