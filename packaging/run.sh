#!/usr/bin/env bash
# Runs the main job on real input: a capture on all interfaces with the API beside it where that is allowed, else the
# bundled captures are imported and served. Data goes to ./data. Ctrl-C ends it.
set -euo pipefail
data=${TAPIR_DATA:-./data}
listen=${TAPIR_LISTEN:-127.0.0.1:8005}

if [ "$(id -u)" = 0 ] || ./tapir devices --check >/dev/null 2>&1; then
	echo "capturing on all interfaces into $data; the API is at the URL below (Ctrl-C ends the capture)"
	exec ./tapir record -i any --data "$data" --listen "$listen" "$@"
fi
echo "no privilege to capture (sudo make run would): importing the bundled captures into $data"
[ -e "$data/VERSION" ] || ./tapir import --data "$data" testdata
./tapir search --data "$data" --limit 20
echo "the API is at the URL below (Ctrl-C ends it)"
exec ./tapir serve --data "$data" --listen "$listen"
