/* The stack: growth, its limit, the gap below it; alternate stacks on overflow. */
static int helper(int argc, char **argv);
#define HELPER(argc, argv) helper(argc, argv)
#include "check.h"
#include <sys/resource.h>

static char *const no_env[] = { NULL };
__attribute__((noinline)) static long deep(long n)
{
	volatile char room[4096];
	room[0] = (char)n;
	room[4095] = 1;
	if (!n)
		return 0;
	long below = deep(n - 1);
	return below + room[4095]; /* not a tail call: the room is used after it */
}
static int helper(int argc, char **argv)
{
	(void)argc;
	if (!strcmp(argv[1], "--deep"))
		return deep(atol(argv[2])) == atol(argv[2]) ? 0 : 1;
	return 99;
}
static int run_deep(rlim_t limit, const char *pages)
{
	return IN_CHILD(struct rlimit r = { limit, RLIM_INFINITY }; CHECK(setrlimit(RLIMIT_STACK, &r) == 0);
		execve("/proc/self/exe", (char *const[]){ "self", "--deep", (char *)pages, NULL }, no_env); _exit(98));
}
static void grows(void) { CHECK(EXITED(run_deep(8 << 20, "1500"), 0)); }
static void limit_is_kept(void)
{
	CHECK(KILLED(run_deep(8 << 20, "2500"), SIGSEGV));
	CHECK(KILLED(run_deep(1 << 20, "400"), SIGSEGV));
	CHECK(EXITED(run_deep(16 << 20, "2500"), 0));
}
#pragma GCC diagnostic ignored "-Winfinite-recursion"
static long infinite(volatile char *p) { volatile char b[1000]; b[0] = *p; return infinite(b) + b[0]; }
static void overflow_is_a_signal(void) { CHECK(KILLED(IN_CHILD(char c = 0; infinite(&c)), SIGSEGV)); }

static void on_segv(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	_exit(sig == SIGSEGV && si->si_addr ? 33 : 1);
}
static void overflow_is_handled_on_the_alternate_stack(void)
{
	static char alt[65536];
	int st = IN_CHILD(
		stack_t ss = { .ss_sp = alt, .ss_size = sizeof(alt) };
		struct sigaction sa = { .sa_sigaction = on_segv, .sa_flags = SA_SIGINFO | SA_ONSTACK };
		struct rlimit r = { 256 << 10, 8 << 20 };
		CHECK(setrlimit(RLIMIT_STACK, &r) == 0);
		CHECK(sigaltstack(&ss, NULL) == 0 && sigaction(SIGSEGV, &sa, NULL) == 0);
		char c = 0;
		infinite(&c));
	CHECK(EXITED(st, 33));
	/* without one there is no room for the frame: the default action */
	st = IN_CHILD(struct sigaction sa = { .sa_sigaction = on_segv, .sa_flags = SA_SIGINFO }; CHECK(sigaction(SIGSEGV, &sa, NULL) == 0); char c = 0; infinite(&c));
	CHECK(KILLED(st, SIGSEGV));
}
static void the_childs_stack_grows_too(void)
{
	CHECK(EXITED(IN_CHILD(CHECK(deep(800) == 800); CHECK(EXITED(IN_CHILD(CHECK(deep(900) == 900)), 0))), 0));
	CHECK(deep(700) == 700);
}
static void grows_down_mapping(void)
{
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0);
	CHECK(p != MAP_FAILED);
	p[0] = 1;
	p[-100] = 2;
	CHECK(p[-100] == 2);
}
static void kernel_writes_below(void)
{
	/* read(2) into stack that has not been touched */
	int fds[2];
	CHECK(pipe(fds) == 0 && write(fds[1], "abc", 3) == 3);
	char here, *volatile at = &here;
	char *below = at - 300000;
	CHECK(read(fds[0], below, 3) == 3 && below[0] == 'a');
}
CASES(CASE(grows), CASE(limit_is_kept), CASE(overflow_is_a_signal), CASE(overflow_is_handled_on_the_alternate_stack), CASE(the_childs_stack_grows_too),
	CASE(grows_down_mapping), CASE(kernel_writes_below))
