# Pando's build. Everything it makes goes to $(O) (default: build). `make help` lists the targets.
O ?= build
V ?= 0
# DEBUG=1: lock-rank checks, assertions, poisoned memory; objects in a folder of their own.
DEBUG ?= 0
# TRACE_POINTS=0: a kernel that cannot be traced, to measure what the test of each edge costs. Give it an O of its own.
TRACE_POINTS ?= 1
# LTO=0: a release kernel compiled file by file: slower by 5 to 10 %, but quick to rebuild after a change.
LTO ?= $(if $(filter 1,$(DEBUG)),0,1)
CC := gcc
PREFIX ?= /usr/local
DESTDIR ?=
VERSION := 0.1.0

Q := $(if $(filter 1,$(V)),,@)
variant := $(if $(filter 1,$(DEBUG)),debug,$(if $(filter 1,$(LTO)),whole,release))
suffix := $(if $(filter 1,$(DEBUG)),-debug,)
obj := $(O)/obj-$(variant)
kernel_elf := $(O)/pando$(suffix).elf

warnings := -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wno-unused-parameter \
	-Wvla -Wundef -Wno-missing-field-initializers
gcc_include := $(shell $(CC) -print-file-name=include)

# ---- kernel ------------------------------------------------------------------------------------------------------------------------------
kernel_rooms := lib arch/x86_64 trace sched mm vfs proc ipc fs tty drivers/virtio syscall boot
kernel_c := $(filter-out %_test.c,$(foreach r,$(kernel_rooms),$(wildcard kernel/$(r)/*.c)))
kernel_s := $(foreach r,$(kernel_rooms),$(wildcard kernel/$(r)/*.S))
kernel_o := $(kernel_c:%.c=$(obj)/%.o) $(kernel_s:%.S=$(obj)/%.o)

KCFLAGS := -std=gnu11 -O2 -g -ffreestanding -nostdinc -isystem $(gcc_include) -Ikernel -I$(O) -isystem $(O)/uapi \
	-fms-extensions -fno-pie -fno-pic -mcmodel=kernel -mno-red-zone -mgeneral-regs-only -fno-stack-protector -fno-strict-aliasing \
	-fno-common -fno-asynchronous-unwind-tables -fno-omit-frame-pointer -fcf-protection=none -fno-delete-null-pointer-checks \
	-ffunction-sections -fdata-sections -fwrapv -fno-jump-tables $(warnings) $(if $(filter 1,$(DEBUG)),-DPANDO_DEBUG=1,) $(if $(filter 0,$(TRACE_POINTS)),-DPANDO_TRACE_POINTS=0,) -DPANDO_VERSION='"$(VERSION)"'
KLDFLAGS := -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,--gc-sections -Wl,-z,noexecstack -Wl,--no-warn-rwx-segments

.PHONY: all kernel help clean
# target: all              everything below that is not a test (what ./dev build does)
all: kernel
# target: kernel           build/pando.elf; DEBUG=1: build/pando-debug.elf; LTO=0: quicker to build, slower
kernel: $(kernel_elf)

# target: help             this list
help:
	@sed -n 's/^# *target: *//p' $(MAKEFILE_LIST)

# The Linux ABI's numbers and structs: links to linux-libc-dev's folders, so that no other header of the host is in reach.
uapi_stamp := $(O)/uapi/.stamp
$(uapi_stamp):
	@mkdir -p $(O)/uapi
	$(Q)ln -sfn /usr/include/linux $(O)/uapi/linux
	$(Q)ln -sfn /usr/include/$(shell $(CC) -print-multiarch)/asm $(O)/uapi/asm
	$(Q)ln -sfn /usr/include/asm-generic $(O)/uapi/asm-generic
	@touch $@

# Dispatch table, prototypes and names from one list.
gen := $(O)/gen
$(gen)/sys_protos.h: kernel/syscall/syscalls.tbl scripts/gen-syscalls $(uapi_stamp)
	@mkdir -p $(gen)
	$(Q)scripts/gen-syscalls $(gen) $(O)/uapi/asm/unistd_64.h < $<

# The trace's records and their table from another one.
$(gen)/trace_events.h: kernel/trace/events.tbl scripts/gen-trace
	@mkdir -p $(gen)
	$(Q)scripts/gen-trace $(gen) < $<

$(obj)/kernel/%.o: kernel/%.c $(gen)/sys_protos.h $(gen)/trace_events.h | $(uapi_stamp)
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(KCFLAGS) -MMD -MP -c $< -o $@
$(obj)/kernel/%.o: kernel/%.S | $(uapi_stamp)
	@mkdir -p $(@D)
	@echo "  AS    $<"
	$(Q)$(CC) $(KCFLAGS) -D__ASSEMBLY__ -MMD -MP -c $< -o $@

include scripts/vdso.mk
include scripts/kernel-link.mk
-include scripts/host.mk
-include scripts/user.mk
-include scripts/tests.mk
-include scripts/fuzz.mk

# target: clean            removes build/
clean:
	rm -rf $(O)

-include $(kernel_o:.o=.d)
