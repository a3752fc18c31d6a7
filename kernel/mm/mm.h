/*
 * Address spaces. struct mm is one; its mappings are VMAs in a two-level copy-on-write array (vma.h), its page tables are shared copy-on-write
 * with the mms it was forked from (ptshare.c). Locks: mmap_lock (sleeping) guards the set of VMAs: readers fault, writers change;
 * pt_lock (spin) guards the page tables.
 */
#ifndef PANDO_MM_MM_H
#define PANDO_MM_MM_H

#include "mm/page.h"
#include "mm/pagecache.h"
#include "mm/uaccess.h"
#include "mm/vma.h"
#include "sched/mutex.h"

struct file; /* vfs; mm only passes it on */

/* prctl(PR_SET_MDWE) */
enum { MDWE_REFUSE_EXEC_GAIN = 1, MDWE_NO_INHERIT = 2 };

struct mm {
	paddr_t root;               /* constant */
	u64 root_used[4];           /* pt_lock: bit n = root entry n is present (user half) */
	atomic_t users;             /* threads that run in it, plus short-time users (procfs, ptrace) */
	atomic_t count;             /* 1 for all users, plus holders of the bare struct */
	u64 cpumask;                /* a: CPUs that have (or lazily keep) this root loaded */
	struct rwsem mmap_lock;     /* RANK_MMAP */
	struct spinlock pt_lock;    /* RANK_PT */
	struct vma_map map;         /* mmap_lock */
	u64 total_pages;            /* mmap_lock: sum of all VMA lengths, in pages */
	u64 locked_pages;           /* mmap_lock */
	u64 committed; /* mmap_lock: sum of the VM_ACCOUNT VMAs' lengths, in pages; commit.h */
	u64 def_flags;              /* mmap_lock: VM_LOCKED after mlockall(MCL_FUTURE) */
	bool special_fork;          /* mmap_lock: some VMA is DONTFORK, WIPEONFORK or LOCKED: fork takes the slow path */
	u64 brk_start, brk;         /* mmap_lock */
	u64 mmap_base; /* constant after exec: mappings go downwards from there */
	bool bottom_up; /* constant after exec: upwards */
	u64 start_code, end_code, start_data, end_data, start_stack; /* set by exec */
	u64 arg_start, arg_end, env_start, env_end;                 /* set by exec, prctl */
	u64 vdso; /* address of the vDSO, 0 = none */
	struct file *exe;           /* the program, a reference; freed through vm_file_ops */
	u64 rss;                    /* pt_lock: counted pages in the tables, shared ones included */
	u64 hiwater_pages; /* w  total_pages at most, noted where it is about to shrink */
	u64 hiwater_rss;            /* pages; sampled where rss is about to shrink */
	u32 dumpable;               /* 0, 1, 2 */
	u32 dump_filter;            /* a: /proc/PID/coredump_filter; inherited by fork, kept over exec */
	bool unfinished; /* I: exec could not build it, only its death is left: no core (Linux knows no format for it yet) */
	bool thp_disabled; /* a: PR_SET_THP_DISABLE, which is so for everybody here; inherited and kept likewise */
	u8 mdwe; /* a: PR_MDWE_*: nothing becomes executable that could be written; inherited and kept likewise */
	u32 membarrier;             /* a: registrations, as MEMBARRIER_CMD_REGISTER_* bits; inherited by fork */
	struct list_head all;       /* all_mms_lock: list of every mm */
	void *shm;                  /* mmap_lock: the System V segments mapped here (ipc/shm_map.c), NULL = none */
	/* what fork did, for the birth record */
	u32 fork_tables_shared, fork_vmas;
	u32 fork_id;                /* mmap_lock: number of the latest fork that it took part in while births were traced, 0 = none */
	u64 auxv[48]; /* saved auxiliary vector, pairs. Last, because who makes an mm fills it: mm_create leaves it alone */
};

/* References to struct file held by VMAs and mm->exe go through these; registered once by vfs. */
struct vm_file_ops {
	void (*get)(struct file *f);
	void (*put)(struct file *f);
};
extern const struct vm_file_ops *vm_file_ops;

