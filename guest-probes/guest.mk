# SPDX-License-Identifier: GPL-2.0-only
# The guest image: every probe of one architecture in one freestanding ELF file.

GUEST_FLAGS_x86_64 := -m64 -mno-red-zone -mno-sse -mno-mmx -mno-80387 -mcmodel=small -fcf-protection=none
GUEST_FLAGS_arm64  := -mgeneral-regs-only -mstrict-align -mno-outline-atomics -mbranch-protection=none
GUEST_FLAGS := -std=gnu11 -O2 -g $(WARN) $(WERROR) -ffreestanding -fno-pic -fno-pie -fno-stack-protector \
	-fno-asynchronous-unwind-tables -fno-builtin -fno-jump-tables -fno-reorder-blocks-and-partition -fno-align-loops -nostdlib -Iguest-probes

define guest_rules
GUEST_SRC_$(1) := $$(sort $$(wildcard guest-probes/lib/*.c guest-probes/$(1)/*.c guest-probes/$(1)/*.S))
GUEST_OBJ_$(1) := $$(patsubst %,$(O)/$(1)/%.o,$$(GUEST_SRC_$(1)))
-include $$(GUEST_OBJ_$(1):.o=.d)
$(O)/$(1)/guest-probes/%.o: guest-probes/% $(O)/$(1)/flags
	$$(call compile,$$(CC_$(1)),$$(GUEST_FLAGS) $$(GUEST_FLAGS_$(1)) -Iguest-probes/$(1))
$(O)/$(1)/guest.elf: $$(GUEST_OBJ_$(1)) $(O)/$(1)/objects guest-probes/guest.lds
	$$(call say,LD,$$@)
	$$(Q)$$(CC_$(1)) -nostdlib -static -no-pie -Wl,--build-id=none,-z,max-page-size=4096,-z,noexecstack,--no-warn-rwx-segments -T guest-probes/guest.lds -o $$@ $$(GUEST_OBJ_$(1))
endef
