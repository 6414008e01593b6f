package tlshello

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"net"
	"slices"
	"strings"
	"testing"
)

// ext is an extension for build.
type ext struct {
	typ  uint16
	body string
}

// build makes the body of a ClientHello.
func build(version uint16, sid, cookie string, dtls bool, suites []uint16, exts ...ext) []byte {
	b := binary.BigEndian.AppendUint16(nil, version)
	b = append(b, bytes.Repeat([]byte{7}, 32)...)
	b = append(append(b, byte(len(sid))), sid...)
	if dtls {
		b = append(append(b, byte(len(cookie))), cookie...)
	}
	b = binary.BigEndian.AppendUint16(b, uint16(2*len(suites)))
	for _, s := range suites {
		b = binary.BigEndian.AppendUint16(b, s)
	}
	b = append(b, 1, 0)
	if exts == nil {
		return b
	}
	var block []byte
	for _, e := range exts {
		block = binary.BigEndian.AppendUint16(block, e.typ)
		block = binary.BigEndian.AppendUint16(block, uint16(len(e.body)))
		block = append(block, e.body...)
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(block)))
	return append(b, block...)
}

var chrome = []ext{
	{0x1a1a, ""},
	{ExtServerName, "\x00\x0e\x00\x00\x0bexample.org"},
	{ExtSupportedGroups, "\x00\x06\x2a\x2a\x00\x1d\x00\x17"},
	{ExtPointFormats, "\x01\x00"},
	{ExtALPN, "\x00\x0c\x02h2\x08http/1.1"},
	{ExtSignatureSchemes, "\x00\x06\x04\x03\x08\x04\x04\x01"},
	{ExtSessionTicket, ""},
	{ExtSupportedVersions, "\x06\x3a\x3a\x03\x04\x03\x03"},
	{ExtECH, "\x00"},
	{0xfafa, "\x00"},
}

func TestClientHello(t *testing.T) {
	var h ClientHello
	if !h.Parse(build(0x0303, "sessionid", "", false, []uint16{0x4a4a, 0x1301, 0xc02b, 0x00ff}, chrome...), false) {
		t.Fatal("no hello")
	}
	if string(h.ServerName) != "example.org" || string(h.SessionID) != "sessionid" || h.MaxVersion() != 0x0304 || !h.ECH || h.PSK || h.EarlyData {
		t.Errorf("%+v", h)
	}
	if got := slices.Collect(h.Groups.Real()); !slices.Equal(got, []uint16{29, 23}) {
		t.Errorf("groups %v", got)
	}
	if got, want := string(h.AppendJA3(nil)), "771,4865-49195-255,0-10-11-16-13-35-43-65037,29-23,0"; got != want {
		t.Errorf("JA3 string\ngot  %s\nwant %s", got, want)
	}
	raw := string(h.AppendJA4R(nil, OverTCP))
	if want := "t13d0308h2_00ff,1301,c02b_000a,000b,000d,0023,002b,fe0d_0403,0804,0401"; raw != want {
		t.Errorf("JA4_r\ngot  %s\nwant %s", raw, want)
	}
}

// The vectors of the JA4 specification.
func TestJA4(t *testing.T) {
	const raw = "t13d1516h2_002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9_" +
		"0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01_0403,0804,0401,0503,0805,0501,0806,0601"
	if got, want := string(AppendJA4(nil, []byte(raw))), "t13d1516h2_8daaf6152771_e5627efa2ab1"; got != want {
		t.Errorf("got %s want %s", got, want)
	}
	for _, c := range []struct{ alpn, want string }{
		{"", "00"}, {"h2", "h2"}, {"http/1.1", "h1"}, {"h", "hh"}, {"spdy/3", "s3"},
		{"\xab", "ab"}, {"\xab\xcd", "ad"}, {"\x30\xab", "3b"}, {"\x30\x31\xab\xcd", "3d"}, {"\x30\xab\xcd\x31", "01"},
	} {
		if got := string(appendALPN(nil, []byte(c.alpn))); got != c.want {
			t.Errorf("ALPN %q: got %s want %s", c.alpn, got, c.want)
		}
	}
}

