#!/usr/bin/env bash
# Records the captures of this folder and of ../../arp/testdata: a client, a router and a server, each in a network
# namespace of its own; the client pings, traces and asks for what is not there, with tcpdump on its side. Needs root and the
# Debian packages iproute2, iputils-ping, iputils-arping, netcat-openbsd, tcpdump and python3. Usage: record.sh
set -euo pipefail
cd "$(dirname "$0")"
out=$PWD
tmp=$(mktemp -d)
chmod 777 "$tmp"
C=tapir-icmp-c R=tapir-icmp-r S=tapir-icmp-s

cleanup() {
	for n in $C $R $S; do ip netns del $n 2>/dev/null || true; done
	rm -rf "$tmp"
}
trap cleanup EXIT

for n in $C $R $S; do
	ip netns add $n
	ip netns exec $n sysctl -qw net.ipv4.ip_forward=0 net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
	ip -n $n link set lo up
done
ip -n $C link add eth0 type veth peer name eth0 netns $R
ip -n $S link add eth0 type veth peer name eth1 netns $R
ip -n $C link set eth0 address 02:00:5e:10:00:01
ip -n $R link set eth0 address 02:00:5e:10:00:02
ip -n $C addr add 10.80.1.2/24 dev eth0
ip -n $R addr add 10.80.1.1/24 dev eth0
ip -n $R addr add 10.80.2.1/24 dev eth1
ip -n $S addr add 10.80.2.2/24 dev eth0
ip -n $C addr add fd80:1::2/64 dev eth0 nodad
ip -n $R addr add fd80:1::1/64 dev eth0 nodad
ip -n $R addr add fd80:2::1/64 dev eth1 nodad
ip -n $S addr add fd80:2::2/64 dev eth0 nodad
ip netns exec $R sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
for n in $C $S; do ip -n $n link set eth0 up; done
ip -n $R link set eth0 up
ip -n $R link set eth1 up mtu 1400
ip -n $S link set eth0 mtu 1400
sleep 2
ip -n $C route add default via 10.80.1.1
ip -n $C -6 route add default via fd80:1::1
ip -n $S route add default via 10.80.2.1
ip -n $S -6 route add default via fd80:2::1

client() { ip netns exec $C "$@" >/dev/null 2>&1 || true; }
run() {
	client ping -c 2 -i 0.2 10.80.2.2
	client ping -c 2 -i 0.2 fd80:2::2
	client ping -c 1 -W 1 -t 1 10.80.2.2      # time exceeded
	client ping -c 1 -W 1 -t 1 fd80:2::2
	client ping -c 1 -W 1 -M do -s 1450 10.80.2.2 # too big for the server's link
	client ping -c 1 -W 1 -M do -s 1450 fd80:2::2
	client ping -c 1 -W 1 10.80.2.77          # no such host
	client ping -c 1 -W 1 192.0.2.1           # no such network
	client ping -c 1 -W 1 10.80.1.77          # nobody answers ARP
	client ping -c 1 -W 1 fd80:1::77
	client ping -c 1 -W 1 -b 10.80.1.255
	client ping -c 1 -W 1 ff02::1%eth0
	client bash -c 'echo x >/dev/udp/10.80.2.2/7777' # no such port
	client bash -c 'echo x >/dev/udp/fd80:2::2/7777'
	client ping -T tsonly -c 1 10.80.1.1
	client python3 -c "
import socket, struct, time
def send(msg, to):
    s = 0
    for i in range(0, len(msg), 2): s += msg[i] << 8 | msg[i + 1]
    while s >> 16: s = (s & 0xffff) + (s >> 16)
    k.sendto(msg[:2] + struct.pack('!H', ~s & 0xffff) + msg[4:], (to, 0)); time.sleep(.2)
k = socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)
send(struct.pack('!BBHHHIII', 13, 0, 0, 7, 1, 1000, 0, 0), '10.80.1.1')   # timestamp
send(struct.pack('!BBHHHI', 17, 0, 0, 7, 2, 0), '10.80.1.1')              # address mask: no answer
for _ in range(2): send(struct.pack('!BBHHH', 8, 0, 0, 9, 1) + b'same', '10.80.1.77')  # the same request twice
"
	client arping -c 2 -I eth0 10.80.1.1
	client arping -c 1 -A -I eth0 10.80.1.2   # gratuitous reply
	client arping -c 1 -U -I eth0 10.80.1.2   # announcement
	client arping -c 1 -w 1 -D -I eth0 10.80.1.99 # probe
	sleep 11                                  # what waits is given up
	client ping -c 1 10.80.1.1
}

ip netns exec $C tcpdump -i eth0 -s 0 -U --immediate-mode -w "$tmp/all.pcap" 2>"$tmp/tcpdump.log" &
dump=$!
until grep -q 'listening on' "$tmp/tcpdump.log"; do sleep 0.05; done
run
sleep 0.5
kill -TERM $dump
wait $dump || true
tcpdump -r "$tmp/all.pcap" -w "$out/network.pcap" 'icmp or (icmp6 and ip6[40] != 143)' 2>/dev/null
tcpdump -r "$tmp/all.pcap" -w "$out/../../arp/testdata/network.pcap" arp 2>/dev/null
ls -l "$out/network.pcap" "$out/../../arp/testdata/network.pcap"
