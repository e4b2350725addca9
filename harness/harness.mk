# SPDX-License-Identifier: GPL-2.0-only
# The program: harness/, bench/ and lab/ linked statically, guest image and eBPF inside.

# Where arithmetic is the product, no conversion goes unsaid.
PVTB_ARITHMETIC := harness/stats/% harness/timeline/%

# zlib is also before libelf, because a libelf.a may bring a crc32() of its own, and a program has one.
define harness_rules
PVTB_LIBS_$(1) := -lbpf -lz -lelf $(O)/$(1)/libeu.a -lz -lzstd -lurcu-cds -lurcu-memb -lurcu-common -ljansson -lm -lpthread
PVTB_SRC_$(1) := $$(sort $$(wildcard harness/*.c harness/*/*.c harness/*/$(1)/*.c harness/*/*.S bench/*.c $$(filter-out $$(foreach a,$$(ARCHES),bench/$$(a)/%),$$(wildcard bench/*/*.c)) bench/$(1)/*.c lab/*.c))
PVTB_OBJ_$(1) := $$(patsubst %,$(O)/$(1)/%.o,$$(PVTB_SRC_$(1)))
PVTB_FLAGS_$(1) := $$(CFLAGS_ALL) -I. -Iharness -Ibpf -Iguest-probes -I$(O)/$(1) -I$(O)/$(1)/libperf/include -Iharness/arch/$(1) \
	-DPVTB_BUILD_DIR='"$(O)/$(1)"'
-include $$(PVTB_OBJ_$(1):.o=.d)
$(O)/$(1)/harness/%.o: harness/% $(O)/$(1)/flags | $$(BPF_SKEL_$(1)) $(O)/$(1)/libperf/libperf.a
	$$(call compile,$$(CC_$(1)),$$(PVTB_FLAGS_$(1)) $$(if $$(filter $$(PVTB_ARITHMETIC),$$<),-Wconversion))
$(O)/$(1)/bench/%.o: bench/% $(O)/$(1)/flags | $$(BPF_SKEL_$(1))
	$$(call compile,$$(CC_$(1)),$$(PVTB_FLAGS_$(1)))
$(O)/$(1)/lab/%.o: lab/% $(O)/$(1)/flags
	$$(call compile,$$(CC_$(1)),$$(PVTB_FLAGS_$(1)))
# What is embedded with .incbin is no compiler dependency: name it.
$(O)/$(1)/emulator-check.bin: lab/emulator-check.S $(O)/$(1)/flags
	$$(call say,CHECK,$$@)
	$$(Q)$$(CLANG) --target=aarch64-linux-gnu -c -o $$@.o $$< && $$(LLVM_OBJCOPY) -O binary -j .text $$@.o $$@
$(O)/$(1)/harness/core/embed.S.o: $(O)/$(1)/guest.elf $(O)/$(1)/emulator-check.bin $$(sort $$(wildcard lab/*.sh lab/config/*.config plots/*.gp))
$(O)/$(1)/libperf/libperf.a: packaging/libperf.sh
	$$(call say,LIBPERF,$$@)
	$$(Q)packaging/libperf.sh $(1) $$(@D) "$$(CROSS_$(1))"
$(O)/$(1)/pvtb: $$(PVTB_OBJ_$(1)) $(O)/$(1)/objects $(O)/$(1)/libperf/libperf.a $(O)/$(1)/libeu.a packaging/link.sh
	$$(call say,LD,$$@)
	$$(Q)packaging/link.sh $$@ $$(CC_$(1)) $$(CFLAGS_ALL) $$(LINK_MODE) $$(PVTB_OBJ_$(1)) $(O)/$(1)/libperf/libperf.a $(O)/$(1)/libperf/libapi.a \
		$$(filter-out $$(LINK_END),$$(PVTB_LIBS_$(1))) $$(LINK_END)
	$$(Q)$$(if $$(SANITIZE),packaging/libs.sh $$@ $$(CC_$(1)))
# libeu.a is behind -lelf: the linker takes from it what that library uses and does not have.
$(O)/$(1)/packaging/libeu.c.o: packaging/libeu.c $(O)/$(1)/flags
	$$(call compile,$$(CC_$(1)),$$(CFLAGS_ALL))
$(O)/$(1)/libeu.a: $(O)/$(1)/packaging/libeu.c.o
	$$(Q)rm -f $$@ && $$(CROSS_$(1))ar rcs $$@ $$<
endef
