# Fuzzers of the pure modules, under ASan and UBSan: tests/fuzz/<name>_fuzz.c with the files in fuzz_<name>.
# target: fuzz             runs each for FUZZ_SECONDS (3); FUZZ_SEED=N repeats a run
FUZZ_SECONDS ?= 3
FUZZ_SEED ?=
fuzz_cpio := fs/cpio.c
fuzz_exec_plan := proc/exec_plan.c proc/exec_script.c
fuzz_clone_args := proc/clone_args.c
fuzz_ldisc := tty/ldisc.c tty/ldisc_echo.c
fuzz_params := boot/params.c lib/strutil.c
fuzz_erofs_disk := fs/erofs_disk.c fs/erofs_zip.c lib/lz4.c
fuzz_lz4 := lib/lz4.c
fuzz_names := erofs_disk lz4 cpio exec_plan clone_args ldisc params
fuzzers := $(fuzz_names:%=$(O)/fuzz/%)

.PHONY: fuzz
fuzz: $(fuzzers)
	@failed=0; for f in $(fuzzers); do $$f $(FUZZ_SECONDS) $(FUZZ_SEED) || failed=1; done; exit $$failed

.SECONDEXPANSION:
$(fuzzers): $(O)/fuzz/%: tests/fuzz/%_fuzz.c tests/fuzz/fuzz.h $$(addprefix kernel/,$$(fuzz_$$*)) scripts/fuzz.mk | $(uapi_stamp) $(gen)/trace_events.h
	@mkdir -p $(@D)
	@echo "  FUZZ  $(@:$(O)/fuzz/%=%)"
	$(Q)$(CC) $(filter-out -DPANDO_DEBUG=1,$(unit_cflags)) -Itests/fuzz $(filter %.c,$^) -o $@
