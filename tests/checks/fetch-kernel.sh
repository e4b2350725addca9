#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# lab/fetch-kernel.sh against an archive that is made up: which suite is asked, which packages are
# taken, old and new layout, what is cached, and what is said when there is none. No network.
set -u
command -v dpkg-deb >/dev/null || { echo 'SKIP: no dpkg-deb (package dpkg)'; exit 4; }
[ -r /usr/share/keyrings/debian-archive-keyring.gpg ] || { echo 'SKIP: no debian-archive-keyring'; exit 4; }

scratch=$(mktemp -d "${TMPDIR:-/tmp}/pvtb-test.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
failures=0
mkdir -p "$scratch/bin" "$scratch/archive"
export ARCHIVE="$scratch/archive" XDG_CACHE_HOME="$scratch/cache" PATH="$scratch/bin:$PATH"

# An apt that knows a directory per suite, with a directory per package; "down": cannot be reached.
cat >"$scratch/bin/apt-get" <<'APT'
#!/bin/sh
list= words=
while [ $# -gt 0 ]; do
	case $1 in
	-o) case $2 in Dir::Etc::sourcelist=*) list=${2#*=} ;; esac; shift ;;
	-*) ;;
	*) words="$words $1" ;;
	esac
	shift
done
set -- $words
[ -n "$list" ] || exit 0
suite=$ARCHIVE/$(awk '{ print $4 }' "$list")
case $1 in
update)
	echo "${suite##*/}" >>"$ARCHIVE/asked"
	[ -e "$suite" ] || { echo "E: Failed to fetch ${suite##*/}"; exit 100; }
	;;
pkgnames) ls "$suite" ;;
show) echo "Version: $(cat "$suite/$2/version")" ;;
download)
	shift
	for p; do
		mkdir -p "$suite/$p/DEBIAN"
		printf 'Package: x\nVersion: 1\nArchitecture: all\nMaintainer: x\nDescription: x\n' >"$suite/$p/DEBIAN/control"
		dpkg-deb -b "$suite/$p" "./$p.deb" >/dev/null || exit 1
	done
	;;
esac
APT
chmod +x "$scratch/bin/apt-get"
ln -s apt-get "$scratch/bin/apt-cache"

fail() {
	echo "  $*" >&2
	failures=$((failures + 1))
}
# package SUITE NAME VERSION [FILE=TEXT...]
package() {
	dir=$ARCHIVE/$1/$2 version=$3
	mkdir -p "$dir"
	shift 3
	for file; do
		mkdir -p "$dir/$(dirname "${file%%=*}")"
		printf '%s' "${file#*=}" >"$dir/${file%%=*}"
	done
	echo "$version" >"$dir/version"
}
# one_package SUITE RELEASE VERSION [SUFFIX]: as up to 6.18
one_package() {
	package "$1" "linux-image-$2${4:-}" "$3" "boot/vmlinuz-$2=old $3" "boot/config-$2=CONFIG_KVM=m" \
		"lib/modules/$2/kernel/kvm.ko=depends=irqbypass" "lib/modules/$2/kernel/irqbypass.ko=depends="
}
# three_packages SUITE RELEASE VERSION: as since 7.2
three_packages() {
	package "$1" "linux-image-$2" "$3"
	package "$1" "linux-binary-$2" "$3" "usr/lib/modules/$2/vmlinuz=new $3"
	package "$1" "linux-base-$2" "$3" "usr/lib/modules/$2/config=CONFIG_KVM=m"
	package "$1" "linux-modules-$2" "$3" "usr/lib/modules/$2/kernel/kvm.ko=depends="
}
# fetch STATUS RELEASE ARG...: what is printed is that release's directory
fetch() {
	want=$1 release=$2
	shift 2
	: >"$ARCHIVE/asked"
	got=0
	out=$(sh lab/fetch-kernel.sh "$@" 2>"$scratch/err") || got=$?
	[ "$got" = "$want" ] || { fail "$*: exit status $got, expected $want: $(tail -n 2 "$scratch/err")"; return; }
	[ "${out##*/}" = "$release" ] || fail "$*: ${out:-nothing}, expected $release"
	[ -z "$release" ] || [ -s "$out/MANIFEST" ] || fail "$*: no MANIFEST"
}
# holds RELEASE FILE TEXT
holds() {
	got=$(cat "$XDG_CACHE_HOME/pvtime-bench/kernels/x86_64/$1/$2" 2>&1)
	[ "$got" = "$3" ] || fail "$1/$2 is '$got', expected '$3'"
}
says() {
	grep -q "$1" "$scratch/err" || fail "not said: $1: $(tail -n 2 "$scratch/err")"
}
asked() {
	got=$(tr '\n' ' ' <"$ARCHIVE/asked")
	[ "$got" = "$1" ] || fail "asked '$got', expected '$1'"
}

