/*
 * Takes all there is, of everything that a program can make the kernel hold, one thing after the other, with several processes at once; afterwards the
 * machine must live on and have its memory back. Runs on Pando only, best with little memory (-m 32M, -m 64M).
 *
 *	hogs [-p PROCESSES] [-u UID] [-r ROUNDS] [-t SECONDS] [NAME...]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What has been taken is held until the end comes from outside. Tries go on for a while, since others give up what we may then take. */
static unsigned failures;
static int go_on(void)
{
	if (++failures > 200)
		for (;;)
			pause();
	return 1;
}

static void anonymous(void)
{
	while (go_on()) {
		char *p = mmap(NULL, 1u << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p != MAP_FAILED) {
			failures = 0;
			memset(p, 1, 1u << 20);
		}
	}
}
static void shared_memory(void)
{
	while (go_on()) {
		char *p = mmap(NULL, 1u << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (p != MAP_FAILED) {
			failures = 0;
			memset(p, 1, 1u << 20);
		}
	}
}
static void page_tables(void)
{
	while (go_on()) {
		char *p = mmap(NULL, 1ull << 32, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (p == MAP_FAILED)
			continue;
		failures = 0;
		for (uint64_t a = 0; a < 1ull << 32; a += 2u << 20)
			(void)((volatile char *)p)[a];
	}
}
static void mappings(void)
{
	for (uint64_t a = 0x100000000000; go_on(); a += 8192)
		if (mmap((void *)a, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED)
			failures = 0;
}
static void forks(void)
{
	while (go_on()) {
		pid_t p = fork();
		if (p > 0)
			failures = 0;
		if (p == 0) {
			volatile char small[20000];
			memset((void *)small, 1, sizeof(small));
			for (;;)
				pause();
		}
	}
}
static void fork_bomb(void)
{
	for (;;)
		if (fork() < 0)
			go_on();
}
static void *asleep(void *arg)
{
	for (;;)
		pause();
	return arg;
}
static void threads(void)
{
	pthread_t t;
	pthread_attr_t a;
	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 16384);
	while (go_on())
		if (pthread_create(&t, &a, asleep, NULL) == 0)
			failures = 0;
}
/* Descriptors run out first: then a child goes on. */
static void more_descriptors(void)
{
	struct rlimit r = { 1u << 20, 1u << 20 };
	if (setrlimit(RLIMIT_NOFILE, &r) < 0) {
		getrlimit(RLIMIT_NOFILE, &r);
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}
static void next_process(void)
{
	if (errno == EMFILE && fork() > 0)
		for (;;)
			pause();
	if (errno == EMFILE)
		for (int i = 3; i < 70000; i++)
			close(i); /* the parent keeps them */
	go_on();
}
static void pipes(void)
{
	static char buf[65536];
	int p[2];
	more_descriptors();
	for (;;) {
		if (pipe2(p, O_NONBLOCK) < 0) {
			next_process();
			continue;
		}
		failures = 0;
		fcntl(p[1], F_SETPIPE_SZ, 1 << 20);
		while (write(p[1], buf, sizeof(buf)) > 0)
			;
	}
}
static void sockets(void)
{
	static char buf[4096];
	int p[2];
	more_descriptors();
	for (unsigned i = 0;; i++) {
		if (socketpair(AF_UNIX, (i % 2 ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK, 0, p) < 0) {
			next_process();
			continue;
		}
		failures = 0;
		while (write(p[1], buf, sizeof(buf)) > 0)
			;
	}
}
/* Descriptors in messages in sockets in messages. */
static void passed_descriptors(void)
{
	int p[2];
	more_descriptors();
	for (;;) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p) < 0) {
			next_process();
			continue;
		}
		failures = 0;
		for (int i = 0; i < 20; i++) {
			struct { struct cmsghdr h; int fd[2]; } c = { { CMSG_LEN(8), SOL_SOCKET, SCM_RIGHTS }, { p[0], p[1] } };
			struct iovec v = { "x", 1 };
			struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c) };
			sendmsg(p[i % 2], &m, 0);
		}
		if (p[0] % 2)
			close(p[0]), close(p[1]);
	}
}
static void connections(void)
{
	struct sockaddr_un a = { AF_UNIX, "" };
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	sprintf(a.sun_path + 1, "hog%d", getpid());
	bind(s, (void *)&a, sizeof(a));
	listen(s, 1 << 20);
	more_descriptors();
	for (;;) {
		int c = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (c < 0 || connect(c, (void *)&a, sizeof(a)) < 0)
			next_process();
		else
			failures = 0;
	}
}
static void file_data(void)
{
	static char buf[65536];
	char name[64];
	sprintf(name, "/tmp/big.%d", getpid());
	int fd = open(name, O_RDWR | O_CREAT, 0600);
	while (go_on())
		if (write(fd, buf, sizeof(buf)) > 0)
			failures = 0;
}
static void memory_files(void)
{
	int fd = (int)syscall(SYS_memfd_create, "hog", 0);
	while (go_on())
		if (fallocate(fd, 0, lseek(fd, 0, SEEK_END), 1 << 20) == 0)
			failures = 0;
}
static void sparse_files(void)
{
	int fd = (int)syscall(SYS_memfd_create, "hog", 0);
	uint64_t at = 0;
	while (go_on())
		if (pwrite(fd, "x", 1, (off_t)(at += 3u << 30) & 0x7fffffffffff) == 1)
			failures = 0;
}
static void many_files(void)
{
	char name[200];
	for (unsigned i = 0; go_on(); i++) {
		sprintf(name, "/tmp/%d.%u.%0100u", getpid(), i, i);
		int r = i % 3 == 0 ? mkdir(name, 0700) : i % 3 == 1 ? symlink(name, name) : mknod(name, S_IFREG | 0600, 0);
		if (r == 0)
			failures = 0;
	}
}
static void missing_names(void)
{
	char name[200];
	struct stat st;
	for (unsigned i = 0; i < 300000; i++) {
		sprintf(name, "/tmp/none.%0150u", i);
		stat(name, &st);
	}
	for (;;)
		pause();
}
static void deep_folders(void)
{
	chdir("/tmp");
	while (go_on())
		if (mkdir("d", 0700) == 0 && chdir("d") == 0)
			failures = 0;
		else
			unlink("d");
}
static void attributes(void)
{
	static char value[60000];
	char name[64], path[64];
	sprintf(path, "/tmp/x.%d", getpid());
	close(open(path, O_RDWR | O_CREAT, 0600));
	for (unsigned i = 0; go_on(); i++) {
		sprintf(name, "user.%u", i);
		if (syscall(SYS_setxattr, path, name, value, sizeof(value), 0) == 0)
			failures = 0;
	}
}
static void watches(void)
{
	more_descriptors();
	for (;;) {
		int ep = epoll_create1(0), t = timerfd_create(CLOCK_MONOTONIC, 0), e = eventfd(0, 0);
		struct epoll_event ev = { EPOLLIN, { 0 } };
		if (ep < 0 || t < 0 || e < 0) {
			next_process();
			continue;
		}
		failures = 0;
		epoll_ctl(ep, EPOLL_CTL_ADD, t, &ev);
		epoll_ctl(ep, EPOLL_CTL_ADD, e, &ev);
		struct itimerspec its = { { 0, 1000000 }, { 0, 1000000 } };
		timerfd_settime(t, 0, &its, NULL);
	}
}
static void terminals(void)
{
	static char buf[4096];
	more_descriptors();
	for (;;) {
		int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK);
		if (fd < 0) {
			next_process();
			continue;
		}
		failures = 0;
		while (write(fd, buf, sizeof(buf)) > 0)
			;
	}
}
static void timers(void)
{
	while (go_on()) {
		int id;
		if (syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &id) == 0)
			failures = 0;
	}
}
static void queued_signals(void)
{
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	while (go_on())
		if (sigqueue(getpid(), SIGRTMIN + 3, (union sigval){ 0 }) == 0)
			failures = 0;
}
static void locks(void)
{
	int fd = open("/tmp/lock", O_RDWR | O_CREAT, 0666);
	for (off_t at = 0; go_on(); at += 2) {
		struct flock l = { .l_type = F_WRLCK, .l_start = at, .l_len = 1 };
		if (fcntl(fd, F_SETLK, &l) == 0)
			failures = 0;
	}
}
static void arguments(void)
{
	static char big[120000], *argv[40];
	memset(big, 'a', sizeof(big) - 1);
	for (int i = 0; i < 15; i++)
		argv[i] = big;
	for (int i = 0; i < 400; i++) {
		pid_t p = fork();
		if (p == 0) {
			execve("/t/hogs", (char *[]){ "hogs", "-x", big, big, big, NULL }, argv);
			_exit(1);
		}
		if (i % 8 == 7)
			while (waitpid(-1, NULL, 0) > 0)
				;
	}
}
static void stacks(void)
{
	volatile char *here = __builtin_frame_address(0);
	struct rlimit r = { RLIM_INFINITY, RLIM_INFINITY };
	setrlimit(RLIMIT_STACK, &r);
	for (uint64_t i = 0; i < 7u << 20; i += 4096) {
		__asm__ volatile("mov %%rsp, %%rax\n\tmov %0, %%rsp\n\tmovb $1, -8(%%rsp)\n\tmov %%rax, %%rsp" ::"r"(here - i - 4096) : "rax", "memory");
	}
	fork_bomb();
}
static void private_copies(void)
{
	int fd = open("/t/hogs", O_RDONLY);
	while (go_on()) {
		char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
		if (p != MAP_FAILED) {
			failures = 0;
			for (int i = 0; i < 65536; i += 4096)
				p[i]++;
		}
	}
}
static void mounts(void)
{
	char name[64];
	for (unsigned i = 0; go_on(); i++) {
		sprintf(name, "/tmp/m%d.%u", getpid(), i);
		mkdir(name, 0700);
		if (mount("none", name, i % 2 ? "tmpfs" : "proc", 0, NULL) == 0)
			failures = 0;
	}
}
static void copied_on_write(void)
{
	size_t n = 8u << 20;
	char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(p, 1, n);
	for (;;)
		if (fork() == 0) {
			memset(p, 2, n);
			go_on();
		} else {
			go_on();
		}
}

