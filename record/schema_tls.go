package record

import "slices"

// tlsFields belong to TLS and DTLS and the certificates in them (proto/tls). What Arkime's field list has comes
// first, cert.* being the server's chain; then what a session has beyond that, then what describes a handshake.
var tlsFields = slices.Concat(tlsArkimeFields, tlsSessionFields, x509Fields("client"), x509Fields("server"), tlsDetailFields)

// tlsVersionSpellings pairs versions as transactions have them with the same as sessions have them. A query for one
// finds the other too.
var tlsVersionSpellings = map[string]string{
	"1.0": "TLSv1", "1.1": "TLSv1.1", "1.2": "TLSv1.2", "1.3": "TLSv1.3", "2.0": "SSLv2", "3.0": "SSLv3",
}

var tlsArkimeFields = []Field{
	{Name: "cert.count", Type: TypeInt, Set: true, Kinds: InFlow, Aliases: []string{"cert.cnt", "certCnt"}, Desc: "Certificate: Cert Cnt"},
	{Name: "cert.alternative_names", Type: TypeTerm, Set: true, Kinds: InFlow, Fold: FoldLower, Aliases: []string{"cert.alt"}, Desc: "Certificate: Alt Name"},
	{Name: "cert.serial_number", Type: TypeTerm, Set: true, Kinds: InFlow, Fold: FoldLower, Aliases: []string{"cert.serial"}, Desc: "Certificate: Serial Number"},
	{Name: "cert.issuer.common_name", Type: TypeTerm, Set: true, Kinds: InFlow, Fold: FoldLower, Aliases: []string{"cert.issuer.cn", "cert.issuerCN"}, Desc: "Certificate: Issuer CN"},
	{Name: "cert.subject.common_name", Type: TypeTerm, Set: true, Kinds: InFlow, Fold: FoldLower, Aliases: []string{"cert.subject.cn", "cert.subjectCN"}, Desc: "Certificate: Subject CN"},
	{Name: "cert.issuer.organization", Type: TypeTerm, Set: true, Kinds: InFlow, Aliases: []string{"cert.issuer.on", "cert.issuerON"}, Desc: "Certificate: Issuer ON"},
	{Name: "cert.subject.organization", Type: TypeTerm, Set: true, Kinds: InFlow, Aliases: []string{"cert.subject.on", "cert.subjectON"}, Desc: "Certificate: Subject ON"},
	{Name: "cert.issuer.organizational_unit", Type: TypeTerm, Set: true, Kinds: InFlow, Aliases: []string{"cert.issuer.ou", "cert.issuerOU"}, Desc: "Certificate: Issuer Org Unit"},
	{Name: "cert.subject.organizational_unit", Type: TypeTerm, Set: true, Kinds: InFlow, Aliases: []string{"cert.subject.ou", "cert.subjectOU"}, Desc: "Certificate: Subject Org Unit"},
	{Name: "cert.hash", Type: TypeTerm, Set: true, Kinds: InFlow, Fold: FoldLower, Desc: "Certificate: Hash"},
	{Name: "cert.not_before", Type: TypeTime, Clock: ClockEpoch, Set: true, Kinds: InFlow, Aliases: []string{"cert.notbefore", "cert.notBefore"}, Desc: "Certificate: Not Before"},
	{Name: "cert.not_after", Type: TypeTime, Clock: ClockEpoch, Set: true, Kinds: InFlow, Aliases: []string{"cert.notafter", "cert.notAfter"}, Desc: "Certificate: Not After"},
	{Name: "cert.valid_days", Type: TypeInt, Set: true, Kinds: InFlow, Aliases: []string{"cert.validfor", "cert.validDays"}, Desc: "Certificate: Days Valid For"},
	{Name: "cert.remaining_days", Type: TypeInt, Set: true, Kinds: InFlow, Aliases: []string{"cert.remainingDays"}, Desc: "Certificate: Days remaining"},
	{Name: "cert.valid_seconds", Type: TypeInt, Set: true, Kinds: InFlow, Aliases: []string{"cert.validforSeconds", "cert.validSeconds"}, Desc: "Certificate: Seconds Valid For"},
	{Name: "cert.remaining_seconds", Type: TypeInt, Set: true, Kinds: InFlow, Aliases: []string{"cert.remainingSeconds"}, Desc: "Certificate: Seconds remaining"},
	{Name: "cert.public_key_curve", Type: TypeTerm, Set: true, Kinds: InFlow, Aliases: []string{"cert.curve"}, Desc: "Certificate: Curve"},
	{Name: "cert.public_key_algorithm", Type: TypeTerm, Set: true, Kinds: InFlow, Aliases: []string{"cert.publicAlgorithm"}, Desc: "Certificate: Public Algorithm"},
	{Name: "tls.client.ja4", Type: TypeTerm, Set: true, Kinds: InFlow, Fold: FoldLower, Aliases: []string{"tls.ja4"}, Desc: "JA4"},
	{Name: "tls.client.ja4_r", Type: TypeTerm, Set: true, Kinds: InFlow, Fold: FoldLower, Aliases: []string{"tls.ja4_r"}, Desc: "JA4_r"},
	{Name: "tls.version", Type: TypeTerm, Set: true, Kinds: InFlow, Desc: "Version negotiated; sessions have it as TLSv1.2, transactions as 1.2", Also: tlsVersionSpellings},
	{Name: "tls.cipher", Type: TypeTerm, Set: true, Kinds: InFlow, Fold: FoldUpper, Desc: "Cipher"},
	{Name: "tls.client.ja3", Type: TypeTerm, Set: true, Kinds: InFlow, Fold: FoldLower, Aliases: []string{"tls.ja3"}, Desc: "JA3"},
	{Name: "tls.server.ja3s", Type: TypeTerm, Set: true, Kinds: InFlow, Fold: FoldLower, Aliases: []string{"tls.ja3s"}, Desc: "JA3S"},
	{Name: "tls.server.session_id", Type: TypeTerm, Set: true, Kinds: InFlow, Fold: FoldLower, Aliases: []string{"tls.sessionid.dst", "tls.dstSessionId"}, Desc: "Dst Session Id"},
	{Name: "tls.client.session_id", Type: TypeTerm, Set: true, Kinds: InFlow, Fold: FoldLower, Aliases: []string{"tls.sessionid.src", "tls.srcSessionId"}, Desc: "Src Session Id"},
	{Name: "tls.sessionid", Type: TypeTerm, Kinds: InFlow, Fold: FoldLower, Aliases: []string{"tlsidall"}, Desc: "Src or Dst Session Id", Any: []string{"tls.client.session_id", "tls.server.session_id"}},
	{Name: "tls.server.ja3s_string", Type: TypeTerm, Set: true, Kinds: InFlow, Fold: FoldLower, Aliases: []string{"tls.ja3sstring"}, Desc: "JA3SSTR"},
	{Name: "tls.client.ja3_string", Type: TypeTerm, Set: true, Kinds: InFlow, Fold: FoldLower, Aliases: []string{"tls.ja3string"}, Desc: "JA3STR"},
	{Name: "tls.client.server_name", Type: TypeTerm, Set: true, Kinds: InFlow, Fold: FoldLower, Aliases: []string{"tls.sni", "tls.handshake.extensions_server_name"}, Desc: "Server name the client asked for (SNI)"},
}

