# Unit tests: every kernel/<room>/<name>_test.c is built on the host with the pure files it tests, under ASan and UBSan, and run.
# The files are named in test_<name>; without that it is <name>.c alone.
unit_test_c := $(wildcard $(foreach r,$(kernel_rooms),kernel/$(r)/*_test.c))
unit_tests := $(unit_test_c:kernel/%.c=$(O)/unit/%)

test_format := lib/format.c lib/strutil.c
test_list := lib/bitmap.c
test_log := lib/log.c lib/format.c
test_fair := sched/fair.c lib/rbtree.c
test_vma := mm/vma.c lib/rbtree.c
test_ldisc := tty/ldisc.c tty/ldisc_echo.c
test_exec_plan := proc/exec_plan.c proc/exec_script.c
test_params := boot/params.c lib/strutil.c
test_erofs_disk := fs/erofs_disk.c fs/erofs_zip.c lib/lz4.c

unit_cflags := -std=gnu11 -O1 -g -DPANDO_HOST_TEST -DPANDO_DEBUG=1 -Ikernel -I$(O) -isystem $(O)/uapi -fms-extensions -fno-strict-aliasing \
	-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer $(filter-out -Wmissing-prototypes,$(warnings)) \
	-ffunction-sections -fdata-sections -Wl,--gc-sections

# target: unit-tests       the pure modules' tests, on this machine
.PHONY: unit-tests
unit-tests: $(unit_tests)
	@failed=0; for t in $(unit_tests); do $$t || failed=$$((failed + 1)); done; test $$failed = 0

unit_name = $(notdir $(patsubst %_test,%,$(1)))
unit_sources = $(addprefix kernel/,$(or $(test_$(call unit_name,$(1))),$(dir $(1))$(call unit_name,$(1)).c))

.SECONDEXPANSION:
$(unit_tests): $(O)/unit/%: kernel/%.c $$(call unit_sources,$$*) scripts/tests.mk | $(uapi_stamp) $(gen)/sys_protos.h $(gen)/trace_events.h
	@mkdir -p $(@D)
	@echo "  UNIT  $(@:$(O)/unit/%=%)"
	$(Q)$(CC) $(unit_cflags) -MMD -MP $(filter %.c,$^) -o $@ -lcmocka -lpthread
