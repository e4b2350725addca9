#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# libperf.sh ARCH OUTDIR CROSS_PREFIX: leave libperf.a, libapi.a and include/ in OUTDIR: from the
# distribution's libperf where it has one, otherwise built from its kernel source package.
# Several architectures may be built at once: the extracted source is shared, under a lock. With it
# comes the kernel's own reader of KTAP, for the tests.
set -eu

arch=$1 out=$2 cross=$3

die()
{
	echo "libperf.sh: $1" >&2
	[ -z "${2-}" ] || echo "  hint: $2" >&2
	exit 1
}

mkdir -p "$out"
out=$(cd "$out" && pwd)

if [ -z "$cross" ] && pkg-config --exists libperf 2>/dev/null; then
	dir=$(pkg-config --variable=libdir libperf)
	if [ -f "$dir/libperf.a" ] && [ -f "$dir/libapi.a" ]; then
		mkdir -p "$out/include"
		ln -sfn "$(pkg-config --variable=includedir libperf)/perf" "$out/include/perf"
		cp "$dir/libapi.a" "$out/libapi.a"
		cp "$dir/libperf.a" "$out/libperf.a"
		exit 0
	fi
fi

tarball=$(ls -v /usr/src/linux-source-[0-9]*.tar.xz 2>/dev/null | tail -n 1)
[ -n "$tarball" ] || die "no libperf package and no /usr/src/linux-source-*.tar.xz" \
	"apt-get install linux-source (make deps does it)"

src=$(dirname "$(dirname "$out")")/libperf-src
mkdir -p "$src"
exec 9> "$src/lock"
flock 9
if [ "$(cat "$src/done" 2>/dev/null)" != "$tarball" ]; then
	rm -rf "$src/linux" "$src/done"
	mkdir "$src/linux"
	# No name in the list may be missing, and the top directory carries the version.
	tar -C "$src/linux" --strip-components=1 --wildcards -xf "$tarball" \
		'*/tools/build' '*/tools/scripts' '*/tools/include' '*/tools/arch/x86/include' \
		'*/tools/arch/arm64/include' '*/tools/lib/perf' '*/tools/lib/api' \
		'*/tools/lib/*.c' '*/tools/lib/*.h' '*/tools/testing/kunit/*.py' || die "cannot extract $tarball"
	echo "$tarball" > "$src/done"
fi
flock -u 9

log=$out/build.log
: > "$log"
# srctree and the flags of an outer make are not for this one.
unset MAKEFLAGS MFLAGS MAKELEVEL || :
mkdir -p "$out/obj"
for lib in api perf; do
	mkdir -p "$out/obj/$lib"
	make -C "$src/linux/tools/lib/$lib" OUTPUT="$out/obj/$lib/" ARCH="$arch" \
		CROSS_COMPILE="$cross" EXTRA_CFLAGS=-Wno-error "$out/obj/$lib/lib$lib.a" \
		>> "$log" 2>&1 || {
		tail -n 15 "$log" >&2
		die "building lib$lib from $tarball failed" "the whole output is in $log"
	}
done
rm -rf "$out/include"
cp -R "$src/linux/tools/lib/perf/include" "$out/include"
cp "$out/obj/api/libapi.a" "$out/libapi.a"
cp "$out/obj/perf/libperf.a" "$out/libperf.a"
