#!/usr/bin/env bash
# Records the captures of this folder: servers (BIND, Avahi) and clients (dig, nsupdate, python3) run in network
# namespaces of their own and tcpdump on the client's side writes NAME.pcap. Needs root and the Debian packages bind9,
# bind9-dnsutils, bind9-utils, avahi-daemon, iproute2, tcpdump and python3. Usage: record.sh [NAME...]; all without a name.
set -euo pipefail
cd "$(dirname "$0")"
out=$PWD
tmp=$(mktemp -d)
chmod 777 "$tmp"
S=tapir-dns-s C=tapir-dns-c
SIP=10.78.0.1
pids=()

stop() {
	for p in "${pids[@]:-}"; do [ -n "$p" ] && kill "$p" 2>/dev/null && wait "$p" 2>/dev/null || true; done
	pids=()
}
cleanup() {
	stop
	ip netns del $S 2>/dev/null || true
	ip netns del $C 2>/dev/null || true
	rm -rf "$tmp"
}
trap cleanup EXIT

network() {
	ip netns add $S
	ip netns add $C
	ip -n $S link add eth0 type veth peer name eth0 netns $C
	ip -n $S addr add $SIP/24 dev eth0
	ip -n $C addr add 10.78.0.2/24 dev eth0
	for ns in $S $C; do
		ip netns exec $ns sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.eth0.accept_dad=0
		ip -n $ns link set lo up
		ip -n $ns link set eth0 up multicast on
		ip -n $ns route add 224.0.0.0/4 dev eth0
		ip netns exec $ns ethtool -K eth0 tso off gso off gro off tx off >/dev/null 2>&1 || true
	done
	sleep 1
}
server() { ip netns exec $S "$@" >>"$tmp/server.log" 2>&1 & pids+=($!); }
client() { ip netns exec $C "$@"; }
capture() { # capture NAME FUNCTION
	: >"$tmp/tcpdump.log"
	ip netns exec $C tcpdump -i eth0 -s 0 -U --immediate-mode -w "$tmp/$1.pcap" 'udp or tcp' 2>"$tmp/tcpdump.log" &
	local dump=$!
	until grep -q 'listening on' "$tmp/tcpdump.log"; do sleep 0.05; done
	"$2"
	sleep 0.3
	kill -TERM $dump
	wait $dump || true
	mv "$tmp/$1.pcap" "$out/$1.pcap"
	echo "$1.pcap: $(stat -c %s "$out/$1.pcap") bytes"
}

