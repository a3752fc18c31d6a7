/* System V message queues: msgget, msgsnd, msgrcv with every way of choosing, msgctl, limits, /proc/sysvipc/msg. */
#include "check.h"
#include <sys/ipc.h>
#include <sys/msg.h>
#include <linux/capability.h>
#include <sys/prctl.h>

#ifndef MSG_COPY
#define MSG_COPY 040000
#endif
#ifndef MSG_STAT_ANY
#define MSG_STAT_ANY 13
#endif
struct message {
	long type;
	char text[20000];
};
static struct message buf;

static int fresh(void)
{
	int id = msgget(IPC_PRIVATE, 0600);
	CHECK(id >= 0);
	return id;
}
static void drop(int id) { CHECK(msgctl(id, IPC_RMID, NULL) == 0); }
static int put(int id, long type, const char *text, int flags)
{
	struct message m = { .type = type };
	size_t n = strlen(text);
	memcpy(m.text, text, n);
	return msgsnd(id, &m, n, flags);
}
/* The text of the message that this choice gives. */
static const char *take(int id, long type, int flags)
{
	ssize_t n = msgrcv(id, &buf, sizeof(buf.text) - 1, type, flags);
	CHECK(n >= 0);
	buf.text[n] = 0;
	return buf.text;
}
static struct msqid_ds stat_of(int id)
{
	struct msqid_ds ds;
	CHECK(msgctl(id, IPC_STAT, &ds) == 0);
	return ds;
}

static void get_by_key(void)
{
	key_t key = 0x3a000000 | (getpid() & 0xffff);
	CHECK_ERR(msgget(key, 0600), ENOENT);
	int id = msgget(key, 0600 | IPC_CREAT);
	CHECK(id >= 0 && msgget(key, 0600) == id);
	CHECK_ERR(msgget(key, 0600 | IPC_CREAT | IPC_EXCL), EEXIST);
	drop(id);
	CHECK_ERR(put(id, 1, "x", 0), EINVAL);
	CHECK_ERR(msgrcv(id, &buf, 10, 0, 0), EINVAL);
	CHECK_ERR(msgctl(id, IPC_RMID, NULL), EINVAL);
	CHECK_ERR(msgctl(-1, IPC_RMID, NULL), EINVAL);
	CHECK_ERR(msgctl(id, 99, NULL), EINVAL);
}

static void choosing(void)
{
	int id = fresh();
	CHECK(put(id, 5, "five", 0) == 0 && put(id, 3, "three", 0) == 0 && put(id, 9, "nine", 0) == 0 && put(id, 3, "three again", 0) == 0 &&
		  put(id, 1, "one", 0) == 0);
	CHECK(stat_of(id).msg_qnum == 5 && stat_of(id).msg_cbytes == 4 + 5 + 4 + 11 + 3 && stat_of(id).msg_lspid == getpid());
	CHECK(!strcmp(take(id, 1, MSG_COPY | IPC_NOWAIT), "three") && stat_of(id).msg_qnum == 5);
	CHECK_ERR(msgrcv(id, &buf, 100, 9, MSG_COPY | IPC_NOWAIT), ENOMSG);
	CHECK_ERR(msgrcv(id, &buf, 100, 0, MSG_COPY), EINVAL);
	CHECK_ERR(msgrcv(id, &buf, 100, 0, MSG_COPY | MSG_EXCEPT | IPC_NOWAIT), EINVAL);
	CHECK(!strcmp(take(id, -4, 0), "one") && buf.type == 1);
	CHECK(!strcmp(take(id, -4, 0), "three") && buf.type == 3);
	CHECK_ERR(msgrcv(id, &buf, 100, 4, IPC_NOWAIT), ENOMSG);
	CHECK(!strcmp(take(id, 9, 0), "nine"));
	CHECK(!strcmp(take(id, 5, MSG_EXCEPT), "three again"));
	CHECK_ERR(msgrcv(id, &buf, 3, 0, 0), E2BIG);
	CHECK(stat_of(id).msg_qnum == 1);
	CHECK(msgrcv(id, &buf, 3, 0, MSG_NOERROR) == 3 && !memcmp(buf.text, "fiv", 3));
	CHECK(stat_of(id).msg_qnum == 0 && stat_of(id).msg_cbytes == 0 && stat_of(id).msg_lrpid == getpid());
	CHECK_ERR(msgrcv(id, &buf, 3, 0, IPC_NOWAIT), ENOMSG);
	CHECK(put(id, 2, "", 0) == 0 && !strcmp(take(id, 0, 0), ""));
	drop(id);
}

