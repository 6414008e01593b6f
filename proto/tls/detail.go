package tls

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"iter"
	"strconv"

	"github.com/tapir-project/tapir/internal/tlshello"
	"github.com/tapir-project/tapir/proto"
	"github.com/tapir-project/tapir/record"
)

// Fields of transactions only.
var (
	fSupportedCiphers = record.MustID("tls.client.supported_ciphers")
	fDetailedVersion  = record.MustID("tls.detailed.version")
	fResumptionMethod = record.MustID("tls.detailed.resumption_method")
	fCertRequested    = record.MustID("tls.detailed.client_certificate_requested")
	fOCSP             = record.MustID("tls.detailed.ocsp_response")
	fAlertTypes       = record.MustID("tls.detailed.alert_types")
	fAlertsType       = record.MustID("tls.detailed.alerts.type")
	fAlertsCode       = record.MustID("tls.detailed.alerts.code")
	fAlertsSeverity   = record.MustID("tls.detailed.alerts.severity")
	fAlertsSource     = record.MustID("tls.detailed.alerts.source")

	fCHVersion     = record.MustID("tls.detailed.client_hello.version")
	fCHRandom      = record.MustID("tls.detailed.client_hello.random")
	fCHSessionID   = record.MustID("tls.detailed.client_hello.session_id")
	fCHCompression = record.MustID("tls.detailed.client_hello.supported_compression_methods")
	fCHExt         = helloFields("client")

	fSHVersion     = record.MustID("tls.detailed.server_hello.version")
	fSHRandom      = record.MustID("tls.detailed.server_hello.random")
	fSHSessionID   = record.MustID("tls.detailed.server_hello.session_id")
	fSHCompression = record.MustID("tls.detailed.server_hello.selected_compression_method")
	fSHExt         = helloFields("server")

	certFields = [2]sideFields{x509Fields("client"), x509Fields("server")}
)

// extFields are the fields of the extensions that both hellos have, then those that one has.
type extFields struct {
	alpn, versions, groups, points, fragment, unparsed record.FieldID

	names, schemes, certType, ticket, srp, statusType, statusIDs, statusExts record.FieldID // client
	statusResponse                                                           record.FieldID // server
}

func helloFields(side string) (x extFields) {
	id := func(name string) record.FieldID {
		return record.MustID("tls.detailed." + side + "_hello.extensions." + name)
	}
	x = extFields{alpn: id("application_layer_protocol_negotiation"), versions: id("supported_versions"), groups: id("supported_groups"),
		points: id("ec_points_formats"), fragment: id("max_fragment_length"), unparsed: id("_unparsed_")}
	if side == "server" {
		x.statusResponse = id("status_request.response")
		return x
	}
	x.names, x.schemes, x.certType = id("server_name_indication"), id("signature_algorithms"), id("cert_type")
	x.ticket, x.srp, x.statusType = id("session_ticket"), id("srp"), id("status_request.type")
	x.statusIDs, x.statusExts = id("status_request.responder_id_list_length"), id("status_request.request_extensions")
	return x
}

// sideFields are the fields of one side's certificate and of the chain behind it.
type sideFields struct {
	subject, issuer, notBefore, notAfter, sha1, sha256                                      record.FieldID
	version, serial, sigAlg, keyAlg, keySize, exponent, curve, xBefore, xAfter, alt         record.FieldID
	subjectDN, issuerDN, chainSubject, chainIssuer, chainSerial, chainFrom, chainTo, chainH record.FieldID
	subjectParts, issuerParts                                                               nameFields
}