var tlsSessionFields = []Field{
	{Name: "tls.version_protocol", Type: TypeTerm, Set: true, Kinds: InFlow, Fold: FoldLower, Desc: "What the version is a version of: tls, ssl, dtls"},
	{Name: "tls.established", Type: TypeBool, Set: true, Kinds: InFlow, Desc: "Both sides finished the handshake"},
	{Name: "tls.resumed", Type: TypeBool, Set: true, Kinds: InFlow, Desc: "An earlier session's keys were used again"},
	{Name: "tls.next_protocol", Type: TypeTerm, Set: true, Kinds: InFlow, Aliases: []string{"tls.alpn"}, Desc: "Application protocol the server chose (ALPN)"},
	{Name: "tls.client.alpn", Type: TypeTerm, Set: true, Kinds: InSession, Desc: "Application protocols the client offered (ALPN)"},
	{Name: "tls.client.ech", Type: TypeBool, Set: true, Kinds: InFlow, Desc: "The client sent an encrypted ClientHello, or pretended to (ECH, ESNI)"},
	{Name: "tls.early_data", Type: TypeBool, Set: true, Kinds: InFlow, Desc: "The client offered early data (0-RTT)"},
	{Name: "tls.hello_retry", Type: TypeBool, Set: true, Kinds: InFlow, Desc: "The server asked for another ClientHello (HelloRetryRequest, HelloVerifyRequest)"},
	{Name: "tls.renegotiated", Type: TypeBool, Set: true, Kinds: InSession, Desc: "A further handshake ran inside the established connection"},
	{Name: "tls.alert", Type: TypeTerm, Set: true, Kinds: InSession, Fold: FoldLower, Desc: "Alerts sent in the clear"},
	{Name: "tls.heartbeat.request.bytes", Type: TypeBytes, Set: true, Kinds: InSession, Desc: "Content of heartbeat requests, as the record headers say, encrypted or not (RFC 6520)"},
	{Name: "tls.heartbeat.response.bytes", Type: TypeBytes, Set: true, Kinds: InSession, Desc: "Content of the records of heartbeat responses"},
	{Name: "tls.heartbeat.claimed_bytes", Type: TypeBytes, Set: true, Kinds: InSession, Desc: "Payload that heartbeat requests in the clear say they have"},
	{Name: "tls.heartbeat.excess_bytes", Type: TypeBytes, Set: true, Kinds: InSession, Desc: "How much larger than its request a heartbeat response was"},
	{Name: "tls.heartbleed", Type: TypeTerm, Set: true, Kinds: InSession | InSample, Fold: FoldLower, Desc: "Heartbleed (CVE-2014-0160): claim, a request that claims more than its record holds; response, one that is larger than its request; hint, a heartbeat in a sampled packet"},
	{Name: "tls.cut_bytes", Type: TypeBytes, Set: true, Kinds: InSession, Desc: "Handshake bytes left unread because a bound was reached"},
}