named_() { # an authority for tapir.test (signed, NSEC), nsec3.test (signed, NSEC3) and dyn.test (updates)
	mkdir -p "$tmp/named"
	cat >"$tmp/named/tapir.test" <<'EOF'
$TTL 300
@ SOA ns1 hostmaster.tapir.test. 2026112101 7200 3600 1209600 300
@ NS ns1
@ NS ns2.tapir.test.
ns1 A 10.78.0.1
ns2 A 10.78.0.3
ns2 AAAA fd78::3
@ MX 10 mail
@ MX 20 mail2.example.net.
mail A 192.0.2.25
mail AAAA 2001:db8::25
@ TXT "v=spf1 -all" "second \"quoted\" string"
@ SPF "v=spf1 -all"
@ CAA 0 issue "letsencrypt.org; validationmethods=dns-01"
@ CAA 128 iodef "mailto:security@tapir.test"
@ RP hostmaster.tapir.test. txt.tapir.test.
@ HINFO "VAX-11/780" "UNIX"
@ AFSDB 1 afs.tapir.test.
@ LOC 52 22 23.000 N 4 53 32.000 E -2.00m 1m 10000m 10m
@ NAPTR 100 10 "u" "E2U+sip" "!^.*$!sip:info@tapir.test!" .
@ ZONEMD 2026112101 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
@ CSYNC 2026112101 3 A NS AAAA
@ APL 1:192.0.2.0/24 !1:192.0.2.64/28 2:2001:db8::/32
www A 192.0.2.80
www A 192.0.2.81
www AAAA 2001:db8::80
www HTTPS 1 . alpn=h3,h2 port=8443 ipv4hint=192.0.2.80 ipv6hint=2001:db8::80 ech=AEX+DQ==
alias CNAME www
far CNAME www.example.net.
old DNAME new
_http._tcp SRV 10 60 8080 www
_http._tcp URI 10 1 "http://www.tapir.test:8080/"
_dns SVCB 1 ns1.tapir.test. alpn=dot port=853 mandatory=alpn,port dohpath=/dns-query{?dns}
_443._tcp.www TLSA 3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
smime SMIMEA 3 0 0 0123456789abcdef
ssh SSHFP 4 2 123456789abcdef67890123456789abcdef67890123456789abcdef123456789
pgp OPENPGPKEY mQENBFVHm5sBCADX
cert CERT PKIX 0 0 MIIB
child NS ns.child
ns.child A 192.0.2.53
child DS 60485 13 2 0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF
eui EUI48 00-00-5e-00-53-2a
eui EUI64 00-00-5e-ef-10-00-00-2a
ilnp NID 10 0014:4fff:ff20:ee64
ilnp L32 10 10.1.2.0
ilnp L64 10 2001:0DB8:1140:1000
ilnp LP 10 l64.tapir.test.
kx KX 10 kx.tapir.test.
px PX 10 a.tapir.test. b.tapir.test.
x25 X25 "311061700956"
isdn ISDN "150862028003217" "004"
rt RT 2 relay.tapir.test.
nsap NSAP 0x47.0005.80.005a00.0000.0001.e133.ffffff000161.00
gpos GPOS -32.6882 116.8652 10.0
ipsec IPSECKEY 10 1 2 192.0.2.38 AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==
ipsec6 IPSECKEY 10 3 2 gw.tapir.test. AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==
amt AMTRELAY 10 1 1 203.0.113.15
hip HIP 2 200100107B1A74DF365639CC39F1D578 AwEAAbdxyhNuSutc5EMzxTs9LBPCIkOFH8cIvM4p rvs.tapir.test.
dhcid DHCID AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=
talink TALINK h0.tapir.test. h2.tapir.test.
avc AVC "app-name:WOLFGANG|app-class:OAM"
new TYPE65400 \# 4 0a000001
xn--bcher-kva A 192.0.2.99
* TXT "wildcard"
EOF
	for z in nsec3.test dyn.test; do
		printf '$TTL 300\n@ SOA ns1.tapir.test. hostmaster.tapir.test. 1 7200 3600 1209600 300\n@ NS ns1.tapir.test.\nwww A 192.0.2.80\n' >"$tmp/named/$z"
	done
	for i in $(seq 9); do echo "host$i A 192.0.2.10$i"; done >>"$tmp/named/dyn.test"
	cat >"$tmp/named.conf" <<EOF
options { directory "$tmp/named"; pid-file "$tmp/named.pid"; session-keyfile "$tmp/session.key"; listen-on port 53 { any; }; listen-on-v6 { none; };
  recursion no; allow-transfer { any; }; notify explicit; also-notify { 10.78.0.2; }; minimal-responses no; notify-delay 0; check-names primary ignore; server-id "tapir-ns1"; key-directory "$tmp/named"; };
server 10.78.0.2 { transfer-format one-answer; };
controls { };
dnssec-policy nsec3 { keys { csk lifetime unlimited algorithm ecdsap256sha256; }; nsec3param iterations 0 optout no salt-length 4; };
zone "tapir.test" { type primary; file "tapir.test"; dnssec-policy default; inline-signing yes; notify no; };
zone "nsec3.test" { type primary; file "nsec3.test"; dnssec-policy nsec3; inline-signing yes; notify no; };
zone "dyn.test" { type primary; file "dyn.test"; allow-update { any; }; };
EOF
	chmod -R a+rwX "$tmp/named"
	server named -g -c "$tmp/named.conf"
	for _ in $(seq 50); do client dig +tries=1 +time=1 +noall +answer @$SIP nsec3.test NSEC3PARAM | grep -q NSEC3PARAM && break; sleep 0.2; done
	sleep 1
}

lookups() { # every record type over UDP; +bufsize keeps fragments away
	local d="client dig +tries=1 +time=2 @$SIP"
	for q in "tapir.test SOA" "tapir.test NS" "tapir.test MX" "tapir.test TXT" "tapir.test SPF" "tapir.test CAA" "tapir.test RP" \
		"tapir.test HINFO" "tapir.test AFSDB" "tapir.test LOC" "tapir.test NAPTR" "tapir.test ZONEMD" "tapir.test CSYNC" \
		"tapir.test APL" "www.tapir.test A" "www.tapir.test AAAA" "www.tapir.test HTTPS" "alias.tapir.test A" "far.tapir.test A" \
		"x.old.tapir.test A" "_http._tcp.tapir.test SRV" "_http._tcp.tapir.test URI" "_dns.tapir.test SVCB" "_443._tcp.www.tapir.test TLSA" \
		"smime.tapir.test SMIMEA" "ssh.tapir.test SSHFP" "pgp.tapir.test OPENPGPKEY" "cert.tapir.test CERT" "child.tapir.test DS" \
		"eui.tapir.test EUI48" "eui.tapir.test EUI64" "ilnp.tapir.test NID" "ilnp.tapir.test L32" "ilnp.tapir.test L64" "ilnp.tapir.test LP" \
		"kx.tapir.test KX" "px.tapir.test PX" "x25.tapir.test X25" "isdn.tapir.test ISDN" "rt.tapir.test RT" "nsap.tapir.test NSAP" \
		"gpos.tapir.test GPOS" "ipsec.tapir.test IPSECKEY" "ipsec6.tapir.test IPSECKEY" "amt.tapir.test AMTRELAY" "hip.tapir.test HIP" \
		"dhcid.tapir.test DHCID" "talink.tapir.test TALINK" "avc.tapir.test AVC" "new.tapir.test TYPE65400" "xn--bcher-kva.tapir.test A" \
		"no.such.example A" "ns1.tapir.test A" "a.child.tapir.test A"; do
		$d +noedns $q >/dev/null || true
	done
	$d +dnssec +bufsize=1232 tapir.test DNSKEY >/dev/null
	$d +dnssec +bufsize=1232 tapir.test CDS >/dev/null
	$d +dnssec +bufsize=1232 tapir.test CDNSKEY >/dev/null
	$d +dnssec +bufsize=1232 www.tapir.test NSEC >/dev/null
	$d +dnssec +bufsize=1232 +nocookie missing.child.example A >/dev/null || true
	$d +dnssec +bufsize=1232 nsec3.test NSEC3PARAM >/dev/null
	$d +dnssec +bufsize=1232 missing.nsec3.test A >/dev/null
	$d +nsid +cookie +subnet=192.0.2.0/24 +bufsize=1232 www.tapir.test A >/dev/null
	$d +edns=1 +noednsneg www.tapir.test A >/dev/null || true
	$d +opcode=STATUS www.tapir.test A >/dev/null || true
	$d version.bind TXT CH >/dev/null
	$d +noedns tapir.test DNSKEY +dnssec +bufsize=512 +ignore >/dev/null
	client dig +tries=1 +time=1 -p 54 @$SIP www.tapir.test >/dev/null || true
}

