# SPDX-License-Identifier: GPL-2.0-only
# Compilers and flags per architecture. CROSS_COMPILE overrides the prefix of the architecture
# that is not this machine's.

CLANG    ?= clang
LLVM_OBJCOPY ?= llvm-objcopy
BPFTOOL  ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)

GNU_x86_64 := x86_64-linux-gnu
GNU_arm64  := aarch64-linux-gnu
CROSS_x86_64 := $(if $(filter x86_64,$(HOSTARCH)),,$(or $(CROSS_COMPILE),x86_64-linux-gnu-))
CROSS_arm64  := $(if $(filter arm64,$(HOSTARCH)),,$(or $(CROSS_COMPILE),aarch64-linux-gnu-))
CC_x86_64 := $(CROSS_x86_64)gcc
CC_arm64  := $(CROSS_arm64)gcc

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wno-unused-parameter
# -Werror in CI (.ci/run).
WERROR ?=
CFLAGS ?= -O2 -g
# SANITIZE=address,undefined: built with these, into a directory of its own. A sanitiser's runtime cannot be
# in a static program, so that this one is linked with the C library alone dynamically; what it needs of
# that goes into PROGRAM.libs/, from where the lab takes it.
SANITIZE ?=
ifneq ($(SANITIZE),)
override O := $(O)/san
CFLAGS = -O1 -g -fsanitize=$(SANITIZE) -fno-sanitize-recover=undefined -fno-omit-frame-pointer
LINK_MODE := -static-libasan -static-libubsan -static-libgcc -Wl,-Bstatic
LINK_END := -Wl,-Bdynamic -lm -lpthread
else
LINK_MODE := -static
endif
CFLAGS_ALL := -std=gnu11 $(CFLAGS) $(WARN) $(WERROR) -D_GNU_SOURCE -DPVTB_VERSION='"$(VERSION)"'

# A stamp that changes when the flags do, so that objects are rebuilt.
define flags_stamp
STAMP_$(1) = $$(CC_$(1)) $$(PVTB_FLAGS_$(1)) $$(GUEST_FLAGS) $$(GUEST_FLAGS_$(1)) $$(CLANG) $$(BPF_FLAGS)
$(O)/$(1)/flags: FORCE
	$(Q)for tool in $$(CC_$(1)) $$(CLANG) $$(BPFTOOL); do command -v $$$$tool > /dev/null && continue; \
		printf 'pvtb: %s: not found\nhint: make deps (as root), or ARCH=$(HOSTARCH) for this machine only\n' $$$$tool >&2; exit 2; done
	$(Q)mkdir -p $$(@D); echo '$$(STAMP_$(1))' | cmp -s - $$@ || echo '$$(STAMP_$(1))' > $$@
# And one that changes when a source file comes or goes, so that what was linked from it goes too.
OBJECTS_$(1) = $$(GUEST_OBJ_$(1)) $$(PVTB_OBJ_$(1)) $$(PVTB_LIBS_$(1))
$(O)/$(1)/objects: FORCE
	$(Q)mkdir -p $$(@D); echo '$$(OBJECTS_$(1))' | cmp -s - $$@ || echo '$$(OBJECTS_$(1))' > $$@
endef
$(foreach a,$(ARCHES),$(eval $(call flags_stamp,$(a))))
FORCE:
.PHONY: FORCE

# $(call compile,CC,FLAGS): one object, its dependency file and its compile_commands entry.
define compile
	$(Q)mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(1) $(2) -MMD -MP -c -o $@ $<
	$(Q)printf '{"directory":"%s","file":"%s","arguments":[%s]},\n' '$(CURDIR)' '$<' \
		"$$(for a in $(1) $(subst ",\",$(2)) -c -o $@ $<; do printf '"%s",' "$$a"; done | sed 's/,$$//')" > $@.json
endef

compile_commands.json: $(foreach a,$(BUILD_ARCHES),$(O)/$(a)/pvtb)
	$(Q){ echo '['; cat $(foreach a,$(BUILD_ARCHES),$(O)/$(a)/objects) | tr ' ' '\n' | sed -n 's/\.o$$/.o.json/p' | LC_ALL=C sort | \
		xargs cat | sed '$$ s/,$$//'; echo ']'; } > $@
