#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Owns the cache of distribution kernels for the emulated hosts: finds, fetches, unpacks, verifies.
#
#	fetch-kernel.sh [--offline|--update] arm64|x86_64 [SERIES]
#
# prints the directory of a verified kernel: vmlinuz, config, modules/*.ko, MANIFEST (SHA256).
# What is cached is used as it is; --update asks the archive for a newer one, --offline never
# fetches. The archive's signature is checked by apt, in a private apt root, so the system's own
# apt state is neither needed nor touched and no privilege is required.
# Exit status: 0 printed, 2 cannot (one line `pvtb: what: why` on stderr), 3 not cached (--offline).
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
	exit 2
}
say() {
	printf 'lab: %s\n' "$*" >&2
}
need() {
	command -v "$1" >/dev/null 2>&1 || die "$1" 'not found' "${2:-install it, or name a kernel of your own: kernel=PATH}"
}

mode=cached
case ${1:-} in
--offline | --update) mode=${1#--}; shift ;;
esac
arch=${1:-}
case $arch in
arm64) deb_arch=arm64 ;;
x86_64) deb_arch=amd64 ;;
*) die "${arch:-ARCH}" 'unknown architecture' 'arm64 or x86_64' ;;
esac
series=${2:-6.12}
case $series in
*[!0-9.]* | .* | *. | *..*) die "$series" 'not a kernel series' 'a number such as 6.12' ;;
esac
[ -n "${XDG_CACHE_HOME:-}" ] || [ -n "${HOME:-}" ] || die HOME 'not set' 'set XDG_CACHE_HOME'
base=${XDG_CACHE_HOME:-$HOME/.cache}/pvtime-bench/kernels/$arch
need sha256sum

verify() {
	(cd "$1" 2>/dev/null && [ -s MANIFEST ] && sha256sum --quiet --strict -c MANIFEST >/dev/null 2>&1)
}

# The newest cached kernel of the series that is whole; a damaged one is named and passed over.
cached() {
	for version in $(ls "$base" 2>/dev/null | grep "^$(printf '%s' "$series" | sed 's/\./\\./g')\." | sort -rV); do
		if verify "$base/$version"; then
			printf '%s\n' "$base/$version"
			return 0
		fi
		say "cached $arch kernel $version is damaged, not used"
	done
	return 1
}

if [ $mode != update ]; then
	cached && exit 0
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
if [ $mode != update ]; then
	cached && exit 0
fi

# Under the lock nobody else is at work here: what is left of a killed fetch can go.
rm -rf "$base"/.tmp.*
tmp=$(mktemp -d "$base/.tmp.XXXXXX") || die "$base" 'cannot write'
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP

# private_apt COMMAND...: apt as if on a machine of the wanted architecture with nothing installed.
private_apt() {
	apt_command=$1
	shift
	"$apt_command" -q -o APT::Architecture=$deb_arch -o APT::Architectures::=$deb_arch \
		-o Dir::State="$tmp/state" -o Dir::State::status="$tmp/status" -o Dir::Cache="$tmp/cache" \
		-o Dir::Etc::sourcelist="$tmp/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::Etc::preferencesparts=/dev/null -o Dir::Etc::preferences=/dev/null \
		-o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=3 \
		-o APT::Get::List-Cleanup=false "$@"
}

# Where to look, best first: the security archive this machine already uses, then the public one.
sources() {
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
		awk '$2 ~ /^(bookworm|trixie)-security$/ && $3 == "main" && !seen[$0]++ { print $1, $2 }'
	printf '%s\n' "$mirror/debian-security bookworm-security" "$mirror/debian bookworm" \
		"$mirror/debian bookworm-backports" "$mirror/debian trixie"
}

mkdir -p "$tmp/state/lists/partial" "$tmp/cache/archives/partial" "$tmp/root"
: >"$tmp/status"
package=
sources >"$tmp/candidates"
while read -r uri suite; do
	printf 'deb [signed-by=%s] %s %s main\n' $keyring "$uri" "$suite" >"$tmp/sources.list"
	say "asking $suite for Linux $series ($arch)"
	private_apt apt-get update >"$tmp/apt.log" 2>&1 || { say "$uri $suite: $(grep -m1 '^[EW]:' "$tmp/apt.log")"; continue; }
	package=$(private_apt apt-cache pkgnames "linux-image-$series." 2>/dev/null |
		grep -E -- "-cloud-$deb_arch-unsigned\$" | sort -V | tail -n 1)
	[ -z "$package" ] || break
done <"$tmp/candidates"
[ -n "$package" ] || die "Linux $series ($arch)" 'no archive could be asked, or none has it' \
	'check the network and the proxy, or name a kernel of your own: kernel=PATH'

version=${package#linux-image-}
version=${version%-unsigned}
if [ $mode = update ] && verify "$base/$version"; then
	printf '%s\n' "$base/$version"
	exit 0
fi

say "fetching $package"
(cd "$tmp" && private_apt apt-get download "$package") >"$tmp/apt.log" 2>&1 ||
	die "$package" "download failed: $(grep -m1 '^E:' "$tmp/apt.log" || tail -n 1 "$tmp/apt.log")" \
		"network, proxy, and space in $base? or name a kernel of your own: kernel=PATH"
set -- "$tmp"/*.deb
[ -f "$1" ] || die "$package" 'apt left no file'
if command -v dpkg-deb >/dev/null 2>&1; then
	dpkg-deb -x "$1" "$tmp/root"
else
	need ar 'install binutils'
	member=$(ar t "$1" | grep '^data\.tar')
	# the decompressor of a tar archive on a pipe must be named
	case $member in *.xz) how=-J ;; *.zst) how=--zstd ;; *) how=-z ;; esac
	ar p "$1" "$member" | tar -x $how -f - -C "$tmp/root"
fi 2>>"$tmp/apt.log" || die "$package" "cannot unpack: $(tail -n 1 "$tmp/apt.log")" "is there space in $base?"

new=$tmp/new
mkdir -p "$new/modules"
cp "$tmp/root/boot/vmlinuz-$version" "$new/vmlinuz" 2>/dev/null && cp "$tmp/root/boot/config-$version" "$new/config" 2>/dev/null ||
	die "$package" 'no kernel inside, or no space for it' "is there space in $base?"
# Newer packages are merged-/usr: the modules may be under either.
for modules in "$tmp/root/lib/modules/$version/kernel" "$tmp/root/usr/lib/modules/$version/kernel"; do
	[ ! -d "$modules" ] || break
done

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
grep -q '^CONFIG_KVM=y' "$new/config" || [ -e "$new/modules/kvm.ko" ] || die "$package" 'this kernel has no KVM'

(cd "$new" && find . -type f ! -name MANIFEST | sort | xargs sha256sum >"$tmp/manifest") &&
	mv "$tmp/manifest" "$new/MANIFEST" && sync "$new/MANIFEST" 2>/dev/null ||
	die "$new/MANIFEST" 'cannot write' "is there space in $base?"
rm -rf "$base/$version"
mv "$new" "$base/$version" && verify "$base/$version" || die "$base/$version" 'cannot write'
say "Linux $version ready"
printf '%s\n' "$base/$version"
