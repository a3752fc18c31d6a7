/* Brings the room up: caches, the files without a name, the root mount, process 0's place in it. Entry point: vfs_init(). */
#include "mm/mm.h"
#include "vfs/internal.h"

static const struct vm_file_ops file_refs = { .get = file_get, .put = file_put };
static struct fs_context init_fs = { .lock = SPINLOCK_INIT(RANK_FS), .users = ATOMIC_INIT(1), .umask = 022 };

void vfs_init(void)
{
	struct super *sb;
	struct mem_info mem;
	inode_init();
	dcache_init();
	walk_init();
	fs_context_init();
	fdtable_init();
	file_init();
	vm_file_ops = &file_refs;
	/* A tenth of memory at 1 KiB each, as Linux reckons. */
	mem_info(&mem);
	vfs_max_files = max(mem.total * (PAGE_SIZE / 1024) / 10, 8192UL);
	int err = hook_root_super(&sb);
	if (!err)
		err = mount_init(sb, &init_fs.root);
	if (err)
		panic("cannot make the root file system: error %d", err);
	init_fs.cwd = init_fs.root;
	path_get(&init_fs.cwd);
	current_thread()->fs = &init_fs;
	if (fdtable_create(&current_thread()->files))
		panic("no memory for process 0's descriptor table");
}
