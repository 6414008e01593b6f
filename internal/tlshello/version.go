package tlshello

import "fmt"

// VersionName is a version as OpenSSL, Arkime and most logs write it: TLSv1.2, SSLv3, DTLSv1.2, TLSv1.3-draft-23.
func VersionName(v uint16) string {
	switch v {
	case 0x0002:
		return "SSLv2"
	case 0x0300:
		return "SSLv3"
	case 0x0301:
		return "TLSv1"
	case 0x0302:
		return "TLSv1.1"
	case 0x0303:
		return "TLSv1.2"
	case 0x0304:
		return "TLSv1.3"
	case 0xfeff, 0x0100:
		return "DTLSv1.0"
	case 0xfefd:
		return "DTLSv1.2"
	case 0xfefc:
		return "DTLSv1.3"
	}
	if v>>8 == 0x7f {
		return fmt.Sprintf("TLSv1.3-draft-%02d", v&0xff)
	}
	return fmt.Sprintf("0x%04x", v)
}

// VersionParts is a version as ECS has it, protocol and number apart: tls and 1.2, ssl and 3.0, dtls and 1.2.
func VersionParts(v uint16) (protocol, number string) {
	switch v {
	case 0x0002:
		return "ssl", "2.0"
	case 0x0300:
		return "ssl", "3.0"
	case 0x0301:
		return "tls", "1.0"
	case 0x0302:
		return "tls", "1.1"
	case 0x0303:
		return "tls", "1.2"
	case 0x0304:
		return "tls", "1.3"
	case 0xfeff, 0x0100:
		return "dtls", "1.0"
	case 0xfefd:
		return "dtls", "1.2"
	case 0xfefc:
		return "dtls", "1.3"
	}
	if v>>8 == 0x7f {
		return "tls", "1.3"
	}
	return "unknown", fmt.Sprintf("%d.%d", v>>8, v&0xff)
}

// VersionText is a version in words: TLS 1.2, SSL 3.0, DTLS 1.2.
func VersionText(v uint16) string {
	switch p, n := VersionParts(v); p {
	case "tls":
		return "TLS " + n
	case "ssl":
		return "SSL " + n
	case "dtls":
		return "DTLS " + n
	}
	return fmt.Sprintf("(raw %d.%d)", v>>8, v&0xff)
}
