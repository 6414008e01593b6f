package tlshello

import "encoding/binary"

// Extension types (IANA "TLS ExtensionType Values") that somebody here or above looks into.
const (
	ExtServerName        uint16 = 0
	ExtMaxFragmentLength uint16 = 1
	ExtClientCertURL     uint16 = 2
	ExtTrustedCAKeys     uint16 = 3
	ExtTruncatedHMAC     uint16 = 4
	ExtStatusRequest     uint16 = 5
	ExtUserMapping       uint16 = 6
	ExtClientAuthz       uint16 = 7
	ExtServerAuthz       uint16 = 8
	ExtCertType          uint16 = 9
	ExtSupportedGroups   uint16 = 10
	ExtPointFormats      uint16 = 11
	ExtSRP               uint16 = 12
	ExtSignatureSchemes  uint16 = 13
	ExtALPN              uint16 = 16
	ExtCompressCert      uint16 = 27
	ExtSessionTicket     uint16 = 35
	ExtPreSharedKey      uint16 = 41
	ExtEarlyData         uint16 = 42
	ExtSupportedVersions uint16 = 43
	ExtKeyShare          uint16 = 51
	ExtECH               uint16 = 0xfe0d
	ExtESNI              uint16 = 0xffce // what ECH was called in its drafts up to 06
	ExtRenegotiation     uint16 = 0xff01
)

// ClientHello is a ClientHello taken apart. Everything in it borrows from the message that was parsed.
type ClientHello struct {
	Version     uint16 // legacy_version: 0x0303 in TLS 1.3
	Random      []byte // 32 bytes; SSL 2.0: the challenge, 16 to 32 bytes
	SessionID   []byte
	Cookie      []byte // DTLS only
	Suites      U16s
	Suites2     []byte // SSL 2.0: three bytes each
	Compression []byte
	Extensions  Extensions

	ServerName []byte // first host_name of server_name
	Versions   U16s   // supported_versions
	Groups     U16s   // supported_groups
	Points     []byte // ec_point_formats
	Schemes    U16s   // signature_algorithms
	ALPN       Names  // application_layer_protocol_negotiation
	Ticket     []byte // session_ticket; empty if the client has none
	HasName    bool   // server_name is there
	HasALPN    bool
	EarlyData  bool
	ECH        bool // encrypted_client_hello is there; clients send it as GREASE too
	PSK        bool // pre_shared_key is there
}

// Parse reads the body of a ClientHello, of DTLS if dtls is set. It says whether b is one; h is useless if not.
func (h *ClientHello) Parse(b []byte, dtls bool) bool {
	*h = ClientHello{}
	var ok bool
	if len(b) < 35 {
		return false
	}
	h.Version, h.Random = binary.BigEndian.Uint16(b), b[2:34]
	if h.SessionID, b, ok = vec8(b[34:]); !ok || len(h.SessionID) > 32 || !saneVersion(h.Version) {
		return false
	}
	if dtls {
		if h.Cookie, b, ok = vec8(b); !ok {
			return false
		}
	}
	var suites []byte
	if suites, b, ok = vec16(b); !ok || len(suites)%2 != 0 {
		return false
	}
	h.Suites = suites
	if h.Compression, b, ok = vec8(b); !ok {
		return false
	}
	h.Extensions = extensionBlock(b)
	for typ, body := range h.Extensions.All() {
		h.extension(typ, body)
	}
	return true
}

// saneVersion takes SSL 3.0 and TLS, DTLS, and what OpenSSL before 0.9.8f called DTLS (0x0100).
func saneVersion(v uint16) bool { return v>>8 == 3 || v>>8 == 0xfe || v == 0x0100 }

// extensionBlock is what stands behind a hello's fixed part, as far as it is there.
func extensionBlock(b []byte) Extensions {
	if len(b) < 2 {
		return nil
	}
	return Extensions(b[2:min(len(b), 2+int(binary.BigEndian.Uint16(b)))])
}

func (h *ClientHello) extension(typ uint16, body []byte) {
	switch typ {
	case ExtServerName:
		h.HasName = true
		h.ServerName = hostName(body)
	case ExtSupportedVersions:
		h.Versions = list8(body)
	case ExtSupportedGroups:
		h.Groups = list16(body)
	case ExtPointFormats:
		h.Points, _, _ = vec8(body)
	case ExtSignatureSchemes:
		h.Schemes = list16(body)
	case ExtALPN:
		h.HasALPN = true
		h.ALPN = alpn(body)
	case ExtSessionTicket:
		h.Ticket = body
	case ExtEarlyData:
		h.EarlyData = true
	case ExtPreSharedKey:
		h.PSK = true
	case ExtECH, ExtESNI:
		h.ECH = true
	}
}

// hostName is the first host_name (type 0) in a server_name extension (RFC 6066 §3).
func hostName(body []byte) []byte {
	list, _, ok := vec16(body)
	for ok && len(list) > 0 {
		typ := list[0]
		var name []byte
		if name, list, ok = vec16(list[1:]); ok && typ == 0 {
			return name
		}
	}
	return nil
}

func alpn(body []byte) Names {
	list, _, _ := vec16(body)
	return list
}

// MaxVersion is the highest version the client offers: the highest of supported_versions if there is one, else the
// version in the fixed part. DTLS counts downwards.
func (h *ClientHello) MaxVersion() uint16 {
	best := uint16(0)
	for v := range h.Versions.Real() {
		if best == 0 || newer(v, best) {
			best = v
		}
	}
	if best == 0 {
		return h.Version
	}
	return best
}

// newer says whether version a is newer than b; DTLS 1.0, 1.2, 1.3 are 0xfeff, 0xfefd, 0xfefc.
func newer(a, b uint16) bool {
	if a>>8 == 0xfe && b>>8 == 0xfe {
		return a < b
	}
	return a > b
}
