package tlshello

import "encoding/binary"

// SSL 2.0 ("The SSL Protocol", Hickman 1995): a record is two length bytes with the highest bit set and the message.
// Clients up to the 2000s offered SSL 3.0 and TLS 1.0 in a ClientHello of this form (RFC 5246, appendix E.2).

// V2HeaderLen is the length of an SSL 2.0 record header.
const V2HeaderLen = 2

// V2Length reads an SSL 2.0 record header: the length of the message behind it. ok is false if b does not begin one.
func V2Length(b []byte) (n int, ok bool) {
	if len(b) < V2HeaderLen || b[0]&0x80 == 0 {
		return 0, false
	}
	return int(binary.BigEndian.Uint16(b) & 0x7fff), true
}

// LooksLikeV2 says whether b can be the beginning of an SSL 2.0 ClientHello record, and whether all of the fixed part
// is there and says so. The three lengths must fill the record exactly, which random bytes hardly ever do.
func LooksLikeV2(b []byte) (maybe, sure bool) {
	n, _ := V2Length(b)
	if len(b) >= 1 && b[0]&0x80 == 0 ||
		len(b) >= 2 && (n < 9+3+16 || n > 9+3*256+16+32) ||
		len(b) >= 3 && b[2] != 1 ||
		len(b) >= 4 && b[3] != 0 && b[3] != 3 ||
		len(b) >= 5 && (b[3] == 0 && b[4] != 2 || b[3] == 3 && b[4] > 4) {
		return false, false
	}
	if len(b) < 11 {
		return true, false
	}
	suites, sid, challenge := int(binary.BigEndian.Uint16(b[5:])), int(binary.BigEndian.Uint16(b[7:])), int(binary.BigEndian.Uint16(b[9:]))
	good := suites > 0 && suites%3 == 0 && (sid == 0 || sid == 16) && challenge >= 16 && challenge <= 32 && n == 9+suites+sid+challenge
	return good, good
}

// ParseV2 reads an SSL 2.0 ClientHello, its type byte included. Suites has the SSL 3.0 and TLS suites among what the
// client offers, in newly made memory; Suites2 has all, three bytes each.
func (h *ClientHello) ParseV2(b []byte) bool {
	*h = ClientHello{}
	if len(b) < 9 || b[0] != 1 {
		return false
	}
	h.Version = binary.BigEndian.Uint16(b[1:])
	suites, sid, challenge := int(binary.BigEndian.Uint16(b[3:])), int(binary.BigEndian.Uint16(b[5:])), int(binary.BigEndian.Uint16(b[7:]))
	if b = b[9:]; len(b) < suites+sid+challenge || suites%3 != 0 || sid > 32 {
		return false
	}
	h.Suites2, h.SessionID, h.Random = b[:suites], b[suites:suites+sid], b[suites+sid:suites+sid+challenge]
	for i := 0; i < suites; i += 3 {
		if b[i] == 0 {
			h.Suites = append(h.Suites, b[i+1], b[i+2])
		}
	}
	return true
}

// V2ServerHello is an SSL 2.0 ServerHello. Its slices borrow from the message.
type V2ServerHello struct {
	SessionHit  bool
	Version     uint16
	Certificate []byte // X.509, empty if the session is resumed
	Suites2     []byte // what both have, three bytes each
}

// Parse reads an SSL 2.0 ServerHello, its type byte included.
func (h *V2ServerHello) Parse(b []byte) bool {
	*h = V2ServerHello{}
	if len(b) < 11 || b[0] != 4 {
		return false
	}
	h.SessionHit, h.Version = b[1] != 0, binary.BigEndian.Uint16(b[3:])
	cert, suites := int(binary.BigEndian.Uint16(b[5:])), int(binary.BigEndian.Uint16(b[7:]))
	if b = b[11:]; len(b) < cert+suites || suites%3 != 0 || h.Version != 2 {
		return false
	}
	h.Certificate, h.Suites2 = b[:cert], b[cert:cert+suites]
	return true
}

var v2Names = map[uint32]string{
	0x010080: "SSL2_RC4_128_WITH_MD5",
	0x020080: "SSL2_RC4_128_EXPORT40_WITH_MD5",
	0x030080: "SSL2_RC2_128_CBC_WITH_MD5",
	0x040080: "SSL2_RC2_128_CBC_EXPORT40_WITH_MD5",
	0x050080: "SSL2_IDEA_128_CBC_WITH_MD5",
	0x060040: "SSL2_DES_64_CBC_WITH_MD5",
	0x0700c0: "SSL2_DES_192_EDE3_CBC_WITH_MD5",
	0x080080: "SSL2_RC4_64_WITH_MD5",
}

// V2SuiteName names an SSL 2.0 cipher kind, given by its three bytes; those with a first byte of 0 are TLS suites.
func V2SuiteName(b []byte) (string, bool) {
	if b[0] == 0 {
		return SuiteName(binary.BigEndian.Uint16(b[1:]))
	}
	s, ok := v2Names[uint32(b[0])<<16|uint32(b[1])<<8|uint32(b[2])]
	return s, ok
}
