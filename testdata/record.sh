#!/usr/bin/env bash
# Records the captures of this folder from real servers: each runs in a network namespace of its own, the client talks to
# it over a veth pair, and tcpdump on the client's side writes NAME.pcap. Needs root and the packages of
# packaging/setup.sh test. Usage: record.sh [NAME...]; all of them without a name.
set -euo pipefail
cd "$(dirname "$0")"
out=$PWD
tmp=$(mktemp -d)
chmod 755 "$tmp"
S=tapir-srv C=tapir-cli
SIP=10.77.0.1 CIP=10.77.0.2
pids=()

cleanup() {
	for p in "${pids[@]:-}"; do [ -n "$p" ] && kill "$p" 2>/dev/null && wait "$p" 2>/dev/null || true; done
	ip netns del $S 2>/dev/null || true
	ip netns del $C 2>/dev/null || true
	rm -rf "$tmp"
	return 0
}
trap cleanup EXIT

network() {
	ip netns add $S
	ip netns add $C
	ip -n $S link add eth0 type veth peer name eth0 netns $C
	ip -n $S addr add $SIP/24 dev eth0
	ip -n $C addr add $CIP/24 dev eth0
	ip -n $S addr add fd77::1/64 dev eth0 nodad
	ip -n $C addr add fd77::2/64 dev eth0 nodad
	for ns in $S $C; do
		ip -n $ns link set lo up
		ip -n $ns link set eth0 up
		ip netns exec $ns ethtool -K eth0 tso off gso off gro off >/dev/null 2>&1 || true
	done
}

server() { # server COMMAND...: starts it in the server's namespace
	ip netns exec $S "$@" >"$tmp/server.log" 2>&1 &
	pids+=($!)
}

port() { # port N: waits until something listens on TCP port N in the server's namespace
	for _ in $(seq 100); do
		ip netns exec $S ss -Hltn "sport = :$1" | grep -q . && return
		sleep 0.1
	done
	echo "nothing listens on port $1:" >&2
	cat "$tmp/server.log" >&2
	exit 1
}

client() { ip netns exec $C "$@"; }

capture() { # capture NAME FUNCTION: runs the function with tcpdump at work
	ip netns exec $C tcpdump -i eth0 -s 0 -U --immediate-mode --time-stamp-precision=nano -w "$tmp/$1.pcap" 'not (icmp6 and (ip6[40] = 143 or ip6[40] = 133))' 2>"$tmp/tcpdump.log" &
	local dump=$!
	until grep -q 'listening on' "$tmp/tcpdump.log"; do sleep 0.05; done
	"$2"
	sleep 0.3
	kill -TERM $dump
	wait $dump || true
	mv "$tmp/$1.pcap" "$out/$1.pcap"
	echo "$1.pcap: $(stat -c %s "$out/$1.pcap") bytes"
}

stop() {
	for p in "${pids[@]:-}"; do [ -n "$p" ] && kill "$p" 2>/dev/null && wait "$p" 2>/dev/null || true; done
	pids=()
	return 0
}

# --- web servers -------------------------------------------------------------------------------------------------

site() {
	mkdir -p "$tmp/www/docs"
	printf '<!doctype html><title>tapir</title><p>hello\n' >"$tmp/www/index.html"
	seq 1 4000 >"$tmp/www/docs/numbers.txt"
	head -c 20000 /dev/zero | tr '\0' x >"$tmp/www/docs/blob.bin"
	chmod -R a+rX "$tmp/www"
}

browse() { # the same requests for both web servers: kept alive, compressed, ranges, errors, posts, IPv6
	local base=http://$SIP:8080 c="client curl -s -o /dev/null"
	client curl -s -A 'tapir-test/1.0' "$base/" "$base/docs/numbers.txt" "$base/missing?q=1&q=2" >/dev/null
	$c --compressed -H 'Accept-Encoding: gzip' "$base/docs/numbers.txt"
	$c -r 100-199 "$base/docs/blob.bin"
	$c -I "$base/index.html"
	$c -u ada:secret -b 'sid=42; theme=dark' -H 'X-Forwarded-For: 192.0.2.7, 10.0.0.1' "$base/?key=value&empty="
	$c -X POST -d 'name=tapir&legs=4' "$base/index.html"
	$c -H 'Expect: 100-continue' -X PUT --data-binary @"$tmp/www/docs/blob.bin" "$base/upload"
	$c -0 "$base/"
	$c -g "http://[fd77::1]:8080/"
	client bash -c "printf 'GET / HTTP/1.1\r\nHost: pipe\r\n\r\nGET /docs/ HTTP/1.1\r\nHost: pipe\r\n\r\nGET /x HTTP/1.1\r\nHost: pipe\r\nConnection: close\r\n\r\n' | timeout 2 nc -q 1 $SIP 8080 >/dev/null || true"
}

