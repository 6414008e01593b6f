#!/usr/bin/env bash
# Records ident.pcap from oidentd in a network namespace, asked with netcat from another one. Needs root, ip, setpriv,
# tcpdump, nc and oidentd. The server drops what it has not read yet after one answer: that is the question without one.
set -euo pipefail
cd "$(dirname "$0")"
S=tapir-ident-srv C=tapir-ident-cli
log=$(mktemp)
pids=()
cleanup() {
	for p in "${pids[@]}"; do kill "$p" 2>/dev/null && wait "$p" 2>/dev/null || true; done
	ip netns del $S 2>/dev/null || true
	ip netns del $C 2>/dev/null || true
	rm -f "$log"
}
trap cleanup EXIT

ip netns add $S
ip netns add $C
ip -n $S link add eth0 type veth peer name eth0 netns $C
ip -n $S addr add 10.77.0.1/24 dev eth0
ip -n $C addr add 10.77.0.2/24 dev eth0
ip -n $S link set eth0 up
ip -n $C link set eth0 up

ip netns exec $S oidentd -i -S -u nobody -C /dev/null 2>/dev/null & pids+=($!)
ip netns exec $C nc -l -k -p 25 >/dev/null & pids+=($!)
ip netns exec $C tcpdump -i eth0 -U --immediate-mode --time-stamp-precision=nano -w ident.pcap 'tcp port 113' 2>"$log" & pids+=($!)
until grep -q 'listening on' "$log"; do sleep 0.1; done
# The connection that is asked about: user mail sends mail from the server to the client.
ip netns exec $S setpriv --reuid mail --regid mail --clear-groups nc -p 40025 10.77.0.2 25 </dev/zero >/dev/null & pids+=($!)
sleep 0.5

ask() { printf "$1" | ip netns exec $C nc -q 3 -w 5 10.77.0.1 113; }
ask '40025, 25\r\n'
ask '6193, 23\r\n'
ask '70000, 23\r\n'
ask '40025, 25\r\n40025 , 25\r\n'
(printf '40025,'; sleep 0.3; printf '25\r\n'; sleep 0.3) | ip netns exec $C nc -q 3 -w 5 10.77.0.1 113
sleep 0.3
