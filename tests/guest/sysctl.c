/* /proc/sys: settings that change what calls do. Each case puts back what it found. */
#include "check.h"
#include <grp.h>
#include <sys/klog.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#ifndef PR_SET_PTRACER
#define PR_SET_PTRACER 0x59616d61
#endif
#ifndef PR_SET_PTRACER_ANY
#define PR_SET_PTRACER_ANY (~0UL)
#endif

static char buf[512];
static const char *get(const char *name)
{
	char path[128];
	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	int fd = open(path, O_RDONLY);
	if (fd < 0)
		return NULL;
	ssize_t n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	CHECK(n >= 0);
	buf[n > 0 && buf[n - 1] == '\n' ? n - 1 : n] = 0;
	return buf;
}
static int set(const char *name, const char *value)
{
	char path[128];
	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	int fd = open(path, O_WRONLY | O_TRUNC);
	if (fd < 0)
		return -1;
	ssize_t n = write(fd, value, strlen(value));
	int e = errno;
	close(fd);
	errno = e;
	return n == (ssize_t)strlen(value) ? 0 : -1;
}
/* The settings a case changes, as it found them. */
static struct {
	const char *name;
	char value[64];
} kept[8];
static int nr_kept;
static void put_back(void)
{
	while (nr_kept) {
		nr_kept--;
		set(kept[nr_kept].name, kept[nr_kept].value);
	}
}
static void change(const char *name, const char *value)
{
	const char *old = get(name);
	if (!old || getuid())
		check_skip(name);
	kept[nr_kept].name = name;
	snprintf(kept[nr_kept++].value, sizeof(kept[0].value), "%s", old);
	if (set(name, value) < 0)
		check_skip(name);
	CHECK(!strcmp(get(name), value));
}
static void become(uid_t uid)
{
	CHECK(setgroups(0, NULL) == 0 && setresgid(uid, uid, uid) == 0 && setresuid(uid, uid, uid) == 0 && prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
}
#define AS(uid, ...) CHECK(EXITED(IN_CHILD(become(uid); __VA_ARGS__), 0))
/* A sticky directory that everybody may write to, as /tmp. */
static void sticky(mode_t mode) { CHECK(mkdir("d", 0700) == 0 && chmod("d", mode) == 0 && chmod(".", 0755) == 0); }

/* --- files in sticky directories ---------------------------------------------------------------------------------------------------------------- */

static void protected_symlinks(void)
{
	change("fs/protected_symlinks", "1");
	sticky(01777);
	write_file("file", "x", 1, 0644);
	CHECK(chmod(".", 0777) == 0);
	AS(1001, CHECK(symlink("../file", "d/theirs") == 0));
	CHECK(symlink("../file", "d/mine") == 0);
	/* another's link there is not followed, not even by root; one's own and the directory's owner's are */
	CHECK_ERR(open("d/theirs", O_RDONLY), EACCES);
	AS(1001, CHECK(open("d/theirs", O_RDONLY) >= 0));
	AS(1002, CHECK_ERR(open("d/theirs", O_RDONLY), EACCES); CHECK(open("d/mine", O_RDONLY) >= 0));
	char link[20];
	CHECK(readlink("d/theirs", link, sizeof(link)) == 7);
	/* only as the last component */
	AS(1001, CHECK(symlink("..", "d/up") == 0));
	CHECK(open("d/up/file", O_RDONLY) >= 0);
	CHECK(set("fs/protected_symlinks", "0") == 0 && open("d/theirs", O_RDONLY) >= 0);
	put_back();
}
static void protected_hardlinks(void)
{
	change("fs/protected_hardlinks", "1");
	sticky(0777);
	write_file("shared", "x", 1, 0666);
	write_file("readable", "x", 1, 0644);
	write_file("setuid", "x", 1, 0666);
	CHECK(chmod("setuid", 04777) == 0 && chmod("shared", 0666) == 0 && mkfifo("fifo", 0666) == 0 && chmod("fifo", 0666) == 0);
	AS(1001, CHECK(link("shared", "d/a") == 0); CHECK_ERR(link("readable", "d/b"), EPERM); CHECK_ERR(link("setuid", "d/c"), EPERM);
		CHECK_ERR(link("fifo", "d/d"), EPERM));
	CHECK(chown("readable", 1001, 0) == 0);
	AS(1001, CHECK(link("readable", "d/b") == 0));
	CHECK(link("setuid", "d/c") == 0);
	CHECK(set("fs/protected_hardlinks", "0") == 0);
	AS(1001, CHECK(link("fifo", "d/d") == 0));
	put_back();
}
static void protected_creation(void)
{
	change("fs/protected_regular", "1");
	change("fs/protected_fifos", "1");
	sticky(01777);
	AS(1001, write_file("d/f", "x", 1, 0666); CHECK(chmod("d/f", 0666) == 0 && mkfifo("d/p", 0666) == 0 && chmod("d/p", 0666) == 0));
	CHECK_ERR(open("d/f", O_CREAT | O_RDWR, 0600), EACCES);
	CHECK_ERR(open("d/p", O_CREAT | O_RDWR, 0600), EACCES);
	AS(1002, CHECK_ERR(open("d/f", O_CREAT | O_RDWR, 0600), EACCES));
	CHECK(open("d/f", O_RDWR) >= 0 && open("d/p", O_RDWR) >= 0);
	AS(1001, CHECK(open("d/f", O_CREAT | O_RDWR, 0600) >= 0));
	CHECK(open("d/new", O_CREAT | O_RDWR, 0600) >= 0);
	/* of a group only at level 2 */
	CHECK(chmod("d", 01770) == 0 && open("d/f", O_CREAT | O_RDWR, 0600) >= 0);
	CHECK(set("fs/protected_regular", "2") == 0);
	CHECK_ERR(open("d/f", O_CREAT | O_RDWR, 0600), EACCES);
	CHECK(open("d/p", O_CREAT | O_RDWR, 0600) >= 0);
	CHECK(set("fs/protected_regular", "0") == 0 && chmod("d", 01777) == 0 && open("d/f", O_CREAT | O_RDWR, 0600) >= 0);
	CHECK_ERR(set("fs/protected_regular", "3"), EINVAL);
	put_back();
}

/* --- who may know and do what ---------------------------------------------------------------------------------------------------------------------- */

static void dmesg_restrict(void)
{
	static char log[65536];
	change("kernel/dmesg_restrict", "0");
	AS(1001, CHECK(klogctl(3, log, sizeof(log)) >= 0 && klogctl(10, NULL, 0) > 0));
	CHECK(set("kernel/dmesg_restrict", "1") == 0);
	AS(1001, CHECK_ERR(klogctl(3, log, sizeof(log)), EPERM); CHECK_ERR(klogctl(10, NULL, 0), EPERM); CHECK_ERR(open("/dev/kmsg", O_RDONLY), EPERM));
	CHECK(klogctl(3, log, sizeof(log)) >= 0);
	CHECK_ERR(set("kernel/dmesg_restrict", "2"), EINVAL);
	put_back();
}
static int addresses_shown(void)
{
	int fd = open("/proc/kallsyms", O_RDONLY), any = 0;
	ssize_t n = read(fd, buf, 400);
	CHECK(n > 100);
	close(fd);
	buf[n] = 0;
	for (char *p = buf; p; p = strchr(p, '\n'), p += p != NULL)
		any |= strtoull(p, NULL, 16) != 0;
	return any;
}
static void kptr_restrict(void)
{
	change("kernel/kptr_restrict", "1");
	CHECK(addresses_shown());
	AS(1001, CHECK(!addresses_shown()));
	CHECK(set("kernel/kptr_restrict", "2") == 0 && !addresses_shown());
	CHECK_ERR(set("kernel/kptr_restrict", "3"), EINVAL);
	put_back();
}
static void unprivileged_userns_clone(void)
{
	change("kernel/unprivileged_userns_clone", "1");
	AS(1001, CHECK(unshare(CLONE_NEWUSER) == 0));
	CHECK(set("kernel/unprivileged_userns_clone", "0") == 0);
	AS(1001, CHECK_ERR(unshare(CLONE_NEWUSER), EPERM); CHECK_ERR(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0), EPERM));
	CHECK(EXITED(IN_CHILD(CHECK(unshare(CLONE_NEWUSER) == 0)), 0));
	put_back();
}