static void mixture(void);
static const struct hog { const char *name; void (*fn)(void); } hogs[] = {
#define HOG(f) { #f, f }
	HOG(anonymous), HOG(shared_memory), HOG(page_tables), HOG(mappings), HOG(forks), HOG(fork_bomb), HOG(threads), HOG(pipes), HOG(sockets), HOG(passed_descriptors),
	HOG(connections), HOG(file_data), HOG(memory_files), HOG(sparse_files), HOG(many_files), HOG(missing_names), HOG(deep_folders), HOG(attributes), HOG(watches),
	HOG(terminals), HOG(timers), HOG(queued_signals), HOG(locks), HOG(arguments), HOG(stacks), HOG(private_copies), HOG(mounts), HOG(copied_on_write), HOG(mixture),
};

/* A different one in each process. */
static void mixture(void)
{
	const struct hog *h = &hogs[(unsigned)getpid() * 7 % (sizeof(hogs) / sizeof(hogs[0]) - 1)];
	if (fork() == 0)
		mixture();
	h->fn();
}

/* --- all, one after the other ------------------------------------------------------------------------------------------------------------ */

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
static int counts;
static uint64_t count(const char *name)
{
	static char b[8192];
	char key[64];
	ssize_t n = pread(counts, b, sizeof(b) - 1, 0);
	b[n > 0 ? n : 0] = 0;
	snprintf(key, sizeof(key), "%s ", name);
	char *p = strstr(b, key);
	return p ? strtoull(p + strlen(key), NULL, 10) : 0;
}