static void bad_arguments(void)
{
	int id = fresh();
	CHECK_ERR(put(id, 0, "x", 0), EINVAL);
	CHECK_ERR(put(id, -1, "x", 0), EINVAL);
	CHECK_ERR(msgsnd(id, &buf, 8193, 0), EINVAL);
	CHECK_ERR(msgsnd(id, (void *)8, 1, 0), EFAULT);
	CHECK_ERR(msgrcv(id, &buf, (size_t)-1, 0, IPC_NOWAIT), EINVAL);
	CHECK(put(id, 1, "lost", 0) == 0);
	CHECK_ERR(msgrcv(id, (void *)8, 10, 0, 0), EFAULT);
	CHECK(stat_of(id).msg_qnum == 0);
	drop(id);
}

static void big_messages(void)
{
	int id = fresh();
	static struct message in;
	in.type = 7;
	for (size_t i = 0; i < 8192; i++)
		in.text[i] = (char)(i * 7 + i / 251);
	CHECK(msgsnd(id, &in, 8192, 0) == 0);
	CHECK(msgrcv(id, &buf, sizeof(buf.text), 0, 0) == 8192 && !memcmp(in.text, buf.text, 8192));
	CHECK(msgsnd(id, &in, 8192, 0) == 0 && msgsnd(id, &in, 8192, 0) == 0);
	CHECK_ERR(msgsnd(id, &in, 1, IPC_NOWAIT), EAGAIN);
	CHECK(msgrcv(id, &buf, 5000, 0, MSG_NOERROR) == 5000 && !memcmp(in.text, buf.text, 5000));
	drop(id);
}

static void await_blocked(pid_t pid) { await_state(pid, "S"); }

static void sender_waits_for_room(void)
{
	int id = fresh();
	CHECK(msgsnd(id, &(struct message){ .type = 1 }, 8192, 0) == 0 && msgsnd(id, &(struct message){ .type = 1 }, 8192, 0) == 0);
	pid_t a = fork();
	if (!a)
		_exit(put(id, 2, "late", 0) ? 1 : 0);
	await_blocked(a);
	CHECK(stat_of(id).msg_qnum == 2);
	CHECK(msgrcv(id, &buf, sizeof(buf.text), 0, 0) == 8192);
	CHECK(EXITED(reap(a), 0));
	CHECK(!strcmp(take(id, 2, 0), "late"));
	drop(id);
}

static void receiver_waits(void)
{
	int id = fresh();
	pid_t a = fork();
	if (!a)
		_exit(!strcmp(take(id, 5, 0), "for five") ? 0 : 1);
	await_blocked(a);
	CHECK(put(id, 4, "for nobody", 0) == 0 && put(id, 5, "for five", 0) == 0);
	CHECK(EXITED(reap(a), 0) && stat_of(id).msg_qnum == 1 && stat_of(id).msg_lrpid == a);
	/* One with too little room is told, the message stays for others. */
	a = fork();
	if (!a)
		_exit(msgrcv(id, &buf, 2, 6, 0) == -1 && errno == E2BIG ? 0 : 1);
	await_blocked(a);
	CHECK(put(id, 6, "too long", 0) == 0);
	CHECK(EXITED(reap(a), 0) && !strcmp(take(id, 6, 0), "too long"));
	a = fork();
	if (!a)
		_exit(msgrcv(id, &buf, 2, 6, 0) == -1 && errno == EIDRM ? 0 : 1);
	await_blocked(a);
	drop(id);
	CHECK(EXITED(reap(a), 0));
}

