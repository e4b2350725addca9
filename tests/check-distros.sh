#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# make check-distros [DISTROS='trixie sid']: what a user sees on a bare machine. For each Debian suite a
# minimal tree is made by debootstrap, the committed tree is cloned into it, and `make bench` and
# `make check` run there. As root; the trees are removed at the end, and when interrupted. Packages that
# were fetched stay in a cache outside, ~/.cache/pvtime-bench/distros or CACHE=DIR.
#
# TARGETS='bench check' says what is made. A suite that cannot be reached is a SKIP with its reason.
# Last line: "N passed, N failed, N skipped". LOGS=DIR keeps each output, and where it is is told.
set -u
cd "$(dirname "$0")/.." || exit 2
distros=${DISTROS:-bookworm trixie sid}
targets=${TARGETS:-bench check}
mirror=${PVTB_DEBIAN_MIRROR:-http://deb.debian.org}/debian
cache=${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pvtime-bench/distros}
logs=${LOGS:-${TMPDIR:-/tmp}/pvtb-distros.$$}
passed=0 failed=0 skipped=0

die() {
	printf 'pvtb: %s: %s\nhint: %s\n' "$1" "$2" "$3" >&2
	exit 2
}
[ "$(id -u)" = 0 ] || die check-distros 'needs root, for debootstrap, mount and chroot' 'run it as root'
for tool in debootstrap git unshare; do
	command -v $tool >/dev/null || die $tool 'not found' 'packaging/deps.sh distros (as root) installs it'
done
commit=$(git rev-parse HEAD) || exit 2
[ -z "$(git status --porcelain)" ] || printf 'note: what is not committed is not tested\n'

top=$(mktemp -d "${TREES:-/var/tmp}/pvtb-distros.XXXXXX") || exit 2
mkdir -p "$logs" "$cache" || exit 2
runs=
# Mounts are in the namespace of the process that runs in a tree, so they go with it: nothing is left to
# unmount, and nothing of this machine is below the tree when it is removed.
clean() {
	trap '' INT TERM HUP
	if [ -n "$runs" ]; then
		kill -TERM "$runs" 2>/dev/null
		wait "$runs" 2>/dev/null
	fi
	rm -rf --one-file-system "$top"
}
trap clean EXIT
trap 'exit 130' INT TERM HUP

# in_background COMMAND...: wait for it so that a signal is acted on at once
in_background() {
	"$@" </dev/null &
	runs=$!
	wait "$runs"
	set -- $?
	runs=
	return "$1"
}

# in_tree TREE SUITE COMMAND: in a chroot with the kernel's file systems and a PID namespace of its own, so
# that whatever it started ends with it
in_tree() {
	in_background env -i HOME=/root TERM=dumb LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin CI="${CI:-}" \
		unshare --mount --pid --fork --kill-child=TERM --propagation private sh -c '
			tree=$1 archives=$2
			mount --rbind /dev "$tree/dev" && mount --rbind /sys "$tree/sys" &&
			mount -t proc proc "$tree/proc" && mount -t tmpfs -o mode=1777 tmp "$tree/tmp" &&
			mount --bind "$archives" "$tree/var/cache/apt/archives" || exit 99
			exec chroot "$tree" sh -c "$3"' sh "$1" "$cache/$2" "$3"
}

result() {
	printf '%s %s: %s\n' "$1" "$2" "$3"
	case $1 in PASS) passed=$((passed + 1)) ;; FAIL) failed=$((failed + 1)) ;; SKIP) skipped=$((skipped + 1)) ;; esac
}

# make_tree SUITE TREE: a bare one that can reach its archive, or the reason why there is none
make_tree() {
	mkdir -p "$cache/$1"
	in_background debootstrap --variant=minbase --cache-dir="$cache/$1" "$1" "$2" "$mirror" >"$logs/$1.debootstrap" 2>&1 || {
		grep -m1 '^E: ' "$logs/$1.debootstrap" || echo "debootstrap failed, see $logs/$1.debootstrap"
		return 1
	}
	cp /etc/resolv.conf "$2/etc/" 2>/dev/null
	in_tree "$2" "$1" 'apt-get -q update' >"$logs/$1.update" 2>&1
	# an archive that stands still on purpose, or a clock that goes ahead
	if grep -q 'Release file .* is expired' "$logs/$1.update"; then
		echo 'Acquire::Check-Valid-Until "false";' >"$2/etc/apt/apt.conf.d/99-expired"
		in_tree "$2" "$1" 'apt-get -q update' >"$logs/$1.update" 2>&1
	fi
	! grep -m1 '^E: ' "$logs/$1.update" || return 1
	git clone -q . "$2/root/pvtime-bench" && git -C "$2/root/pvtime-bench" checkout -q --detach "$commit"
}

for suite in $distros; do
	tree=$top/$suite
	if ! make_tree "$suite" "$tree" >"$logs/$suite.tree"; then
		result SKIP "$suite" "$(tail -n 1 "$logs/$suite.tree")"
		continue
	fi
	# make is what a user has to have, to begin with
	in_tree "$tree" "$suite" 'apt-get -q -y --no-install-recommends install make' >"$logs/$suite.make" 2>&1
	for target in $targets; do
		begin=$SECONDS
		if in_tree "$tree" "$suite" "cd /root/pvtime-bench && exec make $target" >"$logs/$suite.$target" 2>&1; then
			verdict=PASS
		else
			verdict=FAIL
		fi
		said=$(grep -a '^[0-9]* passed, ' "$logs/$suite.$target" | tail -n 1)
		result $verdict "$suite" "make $target, $((SECONDS - begin)) s${said:+, $said}"
		[ $verdict = PASS ] || { tail -n 12 "$logs/$suite.$target" | sed 's/^/    /'; echo "    all of it: $logs/$suite.$target"; }
	done
	rm -rf --one-file-system "$tree"
done
[ $failed != 0 ] || [ -n "${LOGS:-}" ] || rm -rf "$logs"
printf '%d passed, %d failed, %d skipped\n' $passed $failed $skipped
[ $failed = 0 ]
