#!/usr/bin/env bash
# Records the captures of this folder: dnsmasq gives addresses, dhclient takes them, a python3 client says what dhclient
# does not (relay agent, split and overloaded options, a request that is refused), each side in a network namespace of
# its own, with tcpdump on the client's. Needs root and the Debian packages dnsmasq-base, isc-dhcp-client, iproute2,
# tcpdump and python3. Usage: record.sh
set -euo pipefail
cd "$(dirname "$0")"
out=$PWD
tmp=$(mktemp -d)
chmod 777 "$tmp"
S=tapir-dhcp-s C=tapir-dhcp-c
pids=()

cleanup() {
	for p in "${pids[@]:-}"; do [ -n "$p" ] && kill "$p" 2>/dev/null && wait "$p" 2>/dev/null || true; done
	ip netns del $S 2>/dev/null || true
	ip netns del $C 2>/dev/null || true
	rm -rf "$tmp"
}
trap cleanup EXIT

ip netns add $S
ip netns add $C
ip -n $S link add eth0 type veth peer name eth0 netns $C
ip -n $C link set eth0 address 02:00:5e:10:00:01
ip -n $S addr add 10.79.0.1/24 dev eth0
for ns in $S $C; do
	ip netns exec $ns sysctl -qw net.ipv6.conf.eth0.accept_dad=0
	ip -n $ns link set lo up
	ip -n $ns link set eth0 up
	ip netns exec $ns ethtool -K eth0 tx off >/dev/null 2>&1 || true
done
ip -n $S addr add fd79::1/64 dev eth0 nodad
sleep 1
ip netns exec $S dnsmasq --no-daemon --port=0 --conf-file=/dev/null --bind-interfaces --interface=eth0 --user=root --dhcp-authoritative \
	--pid-file="$tmp/pid" --dhcp-leasefile="$tmp/leases" --dhcp-range=10.79.0.10,10.79.0.20,255.255.255.0,1h --dhcp-range=fd79::10,fd79::20,64,1h \
	--dhcp-option=option:router,10.79.0.1 --dhcp-option=option:dns-server,10.79.0.1,10.79.0.2 --dhcp-option=option:ntp-server,10.79.0.3 \
	--domain=tapir.test --dhcp-option=option:domain-search,tapir.test,lab.tapir.test --dhcp-option=121,192.0.2.0/24,10.79.0.254,0.0.0.0/0,10.79.0.1 \
	--dhcp-option=option:mtu,1400 --dhcp-boot=pxelinux.0,boothost,10.79.0.4 --dhcp-option=option6:dns-server,[fd79::1] \
	--dhcp-option=option6:domain-search,tapir.test >"$tmp/dnsmasq.log" 2>&1 &
pids+=($!)
sleep 1

capture() { # capture NAME FILTER FUNCTION
	: >"$tmp/tcpdump.log"
	ip netns exec $C tcpdump -i eth0 -s 0 -U --immediate-mode -w "$tmp/$1.pcap" "$2" 2>"$tmp/tcpdump.log" &
	local dump=$!
	until grep -q 'listening on' "$tmp/tcpdump.log"; do sleep 0.05; done
	"$3"
	sleep 0.5
	kill -TERM $dump
	wait $dump || true
	mv "$tmp/$1.pcap" "$out/$1.pcap"
	echo "$1.pcap: $(stat -c %s "$out/$1.pcap") bytes"
}

cat >"$tmp/dhclient.conf" <<'EOF'
send host-name "Okapi";
send fqdn.fqdn "okapi.tapir.test";
send dhcp-client-identifier = hardware;
send vendor-class-identifier "tapir-test 1.0";
request subnet-mask, broadcast-address, routers, domain-name, domain-name-servers, domain-search, host-name, ntp-servers, interface-mtu;
EOF

lease4() {
	local d="ip netns exec $C dhclient -4 -1 -cf $tmp/dhclient.conf -lf $tmp/l4 -pf $tmp/p4 -sf /bin/true eth0"
	touch "$tmp/l4"
	timeout 20 $d >/dev/null 2>&1 || true
	kill "$(cat "$tmp/p4")" 2>/dev/null || true
	sleep 0.2
	timeout 20 $d -r >/dev/null 2>&1 || true
	ip netns exec $C python3 "$out/client.py"
}
lease6() {
	local d="ip netns exec $C dhclient -6 -1 -cf $tmp/dhclient.conf -lf $tmp/l6 -pf $tmp/p6 -sf /bin/true eth0"
	touch "$tmp/l6"
	timeout 20 $d >/dev/null 2>&1 || true
	kill "$(cat "$tmp/p6")" 2>/dev/null || true
	sleep 0.2
	timeout 20 $d -r >/dev/null 2>&1 || true
	timeout 5 ip netns exec $C dhclient -6 -S -1 -lf $tmp/l6b -pf $tmp/p6b -sf /bin/true eth0 >/dev/null 2>&1 || true
	ip netns exec $C python3 "$out/client.py" 6
}
capture v4 'udp and (port 67 or port 68)' lease4
capture v6 'udp and (port 546 or port 547)' lease6