func x509Fields(side string) sideFields {
	id := func(name string) record.FieldID { return record.MustID("tls." + side + "." + name) }
	x := func(name string) record.FieldID { return id("x509." + name) }
	chain := func(name string) record.FieldID {
		return record.MustID("tls.detailed." + side + "_certificate_chain." + name)
	}
	parts := func(end string) nameFields {
		return nameFields{oidCommonName: x(end + ".common_name"), oidCountry: x(end + ".country"), oidLocality: x(end + ".locality"),
			oidState: x(end + ".state_or_province"), oidOrganization: x(end + ".organization"), oidUnit: x(end + ".organizational_unit")}
	}
	return sideFields{
		subject: id("subject"), issuer: id("issuer"), notBefore: id("not_before"), notAfter: id("not_after"), sha1: id("hash.sha1"), sha256: id("hash.sha256"),
		version: x("version_number"), serial: x("serial_number"), sigAlg: x("signature_algorithm"), keyAlg: x("public_key_algorithm"),
		keySize: x("public_key_size"), exponent: x("public_key_exponent"), curve: x("public_key_curve"),
		xBefore: x("not_before"), xAfter: x("not_after"), alt: x("alternative_names"),
		subjectDN: x("subject.distinguished_name"), issuerDN: x("issuer.distinguished_name"), subjectParts: parts("subject"), issuerParts: parts("issuer"),
		chainSubject: chain("subject.distinguished_name"), chainIssuer: chain("issuer.distinguished_name"), chainSerial: chain("serial_number"),
		chainFrom: chain("not_before"), chainTo: chain("not_after"), chainH: chain("hash.sha1"),
	}
}

// labels are the extensions that go by a name where they are listed; the others go by their number.
var labels = map[uint16]string{
	tlshello.ExtServerName: "server_name_indication", tlshello.ExtMaxFragmentLength: "max_fragment_length",
	tlshello.ExtClientCertURL: "client_certificate_url", tlshello.ExtTrustedCAKeys: "trusted_ca_keys", tlshello.ExtTruncatedHMAC: "truncated_hmac",
	tlshello.ExtStatusRequest: "status_request", tlshello.ExtUserMapping: "user_mapping", tlshello.ExtClientAuthz: "client_authz",
	tlshello.ExtServerAuthz: "server_authz", tlshello.ExtCertType: "cert_type", tlshello.ExtSupportedGroups: "supported_groups",
	tlshello.ExtPointFormats: "ec_points_formats", tlshello.ExtSRP: "srp", tlshello.ExtSignatureSchemes: "signature_algorithms",
	tlshello.ExtALPN: "application_layer_protocol_negotiation", tlshello.ExtSessionTicket: "session_ticket",
	tlshello.ExtSupportedVersions: "supported_versions", tlshello.ExtRenegotiation: "renegotiation_info",
}

// clientDetail writes what a ClientHello says.
func clientDetail(v *record.Values, hello *tlshello.ClientHello, p *prints) {
	v.PutText(fJA3, p.ja3[:])
	v.PutText(fJA4, p.ja4[:])
	v.AddText(fServerName, hello.ServerName)
	putNamed(v, fSupportedCiphers, hello.Suites.Real(), tlshello.SuiteName)
	if hello.ECH {
		v.AddBool(fECH, true)
	}
	if hello.EarlyData {
		v.AddBool(fEarlyData, true)
	}
	helloDetail(v, fCHVersion, hello.Version, fCHRandom, hello.Random, fCHSessionID, hello.SessionID)
	for _, m := range hello.Compression[:min(len(hello.Compression), maxList)] {
		putName(v, fCHCompression, uint16(m), named8(tlshello.CompressionName))
	}
	n := 0
	for typ, body := range hello.Extensions.All() {
		if n++; n > maxList {
			v.Dropped++
		} else if !tlshello.IsGREASE(typ) && !clientExtension(v, hello, typ, body) {
			putLabel(v, fCHExt.unparsed, typ)
		}
	}
}

// clientDetailV2 writes what a ClientHello in the form of SSL 2.0 says.
func clientDetailV2(v *record.Values, hello *tlshello.ClientHello) {
	for i := 0; i+3 <= len(hello.Suites2); i += 3 {
		if name, ok := tlshello.V2SuiteName(hello.Suites2[i : i+3]); ok {
			v.PutString(fSupportedCiphers, name)
		} else {
			v.PutString(fSupportedCiphers, fmt.Sprintf("(unknown:0x%06x)", uint24(hello.Suites2[i:])))
		}
	}
	helloDetail(v, fCHVersion, hello.Version, fCHRandom, hello.Random, fCHSessionID, hello.SessionID)
}

