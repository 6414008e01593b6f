#!/usr/bin/env bash
# The benchmarks of docs/bench.md: importing against tshark, questions on 5 million sessions, first rows of them in the
# viewer. Captures may be given: bench/run.sh [LOOP.pcap HTTP.pcap]; else bench/importing makes its own in bench/out. Needs
# tshark, chromium and 10 GB of disk.
set -euo pipefail
cd "$(dirname "$0")/.."
go run ./bench/importing "$@"
echo
go run ./bench/sessions
echo
go build -o bench/out/sessions ./bench/sessions
npm --prefix web/ui run --silent bench
