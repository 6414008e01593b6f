#!/usr/bin/env bash
# The benchmarks of docs/bench.md: importing against tshark, then questions on 5 million sessions. Captures may be given:
# bench/run.sh [LOOP.pcap HTTP.pcap]; else bench/importing makes its own in bench/out. Needs tshark and 10 GB of disk.
set -euo pipefail
cd "$(dirname "$0")/.."
go run ./bench/importing "$@"
echo
go run ./bench/sessions