// serverDetail writes what a ServerHello says.
func serverDetail(v *record.Values, hello *tlshello.ServerHello, ja3 []byte) {
	var room [64]byte
	v.AddText(fCipher, appendSuite(room[:0], hello.Suite, "(unknown:0x%04x)"))
	v.PutText(fJA3S, ja3)
	v.PutText(fNextProtocol, hello.ALPN.First())
	helloDetail(v, fSHVersion, hello.Legacy, fSHRandom, hello.Random, fSHSessionID, hello.SessionID)
	putName(v, fSHCompression, uint16(hello.Compression), named8(tlshello.CompressionName))
	n := 0
	for typ, body := range hello.Extensions.All() {
		if n++; n > maxList {
			v.Dropped++
		} else if !tlshello.IsGREASE(typ) && !serverExtension(v, hello, typ, body) {
			putLabel(v, fSHExt.unparsed, typ)
		}
	}
}

func helloDetail(v *record.Values, fVersion record.FieldID, version uint16, fRandom record.FieldID, random []byte, fID record.FieldID, id []byte) {
	var room [128]byte
	b := strconv.AppendUint(room[:0], uint64(version>>8), 10)
	v.PutText(fVersion, strconv.AppendUint(append(b, '.'), uint64(version&0xff), 10))
	v.PutText(fRandom, hex.AppendEncode(room[:0], random))
	v.PutText(fID, hex.AppendEncode(room[:0], id))
}

// clientExtension writes an extension of a ClientHello and says whether it has a field of its own.
func clientExtension(v *record.Values, hello *tlshello.ClientHello, typ uint16, b []byte) bool {
	switch typ {
	case tlshello.ExtServerName:
		v.AddText(fCHExt.names, hello.ServerName)
		return len(hello.ServerName) > 0
	case tlshello.ExtALPN:
		putTexts(v, fCHExt.alpn, hello.ALPN.All())
		return len(hello.ALPN) > 0
	case tlshello.ExtSupportedVersions:
		putNamed(v, fCHExt.versions, hello.Versions.Real(), func(x uint16) (string, bool) { return tlshello.VersionText(x), true })
		return len(hello.Versions) > 0
	case tlshello.ExtSignatureSchemes:
		putNamed(v, fCHExt.schemes, hello.Schemes.Real(), tlshello.SchemeName)
		return len(hello.Schemes) > 0
	case tlshello.ExtSupportedGroups:
		putNamed(v, fCHExt.groups, hello.Groups.Real(), tlshello.GroupName)
		return len(hello.Groups) > 0
	case tlshello.ExtPointFormats:
		putPoints(v, fCHExt.points, hello.Points)
		return len(hello.Points) > 0
	case tlshello.ExtSessionTicket:
		if len(b) > 0 {
			v.PutString(fCHExt.ticket, fmt.Sprintf("(%d bytes)", len(b)))
		}
		return true
	case tlshello.ExtClientCertURL, tlshello.ExtTruncatedHMAC:
		return len(b) == 0
	case tlshello.ExtMaxFragmentLength:
		return putFragment(v, fCHExt.fragment, b)
	case tlshello.ExtStatusRequest:
		return putStatusRequest(v, b)
	case tlshello.ExtCertType:
		return putCertTypes(v, b)
	case tlshello.ExtSRP:
		if len(b) > 1 && len(b) == 1+int(b[0]) {
			v.PutText(fCHExt.srp, b[1:])
			return true
		}
	}
	return false
}

// serverExtension writes an extension of a ServerHello and says whether it has a field of its own.
func serverExtension(v *record.Values, hello *tlshello.ServerHello, typ uint16, b []byte) bool {
	switch typ {
	case tlshello.ExtALPN:
		putTexts(v, fSHExt.alpn, hello.ALPN.All())
		return len(hello.ALPN) > 0
	case tlshello.ExtSupportedVersions:
		v.PutString(fSHExt.versions, tlshello.VersionText(hello.Version))
		return len(b) == 2
	case tlshello.ExtPointFormats:
		putPoints(v, fSHExt.points, hello.Points)
		return len(hello.Points) > 0
	case tlshello.ExtSupportedGroups:
		if len(b) < 2 || len(b)%2 != 0 {
			return false
		}
		putNamed(v, fSHExt.groups, tlshello.U16s(b[2:]).Real(), tlshello.GroupName)
		return true
	case tlshello.ExtSessionTicket:
		return true
	case tlshello.ExtStatusRequest:
		v.AddBool(fSHExt.statusResponse, true)
		return true
	case tlshello.ExtMaxFragmentLength:
		return putFragment(v, fSHExt.fragment, b)
	}
	return false
}

