/*
 * The machine's own calls: sysinfo, syslog, reboot, getrandom; and the switches of one task: personality,
 * prctl, arch_prctl.
 */
#include <asm/prctl.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/random.h>
#include <linux/reboot.h>
#include <linux/sysinfo.h>

#include "arch/x86_64/arch.h"
#include "gen/sys_protos.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "mm/uaccess.h"
#include "proc/cred_calls.h"
#include "proc/internal.h"
#include "proc/ns.h"
#include "proc/seccomp.h"
#include "proc/trace_points.h"
#include "proc/user_dispatch.h"

/* --- what there is ----------------------------------------------------------------------------------------------------------------------- */

long sys_sysinfo(u64 ubuf)
{
	struct sysinfo si;
	struct mem_info mi;
	u64 load[3];
	mem_info(&mi);
	sched_loadavg(load);
	memset(&si, 0, sizeof(si));
	si.uptime = (s64)((clock_mono() + (u64)my_clock_offset(true) + NSEC_PER_SEC - 1) / NSEC_PER_SEC);
	for (u32 i = 0; i < 3; i++)
		si.loads[i] = load[i] << 5; /* 11 to 16 fraction bits */
	si.totalram = mi.total * PAGE_SIZE;
	si.freeram = mi.free * PAGE_SIZE;
	si.sharedram = mi.shared * PAGE_SIZE;
	si.procs = (u16)nr_threads_total;
	si.mem_unit = 1;
	return copy_to_user(ubuf, &si, sizeof(si));
}

/* --- the log ---------------------------------------------------------------------------------------------------------------------------- */

#define LOG_SIZE (64UL << 10)
#define LOG_CHUNK 512UL
#define LOG_POLL_NS (100 * 1000 * 1000UL) /* the log wakes nobody: it is written in any context */

static DEFINE_MUTEX(log_mutex, RANK_FILE_POS);
static u64 log_read_pos;  /* log_mutex: of SYSLOG_ACTION_READ */
static u64 log_clear_pos; /* log_mutex: of SYSLOG_ACTION_CLEAR */
static int log_saved_level = -1;

/* Copies log text from *pos on to user space. Bytes or -EFAULT. */
static long log_to_user(u64 *pos, uaddr_t ubuf, u64 len)
{
	char *chunk = kmalloc(LOG_CHUNK);
	long done = 0;
	if (!chunk)
		return -ENOMEM;
	while (len) {
		size_t n = log_read(pos, chunk, min(len, LOG_CHUNK));
		if (!n)
			break;
		if (copy_to_user(ubuf + (u64)done, chunk, n)) {
			done = -EFAULT;
			break;
		}
		done += (long)n;
		len -= n;
	}
	kfree(chunk);
	return done;
}

static long log_wait_read(uaddr_t ubuf, u64 len)
{
	for (;;) {
		mutex_lock(&log_mutex);
		long n = log_to_user(&log_read_pos, ubuf, len);
		mutex_unlock(&log_mutex);
		if (n)
			return n;
		if (signal_pending())
			return -ERESTARTSYS;
		set_current_state(TASK_INTERRUPTIBLE);
		schedule_timeout(LOG_POLL_NS);
	}
}

/* The newest `len` bytes since the last clear. */
static long log_read_all(uaddr_t ubuf, u64 len, bool clear)
{
	mutex_lock(&log_mutex);
	u64 end = log_end(), keep = min(len, LOG_SIZE);
	u64 pos = max(log_clear_pos, end > keep ? end - keep : 0);
	long n = log_to_user(&pos, ubuf, min(len, end - pos));
	if (clear)
		log_clear_pos = end;
	mutex_unlock(&log_mutex);
	return n;
}

static long set_console_level(int level)
{
	if (level < 1 || level > 8)
		return -EINVAL;
	log_console_level = level;
	log_saved_level = -1;
	return 0;
}

u32 dmesg_restrict;

