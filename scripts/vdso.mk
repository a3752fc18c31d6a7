# The vDSO: kernel/vdso/vdso.c as a shared object, then that object's bytes as part of the kernel. Included before the kernel is linked.
vdso_so := $(obj)/vdso.so
VDSO_CFLAGS := -std=gnu11 -O2 -ffreestanding -nostdinc -isystem $(gcc_include) -Ikernel -isystem $(O)/uapi -fPIC -mcmodel=small -mno-sse \
	-fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none -fno-jump-tables -fno-builtin -fomit-frame-pointer $(warnings) \
	-Wno-missing-prototypes
VDSO_LDFLAGS := -shared -nostdlib -Wl,-T,kernel/vdso/vdso.lds -Wl,-soname=linux-vdso.so.1 -Wl,--hash-style=both -Wl,-Bsymbolic -Wl,--build-id=none \
	-Wl,-z,max-page-size=4096 -Wl,-z,noexecstack -Wl,--no-undefined -Wl,-s

$(vdso_so): kernel/vdso/vdso.c kernel/vdso/vdso.lds kernel/uapi/vdso_data.h | $(uapi_stamp)
	@mkdir -p $(@D)
	@echo "  VDSO  $@"
	$(Q)$(CC) $(VDSO_CFLAGS) $(VDSO_LDFLAGS) -o $@ $<
$(obj)/kernel/vdso/image.o: kernel/vdso/image.S $(vdso_so)
	@mkdir -p $(@D)
	$(Q)$(CC) -D__ASSEMBLY__ -DVDSO_IMAGE='"$(vdso_so)"' -c $< -o $@
kernel_o += $(obj)/kernel/vdso/image.o
