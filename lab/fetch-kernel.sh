#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Owns the cache of distribution kernels for the emulated hosts: finds, fetches, unpacks, verifies.
#
#	fetch-kernel.sh [--offline|--update] arm64|x86_64 [SERIES]
#	fetch-kernel.sh --list arm64|x86_64
#
# prints the directory of a verified kernel: vmlinuz, config, modules/*.ko, origin (suite and package
# version), MANIFEST (SHA256). SERIES is X.Y, "newest" (release) or "rc" (newest in experimental), with
# "-rt" behind it for the real-time flavour. What is cached is used as it is; --update asks the archive
# for a newer one, --offline never fetches. "newest" asks the archive once a day. --list prints what is
# cached and what the archive has.
# The archive's signature is checked by apt, in a private apt root, so the system's own apt state is
# neither needed nor touched and no privilege is required.
# Exit status: 0 printed, 2 cannot (one line `pvtb: what: why` on stderr), 3 not cached (--offline),
# 4 the archive has no such kernel or cannot be asked.
set -u
LC_ALL=C
export LC_ALL
umask 022

# Those that are built in have no module.
wanted='irqbypass ccp kvm kvm-amd kvm-intel virtio-pci virtio-console'
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
mirror=${PVTB_DEBIAN_MIRROR:-http://deb.debian.org}

die() {
	printf 'pvtb: %s: %s\n' "$1" "$2" >&2
	[ -z "${3:-}" ] || printf 'hint: %s\n' "$3" >&2
	exit "${4:-2}"
}
say() {
	printf 'lab: %s\n' "$*" >&2
}
need() {
	command -v "$1" >/dev/null 2>&1 || die "$1" 'not found' "${2:-install it, or name a kernel of your own: kernel=PATH}"
}

mode=cached
case ${1:-} in
--offline | --update | --list) mode=${1#--}; shift ;;
esac
arch=${1:-}
case $arch in
arm64) deb_arch=arm64 ;;
x86_64) deb_arch=amd64 ;;
*) die "${arch:-ARCH}" 'unknown architecture' 'arm64 or x86_64' ;;
esac
asked=${2:-6.12}
series=${asked%-rt}
flavour=cloud
[ "$series" = "$asked" ] || flavour=rt
# What its releases begin with.
case $series in
newest | rc) begins='[0-9]+\.[0-9]+' ;;
*[!0-9.]* | '' | .* | *. | *..*) die "$asked" 'not a kernel series' 'a number such as 6.12, newest or rc, and -rt behind it' ;;
*) begins=$(printf '%s' "$series" | sed 's/\./\\./g')'\.' ;;
esac
[ -n "${XDG_CACHE_HOME:-}" ] || [ -n "${HOME:-}" ] || die HOME 'not set' 'set XDG_CACHE_HOME'
base=${XDG_CACHE_HOME:-$HOME/.cache}/pvtime-bench/kernels/$arch
need sha256sum

verify() {
	(cd "$1" 2>/dev/null && [ -s MANIFEST ] && sha256sum --quiet --strict -c MANIFEST >/dev/null 2>&1)
}

suite_of() {
	sed 's/ .*//' "$base/$1/origin" 2>/dev/null
}

# Newest first. A release candidate is what came from experimental.
cached_releases() {
	for release in $(ls "$base" 2>/dev/null | grep -E "^$begins.*-$flavour-$deb_arch\$" | sort -rV); do
		[ "$(suite_of "$release")" = experimental ] && of=rc || of=release
		case $series-$of in
		rc-release | newest-rc) ;;
		*) printf '%s\n' "$release" ;;
		esac
	done
}

# The newest cached kernel of the series that is whole; a damaged one is named and passed over.
cached() {
	for release in $(cached_releases); do
		if verify "$base/$release"; then
			printf '%s\n' "$base/$release"
			return 0
		fi
		say "cached $arch kernel $release is damaged, not used"
	done
	return 1
}

