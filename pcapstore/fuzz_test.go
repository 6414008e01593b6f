package pcapstore

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/tapir-project/tapir/record"
)

// seedFiles stores a little and gives the bytes of one file with that extension.
func seedFiles(f *testing.F, ext string, o Options, stop bool) []byte {
	f.Helper()
	dir := f.TempDir()
	o.Policy, o.ChunkBytes = Block, 8192
	rec := start(f, dir, o)
	rec.addAll(samples(50, 60, 7, 100, base, 1e6))
	if !stop {
		if err := rec.Writer(0).Drain(f.Context()); err != nil {
			f.Fatal(err)
		}
		defer rec.mustStop()
	} else {
		rec.mustStop()
	}
	return mustRead(f, paths(f, dir, ext)[0])
}

// resum makes the checksums of a fuzzed journal right, so that what lies behind them is reached.
func resum(b []byte) {
	if len(b) < journalHeader {
		return
	}
	copy(b, journalMagic)
	binary.LittleEndian.PutUint32(b[28:], crc32.Checksum(b[:28], castagnoli))
	for at := journalHeader; at+frameHeader <= len(b); {
		var fr frame
		end := at + frameHeader + int(fr.parse(b[at:]))
		if end > len(b) || end < at {
			return
		}
		binary.LittleEndian.PutUint32(b[at+4:], crc32.Checksum(b[at+8:end], castagnoli))
		at = end
	}
}

func FuzzJournal(f *testing.F) {
	good := seedFiles(f, extJournal, Options{}, false)
	f.Add(good, true)
	f.Add(good[:len(good)-5], false)
	f.Add([]byte(journalMagic), true)
	f.Fuzz(func(t *testing.T, b []byte, fix bool) {
		if fix {
			b = bytes.Clone(b)
			resum(b)
		}
		j, err := newJournalReader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		flows, last := uint32(0), uint64(fileHeader)
		_ = j.each(func(e *entry) {
			if e.fresh {
				flows++
			}
			if e.flow >= flows || e.off < last || e.size > MaxPacket {
				t.Fatalf("entry %+v after offset %d with %d flows", e, last, flows)
			}
			last = e.off + packHeader
		})
		if j.good > int64(len(b)) {
			t.Fatalf("%d good bytes of %d", j.good, len(b))
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "x.journal"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := writeIndex(filepath.Join(dir, "x.journal"), meta{bytes: last}, &out); err == nil {
			if _, err := newIndexReader(bytes.NewReader(out.Bytes()), int64(out.Len())); err != nil && last <= math.MaxUint32 {
				t.Fatalf("an index we wrote: %v", err)
			}
		}
	})
}

func FuzzIndex(f *testing.F) {
	good := seedFiles(f, extIndex, Options{}, true)
	f.Add(good, []byte{1, 2}, true)
	f.Add(good[:60], []byte{}, false)
	f.Fuzz(func(t *testing.T, b, ids []byte, fix bool) {
		b = bytes.Clone(b)
		if n := len(b); fix && n >= indexFooter {
			foot := b[n-indexFooter:]
			le := binary.LittleEndian
			if table := le.Uint64(foot); table < uint64(n-indexFooter) {
				rows := b[table : n-indexFooter]
				le.PutUint32(foot[12:], crc32.Checksum(rows, castagnoli))
				if len(rows) == tableEntry && le.Uint64(rows[16:]) < table {
					le.PutUint32(rows[24:], crc32.Checksum(b[le.Uint64(rows[16:]):table], castagnoli))
					le.PutUint32(foot[12:], crc32.Checksum(rows, castagnoli))
				}
			}
			le.PutUint32(foot[indexFooter-12:], crc32.Checksum(foot[:indexFooter-12], castagnoli))
		}
		x, err := newIndexReader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		want := []record.ID{{}, flowID(1), flowID(3)}
		for _, c := range ids {
			want = append(want, flowID(int(c)))
		}
		q := Query{Flows: want}
		want, _, _ = q.normal()
		offs, _ := x.find(nil, want)
		for _, o := range offs {
			if uint64(o) >= x.bytes {
				t.Fatalf("offset %d of %d", o, x.bytes)
			}
		}
		_ = x.each(func(record.ID, []uint32) {})
	})
}

// FuzzSegment recovers a store whose segment and journal hold anything: no panic, and what recovery leaves is a
// store that can be read.
func FuzzSegment(f *testing.F) {
	for _, o := range []Options{{}, {Compress: 1, FrameBytes: 1000}} {
		ext := extPlain
		if o.Compress > 0 {
			ext = extZstd
		}
		good, journal := seedFiles(f, ext, o, false), seedFiles(f, extJournal, o, false)
		f.Add(good, journal, o.Compress > 0)
		f.Add(good[:len(good)-9], journal[:len(journal)-9], o.Compress > 0)
		f.Add(good, []byte{}, o.Compress > 0)
		f.Add(seedFiles(f, ext, o, true), journal[:40], o.Compress > 0)
	}
	f.Fuzz(func(t *testing.T, data, journal []byte, zstd bool) {
		dir := t.TempDir()
		stem := filepath.Join(dir, stem(0, 1, kind{link: 1}, base))
		if err := os.MkdirAll(filepath.Dir(stem), 0o700); err != nil {
			t.Fatal(err)
		}
		fl := files{seq: 1, stem: stem, data: true, zstd: zstd}
		journal = bytes.Clone(journal)
		resum(journal)
		if os.WriteFile(fl.dataPath(), data, 0o600) != nil || os.WriteFile(stem+extJournal, journal, 0o600) != nil {
			t.Fatal("cannot write")
		}
		st, _ := Open(dir)
		drop := func(*record.Packet, record.Position) bool { return true }
		_ = st.Packets(t.Context(), Query{}, drop)
		_ = st.Packets(t.Context(), Query{Flows: []record.ID{flowID(1), flowID(2)}}, drop)
		rec, err := NewRecorder(dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		done, err := rec.Replay(t.Context(), 0, record.Position{}, func(*record.Packet, record.ID, bool, record.Position) (record.ID, bool) {
			n++
			return record.ID{1}, true
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(done.Problems) > 0 {
			return
		}
		got := 0
		err = st.Packets(t.Context(), Query{}, func(*record.Packet, record.Position) bool { got++; return true })
		if err != nil || got != n {
			t.Fatalf("replayed %d packets, read %d: %v (%+v)", n, got, err, done)
		}
	})
}
