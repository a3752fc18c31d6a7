/* The bytes of a message, System V or POSIX. Up to a page they follow the head; more of them lie in further parts of a page each, so that a big message
 * does not need a big piece of memory. Entry points: msg_load, msg_store, msg_alloc, msg_copy, msg_free. */
#include "ipc/internal.h"

struct msg_part {
	struct msg_part *next;
	u8 data[];
};
#define FIRST_BYTES (PAGE_SIZE - sizeof(struct msg))
#define PART_BYTES (PAGE_SIZE - sizeof(struct msg_part))

void msg_free(struct msg *m)
{
	if (!m)
		return;
	for (struct msg_part *p = m->parts, *next; p; p = next) {
		next = p->next;
		kfree(p);
	}
	kfree(m);
}

struct msg *msg_alloc(size_t size)
{
	size_t n = min(size, FIRST_BYTES);
	struct msg *m = kmalloc(sizeof(*m) + n);
	if (!m)
		return NULL;
	m->rb.linked = 0;
	m->type = 0;
	m->size = size;
	m->parts = NULL;
	for (struct msg_part **at = &m->parts; size -= n; at = &(*at)->next) {
		n = min(size, PART_BYTES);
		*at = kmalloc(sizeof(**at) + n);
		if (!*at) {
			msg_free(m);
			return NULL;
		}
		(*at)->next = NULL;
	}
	return m;
}

int msg_load(uaddr_t from, size_t size, struct msg **out)
{
	struct msg *m = msg_alloc(size);
	if (!m)
		return -ENOMEM;
	size_t n = min(size, FIRST_BYTES);
	int err = copy_from_user(m->data, from, n);
	for (struct msg_part *p = m->parts; p && !err; p = p->next) {
		from += n;
		size -= n;
		n = min(size, PART_BYTES);
		err = copy_from_user(p->data, from, n);
	}
	if (err) {
		msg_free(m);
		return err;
	}
	*out = m;
	return 0;
}

int msg_store(const struct msg *m, uaddr_t to, size_t size)
{
	size_t n = min(size, FIRST_BYTES);
	int err = copy_to_user(to, m->data, n);
	for (struct msg_part *p = m->parts; p && !err && size > n; p = p->next) {
		to += n;
		size -= n;
		n = min(size, PART_BYTES);
		err = copy_to_user(to, p->data, n);
	}
	return err;
}

void msg_copy(struct msg *to, const struct msg *from)
{
	size_t size = from->size, n = min(size, FIRST_BYTES);
	to->type = from->type;
	to->size = size;
	memcpy(to->data, from->data, n);
	for (struct msg_part *p = to->parts, *q = from->parts; p && q && (size -= n); p = p->next, q = q->next) {
		n = min(size, PART_BYTES);
		memcpy(p->data, q->data, n);
	}
}
