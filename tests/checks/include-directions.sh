#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Holds every #include "..." to tests/checks/includes.table. What lies in no directory of the tree
# (a generated header) is not judged.
set -u
cd "$(dirname "$0")/../.." || exit 1

find harness bench lab guest-probes bpf -name '*.[chS]' 2>/dev/null | LC_ALL=C sort |
	xargs grep -Hno '^[[:space:]]*#[[:space:]]*include[[:space:]]*"[^"]*"' |
	awk -v table=tests/checks/includes.table '
	function exists(f, got) {
		got = (getline line < f)
		if (got >= 0)
			close(f)
		return got >= 0
	}
	function dir(f) { return f ~ /\// ? substr(f, 1, match(f, /\/[^\/]*$/) - 1) : "." }
	# The row a file falls under: its own, or that of the longest directory that holds it.
	function row(d, cut) {
		while (d != "" && !(d in known)) {
			cut = match(d, /\/[^\/]*$/)
			d = cut ? substr(d, 1, cut - 1) : ""
		}
		return d
	}
	BEGIN {
		while ((getline line < table) > 0) {
			if (line ~ /^#/ || line == "")
				continue
			n = split(line, w, /[ \t]+/)
			known[w[1]] = 1
			for (i = 2; i <= n; i++) {
				allowed[w[1], w[i]] = 1
				known[w[i]] = known[w[i]]
			}
		}
		for (k in known)
			names[k] = 1
	}
	{
		split($0, part, ":")
		file = part[1]
		target = $0
		sub(/^[^"]*"/, "", target)
		sub(/".*/, "", target)
		from = row(file)
		found = ""
		n = split(dir(file) " . harness bpf guest-probes harness/arch guest-probes/x86_64 guest-probes/arm64", places, " ")
		for (i = 1; i <= n && found == ""; i++) {
			p = (places[i] == "." ? "" : places[i] "/") target
			if (exists(p))
				found = p
		}
		if (found == "")
			next
		to = row(found)
		checked++
		if (from == to || (from, to) in allowed || index(to "/", from "/") == 1 && from !~ /^harness$/)
			next
		printf "%s:%s: %s may not include from %s (%s)\n", file, part[2], from, to, target
		bad++
	}
	END {
		if (!checked) {
			print "no include was found to check"
			exit 1
		}
		exit bad ? 1 : 0
	}'