# "newest" is what the archive has: for a day after it was asked, what it said then.
usable() {
	if [ $series = newest ] && [ $mode = cached ]; then
		stamp=$base/.newest-$flavour
		[ -n "$(find "$stamp" -mtime -1 2>/dev/null)" ] && verify "$base/$(cat "$stamp")" || return 1
		printf '%s\n' "$base/$(cat "$stamp")"
		return 0
	fi
	cached
}

if [ $mode != update ] && [ $mode != list ]; then
	usable && exit 0
	[ $mode != offline ] || exit 3
fi

need apt-get
need flock 'install util-linux'
need xz 'install xz-utils'
[ -r $keyring ] || die $keyring 'not found' 'install debian-archive-keyring, or name a kernel of your own: kernel=PATH'
mkdir -p "$base" || die "$base" 'cannot create' 'set XDG_CACHE_HOME'
exec 9>"$base/.lock" || die "$base/.lock" 'cannot write'
flock 9
# Somebody else may have fetched it while we waited.
if [ $mode = cached ]; then
	usable && exit 0
fi

# Under the lock nobody else is at work here: what is left of a killed fetch can go.
rm -rf "$base"/.tmp.*
tmp=$(mktemp -d "$base/.tmp.XXXXXX") || die "$base" 'cannot write'
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP

# private_apt COMMAND...: apt as if on a machine of the wanted architecture with nothing installed; its
# state is of the suite that was asked last.
private_apt() {
	apt_command=$1
	shift
	"$apt_command" -q -o APT::Architecture=$deb_arch -o APT::Architectures::=$deb_arch \
		-o Dir::State="$apt/state" -o Dir::State::status="$apt/status" -o Dir::Cache="$apt/cache" \
		-o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::Etc::preferencesparts=/dev/null -o Dir::Etc::preferences=/dev/null \
		-o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=3 \
		-o Acquire::http::Timeout=20 -o APT::Update::Error-Mode=any -o APT::Get::List-Cleanup=false "$@"
}

# Where to look, best first: the security archive this machine already uses, then the public one. A
# series of later than Debian 12's and 13's own is in backports or on its way to a release.
sources() {
	late='trixie-backports sid'
	stable='bookworm bookworm-backports trixie'
	case $series-$mode in
	*-list) suites="$stable $late experimental" ;;
	rc-*) suites=experimental ;;
	newest-*) suites=$late ;;
	6.1-* | 6.12-*) suites="$stable $late" ;;
	*) suites="$late $stable" ;;
	esac
	case $suites in
	bookworm*)
		apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
			awk '$2 ~ /^(bookworm|trixie)-security$/ && $3 == "main" && !seen[$0]++ { print $1, $2 }'
		printf '%s\n' "$mirror/debian-security bookworm-security"
		;;
	esac
	for suite in $suites; do
		printf '%s\n' "$mirror/debian $suite"
		[ $suite != trixie ] || printf '%s\n' "$mirror/debian-security trixie-security"
	done
}

# ask URI SUITE: its lists. Why it cannot be asked is kept for the message.
unreachable=
ask() {
	apt=$tmp/apt-$2
	[ -s "$apt/names" ] && return 0
	mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial"
	: >"$apt/status"
	printf 'deb [signed-by=%s] %s %s main\n' $keyring "$1" "$2" >"$apt/sources.list"
	private_apt apt-get update >"$tmp/apt.log" 2>&1 &&
		private_apt apt-cache pkgnames linux- >"$apt/names" 2>>"$tmp/apt.log" && return 0
	unreachable="$2: $(sed -n 's/^E: //p' "$tmp/apt.log" | head -n 1)"
	! grep -q NO_PUBKEY "$tmp/apt.log" ||
		unreachable="$2: $keyring has no key for it, a newer debian-archive-keyring has"
	say "$unreachable"
	return 1
}

