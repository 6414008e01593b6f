package tlshello

// SuiteName is the IANA name of a cipher suite, "" and false if it has none.
func SuiteName(suite uint16) (string, bool) {
	s, ok := suiteNames[suite]
	return s, ok
}

// GroupName is the name of a key exchange group (IANA "TLS Supported Groups").
func GroupName(group uint16) (string, bool) {
	s, ok := groupNames[group]
	return s, ok
}

// SchemeName is the name of a signature scheme (IANA "TLS SignatureScheme"). The RSA-PSS schemes with rsaEncryption
// keys go by the shorter names of the TLS 1.3 drafts, which logs in the field have: rsa_pss_sha256.
func SchemeName(scheme uint16) (string, bool) {
	s, ok := schemeNames[scheme]
	return s, ok
}

// AlertName is the name of an alert description (IANA "TLS Alerts").
func AlertName(alert uint8) (string, bool) {
	s, ok := alertNames[alert]
	return s, ok
}

// ExtensionName is the name of an extension (IANA "TLS ExtensionType Values").
func ExtensionName(typ uint16) (string, bool) {
	s, ok := extensionNames[typ]
	return s, ok
}

// PointFormatName is the name of an EC point format (RFC 8422 §5.1.2).
func PointFormatName(format uint8) (string, bool) {
	if int(format) < len(pointFormats) {
		return pointFormats[format], true
	}
	return "", false
}

// CompressionName is the name of a compression method (RFC 3749, 3943).
func CompressionName(method uint8) (string, bool) {
	switch method {
	case 0:
		return "NULL", true
	case 1:
		return "DEFLATE", true
	case 64:
		return "LZS", true
	}
	return "", false
}

var pointFormats = [...]string{"uncompressed", "ansiX962_compressed_prime", "ansiX962_compressed_char2"}

var groupNames = map[uint16]string{
	1: "sect163k1", 2: "sect163r1", 3: "sect163r2", 4: "sect193r1", 5: "sect193r2", 6: "sect233k1", 7: "sect233r1",
	8: "sect239k1", 9: "sect283k1", 10: "sect283r1", 11: "sect409k1", 12: "sect409r1", 13: "sect571k1", 14: "sect571r1",
	15: "secp160k1", 16: "secp160r1", 17: "secp160r2", 18: "secp192k1", 19: "secp192r1", 20: "secp224k1", 21: "secp224r1",
	22: "secp256k1", 23: "secp256r1", 24: "secp384r1", 25: "secp521r1",
	26: "brainpoolP256r1", 27: "brainpoolP384r1", 28: "brainpoolP512r1", 29: "x25519", 30: "x448",
	31: "brainpoolP256r1tls13", 32: "brainpoolP384r1tls13", 33: "brainpoolP512r1tls13",
	34: "GC256A", 35: "GC256B", 36: "GC256C", 37: "GC256D", 38: "GC512A", 39: "GC512B", 40: "GC512C", 41: "curveSM2",
	256: "ffdhe2048", 257: "ffdhe3072", 258: "ffdhe4096", 259: "ffdhe6144", 260: "ffdhe8192",
	512: "MLKEM512", 513: "MLKEM768", 514: "MLKEM1024",
	4587: "SecP256r1MLKEM768", 4588: "X25519MLKEM768", 4589: "SecP384r1MLKEM1024", 4590: "curveSM2MLKEM768",
	25497: "X25519Kyber768Draft00", 25498: "SecP256r1Kyber768Draft00",
	65281: "arbitrary_explicit_prime_curves", 65282: "arbitrary_explicit_char2_curves",
}