func TestJA4Corners(t *testing.T) {
	many := make([]uint16, 150)
	for i := range many {
		many[i] = uint16(i)
	}
	for _, c := range []struct {
		name string
		body []byte
		over byte
		want string
		hash string
	}{
		{"no suites, no extensions", build(0x0301, "", "", false, nil), OverTCP, "t10i000000__", "t10i000000_000000000000_000000000000"},
		{"no schemes", build(0x0300, "", "", false, []uint16{5}, ext{ExtRenegotiation, "\x00"}), OverTCP, "ts3i010100_0005_ff01", ""},
		{"only SNI", build(0x0302, "", "", false, []uint16{5}, ext{ExtServerName, ""}), OverQUIC, "q11d010100_0005_", ""},
		{"above 99", build(0x0303, "", "", false, many), OverTCP, "t12i9900", ""},
		{"DTLS counts down", build(0xfefd, "", "c", true, []uint16{5}, ext{ExtSupportedVersions, "\x04\xfe\xfd\xfe\xfc"}), OverDTLS, "dd3i010100_0005_002b", ""},
		{"forerunner of DTLS", build(0x0100, "", "", true, []uint16{5}), OverDTLS, "d00i010000_0005_", ""},
	} {
		var h ClientHello
		if !h.Parse(c.body, c.over == OverDTLS) {
			t.Errorf("%s: no hello", c.name)
			continue
		}
		raw := h.AppendJA4R(nil, c.over)
		if !strings.HasPrefix(string(raw), c.want) || len(c.want) > 9 && string(raw) != c.want {
			t.Errorf("%s: got %s want %s", c.name, raw, c.want)
		}
		if got := string(AppendJA4(nil, raw)); c.hash != "" && got != c.hash || len(got) != 36 {
			t.Errorf("%s: JA4 %s", c.name, got)
		}
	}
}

func TestServerHello(t *testing.T) {
	head := "\x03\x03" + strings.Repeat("r", 32) + "\x02id\x13\x02\x00"
	var h ServerHello
	if !h.Parse([]byte(head + "\x00\x0f\x00\x2b\x00\x02\x03\x04\x00\x10\x00\x05\x00\x03\x02h2")) {
		t.Fatal("no hello")
	}
	if h.Version != 0x0304 || h.Legacy != 0x0303 || h.Suite != 0x1302 || string(h.ALPN.First()) != "h2" || h.Retry || string(h.SessionID) != "id" {
		t.Errorf("%+v", h)
	}
	if got := string(h.AppendJA3S(nil)); got != "771,4866,43-16" {
		t.Errorf("JA3S string %s", got)
	}
	if !h.Parse([]byte("\x03\x03"+string(helloRetry)+"\x00\x13\x01\x00")) || !h.Retry {
		t.Error("HelloRetryRequest not seen as one")
	}
	if !h.Parse([]byte("\x7f\x12"+strings.Repeat("r", 32)+"\x13\x01\x00\x04\x00\x33\x00\x00")) || h.Suite != 0x1301 || len(h.Extensions) != 4 {
		t.Errorf("draft 18: %+v", h)
	}
	for _, bad := range []string{"", head[:34], head[:36], "\x05\x03" + head[2:], head[:34] + "\x21" + strings.Repeat("i", 33) + "\x13\x01\x00"} {
		if h.Parse([]byte(bad)) {
			t.Errorf("took %q", bad)
		}
	}
}

// What crypto/tls says of its own hello is what we read in it.
func TestAgainstCryptoTLS(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	go tls.Client(client, &tls.Config{ServerName: "oracle.example.org", NextProtos: []string{"h2", "x"}, MinVersion: tls.VersionTLS10}).Handshake()
	tap := &tap{Conn: server}
	var info *tls.ClientHelloInfo
	_ = tls.Server(tap, &tls.Config{GetConfigForClient: func(i *tls.ClientHelloInfo) (*tls.Config, error) {
		info = i
		return nil, net.ErrClosed
	}}).Handshake()
	var h ClientHello
	if info == nil || !h.Parse(tap.got[9:9+int(tap.got[7])<<8+int(tap.got[8])], false) {
		t.Fatal("no hello")
	}
	if !slices.Equal(slices.Collect(h.Suites.Real()), info.CipherSuites) {
		t.Errorf("suites %v, want %v", slices.Collect(h.Suites.Real()), info.CipherSuites)
	}
	var schemes, groups []uint16
	for _, s := range info.SignatureSchemes {
		schemes = append(schemes, uint16(s))
	}
	for _, g := range info.SupportedCurves {
		groups = append(groups, uint16(g))
	}
	if !slices.Equal(slices.Collect(h.Schemes.Real()), schemes) || !slices.Equal(slices.Collect(h.Groups.Real()), groups) || !bytes.Equal(h.Points, info.SupportedPoints) ||
		!slices.Equal(slices.Collect(h.Versions.Real()), info.SupportedVersions) || !slices.Equal(slices.Collect(h.Extensions.realTypes()), info.Extensions) {
		t.Errorf("lists differ from %+v", info)
	}
	var protos []string
	for p := range h.ALPN.All() {
		protos = append(protos, string(p))
	}
	if string(h.ServerName) != info.ServerName || !slices.Equal(protos, info.SupportedProtos) {
		t.Errorf("%s %v, want %s %v", h.ServerName, protos, info.ServerName, info.SupportedProtos)
	}
}

type tap struct {
	net.Conn
	got []byte
}

func (c *tap) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.got = append(c.got, b[:n]...)
	return n, err
}

// The names agree with those crypto/tls has, as far as it has them.
func TestSuiteNames(t *testing.T) {
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if got, ok := SuiteName(s.ID); !ok || got != s.Name {
			t.Errorf("%04x: %q, want %q", s.ID, got, s.Name)
		}
	}
}