nginx_() {
	site
	cat >"$tmp/nginx.conf" <<EOF
daemon off; pid $tmp/nginx.pid; error_log $tmp/nginx.err;
events {}
http { access_log off; gzip on; gzip_types text/plain; gzip_min_length 100; client_body_temp_path $tmp/b; proxy_temp_path $tmp/p; fastcgi_temp_path $tmp/f; uwsgi_temp_path $tmp/u; scgi_temp_path $tmp/s;
  server { listen 8080; listen [::]:8080; root $tmp/www; location /upload { return 204; } } }
EOF
	server nginx -c "$tmp/nginx.conf"
	port 8080
	capture nginx browse
	stop
}

apache() {
	site
	local m=/usr/lib/apache2/modules
	cat >"$tmp/apache.conf" <<EOF
ServerName tapir-test
ServerRoot $tmp
PidFile $tmp/apache.pid
ErrorLog $tmp/apache.err
Listen 8080
LoadModule mpm_event_module $m/mod_mpm_event.so
LoadModule authz_core_module $m/mod_authz_core.so
LoadModule dir_module $m/mod_dir.so
LoadModule deflate_module $m/mod_deflate.so
LoadModule filter_module $m/mod_filter.so
LoadModule mime_module $m/mod_mime.so
TypesConfig /etc/mime.types
DocumentRoot $tmp/www
AddOutputFilterByType DEFLATE text/plain text/html
<Directory $tmp/www>
  Require all granted
</Directory>
EOF
	[ -f /etc/mime.types ] || sed -i 's|^TypesConfig.*|TypesConfig /dev/null\nAddType text/plain .txt\nAddType text/html .html|' "$tmp/apache.conf"
	server apache2 -f "$tmp/apache.conf" -DFOREGROUND
	port 8080
	capture apache browse
	stop
}

# --- TLS --------------------------------------------------------------------------------------------------------

handshakes() {
	client curl -sk -o /dev/null "https://tapir.test:8443/" --resolve "tapir.test:8443:$SIP"
	client curl -sk -o /dev/null --tls-max 1.2 "https://tapir.test:8443/" --resolve "tapir.test:8443:$SIP"
	client curl -sk -o /dev/null --http1.1 "https://$SIP:8443/missing"
	client bash -c "echo | timeout 2 openssl s_client -connect $SIP:8443 -servername old.test -tls1_1 >/dev/null 2>&1 || true"
	client bash -c "timeout 3 openssl s_client -connect $SIP:8443 -tls1_2 -reconnect </dev/null >/dev/null 2>&1 || true"
}

tls() {
	site
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj '/O=Tapir Test/OU=Lab/CN=tapir.test' \
		-addext 'subjectAltName=DNS:tapir.test,DNS:www.tapir.test,IP:10.77.0.1' -keyout "$tmp/key.pem" -out "$tmp/cert.pem" 2>/dev/null
	cat >"$tmp/nginx.conf" <<EOF
daemon off; pid $tmp/nginx.pid; error_log $tmp/nginx.err;
events {}
http { access_log off; client_body_temp_path $tmp/b; proxy_temp_path $tmp/p; fastcgi_temp_path $tmp/f; uwsgi_temp_path $tmp/u; scgi_temp_path $tmp/s;
  server { listen 8443 ssl http2; ssl_certificate $tmp/cert.pem; ssl_certificate_key $tmp/key.pem; root $tmp/www; } }
EOF
	server nginx -c "$tmp/nginx.conf"
	port 8443
	capture tls handshakes
	stop
}

# --- DNS and ICMP -----------------------------------------------------------------------------------------------

lookups() {
	local d="client dig +tries=1 +time=1 @$SIP"
	$d www.tapir.test A >/dev/null
	$d www.tapir.test AAAA +dnssec >/dev/null
	$d tapir.test MX >/dev/null
	$d tapir.test TXT +tcp >/dev/null
	$d _http._tcp.tapir.test SRV >/dev/null
	$d alias.tapir.test CNAME >/dev/null
	$d -x 192.0.2.1 >/dev/null
	$d missing.tapir.test A >/dev/null || true
	client dig +tries=1 +time=1 @fd77::1 www.tapir.test ANY >/dev/null || true
	client dig +tries=1 +time=1 -p 5399 @$SIP www.tapir.test >/dev/null || true # nobody answers but ICMP
}

dns() {
	server dnsmasq --no-daemon --no-resolv --no-hosts --conf-file=/dev/null --bind-interfaces --interface=eth0 \
		--local=/test/ --host-record=www.tapir.test,192.0.2.1,2001:db8::1 --mx-host=tapir.test,mail.tapir.test,10 \
		--txt-record=tapir.test,"v=spf1 -all" --srv-host=_http._tcp.tapir.test,www.tapir.test,8080 \
		--cname=alias.tapir.test,www.tapir.test --pid-file="$tmp/dnsmasq.pid" --user=root
	port 53
	capture dns lookups
	stop
}