long sys_syslog(u64 type64, u64 ubuf, u64 len64)
{
	int type = (int)type64, len = (int)len64;
	if ((READ_ONCE(dmesg_restrict) || (type != 3 && type != 10)) && !capable(CAP_SYSLOG) && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	if ((type == 2 || type == 3 || type == 4) && (!ubuf || len < 0))
		return -EINVAL;
	if ((type == 2 || type == 3 || type == 4) && !len)
		return 0;
	switch (type) {
	case 0: /* close, open: nothing to do */
	case 1:
		return 0;
	case 2:
		return log_wait_read(ubuf, (u32)len);
	case 3:
	case 4:
		return log_read_all(ubuf, (u32)len, type == 4);
	case 5:
		mutex_lock(&log_mutex);
		log_clear_pos = log_end();
		mutex_unlock(&log_mutex);
		return 0;
	case 6: /* console off */
		if (log_saved_level < 0)
			log_saved_level = log_console_level;
		log_console_level = 1;
		return 0;
	case 7: /* console on */
		if (log_saved_level >= 0)
			set_console_level(log_saved_level);
		return 0;
	case 8:
		return set_console_level(len);
	case 9:
		return (long)min(log_end() - min(log_read_pos, log_end()), LOG_SIZE);
	case 10:
		return (long)LOG_SIZE;
	default:
		return -EINVAL;
	}
}

/* --- power ------------------------------------------------------------------------------------------------------------------------------ */

static bool good_magic(u32 m1, u32 m2)
{
	return m1 == LINUX_REBOOT_MAGIC1 &&
	       (m2 == LINUX_REBOOT_MAGIC2 || m2 == LINUX_REBOOT_MAGIC2A || m2 == LINUX_REBOOT_MAGIC2B || m2 == LINUX_REBOOT_MAGIC2C);
}

long sys_reboot(u64 m1, u64 m2, u64 cmd, u64 arg)
{
	char text[256];
	struct pid_namespace *ns = current_pid_ns();
	if (!ns_capable(ns->common.owner, CAP_SYS_BOOT))
		return -EPERM;
	if (!good_magic((u32)m1, (u32)m2))
		return -EINVAL;
	if (ns->level)
		return pid_ns_reboot(ns, (u32)cmd);
	switch ((u32)cmd) {
	case LINUX_REBOOT_CMD_RESTART:
		pr_emerg("reboot: Restarting system\n");
		hook_machine_down();
		arch_reboot();
	case LINUX_REBOOT_CMD_RESTART2:
		if (strncpy_from_user(text, arg, sizeof(text)) < 0)
			return -EFAULT;
		text[sizeof(text) - 1] = 0;
		pr_emerg("reboot: Restarting system with command '%s'\n", text);
		hook_machine_down();
		arch_reboot();
	case LINUX_REBOOT_CMD_HALT:
		/* A halted virtual machine would only hang on its host. */
		pr_emerg("reboot: System halted\n");
		hook_machine_down();
		arch_power_off();
	case LINUX_REBOOT_CMD_POWER_OFF:
		pr_emerg("reboot: Power down\n");
		hook_machine_down();
		arch_power_off();
	case LINUX_REBOOT_CMD_CAD_ON: /* there is no keyboard whose Ctrl-Alt-Del could be armed: both states are the same */
	case LINUX_REBOOT_CMD_CAD_OFF:
		return 0;
	default:
		return -EINVAL;
	}
}

/* --- random numbers --------------------------------------------------------------------------------------------------------------------- */

long sys_getrandom(u64 ubuf, u64 len, u64 flags)
{
	u8 chunk[256];
	u64 done = 0;
	if (flags & ~(u64)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE) ||
	    (flags & (GRND_INSECURE | GRND_RANDOM)) == (GRND_INSECURE | GRND_RANDOM))
		return -EINVAL;
	len = min(len, 0x7ffff000UL);
	while (done < len) {
		u64 n = min(len - done, sizeof(chunk));
		hook_random_bytes(chunk, n);
		if (copy_to_user(ubuf + done, chunk, n)) {
			done = done ? done : (u64)-EFAULT;
			break;
		}
		done += n;
		if (done < len) {
			if (signal_pending())
				break;
			cond_resched();
		}
	}
	memset(chunk, 0, sizeof(chunk));
	barrier();
	return (long)done;
}

/* --- one task's switches ---------------------------------------------------------------------------------------------------------------- */

long sys_personality(u64 p)
{
	u32 old = current->personality;
	if ((u32)p != 0xffffffff)
		current->personality = (u32)p;
	return old;
}

long sys_arch_prctl(u64 code, u64 addr)
{
	switch ((int)code) {
	case ARCH_SET_FS:
	case ARCH_SET_GS:
	case ARCH_GET_FS:
	case ARCH_GET_GS:
		return arch_prctl_base((int)code, addr);
	default:
		return -EINVAL;
	}
}

static long set_comm(uaddr_t uname)
{
	char comm[16] = { 0 };
	if (strncpy_from_user(comm, uname, sizeof(comm) - 1) < 0)
		return -EFAULT;
	comm[sizeof(comm) - 1] = 0;
	spin_lock(&current->alloc_lock);
	memcpy(current->comm, comm, sizeof(comm));
	if (trace_on(comm))
		trace_comm(current);
	spin_unlock(&current->alloc_lock);
	return 0;
}

