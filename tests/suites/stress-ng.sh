# stress-ng's classes about processes, each a moment, with --verify. A class that is not built in, or whose system call is refused, is skipped.
classes=${*:-"affinity brk cap clone context daemon dekker dnotify dup epoll eventfd exec exit-group fault fd-fork fifo flock fork forkheavy fpunch fstat futex getrandom inotify
	itimer kcmp kill locka lockf lockofd madvise membarrier memfd mmap mmapaddr mmapfork mprotect mq mremap msg msync nanosleep nice null open pidfd pipe poll prctl procfs pthread ptrace pty
	schedpolicy seek sem sem-sysv sendfile session set shm shm-sysv sigabrt sigchld sigfd sigfpe sigio signal signest sigpending sigpipe sigq sigrt sigsegv sigsuspend sigtrap
	sleep sock sockpair spawn splice switch sysinfo tee timer timerfd tmpfs touch uprobe userfaultfd utime vfork vforkmany vm wait yield zombie"}
mkdir -p /tmp/stress
for c in $classes; do
	status=0
	timeout "${SUITE_SECONDS:-120}" stress-ng --temp-path /tmp/stress --no-rand-seed --verify --timeout 1 --"$c" 1 >>/out/stress-ng.log 2>&1 </dev/null || status=$?
	case $status in
	0) echo "case pass $c" ;;
	1 | 3 | 4) echo "case skip $c" ;; # no such class; no resources; not implemented
	*) echo "case fail $c" ;;
	esac
done