# The kernels that the suite asked last has whole, "RELEASE PACKAGE...": one package until 6.18, three
# since; when a release is superseded in the archive, some of its packages stay behind for a while.
releases() {
	sed -nE "s/^linux-(image|binary|modules|base)-([0-9].*-(cloud|rt)-$deb_arch)(-unsigned)?\$/\1\4 \2/p" "$apt/names" | awk '
		{ has[$1, $2] = 1; all[$2] = 1 }
		END {
			for (r in all) {
				if (has["binary", r]) {
					if (has["modules", r] && has["base", r])
						print r, "linux-binary-" r, "linux-modules-" r, "linux-base-" r
				} else if (r !~ /^[0-9]+\.[0-9]+\./) {
					continue # the name of a series: an empty package
				} else if (has["image-unsigned", r]) {
					print r, "linux-image-" r "-unsigned"
				} else if (has["image", r]) {
					print r, "linux-image-" r
				}
			}
		}' | sort -V
}

package_version() {
	private_apt apt-cache show "$1" 2>/dev/null | sed -n 's/^Version: //p' | head -n 1
}

# "arm64  7.3  7.3.4+deb13-cloud-arm64  where", the newest of each series.
list_line() {
	label=$(printf '%s' "$1" | sed -E 's/^([0-9]+\.[0-9]+).*/\1/')
	[ "$2" != experimental ] || label=rc
	case $1 in *-rt-*) label=$label-rt ;; esac
	printf '%-7s %-9s %-31s %s\n' "$arch" "$label" "$1" "$3"
}

mkdir -p "$tmp/root"
sources >"$tmp/candidates"

if [ $mode = list ]; then
	for release in $(ls "$base" 2>/dev/null | grep -E "^[0-9].*-$deb_arch\$" | sort -V); do
		list_line "$release" "$(suite_of "$release")" cached
	done
	while read -r uri suite; do
		say "asking $suite ($arch)"
		ask "$uri" "$suite" || continue
		for release in $(releases | sed 's/ .*//'); do
			list_line "$release" "$suite" "in $suite"
		done
	done <"$tmp/candidates" >"$tmp/available"
	sort -V "$tmp/available" | awk '{ if ($2 != last && NR > 1) print line; last = $2; line = $0 } END { if (NR) print line }'
	[ -s "$tmp/available" ] || say 'no archive could be asked: only what is cached is listed'
	exit 0
fi

reached=no
package=
version=
while read -r uri suite; do
	say "asking $suite for Linux $asked ($arch)"
	ask "$uri" "$suite" || continue
	reached=yes
	found=$(releases | grep -E "^$begins.*-$flavour-$deb_arch " | tail -n 1)
	[ -n "$found" ] || continue
	# of several suites the newest release counts where "newest" is asked for, else the first suite
	if [ "$(printf '%s\n' "$version" "${found%% *}" | sort -V | tail -n 1)" = "${found%% *}" ]; then
		version=${found%% *} package=${found#* } from=$suite
	fi
	[ $series = newest ] || break
done <"$tmp/candidates"
if [ -z "$version" ] && [ $series = newest ] && cached; then
	say 'no archive could be asked: this is the newest cached kernel'
	exit 0
fi
[ -n "$version" ] || [ $reached = yes ] ||
	die "Linux $asked ($arch)" "no archive could be asked: $unreachable" \
		'check the network and the proxy, or name a kernel of your own: kernel=PATH' 4
[ -n "$version" ] || die "Linux $asked ($arch)" 'the archive has no such kernel (any more)' \
	'`pvtb lab list` shows what it has, or name a kernel of your own: kernel=PATH' 4

apt=$tmp/apt-$from
# shellcheck disable=SC2086 # a list of words
set -- $package
origin="$from $(package_version "$1")"
[ $series != newest ] || printf '%s\n' "$version" >"$base/.newest-$flavour"
# The name of a release candidate is the same for all of a series: its package's version tells.
if verify "$base/$version" && { [ "$(cat "$base/$version/origin" 2>/dev/null)" = "$origin" ] || [ "$series" != rc ]; }; then
	printf '%s\n' "$base/$version"
	exit 0
fi

say "fetching $*"
(cd "$tmp" && private_apt apt-get download "$@") >"$tmp/apt.log" 2>&1 ||
	die "$version" "download failed: $(grep -m1 '^E:' "$tmp/apt.log" || tail -n 1 "$tmp/apt.log")" \
		"network, proxy, and space in $base? or name a kernel of your own: kernel=PATH"

# unpack FILE
unpack() {
	if command -v dpkg-deb >/dev/null 2>&1; then
		dpkg-deb -x "$1" "$tmp/root"
		return
	fi
	need ar 'install binutils'
	member=$(ar t "$1" | grep '^data\.tar')
	# the decompressor of a tar archive on a pipe must be named
	case $member in *.xz) how=-J ;; *.zst) how=--zstd ;; *) how=-z ;; esac
	ar p "$1" "$member" | tar -x $how -f - -C "$tmp/root"
}
for deb in "$tmp"/*.deb; do
	[ -f "$deb" ] || die "$version" 'apt left no file'
	unpack "$deb" 2>>"$tmp/apt.log" ||
		die "${deb##*/}" "cannot unpack: $(tail -n 1 "$tmp/apt.log")" "is there space in $base?"
