/* Atomic integers on the compiler's builtins. All read-modify-write operations are sequentially consistent (x86 locks anyway). Pure. */
#ifndef PANDO_LIB_ATOMIC_H
#define PANDO_LIB_ATOMIC_H

#include "lib/types.h"

typedef struct { s32 v; } atomic_t;
typedef struct { s64 v; } atomic64_t;
#define ATOMIC_INIT(i) { (i) }

static inline s32 atomic_read(const atomic_t *a) { return __atomic_load_n(&a->v, __ATOMIC_RELAXED); }
static inline s32 atomic_read_acquire(const atomic_t *a) { return __atomic_load_n(&a->v, __ATOMIC_ACQUIRE); }
static inline void atomic_set(atomic_t *a, s32 v) { __atomic_store_n(&a->v, v, __ATOMIC_RELEASE); }
static inline void atomic_inc(atomic_t *a) { __atomic_add_fetch(&a->v, 1, __ATOMIC_SEQ_CST); }
static inline void atomic_dec(atomic_t *a) { __atomic_sub_fetch(&a->v, 1, __ATOMIC_SEQ_CST); }
/* Adds and returns the new value. */
static inline s32 atomic_add_return(atomic_t *a, s32 d) { return __atomic_add_fetch(&a->v, d, __ATOMIC_SEQ_CST); }
static inline bool atomic_dec_and_test(atomic_t *a) { return atomic_add_return(a, -1) == 0; }
/* Adds 1 unless the value is 0; true when it did. */
static inline bool atomic_inc_not_zero(atomic_t *a)
{
	s32 old = atomic_read(a);
	while (old && !__atomic_compare_exchange_n(&a->v, &old, old + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		;
	return old != 0;
}
static inline s64 atomic64_read(const atomic64_t *a) { return __atomic_load_n(&a->v, __ATOMIC_RELAXED); }
static inline void atomic64_set(atomic64_t *a, s64 v) { __atomic_store_n(&a->v, v, __ATOMIC_RELEASE); }
static inline s64 atomic64_add_return(atomic64_t *a, s64 d) { return __atomic_add_fetch(&a->v, d, __ATOMIC_SEQ_CST); }
static inline void atomic64_add(atomic64_t *a, s64 d) { __atomic_add_fetch(&a->v, d, __ATOMIC_SEQ_CST); }

/* Atomic bit masks in a u32. */
static inline u32 atomic_or(u32 *p, u32 m) { return __atomic_fetch_or(p, m, __ATOMIC_SEQ_CST); }
static inline u32 atomic_and(u32 *p, u32 m) { return __atomic_fetch_and(p, m, __ATOMIC_SEQ_CST); }
#define xchg(p, v) __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)
/* Returns the value found; the exchange happened when that equals `old`. */
#define cmpxchg(p, old, new)                                                                                           \
	({                                                                                                                 \
		__typeof__(*(p)) old_ = (old);                                                                                 \
		__atomic_compare_exchange_n((p), &old_, (new), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                     \
		old_;                                                                                                          \
	})
#define smp_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define smp_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)

#endif
