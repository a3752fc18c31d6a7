# How the kernel is linked. Release builds compile their C files as a whole (LTO=0 turns that off: each file for itself, quicker to rebuild). Then once to learn the addresses of its functions, again with the table of their names (backtraces). The unstripped file stays beside
# the one that boots. target: kernel        the kernel, build/pando.elf
kernel_debug_elf := $(kernel_elf:.elf=.debug.elf)
NM := nm
STRIP := strip
OBJCOPY := objcopy

ifeq ($(LTO),1)
# Outside stay memcpy and its like, calls to which the compiler makes after it has looked at who is called, and what the linker script tells by its file: the
# scheduler's text, which /proc/PID/wchan looks through.
lto_o := $(filter-out $(obj)/kernel/lib/string.o $(obj)/kernel/arch/x86_64/thread.o $(obj)/kernel/sched/%.o,$(kernel_c:%.c=$(obj)/%.o))
$(lto_o): KCFLAGS += -flto -fno-fat-lto-objects
$(obj)/kernel.whole.o: $(lto_o)
	@echo "  LTO   $@"
	$(Q)$(CC) $(KCFLAGS) -flto=auto -flinker-output=nolto-rel -nostdlib -r -o $@ $(lto_o)
kernel_parts := $(obj)/kernel.whole.o $(filter-out $(lto_o),$(kernel_o))
else
kernel_parts := $(kernel_o)
endif

$(obj)/kernel.pass1.elf: $(kernel_parts) scripts/kernel.ld
	@echo "  LD    $@"
	$(Q)$(CC) $(KLDFLAGS) -T scripts/kernel.ld -o $@ $(kernel_parts)
$(obj)/ksyms.S: $(obj)/kernel.pass1.elf scripts/gen-ksyms
	$(Q)scripts/gen-ksyms $(NM) $< > $@.tmp && mv $@.tmp $@
$(obj)/ksyms.o: $(obj)/ksyms.S
	$(Q)$(CC) -c $< -o $@
# One file comes from two variants: LTO=0 and without.
$(kernel_elf:.elf=.variant): FORCE
	$(Q)echo $(variant) | cmp -s - $@ || echo $(variant) > $@
FORCE:

$(kernel_debug_elf): $(kernel_parts) $(obj)/ksyms.o scripts/kernel.ld $(kernel_elf:.elf=.variant)
	@echo "  LD    $@"
	$(Q)$(CC) $(KLDFLAGS) -T scripts/kernel.ld -o $@ $(kernel_parts) $(obj)/ksyms.o
	$(Q)rm -f $(obj)/ksyms2.S && scripts/gen-ksyms $(NM) $@ > $(obj)/ksyms2.S && cmp -s $(obj)/ksyms.S $(obj)/ksyms2.S || \
		{ echo "kernel-link: the second link moved functions; the symbol table is wrong" >&2; rm -f $@; exit 1; }
$(kernel_elf): $(kernel_debug_elf)
	@echo "  STRIP $@"
	$(Q)$(STRIP) -s -o $@ $<
