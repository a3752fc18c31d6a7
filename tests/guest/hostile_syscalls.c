/* Every system call with wild arguments: an errno or a signal each; the machine goes on. */
#include "check.h"
#include <sys/resource.h>
#include <sys/time.h>

/* Not called: they end the machine, or hit processes that are not ours, or change what the host or later tests rely on. */
static const int left_out[] = { SYS_kill, SYS_tkill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_pidfd_send_signal, SYS_reboot, SYS_kexec_load,
	SYS_kexec_file_load, SYS_swapoff, SYS_swapon, SYS_settimeofday, SYS_clock_settime, SYS_adjtimex, SYS_clock_adjtime, SYS_sethostname, SYS_setdomainname,
	SYS_umount2, SYS_mount, SYS_pivot_root, SYS_chroot, SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_acct, SYS_syslog, SYS_vhangup,
	SYS_iopl, SYS_ioperm, SYS_ptrace, SYS_unlink, SYS_rmdir, SYS_unlinkat, SYS_rename, SYS_renameat, 316 /* renameat2 */, SYS_quotactl, 443 /* quotactl_fd */,
	SYS_setpriority, SYS_sched_setscheduler, SYS_sched_setparam, SYS_sched_setattr, SYS_sched_setaffinity, SYS_migrate_pages, SYS_move_pages, SYS_prlimit64, SYS_process_vm_writev, SYS_bpf,
	SYS_process_madvise, 448 /* process_mrelease */, SYS_ioprio_set, SYS_pause, SYS_rt_sigsuspend, SYS_setns, SYS_unshare, SYS_move_mount, SYS_fsmount, SYS_open_tree,
	SYS_mount_setattr, SYS_sync, SYS_syncfs, SYS_chmod, SYS_fchmodat, SYS_chown, SYS_lchown, SYS_fchownat, SYS_truncate, SYS_setsid, SYS_setpgid, SYS_seccomp, SYS_vfork, SYS_fork, SYS_clone, SYS_clone3, SYS_perf_event_open, SYS_add_key, SYS_keyctl, SYS_request_key,
	SYS_userfaultfd, SYS_fanotify_init, SYS_io_uring_setup, SYS_personality, SYS_modify_ldt, SYS_exit, SYS_exit_group };
static int skipped(long nr)
{
	for (size_t i = 0; i < NELEM(left_out); i++)
		if (left_out[i] == nr)
			return 1;
	return 0;
}
static const unsigned long wild[] = { 0, 1, 8, ~0UL, 0x7fffffffffffUL, 0x7ffffffff000UL - 1, 0x8000000000000000UL, 0xffff800000000000UL, 0xffffffff80000000UL, 0xfffffffffffff000UL };

/* All calls in [from, to) with every argument `a`, in one child: a call may kill it, then the next child goes on after it. */
static void run(unsigned long a, long from, long to)
{
	SHARED[0] = (int)from;
	while (SHARED[0] < to) {
		pid_t p = fork();
		CHECK(p >= 0);
		if (!p) {
			signal(SIGSEGV, SIG_DFL);
			/* 0 is closed, 1 and 2 lead nowhere: a truncate, seek or sync must not reach where the results go */
			int null = open("/dev/null", O_RDWR);
			dup2(null, 1);
			dup2(null, 2);
			close(0);
			close(null);
			struct itimerval t = { { 0, 0 }, { 0, 30000 } };
			while (SHARED[0] < to) {
				long nr = SHARED[0]++;
				setitimer(ITIMER_REAL, &t, NULL); /* a call that waits is fine too: the next child goes on behind it */
				if (!skipped(nr))
					syscall(nr, a, a, a, a, a, a);
			}
			_exit(0);
		}
		int st = reap(p);
		CHECK(WIFSIGNALED(st) || WIFEXITED(st));
	}
}
static void sandbox(void)
{
	/* as somebody without rights, in a directory of its own, so that what does succeed hurts nobody */
	CHECK(setresgid(12345, 12345, 12345) == 0 && setresuid(12345, 12345, 12345) == 0);
	int null = open("/dev/null", O_RDWR);
	CHECK(null >= 0);
	struct rlimit r = { 64, 64 };
	setrlimit(RLIMIT_NPROC, &r);
}
static void wild_values(int from, int to)
{
	sandbox();
	for (int i = from; i < to; i++)
		run(wild[i], 0, 470);
}
static void zero_and_one(void) { wild_values(0, 3); }
static void ends_of_user_space(void) { wild_values(3, 6); }
static void kernel_addresses(void) { wild_values(6, 10); }

