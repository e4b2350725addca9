#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Owns the kernels built from commits for the emulated hosts, and the source trees kept for that.
#
#	build-kernel.sh arm64|x86_64 TREE COMMIT JOBS CONFIG
#
# prints the path of COMMIT's kernel, built with CONFIG over allnoconfig. The user's repository is
# read and never written: sources are checked out in a repository of our own that borrows its objects.
# One of these for each repository, one build directory in it for each architecture, so that what two
# commits have in common is compiled once; kernels are kept by commit, configuration and compiler.
# Exit status: 0 printed, 2 cannot (one line `pvtb: what: why` on stderr), 3 this commit cannot be built.
set -u
LC_ALL=C
export LC_ALL
umask 022
# A caller that is itself run by git must not lead git elsewhere.
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_OBJECT_DIRECTORY GIT_COMMON_DIR GIT_PREFIX \
	GIT_ALTERNATE_OBJECT_DIRECTORIES
# Nor one that is run by make: its flags are for its own sub-makes.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES ARCH CROSS_COMPILE KBUILD_OUTPUT O V

kept=24 # kernels, per repository
needed='KVM DEBUG_INFO_BTF BPF_SYSCALL BPF_EVENTS VIRTIO_CONSOLE VIRTIO_PCI BLK_DEV_INITRD'

die() {
	printf 'pvtb: %s: %s\n' "$1" "$2" >&2
	[ -z "${3:-}" ] || printf 'hint: %s\n' "$3" >&2
	exit "${4:-2}"
}
say() {
	printf 'lab: %s\n' "$*" >&2
}
need() {
	command -v "$1" >/dev/null 2>&1 || die "$1" 'not found' 'packaging/deps.sh kernels installs what builds kernels'
}

arch=$1 tree=$2 commit=$3 jobs=$4 config=$5
[ "$jobs" != 0 ] || jobs=$(nproc)
case $arch in
arm64) karch=arm64 target=arch/arm64/boot/Image compiler=aarch64-linux-gnu- machine=aarch64 ;;
x86_64) karch=x86_64 target=vmlinux compiler=x86_64-linux-gnu- machine=x86_64 ;;
*) die "$arch" 'unknown architecture' 'arm64 or x86_64' ;;
esac
[ "$(uname -m)" != $machine ] || compiler=
for tool in git make flock setpriv flex bison bc pahole "${compiler}gcc" "${compiler}objcopy" sha256sum; do
	need "$tool"
done
[ -n "${XDG_CACHE_HOME:-}" ] || [ -n "${HOME:-}" ] || die HOME 'not set' 'set XDG_CACHE_HOME'

# ---- which commit of which repository ----

[ -d "$tree" ] || die "$tree" 'not a directory' '--tree PATH: a git repository of the kernel'
theirs() {
	git --no-optional-locks -C "$tree" "$@"
}
objects=$(theirs rev-parse --path-format=absolute --git-path objects 2>&1) ||
	die "$tree" "not a git repository git will use: $(printf '%s' "$objects" | head -n 1)" \
		'--tree PATH: a git repository of the kernel'
sha=$(theirs rev-parse --verify --quiet --end-of-options "$commit^{commit}") ||
	die "$commit" "no such commit in $tree" "git -C $tree log"
short=$(printf '%.12s' "$sha")
subject=$(theirs log -1 --format=%s "$sha" | cut -c 1-60)
fragment=$(cat "$config") || die "$config" 'cannot read'
key=$({ printf '%s\n' "$fragment"; "${compiler}gcc" --version | head -n 1; } | sha256sum | cut -c 1-12)
if [ "$commit" = HEAD ] && [ -n "$(theirs status --porcelain -uno 2>/dev/null | head -n 1)" ]; then
	say "$tree has changes that are not committed: they are not built"
fi

name=$(basename "$(theirs rev-parse --path-format=absolute --git-common-dir | sed 's,/*\.git$,,')")
base=${XDG_CACHE_HOME:-$HOME/.cache}/pvtime-bench/trees/$name-$(printf '%s' "$objects" | sha256sum | cut -c 1-8)
case $base in *,*) die "$base" 'a comma in the name of the cache' 'set XDG_CACHE_HOME' ;; esac
result=$base/kernels/$arch-$sha-$key
kernel=$result/$(basename $target)

# ---- built before? ----