/* May a process of the same user attach to `pid`? It detaches again. 0 or errno. */
static int try_attach(pid_t pid)
{
	if (ptrace(PTRACE_ATTACH, pid, 0, 0) < 0)
		return errno;
	int st;
	CHECK(waitpid(pid, &st, __WALL) == pid && WIFSTOPPED(st) && ptrace(PTRACE_DETACH, pid, 0, 0) == 0);
	return 0;
}
/* What happens when a sibling, and when the parent, attaches to a process that called prctl(PR_SET_PTRACER) with `who` (0: not at all; 1: the sibling). */
static void attach_both(unsigned long who, int *sibling, int *parent)
{
	int p[2], q[2];
	CHECK(pipe(p) == 0 && pipe(q) == 0);
	pid_t tracer = fork();
	if (!tracer) {
		pid_t target;
		CHECK(read(p[0], &target, sizeof(target)) == sizeof(target));
		_exit(try_attach(target)); /* its exit status is the errno */
	}
	pid_t target = fork();
	if (!target) {
		if (who)
			CHECK(prctl(PR_SET_PTRACER, who == 1 ? (unsigned long)tracer : who, 0, 0, 0) == 0);
		CHECK(write(q[1], "r", 1) == 1);
		for (;;)
			pause();
	}
	CHECK(read(q[0], buf, 1) == 1 && write(p[1], &target, sizeof(target)) == sizeof(target));
	*sibling = WEXITSTATUS(reap(tracer));
	*parent = try_attach(target);
	kill(target, SIGKILL);
	reap(target);
}
static void ptrace_scope(void)
{
	change("kernel/yama/ptrace_scope", "0");
	int sibling, parent;
	AS(1001, attach_both(0, &sibling, &parent); CHECK(sibling == 0 && parent == 0));
	CHECK(set("kernel/yama/ptrace_scope", "1") == 0);
	AS(1001, attach_both(0, &sibling, &parent); CHECK(sibling == EPERM && parent == 0));
	AS(1001, attach_both(1, &sibling, &parent); CHECK(sibling == 0 && parent == 0));
	AS(1001, attach_both(PR_SET_PTRACER_ANY, &sibling, &parent); CHECK(sibling == 0 && parent == 0));
	CHECK(EXITED(IN_CHILD(attach_both(0, &sibling, &parent); CHECK(sibling == 0)), 0));
	AS(1001, CHECK_ERR(prctl(PR_SET_PTRACER, 999999, 0, 0, 0), EINVAL); CHECK(prctl(PR_SET_PTRACER, 0, 0, 0, 0) == 0));
	/* reading memory counts as attaching, looking does not */
	AS(1001, pid_t me = getpid(); CHECK(EXITED(
		IN_CHILD(struct iovec l = { buf, 4 }; struct iovec r = { buf, 4 }; char path[64]; CHECK_ERR(process_vm_readv(me, &l, 1, &r, 1, 0), EPERM);
				 snprintf(path, sizeof(path), "/proc/%d/maps", me); CHECK(open(path, O_RDONLY) >= 0)),
		0)));
	CHECK(set("kernel/yama/ptrace_scope", "2") == 0);
	AS(1001, attach_both(PR_SET_PTRACER_ANY, &sibling, &parent); CHECK(sibling == EPERM && parent == EPERM));
	AS(1001, CHECK(EXITED(IN_CHILD(CHECK_ERR(ptrace(PTRACE_TRACEME, 0, 0, 0), EPERM)), 0)));
	CHECK(EXITED(IN_CHILD(attach_both(0, &sibling, &parent); CHECK(sibling == 0 && parent == 0)), 0));
	CHECK_ERR(set("kernel/yama/ptrace_scope", "4"), EINVAL);
	put_back();
}

