# pando-init, and the built-in BusyBox image that carries it.
init_c := $(wildcard user/pando-init/*.c)
init_bin := $(O)/pando-init
builtin_image := $(O)/busybox.cpio
BUSYBOX ?= $(firstword $(wildcard /bin/busybox /usr/bin/busybox))

INIT_CFLAGS := -std=gnu11 -Os -static -s -Wall -Wextra -Werror -Wmissing-prototypes -Wvla -ffunction-sections -fdata-sections -Wl,--gc-sections

.PHONY: user
all: user
user: $(init_bin) $(builtin_image)

$(init_bin): $(init_c) user/pando-init/init.h user/ctl.h
	@mkdir -p $(@D)
	@echo "  CC    $@"
	$(Q)musl-gcc $(INIT_CFLAGS) -o $@ $(init_c)

$(builtin_image): scripts/make-busybox-image $(wildcard user/busybox/*) $(init_bin) $(O)/pando $(BUSYBOX)
	@echo "  IMAGE $@"
	$(Q)scripts/make-busybox-image $(BUSYBOX) $(O)/pando $@
