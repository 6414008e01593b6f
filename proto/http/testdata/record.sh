#!/usr/bin/env bash
# Records the captures of this folder: Apache, nginx and Python's servers and curl talk over the loopback interface of
# a network namespace of their own, with segments of 1500 bytes as on Ethernet. Needs root, apache2, nginx, curl,
# python3, tcpdump, ethtool and nc. Usage: record.sh [NAME...]; all of them without a name.
set -euo pipefail
[ "${TAPIR_INSIDE:-}" ] || exec env TAPIR_INSIDE=1 unshare -n bash "$0" "$@"
cd "$(dirname "$0")"
out=$PWD
tmp=$(mktemp -d)
chmod 755 "$tmp"
pids=()

stop() {
	for p in "${pids[@]:-}"; do [ -n "$p" ] && kill "$p" 2>/dev/null && wait "$p" 2>/dev/null || true; done
	pids=()
	return 0
}
trap 'stop; rm -rf "$tmp"' EXIT

ip link set lo mtu 1500 up
ethtool -K lo tso off gso off gro off >/dev/null 2>&1 || true

server() { # server PORT COMMAND...: starts it and waits until it listens
	local port=$1
	shift
	"$@" >"$tmp/server.log" 2>&1 &
	pids+=($!)
	for _ in $(seq 100); do
		ss -Hltn "sport = :$port" | grep -q . && return
		sleep 0.1
	done
	echo "nothing listens on port $port:" >&2
	cat "$tmp/server.log" >&2
	exit 1
}

capture() { # capture NAME FUNCTION: runs the function with tcpdump at work
	tcpdump -Z root -i lo -s 0 -U --immediate-mode --time-stamp-precision=nano -w "$tmp/$1.pcap" tcp 2>"$tmp/tcpdump.log" &
	local dump=$!
	until grep -q 'listening on' "$tmp/tcpdump.log"; do sleep 0.05; done
	"$2"
	sleep 0.3
	kill -TERM $dump
	wait $dump || true
	mv "$tmp/$1.pcap" "$out/$1.pcap"
	echo "$1.pcap: $(stat -c %s "$out/$1.pcap") bytes"
}

get() { curl -s "$@" >/dev/null || true; }

site() {
	mkdir -p "$tmp/www/dav" "$tmp/cgi"
	printf '<!doctype html><title>tapir</title><p>hello\n' >"$tmp/www/index.html"
	printf '\x89PNG\r\n\x1a\n' >"$tmp/www/dot.png"
	printf '{"name": "tapir"}\n' >"$tmp/www/data.json"
	seq 1 1200 >"$tmp/www/numbers.txt"
	printf 'ada:tapir:%s\n' "$(printf 'ada:tapir:secret' | md5sum | cut -d' ' -f1)" >"$tmp/users"
	# An answer of unknown length, and one that moves on.
	printf '#!/bin/sh\necho "Content-Type: text/plain"; echo; seq 1 300; sleep 0.1; seq 1 300\n' >"$tmp/cgi/stream"
	printf '#!/bin/sh\necho "Status: 302 Found"; echo "Location: http://localhost:8080/index.html?from=cgi"; echo\n' >"$tmp/cgi/moved"
	chmod 755 "$tmp/cgi/"*
	chmod -R a+rwX "$tmp/www"
}

apache() { # apache [DIRECTIVE...]
	local m=/usr/lib/apache2/modules
	{
		cat <<EOF
ServerName tapir-test
ServerRoot $tmp
DefaultRuntimeDir $tmp
PidFile $tmp/apache.pid
ErrorLog $tmp/apache.err
Listen 8080
TypesConfig /dev/null
DocumentRoot $tmp/www
EOF
		for x in mpm_event authz_core authz_user authn_core authn_file auth_digest dir deflate brotli filter mime alias \
			cgid dav dav_fs dav_lock proxy proxy_connect http2; do
			echo "LoadModule ${x}_module $m/mod_$x.so"
		done
		cat <<EOF
AddType text/plain .txt
AddType text/html .html
AddType image/png .png
AddType application/json .json
AddOutputFilterByType BROTLI_COMPRESS;DEFLATE text/plain
ScriptSock $tmp/cgi.sock
ScriptAlias /cgi/ $tmp/cgi/
DavLockDB $tmp/lock
TraceEnable on
Protocols h2c http/1.1
AllowCONNECT 8080
<Directory $tmp>
  Require all granted
</Directory>
<Directory $tmp/www/dav>
  Dav on
</Directory>
<Location /private>
  AuthType Digest
  AuthName tapir
  AuthDigestProvider file
  AuthUserFile $tmp/users
  Require valid-user
</Location>
EOF
		printf '%s\n' "$@"
	} >"$tmp/apache.conf"
	server 8080 apache2 -f "$tmp/apache.conf" -DFOREGROUND
}

# --- messages: bodies and headers of all kinds ---------------------------------------------------------------------

messages() {
	site
	apache
	capture messages ask
	stop
}