/* --- sockets ------------------------------------------------------------------------------------------------------------------------------------------ */

static int queue_room(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "dgram" };
	int r = socket(AF_UNIX, SOCK_DGRAM, 0), s = socket(AF_UNIX, SOCK_DGRAM, 0), n = 0;
	CHECK(bind(r, (void *)&a, sizeof(a)) == 0);
	while (n < 100 && sendto(s, "x", 1, MSG_DONTWAIT, (void *)&a, sizeof(a)) == 1)
		n++;
	unlink("dgram");
	close(r);
	close(s);
	return n;
}
static void socket_limits(void)
{
	int v = 0;
	socklen_t len = sizeof(v);
	change("net/unix/max_dgram_qlen", "3");
	CHECK(queue_room() == 4);
	CHECK(set("net/unix/max_dgram_qlen", "30") == 0 && queue_room() == 31);
	change("net/core/wmem_default", "100000");
	change("net/core/wmem_max", "8000");
	change("net/core/rmem_default", "70000");
	change("net/core/rmem_max", "9000");
	int s = socket(AF_UNIX, SOCK_STREAM, 0), big = 1000000;
	CHECK(getsockopt(s, SOL_SOCKET, SO_SNDBUF, &v, &len) == 0 && v == 100000);
	CHECK(getsockopt(s, SOL_SOCKET, SO_RCVBUF, &v, &len) == 0 && v == 70000);
	CHECK(setsockopt(s, SOL_SOCKET, SO_SNDBUF, &big, sizeof(big)) == 0 && getsockopt(s, SOL_SOCKET, SO_SNDBUF, &v, &len) == 0 && v == 16000);
	CHECK(setsockopt(s, SOL_SOCKET, SO_RCVBUF, &big, sizeof(big)) == 0 && getsockopt(s, SOL_SOCKET, SO_RCVBUF, &v, &len) == 0 && v == 18000);
	CHECK_ERR(set("net/core/wmem_max", "100"), EINVAL);
	put_back();
}
static void listen_backlog(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "sock" };
	change("net/core/somaxconn", "2");
	int l = socket(AF_UNIX, SOCK_STREAM, 0), n = 0;
	CHECK(bind(l, (void *)&a, sizeof(a)) == 0 && listen(l, 1000) == 0);
	while (n < 20 && connect(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), (void *)&a, sizeof(a)) == 0)
		n++;
	CHECK(n == 3 && errno == EAGAIN);
	put_back();
}

