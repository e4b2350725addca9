#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Rewrite the kept reports from what the code prints now. Read the difference before committing.
set -eu
cd "$(dirname "$0")/../.."
O=${O:-build}
make --no-print-directory O="$O" ARCH="$(uname -m | sed s/aarch64/arm64/)" "$O/tests/unit/report_test" \
	"$O/tests/unit/compare_test"
PVTB_GOLDEN_UPDATE=1 "$O/tests/unit/report_test"
PVTB_GOLDEN_UPDATE=1 "$O/tests/unit/compare_test"
git --no-pager diff --stat -- tests/golden