found() {
	[ -s "$result/config" ] && [ -s "$kernel" ] && touch "$result" && printf '%s\n' "$kernel"
}
found && exit 0
mkdir -p "$base/kernels" || die "$base" 'cannot create' 'set XDG_CACHE_HOME'
exec 9>"$base/.lock" || die "$base/.lock" 'cannot write'
# Whatever is started from here holds the lock too: a compiler that outlives this script does.
flock -n 9 || {
	say "waiting for another build in $base"
	flock 9
}
found && exit 0

# ---- sources ----

ours() {
	git -C "$base/source" -c core.hooksPath=/dev/null -c advice.detachedHead=false "$@"
}
log=$base/build-$arch.log
build=$base/build-$arch
rm -rf "$base"/kernels/.tmp.*
trap 'rm -rf "$base"/kernels/.tmp.*' EXIT
trap 'exit 130' INT TERM HUP

if [ ! -e "$base/source/.git/complete" ]; then
	rm -rf "$base/source"
	say "copying the sources of $tree to $base"
	git init -q --template= --object-format="$(theirs rev-parse --show-object-format)" "$base/source" ||
		die "$base/source" 'cannot create'
	mkdir -p "$base/source/.git/objects/info" "$base/source/.git/info"
	: >"$base/source/.git/complete"
fi
printf '%s\n' "$objects" >"$base/source/.git/objects/info/alternates" || die "$base/source" 'cannot write'
rm -f "$base/source/.git/index.lock" # of a killed one: the lock is ours
ours reset -q --hard "$sha" >"$log" 2>&1 || {
	rm -f "$base/source/.git/complete"
	die "$short" "cannot be checked out: $(grep -m 1 . "$log")" "is there space in $base?"
}

# ---- configuration ----

# kernel_make TARGET...: reproducible, and the commit in its name; it ends when this script is killed
kernel_make() {
	setpriv --pdeathsig TERM make -C "$base/source" O="$build" ARCH=$karch CROSS_COMPILE=$compiler LOCALVERSION="-g$short" \
		KBUILD_BUILD_TIMESTAMP='Thu Jan  1 00:00:00 UTC 1970' KBUILD_BUILD_USER=pvtb \
		KBUILD_BUILD_HOST=pvtb KBUILD_BUILD_VERSION=1 "$@" </dev/null >>"$log" 2>&1
}
first_error() {
	grep -m 1 -E ':[0-9]+: (fatal )?error:|: undefined reference to|^(ERROR|FAILED|error)[: ]' "$log" ||
		grep -m 1 -F '***' "$log" || tail -n 1 "$log"
}
# Not the commit's fault, and another one would fare no better.
machine_error() {
	grep -m 1 -iE 'Killed signal|: Killed$|No space left on device|Cannot allocate memory|virtual memory exhausted' \
		"$log"
}
untestable() {
	cp "$log" "$base/failed-$arch.log"
	error=$(machine_error) && die "$short" "$1 for $arch: $error" \
		"memory, space in $base; fewer compilers at once: -j ($base/failed-$arch.log)"
	error=$(first_error | sed "s,$base/source/,,g;s,\\.\\./source/,,g")
	die "$short" "$1 for $arch ($subject)" "$error ($base/failed-$arch.log)" 3
}

first=
[ -e "$build/vmlinux" ] || first=', from nothing: minutes'
say "building $short for $arch$first ($subject)"
start=$(date +%s)
mkdir -p "$build"
printf '%s\n' "$fragment" >"$base/$arch.config"
kernel_make -s KCONFIG_ALLCONFIG="$base/$arch.config" allnoconfig || untestable 'cannot be configured'
for option in $needed; do
	grep -qx "CONFIG_$option=y" "$build/.config" || die "$short" \
		"cannot be configured with CONFIG_$option=y ($subject)" 'is it too old for that, or pahole?' 3
done

# ---- kernel ----

kernel_make -s -j"$jobs" "$(basename $target)" || untestable 'does not build'
new=$(mktemp -d "$base/kernels/.tmp.XXXXXX") || die "$base" 'cannot write'
if [ $arch = x86_64 ]; then
	"${compiler}objcopy" -S "$build/$target" "$new/vmlinux" # the emulator enters ELF; BTF stays in
else
	cp "$build/$target" "$new/"
fi && cp "$build/.config" "$new/config" && printf '%s %s\n' "$sha" "$subject" >"$new/commit" ||
	die "$new" 'cannot write' "is there space in $base?"
rm -rf "$result"
mv "$new" "$result" || die "$result" 'cannot write'
say "built $short for $arch in $(($(date +%s) - start)) s"
# The ones not used for longest go; names are ours and hold no blanks.
ls -1t "$base/kernels" | tail -n +$((kept + 1)) | while read -r old; do rm -rf "$base/kernels/$old"; done
found
