/* Keyrings are not built: as a kernel without them says, quietly, since C libraries and pam ask on every login. Entry points: sys_add_key and its kin. */
#include "gen/sys_protos.h"
#include "lib/errno.h"

long sys_add_key(u64 type, u64 description, u64 payload, u64 len, u64 ring) { return -ENOSYS; }
long sys_request_key(u64 type, u64 description, u64 callout, u64 ring) { return -ENOSYS; }
long sys_keyctl(u64 cmd, u64 a2, u64 a3, u64 a4, u64 a5) { return -ENOSYS; }
