package pcapfile

import (
	"crypto/md5"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestGolden reads captures that tcpdump, dumpcap, editcap and mergecap wrote and compares each packet with what tshark
// says of it: time, length on the wire, captured length, link type, name of the interface, MD5 of the bytes.
//
//	tshark -o frame.generate_md5_hash:TRUE -r F -T fields -e frame.time_epoch -e frame.len -e frame.cap_len \
//	  -e frame.encap_type -e frame.interface_name -e frame.md5_hash
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.golden")
	if err != nil || len(files) < 9 {
		t.Fatalf("%d golden files, %v", len(files), err)
	}
	for _, golden := range files {
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		s := open(t, Config{Paths: []string{strings.TrimSuffix(golden, ".golden")}})
		packets, err := collect(s)
		if err != nil {
			t.Errorf("%s: %v", golden, err)
		}
		var got strings.Builder
		for _, p := range packets {
			fmt.Fprintf(&got, "%d.%09d %d %d %d %s %x\n", p.Time/1e9, p.Time%1e9, p.WireLen, len(p.Data), p.Link,
				s.Interfaces()[p.Iface].Name, md5.Sum(p.Data))
		}
		if got.String() != string(want) {
			t.Errorf("%s:\n%swant\n%s", golden, got.String(), want)
		}
	}
}