// putStatusRequest writes a client's wish for an OCSP response (RFC 6066 §8).
func putStatusRequest(v *record.Values, b []byte) bool {
	if len(b) < 5 {
		return false
	}
	ids := int(binary.BigEndian.Uint16(b[1:]))
	if len(b) < 5+ids {
		return false
	}
	typ := "ocsp"
	if b[0] != 1 {
		typ = strconv.Itoa(int(b[0]))
	}
	v.PutString(fCHExt.statusType, typ)
	v.PutInt(fCHExt.statusIDs, int64(ids))
	v.PutInt(fCHExt.statusExts, int64(binary.BigEndian.Uint16(b[3+ids:])))
	return true
}

// putFragment writes the largest fragment somebody wants: 2^9 to 2^12 bytes (RFC 6066 §4).
func putFragment(v *record.Values, id record.FieldID, b []byte) bool {
	switch {
	case len(b) != 1:
		return false
	case b[0] >= 1 && b[0] <= 4:
		v.PutString(id, "2^"+strconv.Itoa(8+int(b[0])))
	default:
		v.PutString(id, fmt.Sprintf("(unknown:%d)", b[0]))
	}
	return true
}

func putCertTypes(v *record.Values, b []byte) bool {
	if len(b) < 2 || len(b) != 1+int(b[0]) {
		return false
	}
	for _, t := range b[1:] {
		if names := [...]string{"X.509", "OpenPGP", "RawPubKey"}; int(t) < len(names) {
			v.PutString(fCHExt.certType, names[t])
		} else {
			v.PutString(fCHExt.certType, fmt.Sprintf("(unknown:%d)", t))
		}
	}
	return true
}

func putPoints(v *record.Values, id record.FieldID, points []byte) {
	for _, p := range points {
		putName(v, id, uint16(p), named8(tlshello.PointFormatName))
	}
}

// putNamed writes the names of a list of numbers, in their order.
func putNamed(v *record.Values, id record.FieldID, list iter.Seq[uint16], name func(uint16) (string, bool)) {
	n := 0
	for x := range list {
		if n++; n > maxList {
			v.Dropped++
			continue
		}
		putName(v, id, x, name)
	}
}

func putName(v *record.Values, id record.FieldID, x uint16, name func(uint16) (string, bool)) {
	if s, ok := name(x); ok {
		v.PutString(id, s)
		return
	}
	var room [32]byte
	v.PutText(id, fmt.Appendf(room[:0], "(unknown:0x%04x)", x))
}

// named8 makes a naming of bytes one of 16-bit numbers.
func named8(name func(uint8) (string, bool)) func(uint16) (string, bool) {
	return func(x uint16) (string, bool) { return name(uint8(x)) }
}

func putTexts(v *record.Values, id record.FieldID, list iter.Seq[[]byte]) {
	n := 0
	for s := range list {
		if n++; n > maxList {
			v.Dropped++
			continue
		}
		v.PutText(id, s)
	}
}

func putLabel(v *record.Values, id record.FieldID, typ uint16) {
	if s, ok := labels[typ]; ok {
		v.PutString(id, s)
		return
	}
	var room [8]byte
	v.PutText(id, strconv.AppendUint(room[:0], uint64(typ), 10))
}

// versionDetail writes the version of the handshake.
func versionDetail(v *record.Values, version uint16) {
	protocol, number := tlshello.VersionParts(version)
	v.PutString(fVersion, number)
	v.PutString(fVersionProtocol, protocol)
	v.PutString(fDetailedVersion, tlshello.VersionText(version))
}

