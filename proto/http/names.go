package http

// headerID numbers the header names the parser knows: those it gives a meaning, and those so common that their
// presence is noted without hashing or comparing text. 0 is any other name.
type headerID uint8

// Names with a meaning to the parser.
const (
	hOther headerID = iota
	hHost
	hUserAgent
	hCookie
	hReferer
	hAuthorization
	hProxyAuthorization
	hXForwardedFor
	hXRealIP
	hContentLength
	hContentType
	hContentEncoding
	hTransferEncoding
	hUpgrade
	hLocation
	hWWWAuthenticate
	hProxyAuthenticate
	hPlain // the first of those whose presence is all that matters
)

// headerNames is indexed by headerID; lower case (RFC 9110 section 5.1: names are case-insensitive). At most 128,
// for nameSet.
var headerNames = [...]string{
	"", "host", "user-agent", "cookie", "referer", "authorization", "proxy-authorization", "x-forwarded-for",
	"x-real-ip", "content-length", "content-type", "content-encoding", "transfer-encoding", "upgrade", "location",
	"www-authenticate", "proxy-authenticate",

	"accept", "accept-charset", "accept-encoding", "accept-language", "accept-ranges", "age", "allow", "alt-svc",
	"access-control-allow-credentials", "access-control-allow-headers", "access-control-allow-methods",
	"access-control-allow-origin", "access-control-expose-headers", "access-control-max-age",
	"access-control-request-headers", "access-control-request-method", "cache-control", "cdn-cache-control",
	"cf-cache-status", "cf-ray", "connection", "content-disposition", "content-language", "content-location",
	"content-md5", "content-range", "content-security-policy", "cross-origin-opener-policy",
	"cross-origin-resource-policy", "date", "dnt", "etag", "expect", "expect-ct", "expires", "forwarded", "from",
	"if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "keep-alive",
	"last-modified", "link", "max-forwards", "mime-version", "nel", "origin", "p3p", "permissions-policy", "pragma",
	"priority", "proxy-connection", "public-key-pins", "purpose", "range", "referrer-policy", "refresh",
	"report-to", "retry-after", "sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform", "sec-fetch-dest",
	"sec-fetch-mode", "sec-fetch-site", "sec-fetch-user", "sec-gpc", "sec-websocket-accept",
	"sec-websocket-extensions", "sec-websocket-key", "sec-websocket-protocol", "sec-websocket-version", "server",
	"server-timing", "set-cookie", "soapaction", "strict-transport-security", "te", "timing-allow-origin",
	"traceparent", "trailer", "upgrade-insecure-requests", "vary", "via", "warning", "x-amz-cf-id", "x-amz-cf-pop",
	"x-aspnet-version", "x-cache", "x-cache-hits", "x-content-type-options", "x-correlation-id", "x-csrf-token",
	"x-forwarded-host", "x-forwarded-port", "x-forwarded-proto", "x-frame-options", "x-powered-by",
	"x-request-id", "x-requested-with", "x-served-by", "x-timer", "x-ua-compatible", "x-xss-protection",
}

// nameSet is a set of known names.
type nameSet [2]uint64

// add puts id into the set and says whether it was new.
func (s *nameSet) add(id headerID) bool {
	w, bit := &s[id>>6&1], uint64(1)<<(id&63)
	was := *w & bit
	*w |= bit
	return was == 0
}

// nameTable finds known names: open addressing on length, first and last byte.
var nameTable = buildNames()

func buildNames() (table [512]headerID) {
	for id := hHost; int(id) < len(headerNames); id++ {
		h := nameHash([]byte(headerNames[id]))
		for table[h] != hOther {
			h = (h + 1) % uint(len(table))
		}
		table[h] = id
	}
	return table
}

// nameHash needs at least one byte.
func nameHash(b []byte) uint {
	n := len(b)
	return (uint(n)*37 ^ uint(lower[b[0]])*5 ^ uint(lower[b[n-1]])*67 ^ uint(lower[b[n/2]])*13) % 512
}

// knownName says which known name b is, whatever its case.
func knownName(b []byte) headerID {
	if len(b) == 0 {
		return hOther
	}
	for h := nameHash(b); nameTable[h] != hOther; h = (h + 1) % uint(len(nameTable)) {
		if equalFold(b, headerNames[nameTable[h]]) {
			return nameTable[h]
		}
	}
	return hOther
}

// equalFold compares b with want, which is in lower case; ASCII only.
func equalFold(b []byte, want string) bool {
	if len(b) != len(want) {
		return false
	}
	for i, c := range b {
		if lower[c] != want[i] {
			return false
		}
	}
	return true
}

// hasPrefixFold is equalFold for the beginning of b.
func hasPrefixFold(b []byte, want string) bool {
	return len(b) >= len(want) && equalFold(b[:len(want)], want)
}

// lower maps ASCII capitals to small letters, token marks the bytes of a token (RFC 9110 section 5.6.2).
var lower, token = buildClasses()

func buildClasses() (lower [256]byte, token [256]bool) {
	for i := range lower {
		c := byte(i)
		lower[i] = c
		switch {
		case c >= 'A' && c <= 'Z':
			lower[i] = c + 'a' - 'A'
			token[i] = true
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			token[i] = true
		}
	}
	for _, c := range []byte("!#$%&'*+-.^_`|~") {
		token[c] = true
	}
	return lower, token
}

// isToken says whether b is one.
func isToken(b []byte) bool {
	for _, c := range b {
		if !token[c] {
			return false
		}
	}
	return len(b) > 0
}
