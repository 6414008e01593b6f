package app

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tapir-project/tapir/bench/sflow/datagrams"
	"github.com/tapir-project/tapir/internal/pcapio"
	"github.com/tapir-project/tapir/record"
)

// sflowCapture is a capture of n datagrams, one more in two fragments, and other traffic between.
func sflowCapture(t *testing.T, n int) (capture []byte, payloads [][]byte) {
	t.Helper()
	m, err := datagrams.New(datagrams.Switch, 2)
	if err != nil {
		t.Fatal(err)
	}
	capture = pcapio.AppendPcapHeader(nil, record.LinkEthernet, 65535)
	add := func(b []byte) {
		capture = pcapio.AppendPacket(capture, &record.Packet{Time: int64(len(payloads)) * 1e9, Data: b, WireLen: uint32(len(b))})
	}
	for range n {
		from, b := m.Next()
		payloads = append(payloads, bytes.Clone(b))
		add(datagrams.Packet(nil, from, b))
		add(datagrams.Packet(nil, from, []byte("no sflow at all")))
	}
	from, b := m.Next()
	payloads = append(payloads, bytes.Clone(b))
	whole := datagrams.Packet(nil, from, b)
	const ip, cut = 14, 14 + 20 + 8 + 160
	first, second := bytes.Clone(whole[:cut]), append(bytes.Clone(whole[:ip+20]), whole[cut:]...)
	binary.BigEndian.PutUint16(first[ip+2:], cut-ip)
	binary.BigEndian.PutUint16(first[ip+6:], 0x2000)
	binary.BigEndian.PutUint16(second[ip+2:], uint16(len(second)-ip))
	binary.BigEndian.PutUint16(second[ip+6:], (cut-ip-20)/8)
	add(second)
	add(first)
	return capture, payloads
}

func TestSFlowDatagrams(t *testing.T) {
	dir := t.TempDir()
	capture, payloads := sflowCapture(t, 5)
	file, raw := filepath.Join(dir, "a.pcap"), filepath.Join(dir, "raw.bin")
	if os.WriteFile(file, capture, 0o600) != nil || os.WriteFile(raw, payloads[0], 0o600) != nil {
		t.Fatal("cannot write")
	}
	for _, c := range []struct {
		name  string
		files []string
		stdin []byte
		want  [][]byte
		from  string // of the last
	}{
		{"capture", []string{file}, nil, payloads, "192.0.2.2:50000"},
		{"datagram, then capture", []string{raw, file}, nil, append([][]byte{payloads[0]}, payloads...), "192.0.2.2:50000"},
		{"datagram from standard input", []string{"-"}, payloads[1], payloads[1:2], "invalid AddrPort"},
		{"capture from standard input", []string{"-"}, capture, payloads, "192.0.2.2:50000"},
	} {
		var got [][]byte
		var from netip.AddrPort
		err := SFlowDatagrams(t.Context(), ReadFiles{Files: c.files, Stdin: bytes.NewReader(c.stdin)}, 0, func(d *Datagram) error {
			got, from = append(got, bytes.Clone(d.Payload)), d.From
			return nil
		})
		if err != nil || len(got) != len(c.want) || from.String() != c.from {
			t.Fatalf("%s: %v, %d datagrams from %s, want %d", c.name, err, len(got), from, len(c.want))
		}
		for i := range got {
			if !bytes.Equal(got[i], c.want[i]) {
				t.Errorf("%s: datagram %d is %x, want %x", c.name, i, got[i], c.want[i])
			}
		}
	}
}

// Played back, a capture takes its time: ten datagrams, ten ms apart, at twice the speed.
func TestSFlowDatagramsPlayback(t *testing.T) {
	begin, n := time.Now(), 0
	err := SFlowDatagrams(t.Context(), ReadFiles{Files: []string{"../testdata/sflow-switch.pcap"}}, 2, func(*Datagram) error { n++; return nil })
	if took := time.Since(begin); err != nil || n != 10 || took < 45*time.Millisecond {
		t.Errorf("%v: %d datagrams in %v", err, n, took)
	}
}

func TestSFlowDatagramsErrors(t *testing.T) {
	dir := t.TempDir()
	long := filepath.Join(dir, "long")
	if err := os.WriteFile(long, append([]byte{0, 0, 0, 5, 0, 0, 0, 1}, make([]byte, 70000)...), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{filepath.Join(dir, "none"): "no such file", long: "longer than one can be"} {
		err := SFlowDatagrams(t.Context(), ReadFiles{Files: []string{file}}, 0, func(*Datagram) error { return nil })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
