package tlshello

import (
	"bytes"
	"encoding/binary"
)

// ServerHello is a ServerHello or HelloRetryRequest taken apart. Everything in it borrows from the message.
type ServerHello struct {
	Legacy      uint16 // legacy_version: 0x0303 in TLS 1.3
	Version     uint16 // the version negotiated: that of supported_versions if there is one
	Random      []byte // 32 bytes
	SessionID   []byte
	Suite       uint16
	Compression uint8
	Extensions  Extensions

	ALPN      Names // at most one name
	Points    []byte
	HasTicket bool // session_ticket: a ticket will follow
	PSK       bool // pre_shared_key: the session is resumed, or its key came from elsewhere
	Retry     bool // this is a HelloRetryRequest
}

// helloRetry is the Random of a HelloRetryRequest: SHA-256 of that word (RFC 8446 §4.1.3).
var helloRetry = []byte("\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c")

// Parse reads the body of a ServerHello. It says whether b is one; h is useless if not.
func (h *ServerHello) Parse(b []byte) bool {
	*h = ServerHello{}
	if len(b) < 35 {
		return false
	}
	h.Legacy, h.Random = binary.BigEndian.Uint16(b), b[2:34]
	h.Version = h.Legacy
	if !saneVersion(h.Legacy) && h.Legacy>>8 != 0x7f {
		return false
	}
	b = b[34:]
	// The drafts of TLS 1.3 up to 21 say so in the version and have neither session id nor compression.
	draft := h.Legacy>>8 == 0x7f
	if !draft {
		var ok bool
		if h.SessionID, b, ok = vec8(b); !ok || len(h.SessionID) > 32 {
			return false
		}
	}
	if len(b) < 2 {
		return false
	}
	h.Suite, b = binary.BigEndian.Uint16(b), b[2:]
	if !draft {
		if len(b) < 1 {
			return false
		}
		h.Compression, b = b[0], b[1:]
	}
	h.Extensions = extensionBlock(b)
	for typ, body := range h.Extensions.All() {
		h.extension(typ, body)
	}
	h.Retry = bytes.Equal(h.Random, helloRetry)
	return true
}

func (h *ServerHello) extension(typ uint16, body []byte) {
	switch typ {
	case ExtSupportedVersions:
		if len(body) == 2 {
			h.Version = binary.BigEndian.Uint16(body)
		}
	case ExtALPN:
		h.ALPN = alpn(body)
	case ExtPointFormats:
		h.Points, _, _ = vec8(body)
	case ExtSessionTicket:
		h.HasTicket = true
	case ExtPreSharedKey:
		h.PSK = true
	}
}

// IsTLS13 says whether version v hides everything behind the ServerHello: TLS 1.3, its drafts, and DTLS 1.3.
func IsTLS13(v uint16) bool { return v == 0x0304 || v == 0xfefc || v>>8 == 0x7f }