// x509Fields are those of the certificate one side showed: its own, the first of the chain.
func x509Fields(side string) []Field {
	who := map[string]string{"client": "Client", "server": "Server"}[side] + " certificate: "
	p := "tls." + side + "."
	x := p + "x509."
	session := map[string]KindSet{"client": InFlow, "server": InTransaction}[side] // sessions have the server's as cert.*
	out := []Field{
		{Name: p + "subject", Type: TypeTerm, Set: true, Kinds: session, Desc: who + "subject (RFC 4514)"},
		{Name: p + "issuer", Type: TypeTerm, Set: true, Kinds: session, Desc: who + "issuer (RFC 4514)"},
		{Name: p + "not_before", Type: TypeTime, Clock: ClockMillis, Kinds: InTransaction, Desc: who + "valid from"},
		{Name: p + "not_after", Type: TypeTime, Clock: ClockMillis, Kinds: InTransaction, Desc: who + "valid until"},
		{Name: p + "hash.sha1", Type: TypeTerm, Kinds: InTransaction, Fold: FoldUpper, Desc: who + "SHA-1"},
		{Name: p + "hash.sha256", Type: TypeTerm, Kinds: InTransaction, Fold: FoldUpper, Desc: who + "SHA-256"},
		{Name: x + "version_number", Type: TypeInt, Kinds: InTransaction, Desc: who + "X.509 version"},
		{Name: x + "serial_number", Type: TypeTerm, Kinds: InTransaction, Desc: who + "serial number, decimal"},
		{Name: x + "signature_algorithm", Type: TypeTerm, Kinds: InTransaction, Desc: who + "signature algorithm"},
		{Name: x + "public_key_algorithm", Type: TypeTerm, Kinds: InTransaction, Desc: who + "key algorithm"},
		{Name: x + "public_key_size", Type: TypeInt, Kinds: InTransaction, Desc: who + "key size in bits"},
		{Name: x + "public_key_exponent", Type: TypeInt, Kinds: InTransaction, Desc: who + "RSA exponent"},
		{Name: x + "public_key_curve", Type: TypeTerm, Kinds: InTransaction, Desc: who + "curve of the key"},
		{Name: x + "not_before", Type: TypeTime, Clock: ClockMillis, Kinds: InTransaction, Desc: who + "valid from"},
		{Name: x + "not_after", Type: TypeTime, Clock: ClockMillis, Kinds: InTransaction, Desc: who + "valid until"},
		{Name: x + "alternative_names", Type: TypeTerm, Many: true, Kinds: InTransaction, Fold: FoldLower, Desc: who + "alternative names"},
	}
	for _, end := range []string{"issuer", "subject"} {
		out = append(out, Field{Name: x + end + ".distinguished_name", Type: TypeTerm, Kinds: InTransaction, Desc: who + end + " (RFC 4514)"})
		for _, part := range []string{"common_name", "country", "locality", "organization", "organizational_unit", "state_or_province"} {
			out = append(out, Field{Name: x + end + "." + part, Type: TypeTerm, Many: true, Kinds: InTransaction, Desc: who + end + " " + part})
		}
	}
	return append(out, chainFields(side)...)
}