/* A new empty address space with users = count = 1, all but auxv set. 0 or -ENOMEM. */
int mm_create(struct mm **out);
/* fork: a copy of current's address space; O(1) in its memory and its mappings. 0, -ENOMEM, -EINTR (fatal signal). */
int dup_mm(struct mm *old, struct mm **out);
void mm_get_user(struct mm *mm);
/* The last user unmaps everything. May sleep. */
void mm_put_user(struct mm *mm);
/* Takes a user reference unless the mm is already dying. */
bool mm_tryget_user(struct mm *mm);
void mm_get(struct mm *mm);
void mm_put(struct mm *mm);
/* Makes `mm` current's address space (exec; NULL = run without, exit). Does not touch references. */
void mm_activate(struct mm *mm);

/* mmap: addr is a hint, or exact with MAP_FIXED. */
struct map_request {
	uaddr_t addr;
	u64 len;
	u32 prot;  /* PROT_* */
	u32 flags; /* MAP_* */
	u64 vm_extra; /* more VM_* flags, e.g. VM_GROWSDOWN */
	u64 pgoff; /* pages */
	struct address_space *mapping; /* NULL = private anonymous */
	struct file *file;             /* for names and references, or NULL */
	const struct page *const *special; /* array of pages mapped as they are (vDSO), or NULL */
	u64 max_flags_drop;            /* VM_MAY* bits to withhold (file not opened for writing ...) */
};
/* => mmap_lock not held. *out = the address. 0, -ENOMEM, -EINVAL, -EEXIST, -EPERM, -EAGAIN. References to mapping users and file are taken on success. */
int do_mmap(struct mm *mm, const struct map_request *r, uaddr_t *out);
/* Where a mapping of len bytes without an address of its own goes. => mmap_lock. 0 or -ENOMEM */
int mm_find_hole(const struct mm *mm, u64 len, u64 *out);
/* => mmap_lock for writing. All of [start, end) that is mapped. 0 or -ENOMEM */
int munmap_locked(struct mm *mm, u64 start, u64 end);
/* exec: an anonymous area [addr, addr + len). 0 or -ENOMEM */
int do_brk_range(struct mm *mm, uaddr_t addr, u64 len, bool exec);
/* exec: a growing-down stack VMA of `size` bytes ending at `top`. */
int mm_setup_stack(struct mm *mm, uaddr_t top, u64 size, bool exec);

/* Access bits for mm_fault. */
#define FAULT_WRITE 1u
#define FAULT_USER 2u
#define FAULT_EXEC 4u
#define FAULT_FORCE 8u /* a tracer's access: also where the protection forbids; a page written to becomes private, the program's own access stays as it was */
/* Makes one access possible. 0; -EFAULT: no mapping (SEGV_MAPERR); -EACCES: not allowed (SEGV_ACCERR); -EIO: beyond the end of the file
 * (SIGBUS BUS_ADRERR); -ENOMEM. *major: it had to read. => mmap_lock not held. */
int mm_fault(struct mm *mm, uaddr_t addr, u32 access, bool *major);
/* Copies between a kernel buffer and another address space (ptrace, /proc/PID/mem, exec's argument stack); write breaks COW. force: also where
 * the protection forbids (ptrace). Returns the bytes copied (may be short). => may sleep, mmap_lock not held; mm has a user reference. */
size_t mm_access(struct mm *mm, uaddr_t addr, void *buf, size_t n, bool write, bool force);

/* exec: the private page at addr of an anonymous mapping in an mm that nobody runs in yet. If there is none, `give` becomes it (whole and zeroed where it
 * says nothing; its reference passes over), or a zeroed one when that is NULL. *out = the page. 0, -EFAULT, -ENOMEM. */
int mm_private_page(struct mm *mm, uaddr_t addr, struct page *give, struct page **out);

/* A futex's identity: equal keys = the same word. private: mm and address; shared: mapping (or mm) and offset. No reference is kept: a key of a
 * shared mapping stays valid while the waiter sleeps because its VMA or as lives; spurious matches are harmless, wakes re-check. */
struct futex_key { u64 a, b; };
/* 0 or -EFAULT. Fault-in included when shared. */
int mm_futex_key(struct mm *mm, uaddr_t addr, bool shared, struct futex_key *key);

/* Resident pages. */
u64 mm_rss(struct mm *mm);
void mm_sample_hiwater(struct mm *mm);
/* A full memory barrier on those of `cpus` that have mm loaded (NULL: that run at all), before it returns. abort_rseq: their threads' sequences begin anew.
 * => interrupts on */
