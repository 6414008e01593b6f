#!/usr/bin/env bash
# Runs every fuzz target of the module for the given time each (default 5s).
set -euo pipefail
time=${1:-5s}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
n=0
while read -r file; do
	pkg=./$(dirname "$file")
	for target in $(grep -oE '^func Fuzz[A-Za-z0-9_]+' "$file" | awk '{print $2}'); do
		n=$((n + 1))
		echo "fuzz $pkg $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 1x "$pkg" </dev/null >"$log" 2>&1 || { cat "$log"; exit 1; }
	done
done < <(git ls-files '*_test.go' | xargs grep -lE '^func Fuzz' | grep -v '/testdata/')
[ "$n" -gt 0 ] || { echo "no fuzz target found"; exit 1; }
echo "$n fuzz targets ran $time each"