streams() { # several queries in one connection, transfers whole and incremental, updates with their notifications
	client dig +tcp +keepopen +tries=1 @$SIP www.tapir.test A www.tapir.test AAAA missing.tapir.test A >/dev/null
	client dig +tries=1 @$SIP dyn.test AXFR >/dev/null
	printf 'server %s\nzone dyn.test\nprereq nxrrset new.dyn.test A\nupdate add new.dyn.test 60 A 192.0.2.33\nupdate delete www.dyn.test A\nsend\n' $SIP | client nsupdate
	sleep 1
	client dig +tries=1 @$SIP dyn.test IXFR=1 >/dev/null
	client dig +tries=1 +noidnin @$SIP dyn.test IXFR=99 >/dev/null
	client dig +tries=1 @$SIP tapir.test AXFR >/dev/null
	client dig +tries=1 @$SIP other.test AXFR >/dev/null || true
	printf 'server %s\nzone dyn.test\nprereq yxdomain nothing.dyn.test\nupdate add x.dyn.test 60 A 192.0.2.34\nsend\n' $SIP | client nsupdate || true
}

bind() {
	named_
	capture bind lookups
	capture stream streams
	stop
}

avahi() { # two hosts announce themselves; a third party asks by multicast and by unicast
	for ns in $S $C; do
		printf '[server]\nhost-name=tapir-%s\nuse-ipv4=yes\nuse-ipv6=yes\nallow-interfaces=eth0\nenable-dbus=no\n[publish]\npublish-workstation=yes\npublish-hinfo=yes\n' ${ns##*-} >"$tmp/$ns.conf"
		ip netns exec $ns avahi-daemon --no-drop-root --no-rlimits --no-chroot -f "$tmp/$ns.conf" >>"$tmp/server.log" 2>&1 &
		pids+=($!)
		sleep 0.3
	done
	sleep 2
	for q in "tapir-s.local A" "tapir-s.local AAAA" "_services._dns-sd._udp.local PTR" "_workstation._tcp.local PTR" "nobody.local A"; do
		client dig +tries=1 +time=1 +norec -p 5353 @224.0.0.251 $q >/dev/null || true
		client dig +tries=1 +time=1 +norec -p 5353 @$SIP $q >/dev/null || true
	done
}

responder() { # a host that answers LLMNR for the name "printer"
	cat >"$tmp/responder.py" <<'EOF'
import socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('', 5355))
s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton('224.0.0.252') + socket.inet_aton('10.78.0.1'))
while True:
    q, peer = s.recvfrom(1500)
    if q[12:21] == b'\7printer\0' and q[21:23] == b'\0\1':
        s.sendto(q[:2] + struct.pack('!5H', 0x8000, 1, 1, 0, 0) + q[12:25] + b'\xc0\x0c\0\1\0\1\0\0\0\x1e\0\4\x0a\x4e\0\1', peer)
EOF
	server python3 "$tmp/responder.py"
	sleep 0.5
}

ask_llmnr() {
	cat >"$tmp/ask.py" <<'EOF'
import socket, struct, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton('10.78.0.2'))
s.bind(('', 51234))
s.settimeout(0.5)
for n, (name, typ) in enumerate([(b'printer', 1), (b'printer', 28), (b'nobody', 1)]):
    s.sendto(struct.pack('!6H', 0x1000 + n, 0, 1, 0, 0, 0) + bytes([len(name)]) + name + b'\0' + struct.pack('!2H', typ, 1), ('224.0.0.252', 5355))
    try: s.recv(1500)
    except OSError: pass
EOF
	client python3 "$tmp/ask.py"
}

llmnr() {
	responder
	capture llmnr ask_llmnr
	stop
}
mdns() {
	capture mdns avahi
	stop
}

network
for n in ${@:-bind mdns llmnr}; do $n; done
