// Package tlshello reads the first messages of TLS, DTLS, SSL 3.0 and SSL 2.0 handshakes and makes fingerprints of
// them: JA3, JA3S and JA4. It is a pure codec, for every parser that meets a hello: the TLS and DTLS record layers,
// and QUIC, which carries the same message in its CRYPTO frames.
//
// What flows in is the body of one handshake message (the bytes behind its four-byte header, twelve in DTLS) and
// what comes out borrows from it: nothing is copied, nothing allocated, and no slice outlives the message. Reading is
// lenient as capture tools must be: a hello whose fixed part is sound is a hello, and extensions are read as far as
// they are well formed.
//
// RFC 8446 (TLS 1.3), 5246, 4346, 2246, 6101 (SSL 3.0), 9147, 6347, 4347 (DTLS); extensions: RFC 6066, 7301, 8422,
// 8701 (GREASE), 9849 (ECH). JA3 is Salesforce's method (BSD), JA4 FoxIO's TLS client fingerprint (BSD); the rest of
// JA4+ is under another licence and not here.
package tlshello
