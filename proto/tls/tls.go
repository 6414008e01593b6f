// Package tls reads TLS and DTLS handshakes from the wire and says who talks to whom, how, and with which
// certificates. It never decrypts.
//
// Bytes of a connection flow in: from the first record, or from the middle after STARTTLS, a proxy's CONNECT or a
// late start of the capture. Out come values of the session (version, suite, names, certificates, JA3, JA3S, JA4) as
// soon as the message that has them is complete, and one transaction for each handshake: emitted with status OK once
// both sides have finished it, with status Error when the connection ends before that.
//
// Files, as bytes go through them: match.go detects; record.go is the TLS record layer, dtls.go that of DTLS with its
// fragments; heartbeat.go sees Heartbleed; handshake.go takes the messages of both and keeps what is known of the handshake; session.go and
// detail.go write values of session and transaction; x509.go with der.go, name.go and oid.go reads certificates.
// The hellos themselves are read by internal/tlshello.
//
// Cost: application data is skipped by the lengths in the record headers and never buffered; a TLS 1.3 connection is
// not looked at any more once it is established.
//
// Limits, each with a counter (tls.cut_bytes, or the values' own count): 64 KiB of one handshake message, 512 entries
// of one list, 64 certificates of one chain, 256 handshake messages in the clear for each direction.
//
// RFC 8446 (TLS 1.3), 5246, 4346, 2246, 6101 (SSL 3.0), SSL 2.0 hellos; RFC 9147, 6347, 4347 (DTLS); RFC 5280 (X.509),
// 6066, 6960 (OCSP stapling).
package tls

import "github.com/tapir-project/tapir/proto"

// Protocol is TLS over a byte stream. Other protocols hand over to it by its name, "tls".
var Protocol = &proto.Protocol{
	Name:      "tls",
	Transport: proto.TCP | proto.Sub,
	Ports:     []uint16{443, 465, 563, 636, 853, 989, 990, 992, 993, 994, 995, 2376, 3269, 5061, 5223, 5349, 5671, 5986, 6443, 6514, 6697, 8443, 8883, 9243},
	Match:     match,
	New:       func() proto.Parser { return new(conn) },
}

// DTLS is TLS over datagrams. Protocols that share their port with it (RFC 7983) hand over by the name "dtls".
var DTLS = &proto.Protocol{
	Name:      "dtls",
	Transport: proto.UDP | proto.SCTP,
	Ports:     []uint16{443, 853, 2055, 3391, 4433, 5061, 5246, 5247, 5349, 5684},
	Match:     matchDTLS,
	New:       func() proto.Parser { return &datagrams{handshake: handshake{dtls: true}} },
}

// Bounds on what a hostile peer can make this package do or keep.
const (
	maxMessage  = 64 << 10 // bytes of one handshake message; certificate chains beyond are cut
	maxMessages = 256      // handshake messages in the clear, each direction
	maxList     = 512      // entries of one list in a hello
	maxChain    = 64       // certificates of one chain
	maxAlerts   = 16       // alerts noted for one handshake
)

// Content types of records (RFC 8446 §5.1, RFC 6520, 9146, 9147).
const (
	typeChangeCipherSpec = 20
	typeAlert            = 21
	typeHandshake        = 22
	typeApplicationData  = 23
	typeHeartbeat        = 24
	typeConnectionID     = 25
	typeACK              = 26
)

// Types of handshake messages.
const (
	msgHelloRequest       = 0
	msgClientHello        = 1
	msgServerHello        = 2
	msgHelloVerifyRequest = 3
	msgOldHelloRetry      = 6 // HelloRetryRequest of the TLS 1.3 drafts up to 21
	msgCertificate        = 11
	msgServerKeyExchange  = 12
	msgCertificateRequest = 13
	msgClientKeyExchange  = 16
	msgCertificateStatus  = 22
	msgLast               = 25 // compressed_certificate; above it are only message_hash and what is encrypted
)

const (
	headerLen     = 5            // of a record
	maxRecord     = 1<<14 + 2048 // bytes in a record (RFC 5246 §6.2.3); TLS 1.3 has less
	msgHeaderLen  = 4            // of a handshake message
	dtlsHeaderLen = 13           // of a DTLS record
	dtlsMsgHeader = 12           // of a DTLS handshake message
)