/* What has changed in /proc/pando. */
static void differences(const char *then)
{
	static char b[8192];
	ssize_t n = pread(counts, b, sizeof(b) - 1, 0);
	b[n > 0 ? n : 0] = 0;
	for (char *save, *l = strtok_r(b, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		char key[80], *old;
		snprintf(key, sizeof(key), "\n%.*s ", (int)strcspn(l, " "), l);
		old = strstr(then, key);
		if (old && strncmp(old + 1, l, strcspn(old + 1, "\n")))
			printf("#   %s (was %.*s)\n", l, (int)strcspn(old + strlen(key), "\n"), old + strlen(key));
	}
}

int main(int argc, char **argv)
{
	unsigned processes = 3, uid = 0, rounds = 1;
	double seconds = 3;
	int c, bad = 0;
	struct utsname u;
	uname(&u);
	if (!strstr(u.version, "Pando")) {
		fprintf(stderr, "hogs: this is no Pando; it would do harm\n");
		return 2;
	}
	while ((c = getopt(argc, argv, "p:u:r:t:x")) != -1)
		switch (c) {
		case 'p': processes = (unsigned)atoi(optarg); break;
		case 'u': uid = (unsigned)atoi(optarg); break;
		case 'r': rounds = (unsigned)atoi(optarg); break;
		case 't': seconds = atof(optarg); break;
		case 'x': return 0;
		default: return 2;
		}
	struct sched_param top = { .sched_priority = 50 };
	sched_setscheduler(0, SCHED_FIFO, &top);
	counts = open("/proc/pando", O_RDONLY);
	int adj = open("/proc/self/oom_score_adj", O_WRONLY);
	if (write(adj, "-1000", 5) < 0)
		return 2;
	close(adj);
	mlockall(MCL_CURRENT);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	mount("none", "/tmp", "tmpfs", 0, "mode=1777");
	/* Empty slabs stay with their caches, and some kernel stacks with each CPU. */
	uint64_t before = count("pages_free") + count("pages_slab"), objects = count("slab_objects");
	static char then[8192];
	if (pread(counts, then, sizeof(then) - 1, 0) < 0)
		return 2;
	for (unsigned h = 0; h < rounds * (sizeof(hogs) / sizeof(hogs[0])); h++) {
		const struct hog *hog = &hogs[h % (sizeof(hogs) / sizeof(hogs[0]))];
		int wanted = optind == argc;
		for (int i = optind; i < argc; i++)
			wanted |= !strcmp(argv[i], hog->name);
		if (!wanted)
			continue;
		double start = now();
		unsigned killed = 0, births = 0;
		while (now() < start + seconds) {
			while (births < processes) {
				pid_t p = fork();
				if (p < 0)
					break;
				births++;
				if (p == 0) {
					struct sched_param none = { .sched_priority = 0 };
					sched_setscheduler(0, SCHED_OTHER, &none);
					int f = open("/proc/self/oom_score_adj", O_WRONLY);
					if (write(f, "0", 1) < 0)
						_exit(2);
					close(f);
					setsid();
					if (uid && (setgid(uid) || setuid(uid)))
						_exit(2);
					hog->fn();
					_exit(0);
				}
			}
			int st;
			pid_t p = waitpid(-1, &st, WNOHANG);
			if (p > 0 && WIFSIGNALED(st))
				killed++;
			if (p <= 0)
				usleep(10000);
		}
		uint64_t least = count("pages_free");
		double end = now();
		for (;;) {
			kill(-1, SIGKILL);
			pid_t p = waitpid(-1, NULL, WNOHANG | __WALL);
			if (p < 0 && errno == ECHILD)
				break;
			if (p == 0)
				usleep(1000);
			if (now() > end + 100) {
				printf("not ok hog %s: processes do not die\n", hog->name);
				return 1;
			}
		}
		while (umount2("/tmp", MNT_DETACH) == 0)
			;
		mount("none", "/tmp", "tmpfs", 0, "mode=1777");
		uint64_t after = count("pages_free") + count("pages_slab"), kept = count("slab_objects");
		printf("# %-20s killed %3u, free pages %lu -> %lu -> %lu, %.1f s to end\n", hog->name, killed, before, least, after, now() - end);
		fflush(stdout);
		if (after + 64 + 64 * (uint64_t)sysconf(_SC_NPROCESSORS_ONLN) < before) {
			printf("not ok hog %s: %lu pages are gone\n", hog->name, before - after);
			differences(then);
			bad = 1;
		}
		if (kept > objects + 100) {
			printf("not ok hog %s: %lu objects are left\n", hog->name, kept - objects);
			differences(then);
			bad = 1;
		}
	}
	if (count("warnings")) {
		printf("not ok hogs: %lu kernel warnings\n", count("warnings"));
		bad = 1;
	}
	if (!bad)
		printf("ok hogs\n");
	return bad;
}