done

new=$tmp/new
mkdir -p "$new/modules"
# Newer packages are merged-/usr, and from 7.0 on everything is in the modules' directory.
for modules in "$tmp/root/lib/modules/$version" "$tmp/root/usr/lib/modules/$version"; do
	[ ! -d "$modules" ] || break
done
take() {
	cp "$tmp/root/boot/$1-$version" "$new/$1" 2>/dev/null || cp "$modules/$1" "$new/$1" 2>/dev/null
}
take vmlinuz && take config && printf '%s\n' "$origin" >"$new/origin" ||
	die "$version" 'no kernel inside, or no space for it' "is there space in $base?"
modules=$modules/kernel

# Modules with what they depend on: the package has no modules.dep, the modules name it themselves.
todo=$wanted
while [ -n "$todo" ]; do
	more=
	for m in $todo; do
		alike=$(printf '%s' "$m" | sed 's/[-_]/[-_]/g')
		ko=$(find "$modules" -name "$alike.ko*" 2>/dev/null | head -n 1)
		name=$(printf '%s' "$m" | tr _ -)
		[ -n "$ko" ] && [ ! -e "$new/modules/$name.ko" ] || continue
		case $ko in
		*.xz) xz -dc "$ko" ;;
		*.zst) zstd -dcq "$ko" ;;
		*.gz) gzip -dc "$ko" ;;
		*) cat "$ko" ;;
		esac >"$new/modules/$name.ko" || die "$ko" 'cannot decompress' "is there space in $base?"
		more="$more $(tr '\000' '\n' <"$new/modules/$name.ko" | sed -n 's/^depends=//p' | tr ',\n' '  ')"
	done
	todo=$(printf '%s' "$more" | tr -d ' ' | grep -q . && printf '%s' "$more")
done
grep -q '^CONFIG_KVM=y' "$new/config" || [ -e "$new/modules/kvm.ko" ] || die "$version" 'this kernel has no KVM'

(cd "$new" && find . -type f ! -name MANIFEST | sort | xargs sha256sum >"$tmp/manifest") &&
	mv "$tmp/manifest" "$new/MANIFEST" && sync "$new/MANIFEST" 2>/dev/null ||
	die "$new/MANIFEST" 'cannot write' "is there space in $base?"
rm -rf "$base/$version"
mv "$new" "$base/$version" && verify "$base/$version" || die "$base/$version" 'cannot write'
say "Linux $version ready"
printf '%s\n' "$base/$version"
