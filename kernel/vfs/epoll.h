/* epoll's one promise to the rest of vfs. vfs/epoll.c */
#ifndef PANDO_VFS_EPOLL_H
#define PANDO_VFS_EPOLL_H

struct file;
/* file_put() calls it when the last reference to f is gone and f->epoll_items is not empty, before f's release op: takes f out of every epoll
 * instance that watches it. => no locks; may sleep. */
void epoll_file_released(struct file *f);
/* kcmp: the file that instance f watches as descriptor fd, the nth of those (from 0); to be compared only, it is not counted. 0, -EINVAL (f is no
 * instance), -ENOENT. => may sleep */
int epoll_target(struct file *f, int fd, unsigned int nth, const struct file **out);

#endif