pings() {
	client ping -q -c 3 -i 0.2 $SIP >/dev/null
	client ping -q -c 2 -i 0.2 fd77::1 >/dev/null
	client ping -q -c 1 -s 3000 $SIP >/dev/null
	client ping -q -c 1 -W 1 10.77.0.99 >/dev/null || true
}

icmp() { capture icmp pings; }

# --- databases --------------------------------------------------------------------------------------------------

sql_mariadb() {
	local m="client mariadb -h $SIP -u tapir -psecret --skip-ssl test"
	$m -e "create table animals (id int primary key auto_increment, name varchar(20), legs int); insert into animals (name, legs) values ('tapir', 4), ('stork', 2); select * from animals where legs > 2; update animals set legs = 3 where id = 1" >/dev/null
	$m -e "select nothing from nowhere" >/dev/null 2>&1 || true
	$m -e "select count(*) from information_schema.tables; drop table animals" >/dev/null
	client mariadb -h $SIP -u nobody -pwrong --skip-ssl test -e 'select 1' >/dev/null 2>&1 || true
}

mariadb() {
	mkdir "$tmp/mysql"
	chown mysql "$tmp/mysql"
	mariadb-install-db --no-defaults --user=mysql --datadir="$tmp/mysql" --auth-root-authentication-method=normal >/dev/null 2>&1
	server mariadbd --no-defaults --user=mysql --datadir="$tmp/mysql" --socket="$tmp/mysql/s" --bind-address=$SIP --port=3306
	port 3306
	/usr/bin/mariadb -u root -S "$tmp/mysql/s" -e "create database test; create user tapir identified by 'secret'; grant all on test.* to tapir" 2>/dev/null ||
		/usr/bin/mariadb -u root -S "$tmp/mysql/s" -e "create user tapir identified by 'secret'; grant all on test.* to tapir"
	capture mariadb sql_mariadb
	stop
}

sql_postgres() {
	local p="client env PGPASSWORD=secret PGSSLMODE=disable psql -q -h $SIP -U tapir test"
	$p -c "create table animals (id serial, name text, legs int)" -c "insert into animals (name, legs) values ('tapir', 4), ('stork', 2)" -c "select * from animals where legs > 2" >/dev/null
	$p -c "select nothing from nowhere" >/dev/null 2>&1 || true
	printf 'a\t1\nb\t2\n' | $p -c "copy animals (name, legs) from stdin"
	client env PGPASSWORD=secret PGSSLMODE=require psql -q -h $SIP -U tapir test -c 'select 1' >/dev/null 2>&1 || true
	client env PGPASSWORD=wrong PGSSLMODE=disable psql -q -h $SIP -U tapir test -c 'select 1' >/dev/null 2>&1 || true
}

postgresql() {
	local bin
	bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
	mkdir "$tmp/pg"
	chown postgres "$tmp/pg"
	su postgres -c "$bin/initdb -D $tmp/pg/data -A scram-sha-256 --pwfile=<(echo secret) -U tapir" >/dev/null
	echo "host all all all scram-sha-256" >>"$tmp/pg/data/pg_hba.conf"
	server su postgres -c "exec $bin/postgres -D $tmp/pg/data -c listen_addresses=$SIP -c unix_socket_directories=$tmp/pg"
	port 5432
	PGPASSWORD=secret psql -q -h "$tmp/pg" -U tapir postgres -c 'create database test'
	capture postgresql sql_postgres
	stop
}

redis_talk() {
	for c in 'SET legs 4' 'GET legs' 'INCR legs' 'LPUSH herd a b c' 'LRANGE herd 0 -1' 'HSET tapir name t' 'GET herd' 'FOO bar'; do
		client redis-cli -h $SIP $c >/dev/null
	done
	printf '*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$4\r\nlegs\r\n' | client timeout 2 nc -q 1 $SIP 6379 >/dev/null
}

redis() {
	server redis-server --port 6379 --bind $SIP --save '' --protected-mode no --dir "$tmp"
	port 6379
	capture redis redis_talk
	stop
}

memcached_talk() {
	printf 'set legs 0 0 1\r\n4\r\nget legs\r\nincr legs 2\r\nget legs nothing\r\ndelete legs\r\nversion\r\nquit\r\n' | client timeout 2 nc -q 1 $SIP 11211 >/dev/null
}

memcached_() {
	server memcached -u nobody -l $SIP -p 11211
	port 11211
	capture memcached memcached_talk
	stop
}

network
declare -A recorders=([nginx]=nginx_ [apache]=apache [tls]=tls [dns]=dns [icmp]=icmp [mariadb]=mariadb [postgresql]=postgresql [redis]=redis [memcached]=memcached_)
for name in "${@:-nginx apache tls dns icmp mariadb postgresql redis memcached}"; do
	for n in $name; do ${recorders[$n]}; done
done
