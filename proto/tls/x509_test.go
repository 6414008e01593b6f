package tls

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// made makes certificates of many kinds.
func made(t testing.TB) (out [][]byte) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	keys := []crypto.Signer{rsaKey}
	for _, c := range []elliptic.Curve{elliptic.P224(), elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		k, _ := ecdsa.GenerateKey(c, rand.Reader)
		keys = append(keys, k)
	}
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	keys = append(keys, ed)
	names := []pkix.Name{
		{},
		{CommonName: "plain.example.org"},
		{Country: []string{"DE", "FR"}, Organization: []string{"A, B; C", " lead", "trail ", "#x", `q"<>\`}, OrganizationalUnit: []string{"U1", "U2"}, CommonName: "Zoë, +=",
			Locality: []string{"L"}, Province: []string{"P"}, StreetAddress: []string{"S"}, PostalCode: []string{"Z"}, SerialNumber: "42"},
		{CommonName: "odd", ExtraNames: []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{2, 5, 4, 42}, Value: "given"}, {Type: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 60, 2, 1, 3}, Value: "DE"}}},
	}
	uri, _ := url.Parse("spiffe://example.org/x")
	for i, k := range keys {
		for j, n := range names {
			tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: n, NotBefore: time.Date(1949+40*j, 2, 28+j, 23, 59, 59, 0, time.UTC), NotAfter: time.Date(2049+j, 12, 31, 23, 59, 59, 0, time.UTC)}
			tmpl.SerialNumber.Lsh(tmpl.SerialNumber, uint(8*i+7*j)).Add(tmpl.SerialNumber, big.NewInt(int64(i)))
			if j%2 == 1 {
				tmpl.DNSNames, tmpl.IPAddresses = []string{"a.example.org", "*.b.example.org"}, []net.IP{net.IPv4(192, 0, 2, 1).To4(), net.ParseIP("2001:db8::1")}
				tmpl.EmailAddresses, tmpl.URIs = []string{"x@example.org"}, []*url.URL{uri}
			}
			if k == rsaKey && j == 2 {
				tmpl.SignatureAlgorithm = x509.SHA384WithRSAPSS
			}
			der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, k.Public(), k)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, der)
		}
	}
	return out
}

// installed are the machine's trusted roots, if it has any.
func installed(limit int) (out [][]byte) {
	files, _ := filepath.Glob("/etc/ssl/certs/*.pem")
	for _, f := range files[:min(len(files), limit)] {
		b, _ := os.ReadFile(f)
		if p, _ := pem.Decode(b); p != nil {
			out = append(out, p.Bytes)
		}
	}
	return out
}

// What crypto/x509 reads in a certificate, we read too.
func TestAgainstCryptoX509(t *testing.T) {
	n := 0
	for _, der := range append(made(t), installed(300)...) {
		want, err := x509.ParseCertificate(der)
		if err != nil {
			continue
		}
		n++
		var c certificate
		c.parse(der)
		if !c.sound || !c.hasTimes {
			t.Errorf("%s: not sound", want.Subject)
			continue
		}
		compare(t, &c, want)
	}
	if n < 24 {
		t.Errorf("only %d certificates compared", n)
	}
}

func compare(t *testing.T, c *certificate, want *x509.Certificate) {
	t.Helper()
	check := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got %q want %q", what, got, want)
		}
	}
	check("serial", string(c.appendSerial(nil)), want.SerialNumber.String())
	if c.notBefore != want.NotBefore.Unix() || c.notAfter != want.NotAfter.Unix() || c.version != want.Version {
		t.Errorf("%s: %d..%d version %d, want %d..%d %d", want.Subject, c.notBefore, c.notAfter, c.version, want.NotBefore.Unix(), want.NotAfter.Unix(), want.Version)
	}
	check("signature", c.sigName(), want.SignatureAlgorithm.String())
	check("key", c.keyFamily(), want.PublicKeyAlgorithm.String())
	size := 0
	switch k := want.PublicKey.(type) {
	case *rsa.PublicKey:
		size = k.N.BitLen()
		if c.exponent != int64(k.E) {
			t.Errorf("exponent %d, want %d", c.exponent, k.E)
		}
	case *ecdsa.PublicKey:
		size = k.Params().BitSize
	case ed25519.PublicKey:
		size = 256
	}
	if c.keyBits != size {
		t.Errorf("%s: key of %d bits, want %d", want.Subject, c.keyBits, size)
	}
	for _, end := range []struct{ got, raw []byte }{{c.subject, want.RawSubject}, {c.issuer, want.RawIssuer}} {
		var rdns pkix.RDNSequence
		if rest, err := asn1.Unmarshal(end.raw, &rdns); err != nil || len(rest) > 0 {
			t.Fatal(err)
		}
		if s := rdns.String(); !strings.Contains(s, "=#") { // of these we write more by name
			check("name", string(appendName(nil, end.got)), s)
		}
	}
	var alts, wants []string
	for s := range c.altNameTexts() {
		alts = append(alts, string(s))
	}
	wants = append(append(wants, want.DNSNames...), want.EmailAddresses...)
	for _, ip := range want.IPAddresses {
		wants = append(wants, ip.String())
	}
	for _, u := range want.URIs {
		wants = append(wants, u.String())
	}
	slices.Sort(alts)
	slices.Sort(wants)
	if !slices.Equal(alts, wants) {
		t.Errorf("alternative names %q, want %q", alts, wants)
	}
}

func TestNames(t *testing.T) {
	attr := func(oid string, tag byte, value string) string {
		o := encodeOID(oid)
		seq := string([]byte{tagOID, byte(len(o))}) + string(o) + string([]byte{tag, byte(len(value))}) + value
		return string([]byte{tagSequence, byte(len(seq))}) + seq
	}
	rdn := func(attrs ...string) string {
		s := strings.Join(attrs, "")
		return string([]byte{tagSet, byte(len(s))}) + s
	}
	for _, c := range []struct{ name, want string }{
		{"", ""},
		{rdn(attr("2.5.4.6", tagPrintableString, "DE")) + rdn(attr("2.5.4.3", tagUTF8String, "Zoë")), "CN=Zoë,C=DE"},
		{rdn(attr("2.5.4.3", tagT61String, "Zo\xeb")), "CN=Zoë"},
		{rdn(attr("2.5.4.3", tagBMPString, "\x00Z\x00o\x00\xeb\xd8\x3d\xde\x00")), "CN=Zoë😀"},
		{rdn(attr("2.5.4.3", tagUniversalString, "\x00\x00\x00Z\x00\x01\xf6\x00")), "CN=Z😀"},
		{rdn(attr("2.5.4.11", tagPrintableString, "a"), attr("2.5.4.3", tagPrintableString, "b")) + rdn(attr("0.9.2342.19200300.100.1.25", tagIA5String, "org")), "DC=org,OU=a+CN=b"},
		{rdn(attr("1.2.840.113549.1.9.1", tagIA5String, "a@b")), "emailAddress=a@b"},
		{rdn(attr("1.2.3.4", tagPrintableString, "x")), "1.2.3.4=#130178"},
		{rdn(attr("2.5.4.3", tagOctetString, "x")), "2.5.4.3=#040178"},
		{rdn(attr("2.5.4.3", tagPrintableString, " a,b+c\"d\\e<f>g;h ")), `CN=\ a\,b\+c\"d\\e\<f\>g\;h\ `},
		{rdn(attr("2.5.4.3", tagPrintableString, "#\x00")), `CN=\#\00`},
		{rdn(attr("2.5.4.3", tagPrintableString, "whole")) + "\x31\x30\x30", "CN=whole"},
	} {
		if got := string(appendName(nil, []byte(c.name))); got != c.want {
			t.Errorf("got %s want %s", got, c.want)
		}
	}
}

func TestDERTime(t *testing.T) {
	for _, c := range []struct {
		tag  byte
		text string
		want string
	}{
		{tagUTCTime, "991231235959Z", "1999-12-31T23:59:59Z"},
		{tagUTCTime, "491231235959Z", "2049-12-31T23:59:59Z"},
		{tagUTCTime, "500101000000Z", "1950-01-01T00:00:00Z"},
		{tagUTCTime, "0001010203Z", "2000-01-01T02:03:00Z"},
		{tagUTCTime, "000101020304+0130", "2000-01-01T00:33:04Z"},
		{tagUTCTime, "000101020304-0100", "2000-01-01T03:03:04Z"},
		{tagGeneralizedTime, "20240229120000Z", "2024-02-29T12:00:00Z"},
		{tagGeneralizedTime, "20240229120000.123Z", "2024-02-29T12:00:00Z"},
		{tagGeneralizedTime, "99991231235959Z", "9999-12-31T23:59:59Z"},
		{tagGeneralizedTime, "2024022912", "2024-02-29T12:00:00Z"},
		{tagGeneralizedTime, "18991231000000Z", "1899-12-31T00:00:00Z"},
		{tagUTCTime, "001301000000Z", ""},
		{tagUTCTime, "0001", ""},
		{tagUTCTime, "xx0101000000Z", ""},
		{tagPrintableString, "000101000000Z", ""},
	} {
		got := ""
		if sec, ok := derTime(element{tag: c.tag, body: []byte(c.text)}); ok {
			got = time.Unix(sec, 0).UTC().Format(time.RFC3339)
		}
		if got != c.want {
			t.Errorf("%s: got %q want %q", c.text, got, c.want)
		}
	}
}

func TestOID(t *testing.T) {
	for _, s := range []string{"2.5.4.3", "1.2.840.113549.1.1.11", "0.9.2342.19200300.100.1.25", "2.16.840.1.101.3.4.3.17", "1.3.6.1.4.1.311.60.2.1.3", "2.999.1"} {
		if got := string(appendOID(nil, encodeOID(s))); got != s {
			t.Errorf("got %s want %s", got, s)
		}
	}
}

// Certificates that strict readers refuse: version 1, a negative serial number, explicit curve parameters.
func TestOddCertificates(t *testing.T) {
	der := made(t)[4] // P-224
	odd := bytes.Clone(der)
	i := bytes.Index(odd, []byte{tagInteger, 1})
	odd[i+2] = 0 // version 1 with extensions
	var c certificate
	if c.parse(odd); !c.sound || c.version != 1 {
		t.Errorf("version %d sound %v", c.version, c.sound)
	}
	c.serial = []byte{0xff, 0x7f}
	if got := string(c.appendSerial(nil)); got != "-129" {
		t.Errorf("serial %s", got)
	}
	c.curve = nil
	if c.curveName() != "corrupt" {
		t.Errorf("curve %s", c.curveName())
	}
	for n := range der {
		c.parse(der[:n]) // a cut certificate is never taken for whole
		if c.sound {
			t.Errorf("sound with %d of %d bytes", n, len(der))
		}
	}
}

func FuzzCertificate(f *testing.F) {
	for i, der := range made(f) {
		if i%3 == 0 {
			f.Add(der)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var c certificate
		c.parse(b)
		appendName(nil, c.subject)
		appendName(nil, c.issuer)
		c.appendSerial(nil)
		_, _, _, _ = c.keyName(), c.keyFamily(), c.curveName(), c.sigName()
		for range c.altNameTexts() {
		}
		if want, err := x509.ParseCertificate(b); err == nil && c.sound {
			if got := string(c.appendSerial(nil)); got != want.SerialNumber.String() && len(c.serial) <= 64 {
				t.Errorf("serial %s, want %s", got, want.SerialNumber)
			}
		}
	})
}

func BenchmarkCertificate(b *testing.B) {
	der := made(b)[3]
	var room [512]byte
	b.ReportAllocs()
	for b.Loop() {
		var c certificate
		c.parse(der)
		appendName(room[:0], c.subject)
		appendName(room[:0], c.issuer)
	}
}

// Certificates that crypto/x509 does not read: testdata/odd.sh makes them with OpenSSL.
func TestKeysOfOtherKinds(t *testing.T) {
	b, err := os.ReadFile("testdata/odd.pem")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"CN=dsa":       "v3 DSA DSA  1024 DSA-SHA256",
		"CN=pss":       "v3 RSASSA-PSS RSA-PSS  2048 SHA256-RSAPSS",
		"CN=brainpool": "v3 id-ecPublicKey ECDSA brainpoolP256r1 256 ECDSA-SHA256",
		"CN=explicit":  "v3 id-ecPublicKey ECDSA corrupt 0 ECDSA-SHA256",
		"CN=ed448":     "v3 ED448 Ed448  456 Ed448",
		"CN=version1":  "v1 id-ecPublicKey ECDSA secp256k1 256 ECDSA-SHA1",
	}
	for {
		var p *pem.Block
		if p, b = pem.Decode(b); p == nil {
			break
		}
		var c certificate
		c.parse(p.Bytes)
		name := string(appendName(nil, c.subject))
		got := fmt.Sprintf("v%d %s %s %s %d %s", c.version, c.keyName(), c.keyFamily(), c.curveName(), c.keyBits, c.sigName())
		if got != want[name] || !c.sound {
			t.Errorf("%s: got %q want %q", name, got, want[name])
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("not in the file: %v", want)
	}
}