// chainFields are those of the certificates behind the first: lists in the order of the chain, an element each.
func chainFields(side string) (out []Field) {
	c := "tls.detailed." + side + "_certificate_chain."
	for _, f := range []struct {
		name string
		typ  Type
	}{
		{"subject.distinguished_name", TypeTerm}, {"issuer.distinguished_name", TypeTerm}, {"serial_number", TypeTerm},
		{"not_before", TypeTime}, {"not_after", TypeTime}, {"hash.sha1", TypeTerm},
	} {
		out = append(out, Field{Name: c + f.name, Type: f.typ, Many: true, Kinds: InTransaction, Desc: "Chain behind the " + side + " certificate: " + f.name})
	}
	return out
}

var tlsDetailFields = []Field{
	{Name: "tls.client.supported_ciphers", Type: TypeTerm, Many: true, Kinds: InTransaction, Desc: "Cipher suites the client offered"},
	{Name: "tls.detailed.version", Type: TypeTerm, Kinds: InTransaction, Desc: "Version in words: TLS 1.2"},
	{Name: "tls.detailed.resumption_method", Type: TypeTerm, Kinds: InTransaction, Desc: "How the session was resumed: id, ticket, psk"},
	{Name: "tls.detailed.client_certificate_requested", Type: TypeBool, Kinds: InTransaction, Desc: "The server asked for the client's certificate"},
	{Name: "tls.detailed.ocsp_response", Type: TypeTerm, Kinds: InTransaction, Desc: "Status of the OCSP response the server stapled"},
	{Name: "tls.detailed.alert_types", Type: TypeTerm, Many: true, Kinds: InTransaction, Desc: "Alerts sent in the clear"},
	{Name: "tls.detailed.alerts.type", Type: TypeTerm, Many: true, Kinds: InTransaction, Desc: "Alerts: description"},
	{Name: "tls.detailed.alerts.code", Type: TypeInt, Many: true, Kinds: InTransaction, Desc: "Alerts: number"},
	{Name: "tls.detailed.alerts.severity", Type: TypeTerm, Many: true, Kinds: InTransaction, Desc: "Alerts: warning or fatal"},
	{Name: "tls.detailed.alerts.source", Type: TypeTerm, Many: true, Kinds: InTransaction, Desc: "Alerts: client or server"},

	{Name: "tls.detailed.client_hello.version", Type: TypeTerm, Kinds: InTransaction, Desc: "ClientHello: version in its fixed part"},
	{Name: "tls.detailed.client_hello.random", Type: TypeTerm, Kinds: InTransaction, Fold: FoldLower, Desc: "ClientHello: random"},
	{Name: "tls.detailed.client_hello.session_id", Type: TypeTerm, Kinds: InTransaction, Fold: FoldLower, Desc: "ClientHello: session id"},
	{Name: "tls.detailed.client_hello.supported_compression_methods", Type: TypeTerm, Many: true, Kinds: InTransaction, Desc: "ClientHello: compression methods"},
	{Name: "tls.detailed.client_hello.extensions.server_name_indication", Type: TypeTerm, Many: true, Kinds: InTransaction, Fold: FoldLower, Desc: "ClientHello: server names"},
	{Name: "tls.detailed.client_hello.extensions.application_layer_protocol_negotiation", Type: TypeTerm, Many: true, Kinds: InTransaction, Desc: "ClientHello: application protocols"},
	{Name: "tls.detailed.client_hello.extensions.supported_versions", Type: TypeTerm, Many: true, Kinds: InTransaction, Desc: "ClientHello: versions"},
	{Name: "tls.detailed.client_hello.extensions.supported_groups", Type: TypeTerm, Many: true, Kinds: InTransaction, Desc: "ClientHello: key exchange groups"},
	{Name: "tls.detailed.client_hello.extensions.signature_algorithms", Type: TypeTerm, Many: true, Kinds: InTransaction, Desc: "ClientHello: signature schemes"},
	{Name: "tls.detailed.client_hello.extensions.ec_points_formats", Type: TypeTerm, Many: true, Kinds: InTransaction, Desc: "ClientHello: EC point formats"},
	{Name: "tls.detailed.client_hello.extensions.cert_type", Type: TypeTerm, Many: true, Kinds: InTransaction, Desc: "ClientHello: certificate types (RFC 6091)"},
	{Name: "tls.detailed.client_hello.extensions.max_fragment_length", Type: TypeTerm, Kinds: InTransaction, Desc: "ClientHello: largest fragment"},
	{Name: "tls.detailed.client_hello.extensions.session_ticket", Type: TypeTerm, Kinds: InTransaction, Desc: "ClientHello: size of the session ticket"},
	{Name: "tls.detailed.client_hello.extensions.srp", Type: TypeTerm, Kinds: InTransaction, Desc: "ClientHello: SRP user"},
	{Name: "tls.detailed.client_hello.extensions.status_request.type", Type: TypeTerm, Kinds: InTransaction, Desc: "ClientHello: kind of certificate status asked for"},
	{Name: "tls.detailed.client_hello.extensions.status_request.responder_id_list_length", Type: TypeInt, Kinds: InTransaction, Desc: "ClientHello: bytes of OCSP responder ids"},
	{Name: "tls.detailed.client_hello.extensions.status_request.request_extensions", Type: TypeInt, Kinds: InTransaction, Desc: "ClientHello: bytes of OCSP request extensions"},
	{Name: "tls.detailed.client_hello.extensions._unparsed_", Type: TypeTerm, Many: true, Kinds: InTransaction, Desc: "ClientHello: extensions without a field of their own, by name or number"},

	{Name: "tls.detailed.server_hello.version", Type: TypeTerm, Kinds: InTransaction, Desc: "ServerHello: version in its fixed part"},
	{Name: "tls.detailed.server_hello.random", Type: TypeTerm, Kinds: InTransaction, Fold: FoldLower, Desc: "ServerHello: random"},
	{Name: "tls.detailed.server_hello.session_id", Type: TypeTerm, Kinds: InTransaction, Fold: FoldLower, Desc: "ServerHello: session id"},
	{Name: "tls.detailed.server_hello.selected_compression_method", Type: TypeTerm, Kinds: InTransaction, Desc: "ServerHello: compression method"},
	{Name: "tls.detailed.server_hello.extensions.application_layer_protocol_negotiation", Type: TypeTerm, Many: true, Kinds: InTransaction, Desc: "ServerHello: application protocol"},
	{Name: "tls.detailed.server_hello.extensions.supported_versions", Type: TypeTerm, Kinds: InTransaction, Desc: "ServerHello: version chosen"},
	{Name: "tls.detailed.server_hello.extensions.supported_groups", Type: TypeTerm, Many: true, Kinds: InTransaction, Desc: "ServerHello: key exchange groups"},
	{Name: "tls.detailed.server_hello.extensions.ec_points_formats", Type: TypeTerm, Many: true, Kinds: InTransaction, Desc: "ServerHello: EC point formats"},
	{Name: "tls.detailed.server_hello.extensions.max_fragment_length", Type: TypeTerm, Kinds: InTransaction, Desc: "ServerHello: largest fragment"},
	{Name: "tls.detailed.server_hello.extensions.status_request.response", Type: TypeBool, Kinds: InTransaction, Desc: "ServerHello: a certificate status will follow"},
	{Name: "tls.detailed.server_hello.extensions._unparsed_", Type: TypeTerm, Many: true, Kinds: InTransaction, Desc: "ServerHello: extensions without a field of their own, by name or number"},
}