func TestV2(t *testing.T) {
	rec := unhex("8034" + "01" + "0301" + "001b" + "0000" + "0010" + "0700c0" + "050080" + "030080" + "00002f" + "000005" + "000004" + "010080" + "0000ff" + "00000a" + strings.Repeat("ab", 16))
	if maybe, sure := LooksLikeV2(rec); !maybe || !sure {
		t.Error("does not look like SSL 2.0")
	}
	for n := 1; n < 11; n++ {
		if maybe, sure := LooksLikeV2(rec[:n]); !maybe || sure {
			t.Errorf("%d bytes: %v %v", n, maybe, sure)
		}
	}
	var h ClientHello
	if !h.ParseV2(rec[2:]) || h.Version != 0x0301 || h.Suites.Len() != 5 || len(h.Suites2) != 27 || len(h.Random) != 16 {
		t.Errorf("%+v", h)
	}
	if name, ok := V2SuiteName(h.Suites2); !ok || name != "SSL2_DES_192_EDE3_CBC_WITH_MD5" {
		t.Errorf("%q", name)
	}
	for i := range rec[:9] {
		bad := bytes.Clone(rec)
		bad[i] ^= 0x44
		if _, sure := LooksLikeV2(bad); sure {
			t.Errorf("byte %d changed and it still looks like one", i)
		}
	}
}

func TestGREASE(t *testing.T) {
	n := 0
	for v := range 1 << 16 {
		if IsGREASE(uint16(v)) {
			n++
		}
	}
	if n != 16 || !IsGREASE(0xfafa) || IsGREASE(0x0a1a) {
		t.Errorf("%d GREASE values, want 16", n)
	}
}

func TestNoAllocations(t *testing.T) {
	body := build(0x0303, strings.Repeat("s", 32), "", false, []uint16{0x4a4a, 0x1301, 0xc02b, 0x00ff}, chrome...)
	var h ClientHello
	room := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() {
		h.Parse(body, false)
		ja3 := h.AppendJA3(room)
		AppendMD5(ja3, ja3)
		raw := h.AppendJA4R(room, OverTCP)
		AppendJA4(raw, raw)
	}); n != 0 {
		t.Errorf("a hello and its fingerprints allocate %v times, want 0", n)
	}
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

func FuzzClientHello(f *testing.F) {
	f.Add(build(0x0303, "id", "", false, []uint16{0x1301, 5}, chrome...), false)
	f.Add(build(0xfefd, "id", "cookie", true, []uint16{0x1301, 5}, chrome...), true)
	f.Fuzz(func(t *testing.T, b []byte, dtls bool) {
		var h ClientHello
		if h.Parse(b, dtls) {
			h.AppendJA3(nil)
			ja4 := AppendJA4(nil, h.AppendJA4R(nil, OverTCP))
			if len(ja4) != 36 || ja4[10] != '_' || ja4[23] != '_' {
				t.Errorf("JA4 %s", ja4)
			}
		}
		h.ParseV2(b)
		if maybe, sure := LooksLikeV2(b); sure && !maybe {
			t.Error("sure but not maybe")
		}
	})
}

func FuzzServerHello(f *testing.F) {
	f.Add([]byte("\x03\x03" + strings.Repeat("r", 32) + "\x02id\x13\x02\x00\x00\x06\x00\x2b\x00\x02\x03\x04"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var h ServerHello
		if h.Parse(b) {
			h.AppendJA3S(nil)
		}
		var h2 V2ServerHello
		h2.Parse(b)
	})
}

func BenchmarkClientHello(b *testing.B) {
	suites := []uint16{0x4a4a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035}
	body := build(0x0303, strings.Repeat("s", 32), "", false, suites, append(chrome, ext{ExtKeyShare, strings.Repeat("k", 1200)})...)
	var h ClientHello
	room := make([]byte, 0, 1024)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		h.Parse(body, false)
		ja3 := h.AppendJA3(room)
		AppendMD5(ja3, ja3)
		raw := h.AppendJA4R(room, OverTCP)
		AppendJA4(raw, raw)
	}
}

func TestVersions(t *testing.T) {
	for _, c := range []struct {
		v                            uint16
		name, protocol, number, text string
	}{
		{0x0303, "TLSv1.2", "tls", "1.2", "TLS 1.2"},
		{0x0300, "SSLv3", "ssl", "3.0", "SSL 3.0"},
		{0xfefd, "DTLSv1.2", "dtls", "1.2", "DTLS 1.2"},
		{0x7f17, "TLSv1.3-draft-23", "tls", "1.3", "TLS 1.3"},
		{0x0309, "0x0309", "unknown", "3.9", "(raw 3.9)"},
	} {
		protocol, number := VersionParts(c.v)
		if VersionName(c.v) != c.name || protocol != c.protocol || number != c.number || VersionText(c.v) != c.text {
			t.Errorf("%04x: %s %s %s %s", c.v, VersionName(c.v), protocol, number, VersionText(c.v))
		}
	}
}