static void nothing(int sig) { (void)sig; }
static void signals(void)
{
	int id = fresh();
	struct sigaction sa = { .sa_handler = nothing, .sa_flags = SA_RESTART };
	sigaction(SIGUSR1, &sa, NULL);
	pid_t a = fork();
	if (!a)
		_exit(msgrcv(id, &buf, 2, 6, 0) == -1 && errno == EINTR ? 0 : 1);
	await_blocked(a);
	kill(a, SIGUSR1);
	CHECK(EXITED(reap(a), 0));
	drop(id);
}

static void settings(void)
{
	if (geteuid())
		check_skip("needs root");
	int id = fresh();
	struct msqid_ds ds = stat_of(id);
	CHECK(ds.msg_qbytes == 16384);
	ds.msg_qbytes = 100;
	ds.msg_perm.uid = 4321;
	CHECK(msgctl(id, IPC_SET, &ds) == 0 && stat_of(id).msg_qbytes == 100 && stat_of(id).msg_perm.uid == 4321);
	CHECK_ERR(msgsnd(id, &buf, 101, IPC_NOWAIT), EINVAL); /* its type is 0 */
	CHECK_ERR(msgsnd(id, &(struct message){ .type = 1 }, 101, IPC_NOWAIT), EAGAIN);
	CHECK(EXITED(IN_CHILD({
		CHECK(setgid(4321) == 0 && setuid(4321) == 0);
		CHECK(put(id, 1, "mine", 0) == 0);
		ds.msg_qbytes = 16385;
		CHECK_ERR(msgctl(id, IPC_SET, &ds), EPERM);
		ds.msg_qbytes = 16384;
		CHECK(msgctl(id, IPC_SET, &ds) == 0);
		ds.msg_perm.mode = 0;
		CHECK(msgctl(id, IPC_SET, &ds) == 0);
		CHECK_ERR(put(id, 1, "no more", 0), EACCES);
	}),
		0));
	ds.msg_qbytes = 100000;
	CHECK(msgctl(id, IPC_SET, &ds) == (prctl(PR_CAPBSET_READ, CAP_SYS_RESOURCE) == 1 ? 0 : -1));
	drop(id);
}

static void info(void)
{
	struct msginfo mi;
	int id = fresh(), found = 0;
	CHECK(put(id, 1, "abc", 0) == 0);
	CHECK(msgctl(0, IPC_INFO, (void *)&mi) >= 0 && mi.msgmax == 8192 && mi.msgmnb == 16384);
	int top = msgctl(0, MSG_INFO, (void *)&mi);
	CHECK(top >= 0 && mi.msgpool >= 1 && mi.msgmap >= 1 && mi.msgtql >= 3);
	for (int i = 0; i <= top; i++) {
		struct msqid_ds ds;
		if (msgctl(i, MSG_STAT, &ds) == id)
			found = ds.msg_qnum == 1 && msgctl(i, MSG_STAT_ANY, &ds) == id;
	}
	CHECK(found);
	char line[256];
	FILE *f = fopen("/proc/sysvipc/msg", "r");
	CHECK(f && fgets(line, sizeof(line), f));
	CHECK(!strcmp(line, "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      ctime\n"));
	for (found = 0; fgets(line, sizeof(line), f);) {
		int key, i, perms, bytes, n, pid;
		CHECK(sscanf(line, "%d %d %o %d %d %d", &key, &i, &perms, &bytes, &n, &pid) == 6);
		found |= i == id && perms == 0600 && bytes == 3 && n == 1 && pid == getpid();
	}
	fclose(f);
	CHECK(found);
	drop(id);
}

CASES(CASE(get_by_key), CASE(choosing), CASE(bad_arguments), CASE(big_messages), CASE(sender_waits_for_room), CASE(receiver_waits), CASE(signals),
	CASE(settings), CASE(info))