void mm_barrier(struct mm *mm, u64 cpus, bool abort_rseq);
/* Threads of mm had their way into system calls changed (arch_trace_syscalls): those that run go by it before this returns. => interrupts on */
void mm_sync_syscall_entry(struct mm *mm);
/* Walks every mapping for /proc/PID/maps, smaps: fn gets a copy of each VMA and its resident pages. Stops when fn returns non-zero. => takes mmap_lock. */
int mm_for_each_vma(struct mm *mm, int (*fn)(const struct vma *v, u64 rss_pages, void *arg), void *arg);

/* A copy of the first mapping that ends above addr, with references for the caller to give back (vma_refs_put). false: there is none. => takes mmap_lock */
bool mm_next_vma(struct mm *mm, u64 addr, struct vma *out);

/* --- inspect.c; all take mmap_lock for reading and may sleep --- */
/* Pages of a range by how they are mapped; pss in bytes: each page shared among those who map it. */
struct mm_usage { u64 rss, pss, pss_anon, pss_dirty, shared_clean, shared_dirty, private_clean, private_dirty, referenced, anon; };
/* The most who share one page of [start, end). */
u64 mm_most_mappers(struct mm *mm, u64 start, u64 end);
/* Adds [start, end) to *u. */
void mm_usage(struct mm *mm, u64 start, u64 end, struct mm_usage *u);
/* clear_refs.c: what is noted about the use of memory is forgotten; the numbers are Linux's. 0, -EINTR, -ENOMEM (some of it is done). */
enum mm_clear { MM_CLEAR_ALL = 1, MM_CLEAR_ANON, MM_CLEAR_MAPPED, MM_CLEAR_SOFT_DIRTY, MM_CLEAR_PEAK };
int mm_clear_refs(struct mm *mm, enum mm_clear what);
/* What a process tells its children and its next program about its memory: dump_filter, thp_disabled, mdwe. */
void mm_inherit_settings(struct mm *to, const struct mm *from);
/* Page tables below the root, shared ones as well. */
u64 mm_table_pages(struct mm *mm);
/* The words of /proc/PID/pagemap for n pages from addr. frames: with physical page numbers. */
void mm_pagemap(struct mm *mm, u64 addr, u64 *out, u32 n, bool frames);
/* Does any page of the range belong to this process and its relatives alone (written to since it was mapped)? */
bool mm_has_private(struct mm *mm, u64 start, u64 end);
/* Copies one page for a core dump; false: it is nothing but zeroes, or out of reach. => a user reference to mm */
bool mm_dump_page(struct mm *mm, u64 addr, void *buf);
/* System V shared memory in mm->shm, defined by the ipc room. => mmap_lock of all mms for writing; exit: mm has no mappings and no user any more.
 * fork: the child has its mappings; 0 or -ENOMEM. changed: mappings have come or gone, or were cut in pieces. */
int hook_shm_fork(struct mm *child, const struct mm *old);
void hook_shm_changed(struct mm *mm);
void hook_shm_exit(struct mm *mm);
/* Has current this capability? Defined by vfs, which knows credentials. */
bool hook_capable(int cap);
/* Frees as much user memory as OOM needs: called when an allocation for user memory failed; kills one process; returns true if the caller should retry.
 * Defined in proc/oom.c */
bool hook_out_of_memory(void);
/* Cached data that can be read again: fn gives so many pages of it back, false when there are none. One file system at most. => boot */
struct reclaim;
void mm_set_reclaim(u64 (*fn)(struct reclaim *r));
/* Asks it. May sleep. */
bool mm_reclaim(u64 pages);
/* The same of one memory group (its number; 0: of all). How many pages came of it. */
u64 mm_reclaim_group(u16 from, u64 pages);
/* Kernel-mode fault that is user's fault: proc/trap.c queues the signal. sig SIGSEGV/SIGBUS, code SEGV_* BUS_*. */
void hook_fault_signal(struct regs *regs, int sig, int code, uaddr_t addr);
/* After boot: fills the zeroed-page pool a little; for sched_idle_work. */
bool mm_idle_work(void);
/* Number of struct mm alive, for leak checks. */
u32 mm_count(void);
/* Brings up the caches of this room (after mm_init). */
void mm_caches_init(void);

#endif