/* All present descendants learn that they have a subreaper above them, but for those below the init of a pid namespace. */
static void mark_descendants(struct task *root)
{
	struct task *p, *t;
	spin_lock(&tasklist_lock);
	root->signal->is_child_subreaper = true;
	/* Every process whose chain of parents meets root: few and rare, so each is asked by itself. */
	for_each_process(p) {
		for (t = p; t != &init_task && pid_own_nr(t->thread_pid) != 1; t = t->real_parent)
			if (same_thread_group(t->real_parent, root)) {
				p->signal->has_child_subreaper = true;
				break;
			}
	}
	spin_unlock(&tasklist_lock);
}

static long set_subreaper(bool on)
{
	if (on) {
		mark_descendants(current);
		return 0;
	}
	spin_lock(&tasklist_lock);
	current->signal->is_child_subreaper = false;
	spin_unlock(&tasklist_lock);
	return 0;
}

static long set_pdeathsig(u64 sig)
{
	if (sig > NSIG_MAX)
		return -EINVAL;
	spin_lock(&tasklist_lock);
	current->pdeath_signal = (s32)sig;
	spin_unlock(&tasklist_lock);
	return 0;
}

static long set_timer_slack(u64 ns)
{
	current->timer_slack_ns = (s64)ns <= 0 ? current->default_timer_slack_ns : ns;
	return 0;
}

static long set_dumpable(u64 v)
{
	if (v > 1)
		return -EINVAL;
	current->mm->dumpable = (u32)v;
	return 0;
}

/* Linux 6.3's, which older headers lack. */
#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_GET_MDWE 66
#endif

/* There are no huge pages that could be given up: what is asked for is so, and remembered for who asks. */
static long set_thp_disable(u64 on, u64 a3, u64 a4, u64 a5)
{
	if (a3 || a4 || a5)
		return -EINVAL;
	WRITE_ONCE(current->mm->thp_disabled, on != 0);
	return 0;
}

static long set_mdwe(u64 bits, u64 a3, u64 a4, u64 a5)
{
	struct mm *mm = current->mm;
	if (a3 || a4 || a5 || (bits & ~(u64)(MDWE_REFUSE_EXEC_GAIN | MDWE_NO_INHERIT)) || bits == MDWE_NO_INHERIT)
		return -EINVAL;
	/* Once said it stays. */
	if (mm->mdwe && mm->mdwe != bits)
		return -EPERM;
	WRITE_ONCE(mm->mdwe, (u8)bits);
	return 0;
}

long sys_prctl(u64 option, u64 a2, u64 a3, u64 a4, u64 a5)
{
	switch ((int)option) {
	case PR_SET_NAME:
		return set_comm(a2);
	case PR_GET_NAME:
		return copy_to_user(a2, current->comm, sizeof(current->comm));
	case PR_SET_PTRACER:
		return prctl_set_ptracer(a2);
	case PR_SET_PDEATHSIG:
		return set_pdeathsig(a2);
	case PR_GET_PDEATHSIG:
		return put_user(current->pdeath_signal, a2);
	case PR_SET_DUMPABLE:
		return set_dumpable(a2);
	case PR_GET_DUMPABLE:
		return current->mm->dumpable;
	case PR_SET_TIMERSLACK:
		return set_timer_slack(a2);
	case PR_GET_TIMERSLACK:
		return (long)min(current->timer_slack_ns, (u64)INT64_MAX);
	case PR_SET_THP_DISABLE:
		return set_thp_disable(a2, a3, a4, a5);
	case PR_GET_THP_DISABLE:
		return a2 || a3 || a4 || a5 ? -EINVAL : current->mm->thp_disabled;
	case PR_SET_MDWE:
		return set_mdwe(a2, a3, a4, a5);
	case PR_GET_MDWE:
		return a2 || a3 || a4 || a5 ? -EINVAL : current->mm->mdwe;
	case PR_SET_CHILD_SUBREAPER:
		return set_subreaper(a2 != 0);
	case PR_GET_CHILD_SUBREAPER:
		return put_user((s32)current->signal->is_child_subreaper, a2);
	case PR_GET_TID_ADDRESS:
		return put_user((u64)current->clear_child_tid, a2);
	case PR_GET_SECCOMP:
		return current->seccomp_mode;
	case PR_SET_SECCOMP:
		return seccomp_prctl(a2, a3);
	case PR_SET_SYSCALL_USER_DISPATCH:
		return user_dispatch_prctl(a2, a3, a4, a5);
	case PR_GET_TIMING:
		return PR_TIMING_STATISTICAL;
	case PR_SET_TIMING:
		return a2 == PR_TIMING_STATISTICAL ? 0 : -EINVAL;
	default:
		return cred_prctl((int)option, a2, a3, a4, a5);
	}
}
