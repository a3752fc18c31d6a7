/*
 * KVM or TCG: KVM only where a guest has been seen to run.
 */
#ifndef HOST_ACCEL_H
#define HOST_ACCEL_H

#include <stdbool.h>

#include "options.h"

/*
 * Decides; *why gets a short reason (static storage). Returns 0, or -1 after a complaint if KVM was demanded and does not work.
 */
int accel_choose(enum accel_choice wanted, const char *qemu, bool *kvm, const char **why);

#endif
