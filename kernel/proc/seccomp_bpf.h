/* Classic BPF as seccomp(2) uses it: which programs are good, and running one. Pure. */
#ifndef PANDO_PROC_SECCOMP_BPF_H
#define PANDO_PROC_SECCOMP_BPF_H

#include <linux/filter.h>
#include <linux/seccomp.h>

#include "lib/types.h"

/* The masks of scratch words that bpf_check() needs: one per instruction. */
typedef u16 bpf_words_t;

/* May `n` instructions run over struct seccomp_data? Each code known, each jump forward and inside, each load inside and aligned, no constant division by
 * zero or shift too far, no scratch word read before it was written, the last one a return. scratch: n words to work with. n is 1 .. BPF_MAXINSNS. */
bool bpf_check(const struct sock_filter *prog, u32 n, bpf_words_t *scratch);
/* What a checked program returns for `sd`. */
u32 bpf_run(const struct sock_filter *prog, const struct seccomp_data *sd);
/* How long Linux's own translation of a checked program is: that is what it counts against its limit. */
u32 bpf_translated_len(const struct sock_filter *prog, u32 n);
/* Does a checked program return ALLOW for each call of this number, whatever its arguments and its ip? false: yes or no, it depends. */
bool bpf_always_allows(const struct sock_filter *prog, u32 nr, u32 arch);

#endif
