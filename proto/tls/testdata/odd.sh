#!/bin/sh
# Writes odd.pem: certificates with keys that crypto/x509 does not read or make. Needs openssl 3.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
made() { # subject key.pem options...
	subject=$1 key=$2
	shift 2
	openssl req -new -x509 -days 3650 -key "$key" -subj "/CN=$subject" "$@" -out one.pem 2>/dev/null
	cat one.pem >>all.pem
}
openssl dsaparam -genkey -out dsa.key 1024 2>/dev/null
made dsa dsa.key -sha256
openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out pss.key 2>/dev/null
made pss pss.key -sha256
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:brainpoolP256r1 -out bp.key
made brainpool bp.key
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -pkeyopt ec_param_enc:explicit -out explicit.key
made explicit explicit.key
openssl genpkey -algorithm ed448 -out ed448.key
made ed448 ed448.key
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1 -out k1.key
openssl req -new -key k1.key -subj /CN=version1 -out v1.csr 2>/dev/null
openssl x509 -req -in v1.csr -signkey k1.key -days 3650 -sha1 -out one.pem 2>/dev/null # no extensions: version 1
cat one.pem >>all.pem
grep -v '^subject\|^issuer' all.pem >"$here/odd.pem"
