/*
 * Numbers of the Linux 6.12 ABI that older linux-libc-dev packages do not have yet. Shared by the kernel, guest programs and the host.
 */
#ifndef PANDO_UAPI_NEWER_H
#define PANDO_UAPI_NEWER_H

#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ULL
#endif
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif
#ifndef PIDFD_NONBLOCK
#define PIDFD_NONBLOCK 04000
#endif
#ifndef PIDFD_THREAD
#define PIDFD_THREAD 0200
#endif
#ifndef PIDFD_SIGNAL_THREAD
#define PIDFD_SIGNAL_THREAD 1u
#define PIDFD_SIGNAL_THREAD_GROUP 2u
#define PIDFD_SIGNAL_PROCESS_GROUP 4u
#endif

#ifndef NS_GET_PID_FROM_PIDNS
#define NS_GET_MNTNS_ID 0x8008b705u
#define NS_GET_PID_FROM_PIDNS 0x8004b706u
#define NS_GET_TGID_FROM_PIDNS 0x8004b707u
#define NS_GET_PID_IN_PIDNS 0x8004b708u
#define NS_GET_TGID_IN_PIDNS 0x8004b709u
#endif

#ifndef AT_RSEQ_FEATURE_SIZE
#define AT_RSEQ_FEATURE_SIZE 27
#define AT_RSEQ_ALIGN 28
#endif

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP 1ul
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS 0x40082104u
#endif

#endif
