#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# A static link that this machine cannot do ends in one clear line and a hint, not in the linker's words;
# a mistake in our own objects is shown as the linker tells it.
set -u
cd "$(dirname "$0")/../.." || exit 1
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
failures=0
link=$PWD/packaging/link.sh
cd "$scratch" || exit 1

# refused LINES PATTERN ARGUMENT...
refused() {
	lines=$1 pattern=$2
	shift 2
	if "$link" program gcc -static "$@" >out 2>&1 || [ -e program ] || ! grep -q -- "$pattern" out ||
		{ [ "$lines" != any ] && [ "$(wc -l <out)" != "$lines" ]; }; then
		echo "not refused with '$pattern' in $lines lines: $*"
		cat out
		failures=$((failures + 1))
	fi
}

echo 'int f(void); int main(void) { return f(); }' >main.c
echo 'int g(void); int f(void) { return g(); }' >f.c
echo 'int f(void) { return 0; }' >whole.c
for c in main f whole; do gcc -c -o $c.c.o $c.c || exit 1; done
ar rcs libhalf.a f.c.o && ar rcs libwhole.a whole.c.o || exit 1

refused 2 '^pvtb: libnosuch.a libnothere.a: no static library' main.c.o -L. -lwhole -lnosuch -lnothere
grep -q '^hint: make deps' out || { echo 'no hint for a library that is not there'; failures=1; }
refused 2 '^pvtb: libhalf.a: uses what no library here has: g$' main.c.o -L. -lhalf
refused any 'undefined reference to' main.c.o
"$link" program gcc -static main.c.o -L. -lwhole >out 2>&1 && [ -x program ] && [ ! -s out ] && [ ! -e program.link.log ] ||
	{ echo 'a good link fails, or is not silent'; cat out; failures=1; }
[ $failures = 0 ]
