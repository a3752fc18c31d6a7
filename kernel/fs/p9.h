/*
 * The 9P file system (9P2000.L, as Linux speaks it): folders of the host. The client is p9_client.c, names p9_dir.c, data p9_file.c, superblocks
 * p9_mount.c. What carries the messages registers itself here: drivers/virtio/p9.c.
 */
#ifndef PANDO_FS_P9_H
#define PANDO_FS_P9_H

#include "lib/list.h"
#include "lib/types.h"

#define P9_BUF 8192u /* of a call's own buffers: every message but data fits */
#define P9_DATA 65536u /* of data in one message */
#define P9_HEAD 11u /* bytes before the data in an answer that has some; an error is as long */

/* One request and its answer. */
struct p9_call {
	u8 *t, *r; /* P9_BUF bytes each */
	u32 t_len, r_len; /* t_len: bytes to send. r_len: bytes that came back, data among them */
	u32 at; /* how far the answer has been read */
	const void *out; /* data that follows t, or NULL */
	void *in; /* where the answer's data goes from P9_HEAD on, or NULL */
	u32 out_len, in_len;
	u16 tag; /* constant: no two calls under way have the same */
};
struct p9_channel {
	char tag[64]; /* what mount(2) calls it */
	bool busy; /* a: a superblock has it */
	struct list_head node; /* constant after p9_register */
	/* A call nobody uses, with no data; waits for one. While it is held, no user memory may be touched: a fault may need a call, too. */
	struct p9_call *(*begin)(struct p9_channel *c);
	/* Sends it and sleeps until the answer is there. => process context */
	void (*exchange)(struct p9_channel *c, struct p9_call *call);
	void (*end)(struct p9_channel *c, struct p9_call *call);
};
/* => boot, before the first mount */
void p9_register(struct p9_channel *c);
/* Registers the file system "9p". */
void p9_init(void);

#endif
