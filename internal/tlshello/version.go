package tlshello

import "fmt"

// version is how a version is written.
type version struct {
	name     string // as OpenSSL, Arkime and most logs have it
	protocol string // ECS keeps protocol
	number   string // and number apart
	text     string // in words
}

var versions = map[uint16]version{
	0x0002: {"SSLv2", "ssl", "2.0", "SSL 2.0"},
	0x0300: {"SSLv3", "ssl", "3.0", "SSL 3.0"},
	0x0301: {"TLSv1", "tls", "1.0", "TLS 1.0"},
	0x0302: {"TLSv1.1", "tls", "1.1", "TLS 1.1"},
	0x0303: {"TLSv1.2", "tls", "1.2", "TLS 1.2"},
	0x0304: {"TLSv1.3", "tls", "1.3", "TLS 1.3"},
	0x0100: {"DTLSv1.0", "dtls", "1.0", "DTLS 1.0"}, // OpenSSL before 0.9.8f
	0xfeff: {"DTLSv1.0", "dtls", "1.0", "DTLS 1.0"},
	0xfefd: {"DTLSv1.2", "dtls", "1.2", "DTLS 1.2"},
	0xfefc: {"DTLSv1.3", "dtls", "1.3", "DTLS 1.3"},
}

func versionOf(v uint16) version {
	if x, ok := versions[v]; ok {
		return x
	}
	if v>>8 == 0x7f { // the drafts of TLS 1.3
		return version{fmt.Sprintf("TLSv1.3-draft-%02d", v&0xff), "tls", "1.3", "TLS 1.3"}
	}
	number := fmt.Sprintf("%d.%d", v>>8, v&0xff)
	return version{fmt.Sprintf("0x%04x", v), "unknown", number, "(raw " + number + ")"}
}

// VersionName is a version as most logs write it: TLSv1.2, SSLv3, DTLSv1.2, TLSv1.3-draft-23.
func VersionName(v uint16) string { return versionOf(v).name }

// VersionParts is a version as ECS has it: tls and 1.2, ssl and 3.0, dtls and 1.2.
func VersionParts(v uint16) (protocol, number string) {
	x := versionOf(v)
	return x.protocol, x.number
}

// VersionText is a version in words: TLS 1.2, SSL 3.0, DTLS 1.2.
func VersionText(v uint16) string { return versionOf(v).text }
