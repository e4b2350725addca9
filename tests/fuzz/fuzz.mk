# SPDX-License-Identifier: GPL-2.0-only
# Fuzz targets: tests/fuzz/NAME_fuzz.c, linked with what it uses of the program, which clang builds a
# second time for this. A target's first comment may name functions that it replaces, as a unit test's
# does (" * wrap: fopen"), and objects that register themselves and that nothing refers to by name
# (" * objects: bench/stress/x86_*.c").
#
# make fuzz [FUZZ_S=60] [FUZZ="result report"]	each target for so many seconds

# Whatever reads bytes that somebody else wrote, and what that needs.
FUZZ_SRC := $(sort $(wildcard harness/core/*.c harness/results/*.c harness/report/*.c harness/compare/*.c \
	harness/stats/*.c harness/watch/*.c harness/load/*.c harness/arch/$(HOSTARCH)/*.c lab/*.c bench/stress/*.c) \
	harness/migrate/stream.c harness/vmm/image.c $(wildcard tests/fuzz/lib/*.c))
FUZZ_OBJ := $(patsubst %,$(O)/fuzz/%.o,$(FUZZ_SRC))
FUZZ_BIN := $(patsubst tests/fuzz/%.c,$(O)/tests/fuzz/%,$(sort $(wildcard tests/fuzz/*_fuzz.c)))
FUZZ_CFLAGS := -std=gnu11 -O1 -g -D_GNU_SOURCE -DPVTB_VERSION='"$(VERSION)"' -DPVTB_BUILD_DIR='"$(O)/$(HOSTARCH)"' \
	-DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION -I. -Iharness -Ibpf -Iguest-probes -Itests/fuzz/lib -Itests/unit \
	-I$(O)/$(HOSTARCH) -I$(O)/$(HOSTARCH)/libperf/include -Iharness/arch/$(HOSTARCH) \
	-Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers -Wno-string-plus-int $(WERROR) -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer

-include $(FUZZ_OBJ:.o=.d) $(FUZZ_BIN:=.d)
$(O)/fuzz/%.c.o: %.c tests/fuzz/fuzz.mk | $(BPF_SKEL_$(HOSTARCH)) $(O)/$(HOSTARCH)/libperf/libperf.a
	$(Q)mkdir -p $(@D)
	$(call say,FUZZCC,$@)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

$(O)/fuzz/fuzz.a: $(FUZZ_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@; ar rcs $@ $^

# The scripts and the guest inside the program are the same bytes for every compiler.
FUZZ_EMBED := $(O)/$(HOSTARCH)/harness/core/embed.S.o
$(O)/tests/fuzz/%_fuzz: tests/fuzz/%_fuzz.c $(O)/fuzz/fuzz.a $(FUZZ_EMBED)
	$(Q)mkdir -p $(@D)
	$(call say,FUZZ,$@)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer -MMD -MP -MF $@.d -o $@ $< \
		$$(for f in $$(sed -n 's/^ \* objects: //p' $<); do printf '$(O)/fuzz/%s.o ' "$$f"; done) \
		$$(sed -n 's/^ \* wrap: //p' $< | tr ' ' '\n' | sed 's/^/-Wl,--wrap=/') \
		$(O)/fuzz/fuzz.a $(FUZZ_EMBED) -lbpf -lelf -lz -lzstd -ljansson -lm -lpthread

FUZZ_S ?= 60
fuzz: $(FUZZ_BIN)
	$(Q)O='$(O)' FUZZ_S='$(FUZZ_S)' FUZZ='$(FUZZ)' tests/fuzz/run.sh
.PHONY: fuzz
