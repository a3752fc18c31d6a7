/* Assertions. BUG_ON panics always, ASSERT in debug builds only, WARN_ON logs once per site and counts in warn_count. */
#ifndef PANDO_LIB_BUG_H
#define PANDO_LIB_BUG_H

#include "lib/types.h"

/* Stops the machine with the message and a backtrace; never returns. Defined by arch (on the host: abort). */
void panic(const char *fmt, ...) __printf(1, 2) __noreturn;
/* Logs "WARNING: ..." with a backtrace; the machine goes on. Tests fail when warn_count() is not 0. */
void warn_at(const char *expr, const char *file, int line);
u64 warn_count(void);

#define BUG_ON(c) ((void)(unlikely(c) ? panic("BUG: %s at %s:%d", #c, __FILE__, __LINE__), 0 : 0))
#define WARN_ON(c)                                                                                                     \
	({                                                                                                                 \
		bool hit_ = (c);                                                                                               \
		if (unlikely(hit_))                                                                                            \
			warn_at(#c, __FILE__, __LINE__);                                                                           \
		hit_;                                                                                                          \
	})
#ifdef PANDO_DEBUG
#define DEBUG_BUILD 1
#define ASSERT(c) BUG_ON(!(c))
#else
#define DEBUG_BUILD 0
#define ASSERT(c) ((void)sizeof(c))
#endif

#endif