var schemeNames = map[uint16]string{
	0x0201: "rsa_pkcs1_sha1", 0x0203: "ecdsa_sha1",
	0x0401: "rsa_pkcs1_sha256", 0x0403: "ecdsa_secp256r1_sha256", 0x0420: "rsa_pkcs1_sha256_legacy",
	0x0501: "rsa_pkcs1_sha384", 0x0503: "ecdsa_secp384r1_sha384", 0x0520: "rsa_pkcs1_sha384_legacy",
	0x0601: "rsa_pkcs1_sha512", 0x0603: "ecdsa_secp521r1_sha512", 0x0620: "rsa_pkcs1_sha512_legacy",
	0x0704: "eccsi_sha256", 0x0705: "iso_ibs1", 0x0706: "iso_ibs2", 0x0707: "iso_chinese_ibs", 0x0708: "sm2sig_sm3",
	0x0709: "gostr34102012_256a", 0x070a: "gostr34102012_256b", 0x070b: "gostr34102012_256c", 0x070c: "gostr34102012_256d",
	0x070d: "gostr34102012_512a", 0x070e: "gostr34102012_512b", 0x070f: "gostr34102012_512c",
	0x0804: "rsa_pss_sha256", 0x0805: "rsa_pss_sha384", 0x0806: "rsa_pss_sha512", 0x0807: "ed25519", 0x0808: "ed448",
	0x0809: "rsa_pss_pss_sha256", 0x080a: "rsa_pss_pss_sha384", 0x080b: "rsa_pss_pss_sha512",
	0x081a: "ecdsa_brainpoolP256r1tls13_sha256", 0x081b: "ecdsa_brainpoolP384r1tls13_sha384", 0x081c: "ecdsa_brainpoolP512r1tls13_sha512",
	0x0904: "mldsa44", 0x0905: "mldsa65", 0x0906: "mldsa87",
}

var alertNames = map[uint8]string{
	0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 21: "decryption_failed", 22: "record_overflow",
	30: "decompression_failure", 40: "handshake_failure", 41: "no_certificate", 42: "bad_certificate",
	43: "unsupported_certificate", 44: "certificate_revoked", 45: "certificate_expired", 46: "certificate_unknown",
	47: "illegal_parameter", 48: "unknown_ca", 49: "access_denied", 50: "decode_error", 51: "decrypt_error",
	52: "too_many_cids_requested", 60: "export_restriction", 70: "protocol_version", 71: "insufficient_security",
	80: "internal_error", 86: "inappropriate_fallback", 90: "user_canceled", 100: "no_renegotiation",
	109: "missing_extension", 110: "unsupported_extension", 111: "certificate_unobtainable", 112: "unrecognized_name",
	113: "bad_certificate_status_response", 114: "bad_certificate_hash_value", 115: "unknown_psk_identity",
	116: "certificate_required", 120: "no_application_protocol", 121: "ech_required",
}

var extensionNames = map[uint16]string{
	0: "server_name", 1: "max_fragment_length", 2: "client_certificate_url", 3: "trusted_ca_keys", 4: "truncated_hmac", 5: "status_request",
	6: "user_mapping", 7: "client_authz", 8: "server_authz", 9: "cert_type", 10: "supported_groups", 11: "ec_point_formats", 12: "srp",
	13: "signature_algorithms", 14: "use_srtp", 15: "heartbeat", 16: "application_layer_protocol_negotiation", 17: "status_request_v2",
	18: "signed_certificate_timestamp", 19: "client_certificate_type", 20: "server_certificate_type", 21: "padding",
	22: "encrypt_then_mac", 23: "extended_master_secret", 24: "token_binding", 25: "cached_info", 26: "tls_lts",
	27: "compress_certificate", 28: "record_size_limit", 29: "pwd_protect", 30: "pwd_clear", 31: "password_salt", 32: "ticket_pinning",
	33: "tls_cert_with_extern_psk", 34: "delegated_credential", 35: "session_ticket", 36: "TLMSP", 37: "TLMSP_proxying",
	38: "TLMSP_delegate", 39: "supported_ekt_ciphers", 41: "pre_shared_key", 42: "early_data", 43: "supported_versions", 44: "cookie",
	45: "psk_key_exchange_modes", 47: "certificate_authorities", 48: "oid_filters", 49: "post_handshake_auth",
	50: "signature_algorithms_cert", 51: "key_share", 52: "transparency_info", 54: "connection_id", 55: "external_id_hash",
	56: "external_session_id", 57: "quic_transport_parameters", 58: "ticket_request", 59: "dnssec_chain",
	60: "sequence_number_encryption_algorithms", 61: "rrc", 13172: "next_protocol_negotiation", 17513: "application_settings",
	17613: "application_settings", 0xfd00: "ech_outer_extensions", 0xfe0d: "encrypted_client_hello", 0xffce: "encrypted_server_name",
	0xff01: "renegotiation_info",
}
