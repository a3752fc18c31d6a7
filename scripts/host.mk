# The `pando` command: build/pando, its tests, its installation.
host_c := $(filter-out %_test.c,$(wildcard host/*.c))
host_obj := $(O)/obj-host
host_o := $(host_c:%.c=$(host_obj)/%.o) $(host_obj)/host/probe_image.o $(host_obj)/host/trace_page.o $(host_obj)/perfetto.o
host_bin := $(O)/pando
datadir := $(PREFIX)/share/pando

HOST_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wvla -Wundef \
	-Wshadow -fstack-protector-strong -D_FORTIFY_SOURCE=2 -I. -Ihost -I$(O) -DPANDO_DATADIR='"$(datadir)"' -DPANDO_VERSION='"$(VERSION)"'
HOST_LIBS := -larchive -ljansson -lprotobuf-c

# Perfetto's messages, as far as they are written.
perfetto_c := $(gen)/host/perfetto.pb-c.c
perfetto_h := $(gen)/host/perfetto.pb-c.h
$(perfetto_c): host/perfetto.proto
	@mkdir -p $(gen)
	$(Q)protoc-c --c_out=$(gen) $<
$(perfetto_h): $(perfetto_c)

.PHONY: host install uninstall
all: host
# target: host             build/pando, the command
host: $(host_bin)

# The guest that tells whether KVM works is a kernel of its own, carried inside the command.
$(host_obj)/probe.elf: host/probe_guest.S
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(CC) -m64 -nostdlib -static -no-pie -Wl,-Ttext=0x100000 -Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,-z,noexecstack -s -o $@ $<
$(host_obj)/host/probe_image.o: host/probe_image.S $(host_obj)/probe.elf
	@mkdir -p $(@D)
	@echo "  AS    $<"
	$(Q)$(CC) -DPROBE_ELF='"$(host_obj)/probe.elf"' -c $< -o $@
# The page of `pando trace --html`, one file of the parts in host/page, carried inside the command.
page_js := $(patsubst %,host/page/%.js,data view draw info input)
$(gen)/host/trace_page.html: host/page/page.html host/page/page.css $(page_js)
	@mkdir -p $(@D)
	$(Q)awk 'function put(files, n, f, i, line) { n = split(files, f, " "); for (i = 1; i <= n; i++) while ((getline line < f[i]) > 0) print line } \
		$$0 == "@CSS@" { put("host/page/page.css"); next } $$0 == "@JS@" { put("$(page_js)"); next } { print }' $< > $@
$(host_obj)/host/trace_page.o: host/trace_page.S $(gen)/host/trace_page.html
	@mkdir -p $(@D)
	@echo "  AS    $<"
	$(Q)$(CC) -DPAGE='"$(gen)/host/trace_page.html"' -c $< -o $@
$(host_obj)/%.o: %.c $(gen)/trace_events.h
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(HOST_CFLAGS) -MMD -MP -c $< -o $@
$(host_obj)/perfetto.o: $(perfetto_c)
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) -O2 -I$(gen) -MMD -MP -c $< -o $@
$(host_obj)/host/trace_perfetto.o $(asan_obj)/host/trace_perfetto.o: $(perfetto_h)
$(host_bin): $(host_o)
	@echo "  LD    $@"
	$(Q)$(CC) -o $@ $^ $(HOST_LIBS)

# Unit tests of the command's parts and the whole command, under ASan and UBSan: `make host-tests` builds and runs the former,
# `make $(O)/pando-asan` builds the latter.
asan_flags := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
asan_obj := $(O)/obj-host-asan
asan_o := $(host_c:%.c=$(asan_obj)/%.o) $(host_obj)/host/probe_image.o $(host_obj)/host/trace_page.o $(host_obj)/perfetto.o
host_tests := $(patsubst host/%.c,$(asan_obj)/%,$(wildcard host/*_test.c))

.PHONY: host-tests
$(asan_obj)/%.o: %.c $(gen)/trace_events.h
	@mkdir -p $(@D)
	@echo "  CC    $< (sanitizers)"
	$(Q)$(CC) $(filter-out -D_FORTIFY_SOURCE=2,$(HOST_CFLAGS)) -O1 $(asan_flags) -MMD -MP -c $< -o $@
$(O)/pando-asan: $(asan_o)
	@echo "  LD    $@"
	$(Q)$(CC) $(asan_flags) -o $@ $^ $(HOST_LIBS)
$(asan_obj)/%_test: $(asan_obj)/host/%_test.o $(filter-out %/main.o,$(asan_o))
	@echo "  LD    $@"
	$(Q)$(CC) $(asan_flags) -o $@ $^ $(HOST_LIBS) -lcmocka
# target: host-tests       the command's unit tests, under ASan and UBSan
host-tests: $(host_tests)
	$(Q)for t in $^; do $$t || exit 1; done

# target: install          the command, its kernel, the built-in image and the manual page into PREFIX (/usr/local); uninstall
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(datadir) $(DESTDIR)$(PREFIX)/share/man/man1 \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 755 $(host_bin) $(DESTDIR)$(PREFIX)/bin/pando
	install -m 644 $(kernel_elf) $(DESTDIR)$(datadir)/pando.elf
	install -m 755 $(O)/pando-init $(DESTDIR)$(datadir)/pando-init
	install -m 644 $(O)/busybox.cpio $(DESTDIR)$(datadir)/busybox.cpio
	install -m 644 docs/pando.1 $(DESTDIR)$(PREFIX)/share/man/man1/pando.1
	install -m 644 host/completion/pando.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/pando
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/pando $(DESTDIR)$(PREFIX)/share/man/man1/pando.1 $(DESTDIR)$(PREFIX)/share/bash-completion/completions/pando
	rm -rf $(DESTDIR)$(datadir)

-include $(host_o:.o=.d) $(asan_o:.o=.d)
