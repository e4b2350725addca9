#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# libperf.sh ARCH OUTDIR CROSS_PREFIX: leave OUTDIR/libperf.a, OUTDIR/libapi.a and
# OUTDIR/include/{perf,internal}/*.h. Taken from a package where there is one, otherwise built
# alone from the distribution's kernel source package.
set -eu
arch=$1 out=$2 cross=$3
case $arch in x86_64) karch=x86 ;; *) karch=$arch ;; esac

fail() {
	printf 'libperf: %s\n  hint: %s\n' "$1" "$2" >&2
	exit 1
}

mkdir -p "$out/include"
out=$(cd "$out" && pwd)
log=$out/build.log

if [ -z "$cross" ] && pkg-config --exists libperf 2>/dev/null; then
	libdir=$(pkg-config --variable=libdir libperf)
	if [ -f "$libdir/libperf.a" ] && [ -f "$libdir/libapi.a" ]; then
		cp "$libdir/libperf.a" "$libdir/libapi.a" "$out/"
		ln -sfn "$(pkg-config --variable=includedir libperf)/perf" "$out/include/perf"
		exit 0
	fi
fi

tarball=$(ls /usr/src/linux-source-6.*.tar.xz 2>/dev/null | sort -V | tail -n 1)
[ -n "$tarball" ] || fail 'no libperf package and no /usr/src/linux-source-6.*.tar.xz' \
	'make deps (Debian: linux-source-6.12)'

# One extraction serves both architectures; whoever comes first makes it, under a lock.
src=$(dirname "$(dirname "$out")")/libperf-src
exec 9>"$(dirname "$src")/.libperf.lock"
flock 9
if [ ! -f "$src/.done" ]; then
	rm -rf "$src"
	mkdir -p "$src"
	top=$(basename "$tarball" .tar.xz)
	tar -C "$src" --strip-components=1 -xf "$tarball" \
		"$top/tools/build" "$top/tools/scripts" "$top/tools/include" \
		"$top/tools/arch/x86/include" "$top/tools/arch/arm64/include" \
		"$top/tools/lib/perf" "$top/tools/lib/api" \
		"$top/tools/lib/zalloc.c" "$top/tools/lib/str_error_r.c"
	touch "$src/.done"
fi
# its makefiles leave dependency files beside the sources: one build at a time
make -C "$src/tools/lib/perf" OUTPUT="$out/" ARCH="$karch" CROSS_COMPILE="$cross" \
	V=0 MAKEFLAGS= libs >"$log" 2>&1 || {
	tail -n 20 "$log" >&2
	fail "does not build from $tarball" "the whole log is $log"
}
flock -u 9
[ -f "$out/libperf.a" ] || fail "no $out/libperf.a came out of $tarball" "see $log"
[ -f "$out/libapi.a" ] || cp "$(find "$out" -name libapi.a | head -n 1)" "$out/libapi.a"
ln -sfn "$src/tools/lib/perf/include/perf" "$out/include/perf"
ln -sfn "$src/tools/lib/perf/include/internal" "$out/include/internal"
