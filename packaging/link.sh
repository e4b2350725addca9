#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# link.sh PROGRAM COMPILER ARGUMENT...: link PROGRAM. What stops a static link on a user's machine is
# named in one line with what to do; the linker's own words are shown only for mistakes in our objects.
set -u
LC_ALL=C
export LC_ALL
out=$1
shift
log=$out.link.log

die() {
	printf 'pvtb: %s: %s\nhint: %s\n' "$1" "$2" "$3" >&2
	exit 2
}

if "$@" -o "$out" >"$log" 2>&1; then
	cat "$log" >&2
	rm -f "$log"
	exit 0
fi
rm -f "$out"

# The linkers differ: "cannot find -lelf: No such file", "unable to find library -lelf"
absent=$(sed -n 's/.*\(cannot find\|unable to find library\) -l\([A-Za-z0-9_+.-]*[A-Za-z0-9_+-]\).*/lib\2.a/p' "$log" |
	sort -u | paste -sd ' ' -)
[ -z "$absent" ] || die "$absent" "no static library that $1 can use" \
	'make deps (as root) installs it; packaging/deps.sh --list cross names the packages'

# A library that uses what no library has: "libelf.a(elf_begin.o): ... undefined reference to `x'"
library=$(sed -n 's/.*\/\(lib[A-Za-z0-9_+-]*\.a\)(.*/\1/p' "$log" | head -n 1)
symbols=$(sed -n "s/.*undefined reference to [\`']\([A-Za-z0-9_]*\)'.*/\1/p" "$log" | sort -u | head -n 4 | paste -sd ' ' -)
ours=$(grep -c '\.c\.o: in function\|\.c\.o:(' "$log")
[ -z "$library" ] || [ -z "$symbols" ] || [ "$ours" != 0 ] ||
	die "$library" "uses what no library here has: $symbols" \
		"install another version of its -dev package; the linker's words are in $log"
cat "$log" >&2
exit 1
