# SPDX-License-Identifier: GPL-2.0-only
# eBPF programs -> objects -> skeleton headers, one set per architecture (register layout differs).

BPF_ARCH_x86_64 := x86
BPF_ARCH_arm64  := arm64
BPF_FLAGS := -target bpf -mcpu=v3 -O2 -g -std=gnu11 -Wall -Wextra -Wno-unused-parameter $(WERROR) -Ibpf

define bpf_rules
BPF_SKEL_$(1) := $$(patsubst bpf/%.bpf.c,$(O)/$(1)/bpf/%.skel.h,$$(sort $$(wildcard bpf/*.bpf.c)))
-include $$(BPF_SKEL_$(1):.skel.h=.bpf.d)
$(O)/$(1)/bpf/%.bpf.o: bpf/%.bpf.c $(O)/$(1)/flags
	$$(Q)mkdir -p $$(@D)
	$$(call say,BPF,$$@)
	$$(Q)$$(CLANG) $$(BPF_FLAGS) -D__TARGET_ARCH_$$(BPF_ARCH_$(1)) -I/usr/include/$$(GNU_$(1)) -MMD -MP -MF $$(@:.o=.d) -MT $$@ -c -o $$@ $$<
$(O)/$(1)/bpf/%.skel.h: $(O)/$(1)/bpf/%.bpf.o
	$$(call say,SKEL,$$@)
	$$(Q)$$(BPFTOOL) gen skeleton $$< name $$(notdir $$*)_bpf > $$@
endef
