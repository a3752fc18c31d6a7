/*
 * Fuzzes the files that are made of kernel data: every file of /proc, /dev and /sys is read, written, sought, listed, mapped and ioctl'ed with odd sizes
 * and offsets by several processes, while others are born, exec, spawn threads and die. Runs on Pando only. The kernel passes when it neither dies nor warns.
 *
 *	files [-s SEED] [-t SECONDS] [-p PROCESSES] [-u UID]
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t state;
static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x2545f4914f6cdd1dULL;
}
static uint32_t below(uint32_t n) { return (uint32_t)((rnd() >> 32) * n >> 32); }
static int one_in(uint32_t n) { return below(n) == 0; }

static volatile uint64_t *made; /* shared: calls */

/* --- churn: processes that come and go --------------------------------------------------------------------------------------------------- */

static void *thread(void *arg)
{
	usleep(below(2000));
	return arg;
}
static void churn(void)
{
	for (;;) {
		pid_t p = one_in(4) ? vfork() : fork();
		if (p == 0) {
			if (one_in(3)) {
				char *const argv[] = { "/t/files", "-x", NULL }, *const envp[] = { "A=B", NULL };
				execve(argv[0], argv, envp);
			}
			_exit(0);
		}
		if (one_in(3)) {
			p = fork();
			if (p == 0) {
				pthread_t t;
				for (int i = 0; i < 3; i++)
					pthread_create(&t, NULL, thread, NULL);
				char *m = mmap(NULL, 1u << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
				memset(m, 1, 1u << 16);
				usleep(below(3000));
				open("/dev/null", O_RDWR);
				munmap(m, 1u << 18);
				if (one_in(2))
					setsid();
				if (one_in(3))
					abort();
				_exit(0);
			}
		}
		if (one_in(2))
			usleep(below(1000));
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}

/* --- a path ------------------------------------------------------------------------------------------------------------------------------ */

static const char *const roots[] = { "/proc", "/proc", "/proc", "/dev", "/sys", "/dev/pts" };

/* Walks down from one of the roots, at random. Returns the type of what it ends at. */
static int random_path(char *path)
{
	int type = DT_DIR;
	strcpy(path, roots[below(6)]);
	if (one_in(3) && path[1] == 'p')
		sprintf(path, "/proc/%u", 1 + below(400));
	if (one_in(6) && path[1] == 'p')
		strcpy(path, "/proc/self");
	for (int depth = 0; depth < 6 && type == DT_DIR; depth++) {
		DIR *d = opendir(path);
		struct dirent *e, pick = { 0 };
		unsigned n = 0;
		if (!d)
			return DT_DIR;
		while ((e = readdir(d)))
			if (e->d_name[0] != '.' && one_in(++n))
				pick = *e;
		closedir(d);
		if (!n)
			return DT_DIR;
		strcat(path, "/");
		strcat(path, pick.d_name);
		type = pick.d_type;
		if (type == DT_LNK && one_in(2))
			type = DT_DIR; /* through /proc/self/cwd, task links, ... */
	}
	return type;
}

/* --- deeds ------------------------------------------------------------------------------------------------------------------------------- */

static char buf[1u << 17];
static const char *const texts[] = { "1", "0", "-1", "999999999999999999999", "on\n", "", "\n", "%s%n", "1000 1000 1\n0 0 0\n", "max", "12 34 56 78" };

static size_t size(void)
{
	static const uint32_t odd[] = { 0, 1, 2, 3, 7, 8, 63, 64, 255, 1023, 1024, 4095, 4096, 4097, 8192, 65536, 131071 };
	return one_in(2) ? odd[below(17)] : below(300);
}
static off_t offset(void)
{
	static const int64_t odd[] = { 0, 1, 4095, 4096, 0x7fffffff, 0x80000000, 0xffffffff, 0x7fffffffffffffff, -1, 0x7ffffffff000, 0x400000, (int64_t)0x8000000000000000, 1ll << 40 };
	return one_in(2) ? odd[below(13)] : below(5000);
}

static void one_deed(int fd, const char *path)
{
	struct stat st;
	struct iovec v[3] = { { buf, size() % 4096 }, { buf + 5000, below(10) }, { (void *)8, below(10) } };
	struct pollfd pfd = { fd, (short)rnd(), 0 };
	static const unsigned ioctls[] = { 0x5401, 0x5402, 0x5405, 0x540b, 0x540e, 0x540f, 0x5410, 0x5411, 0x5413, 0x5414, 0x541b, 0x5421, 0x5422, 0x5423, 0x5424, 0x5429,
		0x80045430, 0x40045431, 0x80045432, 0x80045438, 0x5441, 0x5403, 0x5404, 0x5409, 0x540a, 0x5425, 0x1260, 0x80081272, 0x5200, 0x5203, 0x80045200 };
	(*made)++;
	switch (below(18)) {
	case 0: case 1: case 2:
		read(fd, buf, size());
		break;
	case 3: case 4:
		pread(fd, buf, size(), offset());
		break;
	case 5:
		lseek(fd, offset(), (int)below(6));
		break;
	case 6: {
		const char *t = texts[below(11)];
		write(fd, t, strlen(t));
		break;
	}
	case 7:
		if (strcmp(path, "/dev/console") && strncmp(path, "/dev/tty", 8) && !strstr(path, "hvc") && !strstr(path, "vport"))
			pwrite(fd, buf, size(), offset());
		break;
	case 8:
		ioctl(fd, one_in(4) ? (unsigned)rnd() : ioctls[below(31)], one_in(4) ? (void *)rnd() : buf + below(1000));
		break;
	case 9:
		readv(fd, v, 3);
		break;
	case 10: {
		char *m = mmap(NULL, 4096 + below(3) * 4096, PROT_READ | (one_in(2) ? PROT_WRITE : 0), one_in(2) ? MAP_SHARED : MAP_PRIVATE, fd, offset() & ~4095ll);
		if (m != MAP_FAILED) {
			mincore(m, 4096, (unsigned char *)buf);
			munmap(m, 4096 * 3);
		}
		break;
	}
	case 11:
		poll(&pfd, 1, 0);
		break;
	case 12:
		fstat(fd, &st), ftruncate(fd, offset()), fchmod(fd, (mode_t)rnd() & 0777);
		break;
	case 13:
		syscall(SYS_getdents64, fd, buf, size());
		break;
	case 14:
		readlink(path, buf, size()), stat(path, &st);
		break;
	case 15:
		fcntl(fd, below(12), one_in(2) ? (long)rnd() : (long)(uintptr_t)buf);
		break;
	case 16:
		read(fd, (void *)(uintptr_t)(rnd() % 3 ? 8 : 0xffffffff81000000), size());
		break;
	default:
		rename(path, "/tmp/x"), unlink(path), mkdir(path, 0777), link(path, "/tmp/y"), symlink("x", path);
	}
}

static void nothing(int sig) { (void)sig; }

static void fuzz(void)
{
	char path[4096];
	struct itimerval tick = { { 0, 30000 }, { 0, 30000 } };
	struct sigaction sa = { .sa_handler = nothing };
	struct rlimit big = { 8u << 20, 8u << 20 };
	setrlimit(RLIMIT_FSIZE, &big);
	signal(SIGXFSZ, SIG_IGN);
	for (int s = 1; s < 32; s++)
		if (s != SIGSEGV && s != SIGBUS)
			sigaction(s, &sa, NULL);
	setitimer(ITIMER_REAL, &tick, NULL);
	for (;;) {
		int type = random_path(path);
		int fd = open(path, (type == DT_DIR ? O_RDONLY : (int)below(4)) | O_NONBLOCK | O_NOCTTY | (one_in(8) ? O_DIRECT | O_APPEND : 0));
		if (fd < 0)
			continue;
		for (unsigned i = 0; i < 8; i++)
			one_deed(fd, path);
		/* and what is behind a process that has gone meanwhile */
		close(fd);
	}
}

/* --- all together ------------------------------------------------------------------------------------------------------------------------ */

static uint64_t warnings(int fd)
{
	char b[4096], *p;
	ssize_t n = pread(fd, b, sizeof(b) - 1, 0);
	b[n > 0 ? n : 0] = 0;
	p = strstr(b, "\nwarnings ");
	return p ? strtoull(p + 10, NULL, 10) : 0;
}

int main(int argc, char **argv)
{
	uint64_t seed = 1;
	unsigned seconds = 10, processes = 4, uid = 0, i;
	int c, st;
	struct utsname u;
	uname(&u);
	if (!strstr(u.version, "Pando")) {
		fprintf(stderr, "files: this is no Pando; it would do harm\n");
		return 2;
	}
	while ((c = getopt(argc, argv, "s:t:p:u:x")) != -1)
		switch (c) {
		case 's': seed = strtoull(optarg, NULL, 0); break;
		case 't': seconds = (unsigned)atoi(optarg); break;
		case 'p': processes = (unsigned)atoi(optarg); break;
		case 'u': uid = (unsigned)atoi(optarg); break;
		case 'x': return 0;
		default: return 2;
		}
	int counts = open("/proc/pando", O_RDONLY);
	struct sched_param top = { .sched_priority = 50 };
	sched_setscheduler(0, SCHED_FIFO, &top);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	made = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int s = 1; s < 32; s++)
		if (s != SIGCHLD)
			signal(s, SIG_IGN);
	for (i = 0; i < processes; i++) {
		state = (seed << 8 | i) * 0x9e3779b97f4a7c15ULL + 1;
		if (fork() == 0) {
			struct sched_param none = { .sched_priority = 0 };
			sched_setscheduler(0, SCHED_OTHER, &none);
			setsid();
			if (uid && (setgid(uid) || setuid(uid)))
				_exit(1);
			if (i % 3 == 0)
				churn();
			for (int k = 0; k < 3; k++)
				dup2(open("/dev/null", O_RDWR), k);
			fuzz();
		}
	}
	struct timespec end, now;
	clock_gettime(CLOCK_MONOTONIC, &end);
	do {
		usleep(50000);
		while (waitpid(-1, &st, WNOHANG) > 0)
			;
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec < end.tv_sec + (time_t)seconds);
	for (;;) {
		kill(-1, SIGKILL);
		pid_t p = waitpid(-1, &st, WNOHANG | __WALL);
		if (p < 0 && errno == ECHILD)
			break;
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > end.tv_sec + (time_t)seconds + 60) {
			printf("not ok files: processes do not die\n");
			return 1;
		}
		if (p == 0)
			usleep(1000);
	}
	uint64_t w = warnings(counts);
	if (w) {
		printf("not ok files: %lu kernel warnings\n", w);
		return 1;
	}
	printf("ok files seed %lu, %lu calls\n", seed, *made);
	return 0;
}
