#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# What is linked is what the tree has: a benchmark is listed once its file is there, and no longer when
# its file is gone. In a copy of the tree with its build, so that only that file is compiled.
set -u
cd "$(dirname "$0")/../.." || exit 1
O=${O:-build}
arch=$(uname -m | sed 's/aarch64/arm64/')
[ -x "$O/$arch/pvtb" ] || { echo "SKIP needs $O/$arch/pvtb"; exit 4; }
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

cp -a Makefile bench bpf guest-probes harness lab packaging plots tests "$scratch" || exit 1
mkdir -p "$scratch/$O" && cp -a "$O/$arch" "$scratch/$O/" || exit 1
cd "$scratch" || exit 1

# as it was built, or all of it is compiled again
werror=$(grep -o -m1 -e ' -Werror ' "$O/$arch/flags" | head -n 1)
build() {
	make --no-print-directory ARCH="$arch" O="$O" DEPS=no WERROR="$werror" "$O/$arch/pvtb" >log 2>&1 || { cat log; exit 1; }
}
listed() {
	"$O/$arch/pvtb" list --names | grep -c "^ghost\.here$"
}

cat >bench/ghost.c <<'END'
// SPDX-License-Identifier: GPL-2.0-only
#include "bench.h"

static const struct pvtb_variant variants[] = {{.name = "here", .summary = "it is", .archs = PVTB_ARCH_ANY, .op = "empty"}};
static const struct pvtb_bench ghost = {
	.name = "ghost",
	.summary = "comes and goes",
	.variants = variants,
	.nr_variants = 1,
};
PVTB_BENCH(ghost);
END
build
[ "$(listed)" = 1 ] || { echo 'a new source file is not in the program'; exit 1; }
rm bench/ghost.c
build
[ "$(listed)" = 0 ] || { echo 'a source file that is gone is still in the program'; exit 1; }
