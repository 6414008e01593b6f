#!/usr/bin/env bash
# Installs the Debian packages that building (setup.sh build) or testing (setup.sh test) needs and that are missing.
set -euo pipefail

build=(gcc libc6-dev libpcap-dev make git)
test=(iproute2 iputils-ping ethtool netcat-openbsd tcpdump tshark nginx-light apache2-bin mariadb-server postgresql redis-server memcached dnsmasq bind9-dnsutils curl zstd openssl)

want=("${build[@]}")
[ "${1:-build}" = test ] && want+=("${test[@]}")
missing=()
for p in "${want[@]}"; do
	dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
done
[ ${#missing[@]} -eq 0 ] && exit 0
echo "installing: ${missing[*]}"
sudo=; [ "$(id -u)" = 0 ] || sudo=sudo
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