ask() {
	local base=http://localhost:8080
	curl -s -4 -A 'tapir-test/1.0' "$base/" "$base/numbers.txt?lang=en&q=a%20b&debug" "$base/missing.html" >/dev/null
	get -4 -H 'Accept-Encoding: gzip' "$base/numbers.txt"
	get -4 -H 'Accept-Encoding: br' "$base/numbers.txt"
	get -4 "$base/cgi/stream" "$base/cgi/moved" "$base/dot.png" "$base/data.json"
	get -4 -I "$base/numbers.txt"
	get -4 -r 0-9 "$base/numbers.txt"
	get -4 -H 'If-None-Match: *' "$base/index.html"
	get -4 -H 'If-Modified-Since: Fri, 31 Dec 2100 23:59:59 GMT' "$base/index.html"
	get -4 --digest -u ada:secret -b 'sid=42; theme=dark' -e "$base/" "$base/private/"
	get -4 -u ada:secret -H 'X-Forwarded-For: 192.0.2.7, 2001:db8::7' "$base/"
	get -4 -d 'name=tapir&legs=4' "$base/index.html"
	gzip -c "$tmp/www/data.json" | get -4 -H 'Content-Encoding: gzip' -H 'Content-Type: application/json' --data-binary @- "$base/"
	get -4 -H 'Expect: 100-continue' -T "$tmp/www/numbers.txt" "$base/dav/new.txt"
	printf 'in chunks' | get -4 -H 'Transfer-Encoding: chunked' -T - "$base/dav/chunks.txt"
	get -4 -X PROPFIND -H 'Depth: 1' "$base/dav/"
	get -4 -X MOVE -H "Destination: $base/dav/moved.txt" "$base/dav/new.txt"
	get -4 -X OPTIONS --request-target '*' "$base/"
	get -4 -X TRACE "$base/"
	get -6 -g "http://[::1]:8080/"
}

# --- streams: pipelining, ends by closing, old versions ------------------------------------------------------------

streams() {
	site
	cat >"$tmp/nginx.conf" <<EOF
daemon off; pid $tmp/nginx.pid; error_log $tmp/nginx.err; user root;
events {}
http { access_log off; client_body_temp_path $tmp/b; proxy_temp_path $tmp/p; fastcgi_temp_path $tmp/f; uwsgi_temp_path $tmp/u; scgi_temp_path $tmp/s;
  server { listen 8081; root $tmp/www; } }
EOF
	server 8081 nginx -c "$tmp/nginx.conf"
	(cd "$tmp/www" && exec python3 -m http.server 8000 --bind 127.0.0.1) >/dev/null 2>&1 &
	pids+=($!)
	sleep 1
	capture streams talk
	stop
}

talk() {
	get -4 http://localhost:8000/ http://localhost:8000/nothing
	get -4 -0 http://localhost:8081/data.json
	say 8081 'GET / HTTP/1.1\r\nHost: pipe\r\n\r\nHEAD /numbers.txt HTTP/1.1\r\nHost: pipe\r\n\r\n\r\nGET /x HTTP/1.1\r\nHost: pipe\r\n folded: no\r\n\r\nGET /dot.png HTTP/1.1\nHost: pipe\nConnection: close\n\n'
	say 8081 'GET /\r\n'
	say 8081 'GET / HTTP/1.0\r\n\r\n'
	say 8081 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nnot all of it'
	say 8081 'NONSENSE\r\n\r\n'
}

say() { bash -c "printf '$2' | timeout 2 nc -q 1 127.0.0.1 $1 >/dev/null || true"; }

# --- upgrade: what ends HTTP ---------------------------------------------------------------------------------------

upgrade() {
	site
	apache "ProxyRequests On" "<Proxy *>" "Require all granted" "</Proxy>"
	cat >"$tmp/chat.py" <<'EOF'
import base64, hashlib, socket
s = socket.create_server(('127.0.0.1', 8002))
while True:
    c, _ = s.accept()
    head = c.recv(4096).decode()
    key = [l.split(': ')[1] for l in head.split('\r\n') if l.lower().startswith('sec-websocket-key')][0]
    accept = base64.b64encode(hashlib.sha1((key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').encode()).digest()).decode()
    c.sendall(f'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n'.encode() + b'\x81\x05hello')
    c.recv(4096)
    c.sendall(b'\x88\x02\x03\xe8')
    c.close()
EOF
	server 8002 python3 "$tmp/chat.py"
	capture upgrade change
	stop
}

change() {
	get -4 --http2 http://localhost:8080/
	get -4 --http2-prior-knowledge http://localhost:8080/
	get -4 -p -x http://localhost:8080 http://localhost:8080/data.json
	get -4 -p -x http://localhost:8080 http://localhost:9/
	say 8002 'GET /chat HTTP/1.1\r\nHost: localhost:8002\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'
}

if [ $# -eq 0 ]; then set -- messages streams upgrade; fi
for name in "$@"; do $name; done
