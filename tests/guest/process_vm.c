/* Other processes' memory: process_vm_readv, process_vm_writev, /proc/PID/mem. */
#include "trace.h"

static char *area; /* 4 pages, private, readable and writable */
static void setup(void)
{
	area = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(area != MAP_FAILED);
	for (int i = 0; i < 4 * 4096; i++)
		area[i] = (char)(i * 7);
}
static pid_t sleeper(void)
{
	setup();
	return sleeping_child();
}
static long rd(pid_t p, void *l, size_t ln, void *r, size_t rn) { struct iovec a = { l, ln }, b = { r, rn }; return syscall(SYS_process_vm_readv, p, &a, 1, &b, 1, 0); }
static long wr(pid_t p, void *l, size_t ln, void *r, size_t rn) { struct iovec a = { l, ln }, b = { r, rn }; return syscall(SYS_process_vm_writev, p, &a, 1, &b, 1, 0); }

static void reads_and_writes(void)
{
	static char buf[4 * 4096];
	pid_t p = sleeper();
	memset(area, 0, 4 * 4096); /* ours alone */
	CHECK(rd(p, buf, sizeof(buf), area, sizeof(buf)) == sizeof(buf));
	for (int i = 0; i < 4 * 4096; i++)
		CHECK(buf[i] == (char)(i * 7));
	CHECK(wr(p, "hello", 5, area + 4094, 5) == 5);
	CHECK(rd(p, buf, 7, area + 4093, 7) == 7 && !memcmp(buf + 1, "hello", 5));
	CHECK(area[4094] == 0);
	finish(p);
}
static void vectors(void)
{
	char a[10], b[20], c[5];
	pid_t p = sleeper();
	struct iovec l[3] = { { a, 10 }, { b, 0 }, { c, 5 } }, r[3] = { { area + 1, 3 }, { area + 5000, 4 }, { area + 9000, 100 } };
	CHECK(syscall(SYS_process_vm_readv, p, l, 3, r, 3, 0) == 15);
	CHECK(a[0] == area[1] && a[2] == area[3] && a[3] == area[5000] && a[6] == area[5003] && a[7] == area[9000] && c[0] == area[9003] && c[4] == area[9007]);
	CHECK(syscall(SYS_process_vm_readv, p, l, 0, r, 3, 0) == 0);
	CHECK(syscall(SYS_process_vm_readv, p, l, 3, r, 0, 0) == 0);
	finish(p);
}
static void errors(void)
{
	char buf[64];
	pid_t p = sleeper();
	struct iovec l = { buf, 64 }, r = { area, 64 };
	CHECK_ERR(syscall(SYS_process_vm_readv, p, &l, 1, &r, 1, 1), EINVAL);
	CHECK_ERR(syscall(SYS_process_vm_readv, 0x3ffffff, &l, 1, &r, 1, 0), ESRCH);
	CHECK_ERR(syscall(SYS_process_vm_readv, p, &l, 1025, &r, 1, 0), EINVAL);
	CHECK_ERR(syscall(SYS_process_vm_readv, p, &l, 1, &r, 1025, 0), EINVAL);
	CHECK_ERR(syscall(SYS_process_vm_readv, p, 8, 1, &r, 1, 0), EFAULT);
	CHECK_ERR(syscall(SYS_process_vm_readv, p, &l, 1, 8, 1, 0), EFAULT);
	CHECK_ERR(rd(p, buf, 64, (void *)16, 64), EFAULT);
	CHECK_ERR(rd(p, buf, 64, (void *)0xffffffff80000000UL, 64), EFAULT);
	CHECK_ERR(wr(p, buf, 64, (void *)-64L, 64), EFAULT);
	CHECK_ERR(rd(p, (void *)16, 64, area, 64), EFAULT);
	l.iov_len = (size_t)-1;
	CHECK_ERR(syscall(SYS_process_vm_readv, p, &l, 1, &r, 1, 0), EINVAL);
	finish(p);
	p = fork();
	if (!p)
		_exit(0);
	await_state(p, "Z");
	CHECK_ERR(rd(p, buf, 8, area, 8), ESRCH);
	reap(p);
	CHECK_ERR(rd(2, buf, 8, area, 8), ESRCH); /* kernel threads have no memory */
}
static void partial(void)
{
	static char buf[4 * 4096];
	setup();
	CHECK(munmap(area + 2 * 4096, 2 * 4096) == 0);
	char *after = area + 2 * 4096;
	pid_t p = fork();
	if (!p)
		for (;;)
			pause();
	CHECK(mmap(after, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == after);
	CHECK(rd(p, buf, sizeof(buf), area, sizeof(buf)) == 8192); /* up to the hole */
	CHECK(rd(p, buf, 100, area + 8192 - 40, 100) == 40);
	finish(p);
}
/* Unlike PTRACE_POKEDATA, protection counts. */
static void protection(void)
{
	char c = 1;
	setup();
	CHECK(mprotect(area, 4096, PROT_READ) == 0 && mprotect(area + 4096, 4096, PROT_NONE) == 0);
	pid_t p = fork();
	if (!p)
		for (;;)
			pause();
	CHECK(rd(p, &c, 1, area, 1) == 1);
	CHECK_ERR(wr(p, &c, 1, area, 1), EFAULT);
	CHECK_ERR(rd(p, &c, 1, area + 4096, 1), EFAULT);
	finish(p);
}
static void permission(void)
{
	char c;
	if (geteuid())
		check_skip("needs root");
	pid_t p = sleeper();
	CHECK(EXITED(IN_CHILD(CHECK(setuid(1000) == 0); CHECK_ERR(rd(p, &c, 1, area, 1), EPERM); CHECK_ERR(wr(p, &c, 1, area, 1), EPERM)), 0));
	finish(p);
}
static int open_mem(pid_t p, int flags)
{
	char path[40];
	snprintf(path, sizeof(path), "/proc/%d/mem", p);
	return open(path, flags);
}
static void proc_mem(void)
{
	char buf[8192];
	pid_t p = sleeper();
	int fd = open_mem(p, O_RDWR);
	CHECK(fd >= 0);
	CHECK(pread(fd, buf, 8192, (off_t)(area + 100)) == 8192 && !memcmp(buf, area + 100, 8192));
	CHECK(pwrite(fd, "xyz", 3, (off_t)(area + 4095)) == 3);
	CHECK(area[4095] != 'x' || area[4096] != 'y');
	CHECK(pread(fd, buf, 3, (off_t)(area + 4095)) == 3 && !memcmp(buf, "xyz", 3));
	CHECK_ERR(pread(fd, buf, 3, 16), EIO);
	CHECK(lseek(fd, (off_t)area, SEEK_SET) == (off_t)area);
	CHECK(read(fd, buf, 10) == 10 && read(fd, buf + 10, 10) == 10 && !memcmp(buf, area, 20));
	/* Text can be written, too. */
	CHECK(pread(fd, buf, 1, (off_t)(uintptr_t)proc_mem) == 1);
	CHECK(pwrite(fd, "\xcc", 1, (off_t)(uintptr_t)proc_mem) == 1);
	CHECK(*(volatile unsigned char *)proc_mem == (unsigned char)buf[0]);
	finish(p);
	CHECK(pread(fd, buf, 3, (off_t)area) == 0); /* the memory is gone */
	close(fd);
	if (geteuid() == 0) {
		p = sleeper();
		CHECK(EXITED(IN_CHILD(CHECK(setuid(1000) == 0); CHECK_ERR(open_mem(p, O_RDONLY), EACCES)), 0));
		finish(p);
	}
}

CASES(CASE(reads_and_writes), CASE(vectors), CASE(errors), CASE(partial), CASE(protection), CASE(permission), CASE(proc_mem))
