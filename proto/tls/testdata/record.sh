#!/bin/sh
# Records the captures in this folder from OpenSSL and nginx, in a network namespace of its own.
# Needs root, ip, tcpdump, openssl 3, nginx. Keys and certificates are made anew on every run, so the golden files
# change with the captures: run the tests with -update afterwards.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
ns=tapir-tls-$$
pids=
cleanup() {
	for p in $pids; do kill "$p" 2>/dev/null || true; done
	ip netns del "$ns" 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT INT TERM
ip netns add "$ns"
# Not a function, so that $! is the command itself.
run="ip netns exec $ns"
$run ip link set lo up
cd "$work"

# Certificates: a root, an intermediate, and leaves with keys of each kind.
ca() { # name subject signer
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:secp384r1 -nodes -keyout "$1.key" -out "$1.csr" -subj "$2" 2>/dev/null
	printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign\n' >"$1.ext"
	if [ "$3" = "$1" ]; then
		openssl x509 -req -in "$1.csr" -signkey "$1.key" -days 7300 -extfile "$1.ext" -out "$1.crt" 2>/dev/null
	else
		openssl x509 -req -in "$1.csr" -CA "$3.crt" -CAkey "$3.key" -CAcreateserial -days 3650 -extfile "$1.ext" -out "$1.crt" 2>/dev/null
	fi
}
leaf() { # name subject san newkey...
	name=$1 subject=$2 san=$3
	shift 3
	openssl req -new -newkey "$@" -nodes -keyout "$name.key" -out "$name.csr" -subj "$subject" -utf8 2>/dev/null
	printf 'subjectAltName=%s\n' "$san" >"$name.ext"
	openssl x509 -req -in "$name.csr" -CA sub.crt -CAkey sub.key -CAcreateserial -days 397 -extfile "$name.ext" -out "$name.crt" 2>/dev/null
}
ca root '/C=DE/O=Example Trust/CN=Example Root' root
ca sub '/C=DE/O=Example Trust/OU=Issuing/OU=Servers/CN=Example Issuing CA' root
leaf rsa '/C=DE/ST=Hesse/L=Kassel/O=Example, "Quoted" \+ Sons/CN=www.example.org' 'DNS:www.example.org,DNS:*.Example.org,IP:192.0.2.7,email:ops@example.org' rsa:2048
leaf ec '/DC=org/DC=example/CN=ec.example.org' 'DNS:ec.example.org' ec -pkeyopt ec_paramgen_curve:prime256v1
leaf ed '/CN=ed.example.org/emailAddress=ops@example.org' 'DNS:ed.example.org' ed25519
leaf user '/O=Example/CN=Jörg Müller/serialNumber=4711' 'email:jm@example.org' ec -pkeyopt ec_paramgen_curve:prime256v1
cat sub.crt root.crt >chain.pem

capture() { # file filter
	$run tcpdump -Z root -i lo -U -w "$here/$1" -s 0 --immediate-mode "$2" 2>/dev/null &
	dump=$!
	pids="$pids $dump"
	sleep 0.7
}
captured() {
	sleep 0.7
	kill -TERM "$dump"
	wait "$dump" || true
}
server() { # port options...
	port=$1
	shift
	$run openssl s_server -accept "127.0.0.1:$port" -naccept 16 "$@" >/dev/null 2>&1 &
	pids="$pids $!"
	sleep 0.4
}
client() { # port options...; says GET and waits for the answer
	port=$1
	shift
	{ printf 'GET / HTTP/1.0\r\n\r\n'; sleep 0.4; } | $run timeout 5 openssl s_client -connect "127.0.0.1:$port" "$@" >/dev/null 2>&1 || true
}
low='-cipher DEFAULT:@SECLEVEL=0'

# TLS 1.2: a chain in small records, client certificate, ALPN, OCSP stapling; EC and Ed25519 keys; renegotiation.
openssl ocsp -index /dev/null -CA sub.crt -rsigner sub.crt -rkey sub.key -issuer sub.crt -cert rsa.crt -reqout ocsp.req >/dev/null 2>&1 || true
printf 'V\t401231235959Z\t\t%s\tunknown\t/CN=x\n' "$(openssl x509 -in rsa.crt -noout -serial | cut -d= -f2)" >index.txt
openssl ocsp -index index.txt -CA sub.crt -rsigner sub.crt -rkey sub.key -reqin ocsp.req -respout ocsp.der >/dev/null 2>&1
server 4401 -tls1_2 -cert rsa.crt -key rsa.key -cert_chain chain.pem -Verify 3 -CAfile root.crt -alpn h2,http/1.1 -status_file ocsp.der -split_send_frag 512 -max_send_frag 512 -www
server 4402 -tls1_2 -cert ec.crt -key ec.key -www
server 4403 -tls1_2 -cert ed.crt -key ed.key -client_renegotiation -www
capture tls12.pcap 'tcp portrange 4401-4403'
client 4401 -servername www.example.org -cert user.crt -key user.key -cert_chain chain.pem -alpn h2,http/1.1 -status -CAfile root.crt
client 4402 -servername ec.example.org
{ sleep 0.3; echo R; sleep 0.5; printf 'GET / HTTP/1.0\r\n\r\n'; sleep 0.4; } | $run timeout 5 openssl s_client -connect 127.0.0.1:4403 -tls1_2 >/dev/null 2>&1 || true
captured

# TLS 1.3: plain, with HelloRetryRequest, resumed with early data.
sleep 8 | $run openssl s_server -accept 127.0.0.1:4411 -tls1_3 -cert rsa.crt -key rsa.key -cert_chain chain.pem -alpn http/1.1 -early_data >/dev/null 2>&1 &
pids="$pids $!"
server 4412 -tls1_3 -cert ec.crt -key ec.key -groups P-384 -www
capture tls13.pcap 'tcp portrange 4411-4412'
client 4411 -servername www.example.org -alpn h2,http/1.1 -sess_out s13.pem
client 4412 -servername ec.example.org -groups X25519:P-384
printf 'GET /early HTTP/1.0\r\n\r\n' >early.txt
client 4411 -servername www.example.org -alpn h2,http/1.1 -sess_in s13.pem -early_data early.txt
captured

# Resumption up to TLS 1.2: by ticket and by session id. TLS 1.0 and 1.1.
server 4421 -tls1_2 -cert ec.crt -key ec.key -www
server 4422 -tls1_2 -cert ec.crt -key ec.key -no_ticket -www
server 4423 -tls1 $low -cert rsa.crt -key rsa.key -www
server 4424 -tls1_1 $low -cert rsa.crt -key rsa.key -www
capture resume.pcap 'tcp portrange 4421-4424'
client 4421 -tls1_2 -sess_out t.pem
client 4421 -tls1_2 -sess_in t.pem
client 4422 -tls1_2 -sess_out i.pem
client 4422 -tls1_2 -sess_in i.pem
client 4423 -tls1 $low
client 4424 -tls1_1 $low
captured

# Failures: no common suite, no common version, clients that do not trust the server (in TLS 1.3 they say so encrypted), a server that is not TLS, a
# server that never answers.
server 4431 -tls1_2 -cert ec.crt -key ec.key -cipher ECDHE-ECDSA-AES128-GCM-SHA256 -www
server 4432 -tls1_3 -cert ec.crt -key ec.key -www
cat >plain.py <<'P'
import socket, sys, time
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
c, _ = s.accept()
c.recv(4096)
if len(sys.argv) > 2:
    c.sendall(sys.argv[2].encode())
time.sleep(0.6)
P
$run python3 plain.py 4433 "HTTP/1.1 400 Bad Request
" &
pids="$pids $!"
$run python3 plain.py 4434 &
pids="$pids $!"
sleep 0.3
capture failures.pcap 'tcp portrange 4431-4434'
client 4431 -tls1_2 -cipher ECDHE-ECDSA-CHACHA20-POLY1305
client 4432 -tls1_2
client 4431 -tls1_2 -CAfile rsa.crt -verify_return_error -verify 2
client 4432 -CAfile rsa.crt -verify_return_error -verify 2
client 4433 -servername plain.example.org
{ sleep 0.3; } | $run timeout 1 openssl s_client -connect 127.0.0.1:4434 >/dev/null 2>&1 || true
captured

# DTLS 1.2 with cookie and small datagrams, so that messages come in fragments; DTLS 1.0.
sleep 8 | $run openssl s_server -dtls1_2 -accept 127.0.0.1:4441 -listen -mtu 400 -cert rsa.crt -key rsa.key -cert_chain chain.pem -Verify 2 -CAfile root.crt >/dev/null 2>&1 &
pids="$pids $!"
sleep 8 | $run openssl s_server -dtls1 $low -accept 127.0.0.1:4442 -cert rsa.crt -key rsa.key >/dev/null 2>&1 &
pids="$pids $!"
sleep 0.4
capture dtls.pcap 'udp portrange 4441-4442'
{ echo hello; sleep 0.5; } | $run timeout 4 openssl s_client -dtls1_2 -mtu 400 -connect 127.0.0.1:4441 -servername dtls.example.org -cert user.crt -key user.key -cert_chain chain.pem >/dev/null 2>&1 || true
{ echo hello; sleep 0.5; } | $run timeout 4 openssl s_client -dtls1 $low -connect 127.0.0.1:4442 >/dev/null 2>&1 || true
captured

# nginx: HTTP/2 by ALPN over TLS 1.2 and 1.3, several connections.
cat rsa.crt chain.pem >nginx.pem
cat >nginx.conf <<N
daemon off; master_process off; pid $work/nginx.pid; error_log $work/nginx.err;
events {}
http {
	access_log off;
	server {
		listen 127.0.0.1:4451 ssl http2;
		ssl_certificate $work/nginx.pem; ssl_certificate_key $work/rsa.key;
		ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets off;
		location / { return 200 "hello\n"; }
	}
}
N
$run nginx -c "$work/nginx.conf" >/dev/null 2>&1 &
pids="$pids $!"
sleep 0.5
capture nginx.pcap 'tcp port 4451'
$run curl -sk --tls-max 1.2 --resolve www.example.org:4451:127.0.0.1 https://www.example.org:4451/ >/dev/null
$run curl -sk --resolve www.example.org:4451:127.0.0.1 https://www.example.org:4451/ >/dev/null
captured
ls -l "$here"/*.pcap
