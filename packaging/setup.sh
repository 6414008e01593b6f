#!/usr/bin/env bash
# Installs the Debian packages that building (setup.sh build) or testing (setup.sh test) needs and that are missing.
set -euo pipefail

build=(gcc libc6-dev libpcap-dev make git)
test=(iproute2 iputils-ping ethtool netcat-openbsd tcpdump tshark nginx-light apache2-bin apache2-dev wrk mariadb-server postgresql redis-server memcached dnsmasq bind9-dnsutils curl zstd openssl
	chromium fonts-inter fonts-jetbrains-mono clang llvm tmux libcap2-bin sysdig systemd)

want=("${build[@]}")
[ "${1:-build}" = test ] && want+=("${test[@]}")
missing=()
for p in "${want[@]}"; do
	dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
done
# The viewer is built with Node.js 20.19 or newer and npm, whatever installed them.
node_fits() { npm --version >/dev/null 2>&1 && node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || a == 20 && b >= 19 ? 0 : 1)' 2>/dev/null; }
node_fits || for p in nodejs npm; do command -v "${p%js}" >/dev/null || missing+=("$p"); done
[ ${#missing[@]} -eq 0 ] && node_fits && exit 0
sudo=; [ "$(id -u)" = 0 ] || sudo=sudo
[ ${#missing[@]} -gt 0 ] && echo "installing: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
if [ ${#missing[@]} -gt 0 ]; then
	$sudo apt-get update -qq
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
# A distribution's Node.js may be too old; npm has newer ones as a package.
node_fits || { echo "installing: node 22"; $sudo npm install --global --silent node@22 && hash -r; }
