#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Owns the list of packages, by purpose and distribution, and installs what is missing.
#
#	deps.sh [--list] build|cross|lab|check|kernels|distros|all
#
#	build	this machine's pvtb, and running it	cross	the other architecture's
#	lab	emulated hosts				check	the tests; includes all of the above
#	kernels	building kernels (--tree, make check-kernels); includes lab, and is not part of all
#	distros	bare trees of Debian releases (make check-distros); not part of all
#
# Debian and Ubuntu: apt; Fedora: dnf; elsewhere the list is printed. Nothing is asked of the
# network when everything is there. Exit status: 0 all there, 2 not.
set -u
LC_ALL=C
export LC_ALL

die() {
	printf 'pvtb: %s: %s\n' "$1" "$2" >&2
	[ -z "${3:-}" ] || printf 'hint: %s\n' "$3" >&2
	exit 2
}

list=no
if [ "${1:-}" = --list ]; then
	list=yes
	shift
fi
group=${1:-all}
case $group in
build | cross | lab | check | kernels | distros | all) ;;
*) die "$group" 'no such group of packages' 'build, cross, lab, check, kernels, distros or all' ;;
esac

# The other architecture: what it is called by Debian, and its compiler.
case $(uname -m) in
x86_64) other=arm64 cross_gcc=gcc-aarch64-linux-gnu fedora_gcc=gcc-aarch64-linux-gnu ;;
aarch64) other=amd64 cross_gcc=gcc-x86-64-linux-gnu fedora_gcc=gcc-x86_64-linux-gnu ;;
*) die "$(uname -m)" 'pvtb runs on x86_64 and aarch64 only' ;;
esac

libraries='libbpf-dev libelf-dev zlib1g-dev libzstd-dev liburcu-dev libjansson-dev'

# One package a line; alternatives by |, the first that exists is taken.
debian_packages() {
	case $1 in
	build)
		printf '%s\n' gcc libc6-dev make pkg-config clang llvm \
			'bpftool|linux-tools-common' xz-utils bzip2 gnuplot-nox \
			'linux-source-6.12|linux-source-6.16|linux-source'
		printf '%s\n' $libraries
		;;
	cross)
		printf '%s\n' $cross_gcc "libc6-dev:$other"
		for p in $libraries; do printf '%s:%s\n' "$p" $other; done
		;;
	lab) printf '%s\n' qemu-system-arm qemu-system-x86 xz-utils binutils debian-archive-keyring util-linux ;;
	kernels) printf '%s\n' git make flex bison bc dwarves libelf-dev util-linux ;;
	distros) printf '%s\n' debootstrap git util-linux ;;
	check) printf '%s\n' libcmocka-dev git python3 python3-jsonschema clang-format libclang-rt-dev strace ;;
	esac
}

fedora_packages() {
	case $1 in
	build)
		printf '%s\n' gcc glibc-static make pkgconf-pkg-config clang llvm bpftool xz \
			bzip2 gnuplot-minimal libbpf-devel libbpf-static elfutils-libelf-devel \
			elfutils-libelf-devel-static zlib-static libzstd-static zlib-devel libzstd-devel \
			userspace-rcu-devel userspace-rcu-static jansson-devel jansson-static kernel-devel
		;;
	cross) printf '%s\n' $fedora_gcc ;;
	lab) printf '%s\n' qemu-system-aarch64-core qemu-system-x86-core apt dpkg debian-keyring xz binutils util-linux ;;
	kernels) printf '%s\n' git make flex bison bc dwarves elfutils-libelf-devel util-linux ;;
	distros) printf '%s\n' debootstrap git-core util-linux ;;
	check) printf '%s\n' libcmocka-devel git python3 python3-jsonschema clang-tools-extra compiler-rt strace ;;
	esac
}

# check builds both architectures and boots labs, so it needs everything.
case $group in
check | all) groups='build cross lab check' ;;
lab) groups='build cross lab' ;;
kernels) groups='build cross lab kernels' ;;
cross) groups='build cross' ;;
build) groups=build ;;
distros) groups=distros ;;
esac

if command -v apt-get >/dev/null 2>&1 && command -v dpkg-query >/dev/null 2>&1; then
	family=debian
elif command -v dnf >/dev/null 2>&1; then
	family=fedora
else
	family=unknown
fi
packages=$(for g in $groups; do
	if [ $family = fedora ]; then fedora_packages "$g"; else debian_packages "$g"; fi
done | awk '!seen[$0]++')

if [ $list = yes ] || [ $family = unknown ]; then
	[ $list = yes ] || printf 'pvtb: deps: no apt and no dnf here; the Debian names of what is needed:\n' >&2
	printf '%s\n' "$packages"
	[ $list = yes ] || exit 2
	exit 0
fi

# Every status in one question: "name:arch status".
installed() {
	dpkg-query -W -f '${Package} ${Architecture} ${db:Status-Status}\n' 2>/dev/null |
		awk '$3 == "installed" { print $1; print $1 ":" $2 }'
}

debian_missing() {
	have=$(installed)
	for p in $packages; do
		found=
		for alternative in $(printf '%s' "$p" | tr '|' ' '); do
			printf '%s\n' "$have" | grep -Fqx -- "$alternative" && found=yes && break
		done
		[ -n "$found" ] || printf '%s\n' "$p"
	done
}

fedora_missing() {
	for p in $packages; do
		rpm -q --quiet --whatprovides "$p" || printf '%s\n' "$p"
	done
}

missing=$(${family}_missing)
[ -n "$missing" ] || exit 0
# shellcheck disable=SC2086 # a list of words
set -- $missing
[ "$(id -u)" = 0 ] || die deps "missing: $*" 'run `make deps` as root, or DEPS=no to go on without'
printf 'deps: installing %s packages: %s\n' $# "$*" >&2

if [ $family = fedora ]; then
	dnf -y -q install "$@" || die dnf 'installing failed' "install by hand: $*"
	exit 0
fi

case " $* " in
*":$other "*)
	dpkg --print-foreign-architectures | grep -qx $other || dpkg --add-architecture $other ||
		die dpkg "cannot add architecture $other"
	;;
esac
apt-get -q update >/dev/null || die apt-get 'update failed' 'check the network and /etc/apt'

# Alternatives: what this release has.
chosen=
for p; do
	pick=
	for alternative in $(printf '%s' "$p" | tr '|' ' '); do
		if [ -n "$(apt-cache show --no-all-versions "$alternative" 2>/dev/null)" ]; then
			pick=$alternative
			break
		fi
	done
	[ -n "$pick" ] || die "$p" 'no such package in this release' 'is universe, or the security archive, among the sources?'
	chosen="$chosen $pick"
done
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 --no-install-recommends install $chosen >/dev/null ||
	die apt-get 'installing failed' "try it by hand: apt-get install$chosen"