/* --- what only tells ------------------------------------------------------------------------------------------------------------------------------------ */

static void facts(void)
{
	long a, b;
	if (!get("kernel/arch"))
		check_skip("an older kernel");
	CHECK(!strcmp(buf, "x86_64"));
	CHECK(get("fs/dentry-state") && sscanf(buf, "%ld %ld", &a, &b) == 2 && a > 0 && b >= 0 && b <= a);
	CHECK(get("fs/inode-state") && sscanf(buf, "%ld %ld", &a, &b) == 2 && a > 0);
	CHECK(!strcmp(get("fs/overflowuid"), "65534") && !strcmp(get("fs/overflowgid"), "65534"));
	int before = atoi(get("kernel/pty/nr")), m = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	CHECK(m >= 0 && atoi(get("kernel/pty/nr")) == before + 1);
	close(m);
	CHECK(atoi(get("kernel/pty/nr")) == before);
}
static void dropping_caches(void)
{
	if (getuid() || access("/proc/sys/vm/drop_caches", F_OK) < 0)
		check_skip("not to be had");
	write_file("file", "precious", 8, 0600);
	if (set("vm/drop_caches", "3") < 0 && errno == EROFS)
		check_skip("read-only");
	CHECK_ERR(set("vm/drop_caches", "0"), EINVAL);
	CHECK_ERR(set("vm/drop_caches", "5"), EINVAL);
	int fd = open("file", O_RDONLY);
	CHECK(read(fd, buf, 20) == 8 && !memcmp(buf, "precious", 8));
}
CASES(CASE(protected_symlinks), CASE(protected_hardlinks), CASE(protected_creation), CASE(dmesg_restrict), CASE(kptr_restrict),
	CASE(unprivileged_userns_clone), CASE(ptrace_scope), CASE(socket_limits), CASE(listen_backlog), CASE(facts), CASE(dropping_caches))
