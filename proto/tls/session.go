package tls

import (
	"encoding/hex"
	"fmt"

	"github.com/tapir-project/tapir/internal/tlshello"
	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/record"
)

// Fields of sessions; those of transactions are in detail.go.
var (
	fDomain          = record.MustID("url.domain")
	fServerName      = record.MustID("tls.client.server_name")
	fVersion         = record.MustID("tls.version")
	fVersionProtocol = record.MustID("tls.version_protocol")
	fCipher          = record.MustID("tls.cipher")
	fEstablished     = record.MustID("tls.established")
	fResumed         = record.MustID("tls.resumed")
	fNextProtocol    = record.MustID("tls.next_protocol")
	fJA3             = record.MustID("tls.client.ja3")
	fJA3String       = record.MustID("tls.client.ja3_string")
	fJA3S            = record.MustID("tls.server.ja3s")
	fJA3SString      = record.MustID("tls.server.ja3s_string")
	fJA4             = record.MustID("tls.client.ja4")
	fJA4R            = record.MustID("tls.client.ja4_r")
	fClientSessionID = record.MustID("tls.client.session_id")
	fServerSessionID = record.MustID("tls.server.session_id")
	fClientALPN      = record.MustID("tls.client.alpn")
	fECH             = record.MustID("tls.client.ech")
	fEarlyData       = record.MustID("tls.early_data")
	fHelloRetry      = record.MustID("tls.hello_retry")
	fRenegotiated    = record.MustID("tls.renegotiated")
	fAlert           = record.MustID("tls.alert")
	fCutBytes        = record.MustID("tls.cut_bytes")
	fClientSubject   = record.MustID("tls.client.subject")
	fClientIssuer    = record.MustID("tls.client.issuer")

	fCertCount        = record.MustID("cert.count")
	fCertSerial       = record.MustID("cert.serial_number")
	fCertHash         = record.MustID("cert.hash")
	fCertAlt          = record.MustID("cert.alternative_names")
	fCertNotBefore    = record.MustID("cert.not_before")
	fCertNotAfter     = record.MustID("cert.not_after")
	fCertValidDays    = record.MustID("cert.valid_days")
	fCertValidSecs    = record.MustID("cert.valid_seconds")
	fCertLeftDays     = record.MustID("cert.remaining_days")
	fCertLeftSecs     = record.MustID("cert.remaining_seconds")
	fCertCurve        = record.MustID("cert.public_key_curve")
	fCertAlgorithm    = record.MustID("cert.public_key_algorithm")
	fCertIssuerCN     = record.MustID("cert.issuer.common_name")
	fCertIssuerO      = record.MustID("cert.issuer.organization")
	fCertIssuerOU     = record.MustID("cert.issuer.organizational_unit")
	fCertSubjectCN    = record.MustID("cert.subject.common_name")
	fCertSubjectO     = record.MustID("cert.subject.organization")
	fCertSubjectOU    = record.MustID("cert.subject.organizational_unit")
	fCertIssuerParts  = nameFields{oidCommonName: fCertIssuerCN, oidOrganization: fCertIssuerO, oidUnit: fCertIssuerOU}
	fCertSubjectParts = nameFields{oidCommonName: fCertSubjectCN, oidOrganization: fCertSubjectO, oidUnit: fCertSubjectOU}
)

// nameFields are the fields that parts of a name go to, by object identifier.
type nameFields map[string]record.FieldID

// prints are the fingerprints of a ClientHello.
type prints struct {
	ja3 [32]byte
	ja4 [36]byte
}

// clientSession adds what a ClientHello says to the session and gives its fingerprints.
func clientSession(set *record.Values, hello *tlshello.ClientHello, over byte) (p prints) {
	var room [2048]byte
	set.AddText(fDomain, hello.ServerName)
	set.AddText(fServerName, hello.ServerName)
	set.AddText(fClientSessionID, hex.AppendEncode(room[:0], hello.SessionID))
	ja3 := hello.AppendJA3(room[:0])
	set.AddText(fJA3String, ja3)
	set.AddText(fJA3, tlshello.AppendMD5(p.ja3[:0], ja3))
	ja4r := hello.AppendJA4R(room[:0], over)
	set.AddText(fJA4R, ja4r)
	set.AddText(fJA4, tlshello.AppendJA4(p.ja4[:0], ja4r))
	n := 0
	for name := range hello.ALPN.All() {
		if n++; n > maxList {
			set.Dropped++
			continue
		}
		set.AddText(fClientALPN, name)
	}
	if hello.ECH {
		set.AddBool(fECH, true)
	}
	if hello.EarlyData {
		set.AddBool(fEarlyData, true)
	}
	return p
}

