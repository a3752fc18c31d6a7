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
/* Linux 7.1 */
#ifndef CLONE_AUTOREAP
#define CLONE_AUTOREAP (1ULL << 34)
#define CLONE_NNP (1ULL << 35)
#define CLONE_PIDFD_AUTOKILL (1ULL << 36)
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

#ifndef PIDFD_AUTOKILL
#define PIDFD_AUTOKILL 01000 /* O_TRUNC, in the flags of a pidfd's file */
#endif
#ifndef PIDFD_GET_CGROUP_NAMESPACE
#define PIDFD_GET_CGROUP_NAMESPACE 0xff01u
#define PIDFD_GET_IPC_NAMESPACE 0xff02u
#define PIDFD_GET_MNT_NAMESPACE 0xff03u
#define PIDFD_GET_NET_NAMESPACE 0xff04u
#define PIDFD_GET_PID_NAMESPACE 0xff05u
#define PIDFD_GET_PID_FOR_CHILDREN_NAMESPACE 0xff06u
#define PIDFD_GET_TIME_NAMESPACE 0xff07u
#define PIDFD_GET_TIME_FOR_CHILDREN_NAMESPACE 0xff08u
#define PIDFD_GET_USER_NAMESPACE 0xff09u
#define PIDFD_GET_UTS_NAMESPACE 0xff0au
#endif
#ifndef PIDFD_GET_INFO
#define PIDFD_INFO_PID 1u
#define PIDFD_INFO_CREDS 2u
#define PIDFD_INFO_CGROUPID 4u
#define PIDFD_INFO_EXIT 8u
#define PIDFD_INFO_SIZE_VER0 64u
struct pidfd_info {
	unsigned long long mask, cgroupid;
	unsigned int pid, tgid, ppid, ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
	int exit_code;
};
#define PIDFD_GET_INFO 0xc040ff0bu
#endif

#ifndef NS_GET_PID_FROM_PIDNS
#define NS_GET_MNTNS_ID 0x8008b705u
#define NS_GET_PID_FROM_PIDNS 0x8004b706u
#define NS_GET_TGID_FROM_PIDNS 0x8004b707u
#define NS_GET_PID_IN_PIDNS 0x8004b708u
#define NS_GET_TGID_IN_PIDNS 0x8004b709u
#endif

#ifndef NS_MNT_GET_INFO
struct mnt_ns_info {
	unsigned int size, nr_mounts;
	unsigned long long mnt_ns_id;
};
#define MNT_NS_INFO_SIZE_VER0 16u
#define NS_MNT_GET_INFO 0x8010b70au
#define NS_MNT_GET_NEXT 0x8010b70bu
#define NS_MNT_GET_PREV 0x8010b70cu
#endif

/* ioctl of /proc/PID/maps */
#ifndef PROCMAP_QUERY
#define PROCMAP_QUERY_VMA_READABLE 1u
#define PROCMAP_QUERY_VMA_WRITABLE 2u
#define PROCMAP_QUERY_VMA_EXECUTABLE 4u
#define PROCMAP_QUERY_VMA_SHARED 8u
#define PROCMAP_QUERY_COVERING_OR_NEXT_VMA 16u
#define PROCMAP_QUERY_FILE_BACKED_VMA 32u
struct procmap_query {
	unsigned long long size, query_flags, query_addr; /* in */
	unsigned long long vma_start, vma_end, vma_flags, vma_page_size, vma_offset, inode; /* out */
	unsigned int dev_major, dev_minor;
	unsigned int vma_name_size, build_id_size; /* in: room; out: bytes written */
	unsigned long long vma_name_addr, build_id_addr;
};
#define PROCMAP_QUERY 0xc0686611u
#endif

#ifndef AT_RSEQ_FEATURE_SIZE
#define AT_RSEQ_FEATURE_SIZE 27
#define AT_RSEQ_ALIGN 28
#endif

#ifndef PTRACE_SET_SYSCALL_USER_DISPATCH_CONFIG
#define PTRACE_SET_SYSCALL_USER_DISPATCH_CONFIG 0x4210
#define PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG 0x4211
struct ptrace_sud_config {
	unsigned long long mode, selector, offset, len;
};
#endif

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP 1ul
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS 0x40082104u
#endif

#endif
