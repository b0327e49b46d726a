#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Install packages without starting what they bring: of some, the tests run
# daemons in network namespaces of their own, and in the machine's own network
# these would be in the way. Routing daemons stay masked, as they would start
# with the machine; `systemctl unmask frr bird haproxy ssh` for who wants them.
set -eu

policy=/usr/sbin/policy-rc.d
if ! [ -e "$policy" ]; then
	trap 'rm -f "$policy"' EXIT
	trap 'exit 1' HUP INT TERM
	printf '#!/bin/sh\nexit 101\n' > "$policy"
	chmod 755 "$policy"
fi

mask() {
	unit=/etc/systemd/system/$1.service
	[ -e "$unit" ] || [ -L "$unit" ] || {
		mkdir -p "${unit%/*}"
		ln -s /dev/null "$unit"
	}
}

for package; do
	case $package in
	frr) mask frr ;;
	bird2) mask bird ;;
	haproxy) mask haproxy ;;
	openssh-server) mask ssh ;;
	esac
done

apt-get update -q
DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
