# How the kernel is linked: once to learn the addresses of its functions, again with the table of their names (backtraces). The unstripped file stays beside
# the one that boots. target: kernel        the kernel, build/pando.elf
kernel_debug_elf := $(kernel_elf:.elf=.debug.elf)
NM := nm
STRIP := strip
OBJCOPY := objcopy

$(obj)/kernel.pass1.elf: $(kernel_o) scripts/kernel.ld
	@echo "  LD    $@"
	$(Q)$(CC) $(KLDFLAGS) -T scripts/kernel.ld -o $@ $(kernel_o)
$(obj)/ksyms.S: $(obj)/kernel.pass1.elf scripts/gen-ksyms
	$(Q)scripts/gen-ksyms $(NM) $< > $@.tmp && mv $@.tmp $@
$(obj)/ksyms.o: $(obj)/ksyms.S
	$(Q)$(CC) -c $< -o $@
$(kernel_debug_elf): $(kernel_o) $(obj)/ksyms.o scripts/kernel.ld
	@echo "  LD    $@"
	$(Q)$(CC) $(KLDFLAGS) -T scripts/kernel.ld -o $@ $(kernel_o) $(obj)/ksyms.o
	$(Q)rm -f $(obj)/ksyms2.S && scripts/gen-ksyms $(NM) $@ > $(obj)/ksyms2.S && cmp -s $(obj)/ksyms.S $(obj)/ksyms2.S || \
		{ echo "kernel-link: the second link moved functions; the symbol table is wrong" >&2; rm -f $@; exit 1; }
$(kernel_elf): $(kernel_debug_elf)
	@echo "  STRIP $@"
	$(Q)$(STRIP) -s -o $@ $<
