/*
 * Small file jobs: finding the files that come with the command, whole reads and writes, memory files.
 */
#ifndef HOST_FILES_H
#define HOST_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Finds a file that comes with the command (kernel, init, image): beside the executable, then in ../share/pando, then in the folder
 * fixed at build time. Writes its path to buf. Returns 0, or -1 (no message) if it is nowhere.
 */
int find_companion(const char *name, char *buf, size_t size);
/* An anonymous file in memory, close-on-exec. Returns the descriptor, or -1 after a complaint. */
int memory_file(const char *name);
/* Writes all of it. Returns 0 or -1 (errno). */
int write_all(int fd, const void *data, size_t len);
/* Reads exactly len bytes at off. Returns 0, or -1 (errno; 0 at end of file). */
int pread_all(int fd, void *data, size_t len, off_t off);
/* Copies len bytes from `from` at off to the end position of `to`. Returns 0 or -1 (errno; 0 if `from` is too short). */
int copy_range(int from, off_t off, int to, uint64_t len);
/*
 * A file to become `out` by publish_file(): one without a name in the same folder, or in memory where `out` is a device or a pipe. Returns the descriptor,
 * or -1 after a complaint.
 */
int nameless_file(const char *out);
/* Gives the file the name `out`, replacing what has it in one step; a device or a pipe gets its bytes. Returns 0, or -1 after a complaint. */
int publish_file(int fd, const char *out);
/* Milliseconds on the monotonic clock. */
int64_t now_ms(void);

#endif
