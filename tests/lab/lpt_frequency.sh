#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The guest's counter on emulated hosts of several counter frequencies in one run: the rate it is told
# to have, at each of them, while it is moved, and while the host's clock is slewed (which is put back).
set -u
. tests/lab-lib.sh

hosts="lab:arm64,hz=25000000 lab:arm64,hz=1000000000 lab:x86_64"

run() {
	set --
	for host in $hosts; do
		set -- "$@" -H "$host"
	done
	expect_status 0 "$PVTB" run "$@" --slew --no-plots -o "$scratch/f" frequency
}
run || finish

"${PYTHON:-/usr/bin/python3}" - "$scratch/f/result.json" <<'PY' || fail "the result is not what it should be"
import json, sys

bad = []
hosts = json.load(open(sys.argv[1]))["hosts"]
if [h["counter_hz"] for h in hosts[:2]] != [25000000, 1000000000]:
    bad.append("counter frequencies: %s" % [h["counter_hz"] for h in hosts])
for h in hosts:
    variants = {v["name"]: v for v in h["benches"][0]["variants"]}
    for name in ("counter", "moved", "slew"):
        v = variants[name]
        if v["status"] not in ("ok", "inconclusive"):
            bad.append("%s %s: %s" % (h["host"], name, v["status"]))
        laws = {l["name"]: l["status"] for l in v["laws"]}
        if name == "counter" and h["arch"] == "arm64" and laws.get("physical") != "ok":
            bad.append("%s: the physical counter is another" % h["host"])
        if laws["monotonic"] != "ok":
            bad.append("%s %s: backwards" % (h["host"], name))
    if variants["cpufreq"]["status"] != "skip" or "no driver" not in variants["cpufreq"]["why"]:
        bad.append("%s: cpufreq is no SKIP with its reason" % h["host"])
    metrics = {m["name"]: m["value"] for m in variants["slew"]["metrics"]}
    slewed = metrics["slewed.monotonic"] - metrics["before.monotonic"]
    if abs(slewed - 500000) > 20000:
        bad.append("%s: slewed by %.0f ppb" % (h["host"], slewed))
print("\n".join("    " + b for b in bad), file=sys.stderr)
sys.exit(bool(bad))
PY

# a row for each host in the report's last table
"$PVTB" report "$scratch/f" >"$scratch/report"
for host in $hosts; do
	sed -n '/over all hosts/,$p' "$scratch/report" | grep -q "^ *$host  *[0-9]" ||
		fail "$host is not in the table over all hosts"
done

# not asked for, not touched
expect_status 4 "$PVTB" run -H lab:arm64 --no-plots -o "$scratch/g" frequency.slew frequency.cpufreq
finish
