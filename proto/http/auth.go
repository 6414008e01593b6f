package http

import (
	"bytes"
	"encoding/base64"

	"github.com/tapir-project/tapir/proto"
)

// authorization reads credentials (RFC 9110 section 11.6.2): the scheme, and the user where the scheme shows it.
func (m *message) authorization(f *proto.Flow, value []byte) {
	scheme, rest, ok := bytes.Cut(value, []byte(" "))
	if !ok || len(scheme) == 0 {
		return
	}
	m.authType = scheme
	f.Set.AddText(fAuthType, scheme)
	rest = trimLeft(rest)
	switch {
	case equalFold(scheme, "basic"):
		m.user = m.basicUser(rest)
	case equalFold(scheme, "digest"):
		m.user = digestUser(rest)
	case equalFold(scheme, "ntlm"), equalFold(scheme, "negotiate"):
		ntlm(f, m.dir, rest)
	}
	f.Set.AddText(fUser, m.user)
	f.Set.AddText(fUserName, m.user)
}

// basicUser decodes the user of Basic credentials (RFC 7617), into m.
func (m *message) basicUser(b []byte) []byte {
	n := len(m.userBuf) / 3 * 4
	b = bytes.TrimRight(b[:min(len(b), n)], "= \t")
	k, err := base64.RawStdEncoding.Decode(m.userBuf, b)
	if err != nil && k == 0 {
		return nil
	}
	user, _, _ := bytes.Cut(m.userBuf[:k], []byte(":"))
	return user
}

// digestUser finds the user of Digest credentials (RFC 7616 section 3.4).
func digestUser(b []byte) []byte {
	i := bytes.Index(b, []byte("username="))
	if i < 0 {
		return nil
	}
	b = b[i+len("username="):]
	end := []byte(",")
	if len(b) > 0 && b[0] == '"' {
		b, end = b[1:], []byte(`"`)
	}
	user, _, _ := bytes.Cut(b, end)
	return trim(user)
}

// maxToken bounds the NTLM tokens that are decoded.
const maxToken = 16 << 10

var ntlmSignature = []byte("NTLMSSP\x00")

// ntlm gives the NTLM message in an NTLM or Negotiate token (RFC 4559) to the protocol ntlm, as a stream of its own
// that holds this message; a Negotiate token has the message inside.
func ntlm(f *proto.Flow, dir proto.Dir, b64 []byte) {
	if len(b64) == 0 || len(b64) > maxToken || f.Env.Protocols.ByName("ntlm") == nil {
		return
	}
	raw := make([]byte, base64.StdEncoding.DecodedLen(len(b64)))
	n, _ := base64.StdEncoding.Decode(raw, b64)
	i := bytes.Index(raw[:n], ntlmSignature)
	if i < 0 {
		return
	}
	sub := f.Open("ntlm")
	sub.Data(dir, raw[i:n], f.Time)
	sub.Close(proto.ToServer, f.Time)
	sub.Close(proto.ToClient, f.Time)
}