// certDetail writes the n-th certificate of a chain: the first in full, of the others what tells them apart.
func certDetail(v *record.Values, c *certificate, f *sideFields, n int) {
	var room [1024]byte
	if n > 0 {
		v.PutText(f.chainSubject, appendName(room[:0], c.subject))
		v.PutText(f.chainIssuer, appendName(room[:0], c.issuer))
		v.PutText(f.chainSerial, c.appendSerial(room[:0]))
		v.PutInt(f.chainFrom, nanos(c.notBefore))
		v.PutInt(f.chainTo, nanos(c.notAfter))
		v.PutText(f.chainH, appendUpperHex(room[:0], c.sha1[:]))
		return
	}
	sum256 := sha256.Sum256(c.raw)
	v.PutText(f.sha1, appendUpperHex(room[:0], c.sha1[:]))
	v.PutText(f.sha256, appendUpperHex(room[:0], sum256[:]))
	subject := appendName(room[:0], c.subject)
	v.PutText(f.subject, subject)
	v.PutText(f.subjectDN, subject)
	issuer := appendName(room[:0], c.issuer)
	v.PutText(f.issuer, issuer)
	v.PutText(f.issuerDN, issuer)
	addNameParts(v, c.subject, f.subjectParts)
	addNameParts(v, c.issuer, f.issuerParts)
	if c.hasTimes {
		for _, id := range [...]record.FieldID{f.notBefore, f.xBefore} {
			v.PutInt(id, nanos(c.notBefore))
		}
		for _, id := range [...]record.FieldID{f.notAfter, f.xAfter} {
			v.PutInt(id, nanos(c.notAfter))
		}
	}
	v.PutInt(f.version, int64(c.version))
	v.PutText(f.serial, c.appendSerial(room[:0]))
	v.PutString(f.sigAlg, c.sigName())
	keyDetail(v, c, f)
	altDetail(v, c, f)
}

func keyDetail(v *record.Values, c *certificate, f *sideFields) {
	v.PutString(f.keyAlg, c.keyFamily())
	v.PutString(f.curve, c.curveName())
	if c.keyBits > 0 {
		v.PutInt(f.keySize, int64(c.keyBits))
	}
	if c.exponent > 0 {
		v.PutInt(f.exponent, c.exponent)
	}
}

func altDetail(v *record.Values, c *certificate, f *sideFields) {
	n := 0
	for name := range c.altNameTexts() {
		if n++; n > maxList {
			v.Dropped++
			continue
		}
		v.AddText(f.alt, name)
	}
}

const upperDigits = "0123456789ABCDEF"

func appendUpperHex(dst, b []byte) []byte {
	for _, c := range b {
		dst = append(dst, upperDigits[c>>4], upperDigits[c&15])
	}
	return dst
}

// alertDetail writes an alert; one that is fatal is why the handshake failed.
func alertDetail(t *proto.Transaction, level, code uint8, side int) {
	name, source := string(appendAlert(nil, code)), sides[side]
	severity := "warning"
	switch level {
	case 1:
	case 2:
		severity = "fatal"
		t.Note(fmt.Sprintf("The %s ended it: %s", source, name))
	default:
		severity = fmt.Sprintf("(unknown:0x%02x)", level)
	}
	t.Values.PutString(fAlertTypes, name)
	t.Values.PutString(fAlertsType, name)
	t.Values.PutInt(fAlertsCode, int64(code))
	t.Values.PutString(fAlertsSeverity, severity)
	t.Values.PutString(fAlertsSource, source)
}

func appendAlert(dst []byte, code uint8) []byte {
	if s, ok := tlshello.AlertName(code); ok {
		return append(dst, s...)
	}
	return fmt.Appendf(dst, "(unknown:0x%02x)", code)
}

// ocspStatus names an OCSPResponseStatus (RFC 6960 §4.2.1).
func ocspStatus(b byte) string {
	switch b {
	case 0:
		return "successful"
	case 1:
		return "malformedRequest"
	case 2:
		return "internalError"
	case 3:
		return "tryLater"
	case 5:
		return "sigRequired"
	case 6:
		return "unauthorized"
	}
	return strconv.Itoa(int(b))
}
