/* UTS namespaces: the machine's names. Entry points: uts_ns_ops, sys_uname, sys_sethostname, sys_setdomainname. */
#include <linux/capability.h>
#include <linux/utsname.h>

#include "gen/sys_protos.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "mm/uaccess.h"
#include "proc/internal.h"
#include "proc/ns.h"

#define PER_MASK 0xffu
#define PER_LINUX32 8u
#define UNAME26 0x20000u

DEFINE_SPINLOCK(uts_lock, RANK_FS);
struct uts_namespace init_uts_ns = {
	.common = NS_COMMON_INIT(NS_UTS, NS_INUM_UTS),
	.names = { "pando", "(none)" },
};
const char uts_release[] = "6.12.0-pando";
const char uts_version[] = "#1 SMP Pando " PANDO_VERSION;

static int create(struct ns_common *from, struct user_namespace *owner, struct fs_context *fs, struct ns_common **out)
{
	struct uts_namespace *ns = kzalloc(sizeof(*ns));
	int err = ns ? ns_init(&ns->common, NS_UTS, owner) : -ENOMEM;
	if (err) {
		kfree(ns);
		return err;
	}
	spin_lock(&uts_lock);
	ns->names = container_of(from, struct uts_namespace, common)->names;
	spin_unlock(&uts_lock);
	*out = &ns->common;
	return 0;
}

static void free_ns(struct ns_common *common)
{
	ns_exit(common);
	kfree(container_of(common, struct uts_namespace, common));
}

const struct ns_ops uts_ns_ops = { "uts", CLONE_NEWUTS, create, free_ns, nsset_install_plain };

long sys_uname(u64 ubuf)
{
	struct new_utsname n;
	struct uts_namespace *ns = current->nsproxy->uts;
	u32 p = current->personality;
	memset(&n, 0, sizeof(n));
	str_copy(n.sysname, "Linux", sizeof(n.sysname));
	/* Old programs that cannot read a version above 2.6 ask for one: 6.x shows as 2.6.(60 + x). */
	str_copy(n.release, p & UNAME26 ? "2.6.72-pando" : uts_release, sizeof(n.release));
	str_copy(n.version, uts_version, sizeof(n.version));
	str_copy(n.machine, (p & PER_MASK) == PER_LINUX32 ? "i686" : "x86_64", sizeof(n.machine));
	spin_lock(&uts_lock);
	memcpy(n.nodename, ns->names.nodename, sizeof(n.nodename));
	memcpy(n.domainname, ns->names.domainname, sizeof(n.domainname));
	spin_unlock(&uts_lock);
	return copy_to_user(ubuf, &n, sizeof(n));
}

static long set_name(struct uts_namespace *ns, char *name, u64 uname, u64 len)
{
	char buf[__NEW_UTS_LEN + 1];
	if (!ns_capable(ns->common.owner, CAP_SYS_ADMIN))
		return -EPERM;
	if ((s32)len < 0 || (s32)len > __NEW_UTS_LEN)
		return -EINVAL;
	memset(buf, 0, sizeof(buf));
	if (copy_from_user(buf, uname, (u32)len))
		return -EFAULT;
	spin_lock(&uts_lock);
	memcpy(name, buf, sizeof(buf));
	spin_unlock(&uts_lock);
	return 0;
}

long sys_sethostname(u64 name, u64 len) { return set_name(current->nsproxy->uts, current->nsproxy->uts->names.nodename, name, len); }
long sys_setdomainname(u64 name, u64 len) { return set_name(current->nsproxy->uts, current->nsproxy->uts->names.domainname, name, len); }
