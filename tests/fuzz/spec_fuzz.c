// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer target: the text of a host (-H). What is accepted, written out and read again means the
 * same; a frequency that is accepted is one the emulator keeps.
 */
#include "fuzz.h"
#include "lab/lab.h"

bool fuzz_one(const u8 *data, size_t bytes)
{
	struct pvtb_lab_spec *spec = calloc(2, sizeof(*spec));
	char *text = strndup(bytes ? (const char *)data : "", bytes);
	struct pvtb_err err = {};
	char again[9000];
	bool read;

	fuzz_must(spec && text);
	read = !pvtb_lab_spec_parse(text, &spec[0], &err);
	fuzz_must(read ? pvtb_lab_is_spec(text) : err.code < 0 && err.why[0]);
	if (read) {
		fuzz_must(spec->cpus >= 1 && spec->cpus <= PVTB_LAB_MAX_CPUS);
		fuzz_must(!spec->counter_hz || !(PVTB_NSEC_PER_SEC % spec->counter_hz));
		pvtb_lab_spec_format(&spec[0], again, sizeof(again));
		fuzz_must(!pvtb_lab_spec_parse(again, &spec[1], &err));
		fuzz_must(!memcmp(&spec[0], &spec[1], sizeof(spec[0])));
		if (pvtb_lab_spec_set_kernel(&spec[1], text, &err))
			fuzz_must(err.why[0]);
	}
	free(text);
	free(spec);
	return read;
}

void fuzz_seeds(void)
{
	fuzz_seed_text(true, "lab:arm64,nvhe,hz=62500000,cpus=4,mem=2048,model=max,deterministic");
	fuzz_seed_text(true, "lab:x86_64,deterministic,series=6.1");
	fuzz_seed_text(true, "lab:arm64,kernel=/boot/Image,modules=/lib/modules/6.12");
	fuzz_seed_text(true, "lab:arm64,kernel=\"/a,b\",modules=\"/c,\"");
	fuzz_seed_text(false, "lab:x86_64,nvhe");
	fuzz_seed_text(false, "lab:aarch64");
	fuzz_seed_text(false, "lab:arm64,hz=3000000");
	fuzz_seed_text(false, "lab:arm64,hz=,cpus=65");
	fuzz_seed_text(false, "native");
}
