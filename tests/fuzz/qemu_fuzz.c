// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer target: text that comes out of a lab and of QEMU, in pieces of any size: the lines it is
 * cut into, the errors of the pvtb inside, the kernel's warnings. The first byte is the pieces' size.
 */
#include "core/klog.h"
#include "fuzz.h"
#include "lab/internal.h"

struct seen {
	struct pvtb_err said;
	size_t lines, bytes;
	bool trouble;
};

static void take(void *ctx, const char *line)
{
	struct seen *s = ctx;
	const char *text = pvtb_klog_text(line);

	fuzz_must(line[0]);
	for (const char *p = line; *p; p++)
		fuzz_must((u8)*p >= ' ');
	fuzz_must(text >= line && text <= line + strlen(line));
	s->trouble |= pvtb_klog_trouble(line);
	pvtb_lab_parse_error(line, &s->said);
	s->lines++;
	s->bytes += strlen(line);
}

bool fuzz_one(const u8 *data, size_t bytes)
{
	struct pvtb_lab_lines *lines = calloc(1, sizeof(*lines));
	size_t piece = bytes ? (size_t)data[0] + 1 : 1;
	struct seen s = {};

	fuzz_must(lines);
	for (size_t at = 1; at < bytes; at += piece) {
		size_t n = bytes - at < piece ? bytes - at : piece;
		char *copy = malloc(n); /* of its very size, so that a byte too many is seen */

		fuzz_must(copy);
		memcpy(copy, data + at, n);
		pvtb_lab_lines_feed(lines, copy, n, take, &s);
		free(copy);
	}
	pvtb_lab_lines_flush(lines, take, &s);
	fuzz_must(!bytes || s.bytes < bytes);
	free(lines);
	return s.said.why[0] || s.trouble;
}

void fuzz_seeds(void)
{
	fuzz_seed_text(true, "\x07pvtb: steal: no KVM here\nhint: load it\r\n\n  pvtb: a: b: c");
	fuzz_seed_text(true,
		       "\x01[    1.234567] WARNING: CPU: 0 PID: 1 at kernel/x.c:12 f+0x1/0x2\n");
	fuzz_seed_text(true,
		       "\xff<4>[  12.000001][    C1] rcu: INFO: rcu_sched self-detected stall\n");
	fuzz_seed_text(true,
		       "\x20[  1.0] BUG: unable to handle\n[ 2.0] Kernel panic - not syncing: x");
	fuzz_seed_text(false, "\x08qemu-system-aarch64: -cpu foo: not found\n");
	fuzz_seed_text(false, "\x10lab: up\n\x1b[2J\x07\x01text\n");
}
