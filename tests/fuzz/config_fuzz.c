// SPDX-License-Identifier: GPL-2.0-only
/* libFuzzer target: a kernel's configuration, compressed or not. */
#include "fuzz.h"
#include "results/kernel_config.h"

bool fuzz_one(const u8 *data, size_t bytes)
{
	json_t *j;
	bool read;

	fuzz_file("proc/config.gz", data, bytes);
	j = pvtb_kernel_config_json(fuzz_dir(), "6.12.0-fuzz");
	fuzz_must(json_is_object(j));
	read = json_is_string(json_object_get(j, "source"));
	if (read)
		fuzz_must(json_integer_value(json_object_get(j, "set")) > 0 &&
			  json_is_object(json_object_get(j, "options")));
	else
		fuzz_must(json_is_string(json_object_get(j, "why")));
	json_decref(j);
	return read;
}

void fuzz_seeds(void)
{
	/* "CONFIG_HZ=250\n" by gzip -n */
	static const u8 gz[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
				0x03, 0x73, 0xf6, 0xf7, 0x73, 0xf3, 0x74, 0x8f, 0xf7,
				0x88, 0xb2, 0x35, 0x32, 0x35, 0xe0, 0x02, 0x00, 0xfb,
				0x5f, 0x3a, 0x01, 0x0e, 0x00, 0x00, 0x00};

	fuzz_seed_text(true, "# x\nCONFIG_HZ=250\nCONFIG_PREEMPT_DYNAMIC=y\n# CONFIG_KVM is not "
			     "set\nCONFIG_CC_VERSION_TEXT=\"gcc 12\"\nCONFIG_DEBUG_INFO=y\n");
	fuzz_seed_text(false, "not a configuration\n");
	fuzz_seed(false, gz, 20);
	fuzz_seed(true, gz, sizeof(gz));
}