static void unknown_numbers(void)
{
	long nrs[] = { 400, 500, 511, 512, 1000, 0x7fffffff, 0x80000000, -1, -2, 0x40000000 | 1, LONG_MAX, LONG_MIN };
	for (size_t i = 0; i < NELEM(nrs); i++) {
		long ret;
		__asm__ volatile("syscall" : "=a"(ret) : "a"(nrs[i]), "D"(0L), "S"(0L), "d"(0L) : "rcx", "r11", "memory");
		CHECK(ret == -ENOSYS || ret < 0 || (nrs[i] & 0xffffffff) < 470);
	}
	CHECK_ERR(syscall(500), ENOSYS);
}
static void read_only_and_half_mapped_buffers(void)
{
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fds[2];
	CHECK(mprotect(p, 4096, PROT_READ) == 0);
	CHECK(pipe(fds) == 0 && write(fds[1], "abcdef", 6) == 6);
	CHECK_ERR(read(fds[0], p, 3), EFAULT);
	CHECK(munmap(p + 4096, 4096) == 0 && mprotect(p, 4096, PROT_READ | PROT_WRITE) == 0);
	CHECK(read(fds[0], p + 4096 - 2, 2) == 2);
	ssize_t r = read(fds[0], p + 4096 - 2, 4);
	CHECK((r == -1 && errno == EFAULT) || r == 2);
	CHECK_ERR(syscall(SYS_stat, "/", p + 4096 - 4), EFAULT);
	CHECK_ERR(syscall(SYS_uname, p + 4000), EFAULT);
	/* a string that runs off the end of its mapping */
	memset(p, 'x', 4096);
	CHECK_ERR(open(p + 1, O_RDONLY), EFAULT);
	CHECK_ERR(syscall(SYS_execve, p + 1, 0, 0), EFAULT);
	CHECK_ERR(syscall(SYS_writev, fds[1], p + 4096 - 8, 1), EFAULT);
	CHECK_ERR(syscall(SYS_nanosleep, p + 4096 - 8, 0), EFAULT);
}
static void huge_sizes(void)
{
	int fd = open("/dev/zero", O_RDONLY), null = open("/dev/null", O_WRONLY);
	char c;
	CHECK_ERR(read(fd, &c, ~0UL), EFAULT);
	CHECK_ERR(write(null, &c, ~0UL), EFAULT);
	CHECK_ERR(syscall(SYS_poll, &c, 0xffffffff, 0), EINVAL);
	CHECK_ERR(syscall(SYS_readv, fd, &c, ~0UL), EINVAL);
	CHECK_ERR(syscall(SYS_mmap, 0, ~0UL, 3, 0x22, -1, 0), ENOMEM);
	CHECK_ERR(syscall(SYS_getgroups, -1, 0), EINVAL);
	CHECK_ERR(syscall(SYS_setgroups, 1 << 20, 0), EINVAL);
	CHECK_ERR(syscall(SYS_epoll_wait, fd, &c, INT_MAX, 0), EINVAL);
}
/* The registers that a system call may change are rax, rcx and r11; flags stay. */
static void registers_are_kept(void)
{
	unsigned long rbx = 1, rbp_ok, r12, r15, rdi, r8;
	__asm__ volatile("mov $0x1111, %%rbx; mov $0x2222, %%r12; mov $0x3333, %%r15; mov $0x4444, %%rdi; mov $0x5555, %%r8; mov %%rbp, %%r14;"
			 "mov $39, %%eax; syscall; mov %%rbx, %0; mov %%r12, %1; mov %%r15, %2; mov %%rdi, %3; mov %%r8, %4; cmp %%rbp, %%r14; sete %%al; movzx %%al, %%eax; mov %%rax, %5"
			 : "=m"(rbx), "=m"(r12), "=m"(r15), "=m"(rdi), "=m"(r8), "=m"(rbp_ok)
			 :
			 : "rax", "rbx", "rcx", "rdi", "r8", "r11", "r12", "r14", "r15", "memory", "cc");
	CHECK(rbx == 0x1111 && r12 == 0x2222 && r15 == 0x3333 && rdi == 0x4444 && r8 == 0x5555 && rbp_ok == 1);
	unsigned long fl;
	__asm__ volatile("std; mov $39, %%eax; syscall; pushfq; pop %0; cld" : "=r"(fl)::"rax", "rcx", "r11", "memory", "cc");
	CHECK(fl & 0x400);
	/* the direction flag, alignment check and trap flag must not reach the kernel */
	__asm__ volatile("pushfq; orl $0x40000, (%%rsp); popfq; mov $39, %%eax; syscall; pushfq; andl $~0x40000, (%%rsp); popfq" ::: "rax", "rcx", "r11", "memory", "cc");
}
static void old_entries(void)
{
	/* int 0x80 and sysenter: whatever happens, it is contained */
	int st = IN_CHILD(__asm__ volatile("mov $20, %%eax; int $0x80" ::: "rax", "memory"));
	CHECK(WIFSIGNALED(st) || WIFEXITED(st));
	st = IN_CHILD(__asm__ volatile("mov $20, %%eax; xor %%ebp, %%ebp; sysenter" ::: "rax", "memory", "cc"));
	CHECK(WIFSIGNALED(st) || WIFEXITED(st));
}
CASES(CASE(zero_and_one), CASE(ends_of_user_space), CASE(kernel_addresses), CASE(unknown_numbers), CASE(read_only_and_half_mapped_buffers),
	CASE(huge_sizes), CASE(registers_are_kept), CASE(old_entries))
