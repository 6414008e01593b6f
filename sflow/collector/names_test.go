package collector

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"

	"github.com/tapir-project/tapir/sflow"
)

func TestNamesGiven(t *testing.T) {
	n, err := NewNames([]string{"192.0.2.1:3=up=link", "[2001:db8::1]:7=core"}, SNMP{})
	if err != nil {
		t.Fatal(err)
	}
	n.Learn(agent, 3, "eth3") // what the operator says goes first
	n.Learn(agent, 4, "eth4")
	for k, want := range map[nameKey]string{{agent, 3}: "up=link", {agent, 4}: "eth4", {netip.MustParseAddr("2001:db8::1"), 7}: "core", {agent, 5}: "", {agent, 0}: ""} {
		if got := n.Name(k.agent, k.index); got != want {
			t.Errorf("%v is %q, want %q", k, got, want)
		}
	}
	for _, bad := range []string{"x", "192.0.2.1=a", "192.0.2.1:x=a", "host:1=a", "192.0.2.1:1="} {
		if _, err := NewNames([]string{bad}, SNMP{}); err == nil || !strings.Contains(err.Error(), "AGENT:INDEX=NAME") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// Agents tell the names of their ports in sFlow itself.
func TestNamesLearnt(t *testing.T) {
	names, _ := NewNames(nil, SNMP{})
	c := NewConverter(NewLedger(), names, nil)
	b := encode(&sflow.Sample{Tag: sflow.TagCounters, Source: sflow.Source{Index: 3}}, &sflow.PortName{Name: []byte("swp3")})
	convert(t, c, b, &Meta{At: noon})
	got := convert(t, c, encode(&flowHead, &sflow.IP{Length: 64, Protocol: 6, Src: client, Dst: agent}), &Meta{At: noon})
	check(t, got[0], map[string]any{"observer.ingress.interface.name": "swp3", "observer.egress.interface.name": "<nil>"})
}

// snmpAgent answers GETBULK for ifName of two interfaces, and nothing else.
func snmpAgent(t *testing.T) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 2000)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			q, err := (&gosnmp.GoSNMP{Version: gosnmp.Version2c}).SnmpDecodePacket(buf[:n])
			if err != nil || q.Community != "secret" {
				continue
			}
			q.PDUType, q.NonRepeaters, q.MaxRepetitions = gosnmp.GetResponse, 0, 0
			q.Variables = []gosnmp.SnmpPDU{{Name: "." + ifName + ".3", Type: gosnmp.OctetString, Value: []byte("Gi0/3")},
				{Name: "." + ifName + ".4", Type: gosnmp.OctetString, Value: []byte("Gi0/4")}, {Name: ".1.3.6.1.2.1.31.1.1.1.2.1", Type: gosnmp.Counter32, Value: uint(0)}}
			if b, err := q.MarshalMsg(); err == nil {
				conn.WriteTo(b, from)
			}
		}
	}()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

func TestNamesBySNMP(t *testing.T) {
	at := snmpAgent(t)
	n, err := NewNames(nil, SNMP{Community: "secret", Port: at.Port(), Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.walk(t.Context(), at.Addr()); err != nil {
		t.Fatal(err)
	}
	if n.Name(at.Addr(), 3) != "Gi0/3" || n.Name(at.Addr(), 4) != "Gi0/4" {
		t.Errorf("%v", n.told)
	}
	if n.Name(at.Addr(), 9); len(n.ask) != 1 {
		t.Error("an unknown interface does not have its agent asked")
	}
	if n.Name(at.Addr(), 10); len(n.ask) != 1 {
		t.Error("an agent is asked twice")
	}
	wrong, _ := NewNames(nil, SNMP{Community: "wrong", Port: at.Port(), Timeout: 50 * time.Millisecond})
	if err := wrong.walk(t.Context(), at.Addr()); err == nil || !strings.Contains(err.Error(), "--snmp-community") {
		t.Errorf("%v", err)
	}
}

// mmdb writes a database in MaxMind's format (version 2) that has one answer for every IPv4 address: one node, both
// branches of which are that record.
func mmdb(t *testing.T) string {
	t.Helper()
	str := func(s string) []byte {
		if len(s) > 28 {
			return append([]byte{0x40 | 29, byte(len(s) - 29)}, s...)
		}
		return append([]byte{0x40 | byte(len(s))}, s...)
	}
	pair := func(b []byte, k string, v []byte) []byte { return append(append(b, str(k)...), v...) }
	country := pair(pair([]byte{0xe3}, "country", pair([]byte{0xe1}, "iso_code", str("NL"))), "autonomous_system_number", []byte{0xc2, 0xfd, 0xe9})
	row := pair(country, "autonomous_system_organization", str("Example"))
	const data = 1 + 16 // nodes + separator
	file := []byte{0, 0, data, 0, 0, data}
	file = append(append(file, make([]byte, 16)...), row...)
	meta := []byte{0xe9}
	meta = pair(meta, "node_count", []byte{0xc1, 1})
	meta = pair(meta, "record_size", []byte{0xa1, 24})
	meta = pair(meta, "ip_version", []byte{0xa1, 4})
	meta = pair(meta, "database_type", str("Test"))
	meta = pair(meta, "languages", []byte{0x00, 0x04})
	meta = pair(meta, "binary_format_major_version", []byte{0xa1, 2})
	meta = pair(meta, "binary_format_minor_version", []byte{0xa0})
	meta = pair(meta, "build_epoch", append([]byte{0x08, 0x02}, binary.BigEndian.AppendUint64(nil, 1)...))
	meta = pair(meta, "description", []byte{0xe0})
	file = append(append(file, "\xab\xcd\xefMaxMind.com"...), meta...)
	name := filepath.Join(t.TempDir(), "test.mmdb")
	if err := os.WriteFile(name, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestGeo(t *testing.T) {
	g, err := OpenGeo([]string{mmdb(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	c := NewConverter(NewLedger(), nil, g)
	got := convert(t, c, encode(&flowHead, &sflow.IP{Length: 64, Protocol: 6, Src: client, Dst: agent}), &Meta{At: noon})
	check(t, got[0], map[string]any{"source.geo.country_iso_code": "NL", "destination.as.full": "AS65001 Example"})
	if _, err := OpenGeo([]string{"names_test.go"}); err == nil || !strings.Contains(err.Error(), "MaxMind DB") {
		t.Errorf("%v", err)
	}
}
