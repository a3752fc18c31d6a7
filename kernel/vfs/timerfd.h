/* timerfd's interest in the clock. vfs/timerfd.c */
#ifndef PANDO_VFS_TIMERFD_H
#define PANDO_VFS_TIMERFD_H

/* Whoever calls clock_set_real() calls this next: absolute real-time timers move, those with TFD_TIMER_CANCEL_ON_SET are cancelled. Any context. */
void timerfd_clock_was_set(void);

#endif
