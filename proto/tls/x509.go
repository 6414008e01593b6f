package tls

import (
	"crypto/sha1"
	"math/big"
	"math/bits"
)

// certificate is an X.509 certificate (RFC 5280) taken apart as far as it is sound. It borrows from the message.
//
// This is not crypto/x509, because that refuses what traffic has (version 1 with extensions, negative serial numbers,
// unknown curves, malformed names) and allocates some hundred times for each. Nothing is verified here.
type certificate struct {
	raw       []byte
	sha1      [20]byte // of raw
	version   int      // 1, 2 or 3
	serial    []byte   // content of the INTEGER as it stands
	sigAlg    []byte   // object identifier
	sigParams element
	issuer    []byte // content of the Name
	subject   []byte
	notBefore int64 // seconds since the epoch
	notAfter  int64
	hasTimes  bool
	keyAlg    []byte // object identifier
	curve     []byte // object identifier; nil if there is none
	keyBits   int    // size of the key; 0 if unknown
	exponent  int64  // of an RSA key; 0 if unknown or beyond 63 bits
	altNames  []byte // content of GeneralNames
	sound     bool   // everything up to the public key was there
}

// parse reads a certificate; what follows a defect stays empty.
func (c *certificate) parse(b []byte) {
	*c = certificate{raw: b, sha1: sha1.Sum(b), version: 1}
	outer := (&der{b: b}).want(tagSequence)
	tbs := outer.in().want(tagSequence).in()
	if v := tbs.optional(tagConstructed); v.tag != 0 {
		if n := v.in().want(tagInteger).body; len(n) == 1 {
			c.version = int(n[0]) + 1
		}
	}
	c.serial = tbs.want(tagInteger).body
	alg := tbs.want(tagSequence).in()
	c.sigAlg, c.sigParams = alg.want(tagOID).body, alg.next()
	c.issuer = tbs.want(tagSequence).body
	c.validity(tbs.want(tagSequence).in())
	c.subject = tbs.want(tagSequence).body
	c.publicKey(tbs.want(tagSequence).in())
	c.sound = !tbs.bad
	tbs.optional(tagContext + 1)
	tbs.optional(tagContext + 2)
	tbs.optional(tagConstructed + 1)
	tbs.optional(tagConstructed + 2)
	if e := tbs.optional(tagConstructed + 3); e.tag != 0 {
		c.extensions(e.in().want(tagSequence).in())
	}
}

func (c *certificate) validity(d *der) {
	var ok1, ok2 bool
	c.notBefore, ok1 = derTime(d.next())
	c.notAfter, ok2 = derTime(d.next())
	c.hasTimes = ok1 && ok2
}

// publicKey reads a SubjectPublicKeyInfo (RFC 3279, 5480, 8410).
func (c *certificate) publicKey(d *der) {
	alg := d.want(tagSequence).in()
	c.keyAlg = alg.want(tagOID).body
	params := alg.next()
	key := d.want(tagBitString).body
	if len(key) > 0 {
		key = key[1:] // the number of unused bits: always 0
	}
	switch info := keyAlgs[string(c.keyAlg)]; {
	case info.kind == keyRSA:
		rsa := (&der{b: key}).want(tagSequence).in()
		c.keyBits = bitLen(rsa.want(tagInteger).body)
		if e := rsa.want(tagInteger).body; len(e) <= 7 {
			for _, x := range e {
				c.exponent = c.exponent<<8 | int64(x)
			}
		}
	case info.kind == keyDSA:
		if params.tag == tagSequence {
			c.keyBits = bitLen(params.in().want(tagInteger).body)
		}
	case info.kind == keyEC:
		if params.tag == tagOID {
			c.curve = params.body
		}
		c.keyBits = curves[string(c.curve)].bits
	default:
		c.keyBits = info.bits
	}
}

// bitLen is the number of bits of a positive INTEGER.
func bitLen(b []byte) int {
	for len(b) > 0 && b[0] == 0 {
		b = b[1:]
	}
	if len(b) == 0 {
		return 0
	}
	return 8*(len(b)-1) + bits.Len8(b[0])
}

// extensions looks for the subject's alternative names.
func (c *certificate) extensions(d *der) {
	for len(d.b) > 0 {
		ext := d.want(tagSequence).in()
		oid := ext.want(tagOID).body
		ext.optional(tagBoolean)
		value := ext.want(tagOctetString)
		if string(oid) == oidAltName && c.altNames == nil {
			c.altNames = value.in().want(tagSequence).body
		}
	}
}

// appendSerial appends the serial number in decimal.
func (c *certificate) appendSerial(dst []byte) []byte {
	if len(c.serial) == 0 || len(c.serial) > 64 { // RFC 5280 allows 20; more than 64 is no number for reading
		return dst
	}
	n := new(big.Int).SetBytes(c.serial)
	if c.serial[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(c.serial))))
	}
	return n.Append(dst, 10)
}

// keyName names the key's algorithm as OpenSSL does for short: rsaEncryption, id-ecPublicKey, ED25519.
func (c *certificate) keyName() string {
	if len(c.keyAlg) == 0 {
		return "corrupt"
	}
	if k, ok := keyAlgs[string(c.keyAlg)]; ok {
		return k.name
	}
	return "unknown"
}

// keyFamily names the key's algorithm as ECS's examples do: RSA, DSA, ECDSA, Ed25519.
func (c *certificate) keyFamily() string { return keyAlgs[string(c.keyAlg)].family }

// curveName names the curve of an elliptic curve key as OpenSSL does: prime256v1, secp384r1. Empty for other keys.
func (c *certificate) curveName() string {
	if keyAlgs[string(c.keyAlg)].kind != keyEC {
		return ""
	}
	if c.curve == nil {
		return "corrupt"
	}
	if k, ok := curves[string(c.curve)]; ok {
		return k.name
	}
	return "unknown"
}

// sigName names the signature algorithm in the manner of SHA256-RSA; empty if it is not known.
func (c *certificate) sigName() string {
	if string(c.sigAlg) == oidPSS {
		return c.pssName()
	}
	return sigAlgs[string(c.sigAlg)]
}

// pssName names RSASSA-PSS by its hash (RFC 4055 §3.1), which is SHA-1 if the parameters do not say.
func (c *certificate) pssName() string {
	hash := "SHA1"
	if c.sigParams.tag == tagSequence {
		alg := c.sigParams.in().optional(tagConstructed).in().optional(tagSequence).in().optional(tagOID)
		if name, ok := hashes[string(alg.body)]; ok {
			hash = name
		}
	}
	return hash + "-RSAPSS"
}
