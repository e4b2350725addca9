#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# libs.sh PROGRAM COMPILER: copy the loader and the libraries that PROGRAM needs into PROGRAM.libs/.
set -eu
LC_ALL=C
export LC_ALL
program=$1 compiler=$2
rm -rf "$program.libs"
mkdir "$program.libs"

# copy NAME: the compiler knows where its libraries are; what it does not know it prints as it is
copy() {
	path=$("$compiler" -print-file-name="$1")
	[ -f "$path" ] || { printf 'pvtb: %s: needed by %s and not found\n' "$1" "$program" >&2; exit 2; }
	cp -L "$path" "$program.libs/$1"
}

for name in $(readelf -d "$program" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
	copy "$name"
done
loader=$(readelf -l "$program" | sed -n 's/.*interpreter: .*\/\(.*\)\]/\1/p')
[ -f "$program.libs/$loader" ] || copy "$loader"
