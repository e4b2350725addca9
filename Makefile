# SPDX-License-Identifier: GPL-2.0-only
# pvtime-bench: see `make help`. Each directory's rules are in its own fragment (*/*.mk); this
# file holds what they share and the targets a user types.

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:

VERSION  := 0.1.0
ARCHES   := x86_64 arm64
HOSTARCH := $(patsubst aarch64,arm64,$(shell uname -m))
# ARCH=x86_64 or ARCH=arm64 builds one architecture only.
ARCH     ?= $(ARCHES)
BUILD_ARCHES := $(filter $(ARCHES),$(ARCH))
ifeq ($(BUILD_ARCHES),)
$(error ARCH=$(ARCH): unknown architecture; use x86_64 or arm64)
endif
O        ?= build
DEPS     ?= yes
HOST     ?= auto
PROFILE  ?= quick

# All cores, unless make was given a number of jobs or is one of several. `make clean all` means one
# after the other.
ifeq ($(filter -j% --jobserver%,$(MAKEFLAGS))$(MAKELEVEL)$(filter clean,$(MAKECMDGOALS)),0)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 1)
endif

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-8s %s\n' '$(1)' '$(patsubst $(CURDIR)/%,%,$(2))'
endif

all: $(foreach a,$(BUILD_ARCHES),$(O)/$(a)/pvtb) $(if $(filter $(HOSTARCH),$(BUILD_ARCHES)),$(O)/pvtb) compile_commands.json

include packaging/toolchain.mk
include guest-probes/guest.mk
include bpf/bpf.mk
include harness/harness.mk
include tests/tests.mk

$(foreach a,$(ARCHES),$(eval $(call guest_rules,$(a))))
$(foreach a,$(ARCHES),$(eval $(call bpf_rules,$(a))))
$(foreach a,$(ARCHES),$(eval $(call harness_rules,$(a))))

$(O)/pvtb: $(O)/$(HOSTARCH)/pvtb
	$(Q)ln -sf $(HOSTARCH)/pvtb $@

# Dependencies are installed by a recursive make, because what is found (pkg-config, compilers)
# is looked up when make starts.
deps:
	$(Q)packaging/deps.sh all

ifeq ($(DEPS),no)
need-deps = @:
else
need-deps = $(Q)packaging/deps.sh $(1)
endif

# `make bench`: what HOST=auto means is known only to the program itself, so: build for this
# machine, ask it, and build and install for the lab only when the answer names it.
bench:
	$(call need-deps,build)
	$(Q)$(MAKE) --no-print-directory ARCH=$(HOSTARCH) $(O)/pvtb
	$(Q)packaging/bench.sh "$(O)" "$(HOST)" "$(PROFILE)" "$(DEPS)" "$(KERNEL)"

bench-self:
	$(call need-deps,lab)
	$(Q)$(MAKE) --no-print-directory all
	$(Q)packaging/bench.sh "$(O)" self "$(PROFILE)" no "$(KERNEL)"

check:
	$(call need-deps,check)
	$(Q)$(MAKE) --no-print-directory all
	$(Q)$(MAKE) --no-print-directory run-tests

# Hours: bare trees of Debian releases, in each of them make bench and make check.
check-distros:
	$(call need-deps,distros)
	$(Q)tests/check-distros.sh

# Compiles kernels (6.5 minutes on two CPUs the first time), so it is not part of check.
check-kernels:
	$(call need-deps,kernels)
	$(Q)$(MAKE) --no-print-directory all
	$(Q)PVTB='$(O)/pvtb' tests/check-kernels.sh

# Every supported kernel series in every kind of lab; writes the table of docs/supported.md. SERIES='7.3'
# does some of them and writes nothing.
check-kernels-all:
	$(call need-deps,lab)
	$(Q)$(MAKE) --no-print-directory all
	$(Q)PVTB='$(O)/pvtb' tests/check-kernels-all.py $(if $(SERIES),$(addprefix -s ,$(SERIES)),--write docs/supported.md)

# Two kernels: make ab A=old/Image B=new/Image [BENCH='hypercall counter_read']
ab:
	$(call need-deps,lab)
	$(Q)$(MAKE) --no-print-directory all
	$(Q)$(O)/pvtb ab --kernel-a "$(A)" --kernel-b "$(B)" -- $(BENCH)

plots: $(O)/pvtb
	$(Q)$(O)/pvtb plot results/latest

lab:
	$(call need-deps,lab)
	$(Q)$(MAKE) --no-print-directory all
	$(Q)$(O)/pvtb lab fetch

PREFIX ?= /usr/local
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/libexec/pvtime-bench
	$(foreach a,$(BUILD_ARCHES),install -m755 $(O)/$(a)/pvtb $(DESTDIR)$(PREFIX)/libexec/pvtime-bench/pvtb-$(a);)
	ln -sf ../libexec/pvtime-bench/pvtb-$(HOSTARCH) $(DESTDIR)$(PREFIX)/bin/pvtb
	$(if $(filter $(HOSTARCH),$(BUILD_ARCHES)),install -d $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/bash-completion/completions)
	$(if $(filter $(HOSTARCH),$(BUILD_ARCHES)),$(O)/pvtb help-man > $(DESTDIR)$(PREFIX)/share/man/man1/pvtb.1)
	$(if $(filter $(HOSTARCH),$(BUILD_ARCHES)),$(O)/pvtb completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/pvtb)

clean:
	rm -rf $(O) compile_commands.json

help:
	@echo 'make              build both architectures: build/{x86_64,arm64}/pvtb, build/pvtb for this machine'
	@echo 'make bench        install what is missing, build, run the quick profile on the best host, plot'
	@echo 'make check        install what is missing, build, run every test'
	@echo 'make fuzz         every reader of foreign bytes, FUZZ_S=60 seconds each (docs/security.md)'
	@echo 'make check-sources  what the conformance catalogue quotes, in the sources of Linux 6.12 and 7.3'
	@echo '  SANITIZE=address,undefined  check built with sanitisers, and a run in both labs'
	@echo 'make check-faults what may fail does, once, in turn (docs/security.md)'
	@echo 'make mutants      every conformance check against the wrong answer it has to notice'
	@echo "make check-distros  make bench, make check in bare Debian 12, 13 and sid; DISTROS='trixie'"
	@echo "make check-kernels-all  every supported kernel in every kind of lab; SERIES='7.3'"
	@echo 'make check-kernels  the gate proven with kernels compiled for it; git bisect over a history'
	@echo 'make bench-self   measure the suite itself: tracing cost, ingest and join speed, loss'
	@echo 'make lab          fetch and verify the kernels of the emulated KVM hosts'
	@echo 'make ab           A=KERNEL B=KERNEL [BENCH=...]: boot both in the lab, say what differs'
	@echo 'make plots        draw the newest result again'
	@echo 'make deps         install every package the project uses (Debian, Ubuntu, Fedora)'
	@echo 'make install      PREFIX=/usr/local DESTDIR='
	@echo 'make clean'
	@echo
	@echo '  ARCH=x86_64|arm64  one architecture      HOST=native|lab:arm64[,...]|lab:x86_64[,...]|auto'
	@echo '  PROFILE=quick|standard|long              KERNEL=PATH  a kernel of your own for the lab'
	@echo '  DEPS=no  install nothing                 O=DIR  build there    V=1  show commands'
	@echo '  -j N     jobs (default: one per CPU)     WERROR=-Werror  warnings are errors, as in CI'

.PHONY: all deps bench bench-self check check-distros check-kernels check-kernels-all ab plots lab install clean help
