/*
 * A QEMU plugin that counts how often every guest instruction ran between two marks: the instrument of `scripts/bench --profile`. The marks are two
 * no-ops with odd displacements that bench/birth.c executes around its measured loop (MARK_START, MARK_STOP). At exit it writes "address count" lines,
 * hexadecimal and decimal, to the file named by its argument out=FILE.
 *
 * Debian does not ship qemu-plugin.h, so the few declarations needed are below (plugin interface version 1, QEMU 4.2 and later).
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*fn)(plugin_id id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int op, void *ptr, uint64_t imm);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, void (*fn)(unsigned cpu, void *data), int flags, void *data);
void qemu_plugin_register_atexit_cb(plugin_id id, void (*fn)(plugin_id id, void *data), void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);

/* One translation of a block; the same code may be translated many times. */
struct block {
	struct block *next;
	uint64_t ran, total; /* since MARK_START; of all measured stretches */
	size_t n;
	uint64_t addr[];
};
static struct block *blocks;
static const char *out_name = "profile.out";

/* nopl 0x5ba7(%rax), nopl 0x5ba8(%rax) */
static const unsigned char mark[7] = { 0x0f, 0x1f, 0x80, 0xa7, 0x5b, 0x00, 0x00 };

static void started(unsigned cpu, void *data)
{
	for (struct block *b = blocks; b; b = b->next)
		b->ran = 0;
}

static void stopped(unsigned cpu, void *data)
{
	for (struct block *b = blocks; b; b = b->next)
		b->total += b->ran;
}

static void translated(plugin_id id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);
	struct block *b = calloc(1, sizeof(*b) + n * sizeof(b->addr[0]));
	if (!b)
		abort();
	b->n = n;
	b->next = blocks;
	blocks = b;
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		const unsigned char *bytes = qemu_plugin_insn_data(insn);
		b->addr[i] = qemu_plugin_insn_vaddr(insn);
		if (qemu_plugin_insn_size(insn) == 7 && !memcmp(bytes, mark, 3) && !memcmp(bytes + 4, mark + 4, 3) && (bytes[3] == 0xa7 || bytes[3] == 0xa8))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, bytes[3] == 0xa7 ? started : stopped, 0, NULL);
	}
	qemu_plugin_register_vcpu_tb_exec_inline(tb, 0, &b->ran, 1);
}

static void finished(plugin_id id, void *data)
{
	FILE *f = fopen(out_name, "w");
	if (!f)
		return;
	for (struct block *b = blocks; b; b = b->next)
		for (size_t i = 0; b->total && i < b->n; i++)
			fprintf(f, "%016llx %llu\n", (unsigned long long)b->addr[i], (unsigned long long)b->total);
	fclose(f);
}

int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (!strncmp(argv[i], "out=", 4))
			out_name = strdup(argv[i] + 4);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, finished, NULL);
	return 0;
}
