/* epoll's one promise to the rest of vfs. vfs/epoll.c */
#ifndef PANDO_VFS_EPOLL_H
#define PANDO_VFS_EPOLL_H

struct file;
/* file_put() calls it when the last reference to f is gone and f->epoll_items is not empty, before f's release op: takes f out of every epoll
 * instance that watches it. => no locks; may sleep. */
void epoll_file_released(struct file *f);

#endif