// serverSession adds what a ServerHello says to the session and gives its fingerprint.
func serverSession(f *proto.Flow, hello *tlshello.ServerHello) (ja3 [32]byte) {
	var room [512]byte
	set := f.Set
	set.AddString(fVersion, tlshello.VersionName(hello.Version))
	set.AddText(fCipher, appendSuite(room[:0], hello.Suite, "0x%04x"))
	set.AddText(fServerSessionID, hex.AppendEncode(room[:0], hello.SessionID))
	ja3s := hello.AppendJA3S(room[:0])
	set.AddText(fJA3SString, ja3s)
	set.AddText(fJA3S, tlshello.AppendMD5(ja3[:0], ja3s))
	if name := hello.ALPN.First(); len(name) > 0 {
		set.AddText(fNextProtocol, name)
		if string(name) == "h2" {
			f.Label("http2")
		}
	}
	return ja3
}

// certSession adds a certificate of the server's chain to the session. now is packet time.
func certSession(set *record.Values, c *certificate, now int64) {
	var room [256]byte
	set.AddText(fCertSerial, hex.AppendEncode(room[:0], c.serial[:min(len(c.serial), 64)]))
	set.AddText(fCertHash, appendColonHex(room[:0], c.sha1[:]))
	addNameParts(set, c.issuer, fCertIssuerParts)
	addNameParts(set, c.subject, fCertSubjectParts)
	set.AddString(fCertAlgorithm, c.keyName())
	set.AddString(fCertCurve, c.curveName())
	n := 0
	for name := range c.altNameTexts() {
		if n++; n > maxList {
			set.Dropped++
			continue
		}
		set.AddText(fCertAlt, name)
	}
	if !c.hasTimes {
		return
	}
	set.AddInt(fCertNotBefore, nanos(c.notBefore))
	set.AddInt(fCertNotAfter, nanos(c.notAfter))
	valid, left := c.notAfter-c.notBefore, max(c.notAfter-now/1e9, 0)
	set.AddInt(fCertValidDays, valid/86400)
	set.AddInt(fCertValidSecs, valid)
	set.AddInt(fCertLeftDays, left/86400)
	set.AddInt(fCertLeftSecs, left)
}

// ownerSession adds whom a client certificate names.
func ownerSession(set *record.Values, c *certificate) {
	var room [512]byte
	set.AddText(fClientSubject, appendName(room[:0], c.subject))
	set.AddText(fClientIssuer, appendName(room[:0], c.issuer))
}

func addNameParts(set *record.Values, name []byte, fields nameFields) {
	var room [128]byte
	for a := range nameParts(name) {
		if id, ok := fields[string(a.oid)]; ok && isText(a.value.tag) {
			set.AddText(id, appendText(room[:0], a.value))
		}
	}
}

// nanos turns seconds since the epoch into ns, as near as the type allows: certificates may claim to be valid until
// the year 9999, int64 ends in 2262.
func nanos(sec int64) int64 {
	switch {
	case sec > record.MaxTime/1e9:
		return record.MaxTime / 1e9 * 1e9
	case sec < record.MinTime/1e9:
		return record.MinTime / 1e9 * 1e9
	}
	return sec * 1e9
}

// appendSuite appends the name of a suite; one without a name is written as format says.
func appendSuite(dst []byte, suite uint16, format string) []byte {
	if name, ok := tlshello.SuiteName(suite); ok {
		return append(dst, name...)
	}
	return fmt.Appendf(dst, format, suite)
}

// appendColonHex appends bytes in hex with colons between them.
func appendColonHex(dst, b []byte) []byte {
	for i := range b {
		if i > 0 {
			dst = append(dst, ':')
		}
		dst = hex.AppendEncode(dst, b[i:i+1])
	}
	return dst
}

func hexText(b []byte) []byte { return hex.AppendEncode(nil, b) }