fetch 4 '' x86_64 6.12
says 'no archive could be asked: .*Failed to fetch'
fetch 3 '' --offline x86_64 6.12
fetch 2 '' x86_64 newer
for suite in bookworm-security bookworm trixie-backports sid experimental; do mkdir "$ARCHIVE/$suite"; done
fetch 4 '' x86_64 6.12
says 'has no such kernel'

# one package: the unsigned one where there is one; not the empty package of a series; not another flavour
package bookworm-security linux-image-6.12-cloud-amd64 6.12.117-1
one_package bookworm-security 6.12.9+deb12-cloud-amd64 6.12.9-1
one_package bookworm-security 6.12.117+deb12-cloud-amd64 6.12.117-1 -unsigned
one_package bookworm-security 6.12.118+deb12-rt-amd64 6.12.118-1
one_package trixie-backports 6.12.200+deb13-cloud-amd64 6.12.200-1
fetch 0 6.12.117+deb12-cloud-amd64 x86_64
holds 6.12.117+deb12-cloud-amd64 vmlinuz 'old 6.12.117-1'
holds 6.12.117+deb12-cloud-amd64 origin 'bookworm-security 6.12.117-1'
holds 6.12.117+deb12-cloud-amd64 modules/irqbypass.ko 'depends='
fetch 0 6.12.117+deb12-cloud-amd64 x86_64 6.12
asked ''
fetch 0 6.12.118+deb12-rt-amd64 x86_64 6.12-rt

# three packages; a release that is not whole any more does not count, another series neither
three_packages trixie-backports 7.2.12+deb13-cloud-amd64 7.2.12-1
three_packages trixie-backports 7.3.4+deb13-cloud-amd64 7.3.4-1
package trixie-backports linux-image-7.3.5+deb13-cloud-amd64 7.3.5-1
package trixie-backports linux-binary-7.3.5+deb13-cloud-amd64 7.3.5-1
fetch 0 7.2.12+deb13-cloud-amd64 x86_64 7.2
asked 'trixie-backports '
fetch 0 7.3.4+deb13-cloud-amd64 x86_64 7.3
holds 7.3.4+deb13-cloud-amd64 vmlinuz 'new 7.3.4-1'
holds 7.3.4+deb13-cloud-amd64 config CONFIG_KVM=m

# newest: of all suites, once a day; without an archive the newest cached one
three_packages sid 7.4.1+deb14-cloud-amd64 7.4.1-1
fetch 0 7.4.1+deb14-cloud-amd64 x86_64 newest
asked 'trixie-backports sid '
fetch 0 7.4.1+deb14-cloud-amd64 x86_64 newest
asked ''
mv "$ARCHIVE/sid" "$ARCHIVE/trixie-backports" "$scratch"
touch -d '2 days ago' "$XDG_CACHE_HOME/pvtime-bench/kernels/x86_64/.newest-cloud"
fetch 0 7.4.1+deb14-cloud-amd64 x86_64 newest
says 'no archive could be asked'

# rc: from experimental only, and its next candidate has the same name
three_packages experimental 7.5-cloud-amd64 7.5~rc2-1
fetch 0 7.5-cloud-amd64 x86_64 rc
three_packages experimental 7.5-cloud-amd64 7.5~rc3-1
fetch 0 7.5-cloud-amd64 x86_64 rc
asked ''
holds 7.5-cloud-amd64 vmlinuz 'new 7.5~rc2-1'
fetch 0 7.5-cloud-amd64 --update x86_64 rc
holds 7.5-cloud-amd64 vmlinuz 'new 7.5~rc3-1'
fetch 0 7.4.1+deb14-cloud-amd64 x86_64 newest

# what is there: the newest of a series once, cached and not
sh lab/fetch-kernel.sh --list x86_64 >"$scratch/list" 2>"$scratch/err" || fail "--list: $(cat "$scratch/err")"
for line in 'x86_64 6.12-rt 6.12.118+deb12-rt-amd64 in bookworm-security' 'x86_64 rc 7.5-cloud-amd64 cached' \
	'x86_64 7.4 7.4.1+deb14-cloud-amd64 cached' 'x86_64 6.12 6.12.117+deb12-cloud-amd64 in bookworm-security'; do
	tr -s ' ' <"$scratch/list" | grep -qx "$line" || fail "--list lacks: $line"
done
! grep -q '6.12.9' "$scratch/list" || fail '--list shows a release that is not the newest'

# damaged in the cache: fetched again
echo x >>"$XDG_CACHE_HOME/pvtime-bench/kernels/x86_64/6.12.117+deb12-cloud-amd64/vmlinuz"
fetch 3 '' --offline x86_64 6.12
says damaged
fetch 0 6.12.117+deb12-cloud-amd64 x86_64 6.12
holds 6.12.117+deb12-cloud-amd64 vmlinuz 'old 6.12.117-1'

[ $failures = 0 ]
