/* prctl's options about credentials: private to misc_calls.c and cred_calls.c. */
#ifndef PANDO_PROC_CRED_CALLS_H
#define PANDO_PROC_CRED_CALLS_H

#include "lib/types.h"

/* The prctl(2) options about capabilities, securebits and no_new_privs; -EINVAL for any other. */
long cred_prctl(int option, u64 a2, u64 a3, u64 a4, u64 a5);

#endif
