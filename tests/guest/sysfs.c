/* sysfs: CPUs with topology and caches, the memory node and blocks, devices and the links to them. */
#include "check.h"
#include <dirent.h>
#include <sys/sysmacros.h>

static char buf[8192];
static const char *text(const char *path)
{
	int fd = open(path, O_RDONLY);
	if (fd < 0)
		return NULL;
	ssize_t n = read(fd, buf, sizeof(buf) - 1);
	CHECK(n >= 0);
	close(fd);
	buf[n] = 0;
	if (n && buf[n - 1] == '\n')
		buf[n - 1] = 0;
	return buf;
}
static long number(const char *path)
{
	const char *s = text(path);
	if (!s)
		check_fail(__FILE__, __LINE__, path, errno);
	return strtol(s, NULL, 0);
}
static const char *fmt(const char *f, int n)
{
	static char path[256];
	snprintf(path, sizeof(path), f, n);
	return path;
}
#define CPU "/sys/devices/system/cpu"

static void processors(void)
{
	char all[32];
	int n = (int)sysconf(_SC_NPROCESSORS_CONF);
	if (access(CPU, F_OK) < 0)
		check_skip("no sysfs");
	snprintf(all, sizeof(all), n > 1 ? "0-%d" : "0", n - 1);
	CHECK(!strcmp(text(CPU "/online"), all) && !strcmp(text(CPU "/possible"), all) && !strcmp(text(CPU "/present"), all));
	CHECK(!strcmp(text(CPU "/offline"), ""));
	CHECK(number(CPU "/kernel_max") >= n - 1);
	for (int i = 0; i < n; i++) {
		struct stat st;
		CHECK(stat(fmt(CPU "/cpu%d", i), &st) == 0 && S_ISDIR(st.st_mode));
		CHECK(number(fmt(CPU "/cpu%d/topology/core_id", i)) >= 0 && number(fmt(CPU "/cpu%d/topology/physical_package_id", i)) >= 0);
		/* it is among its own siblings */
		unsigned long mask = strtoul(text(fmt(CPU "/cpu%d/topology/thread_siblings", i)), NULL, 16);
		CHECK(mask >> i & 1);
		mask = strtoul(text(fmt(CPU "/cpu%d/topology/core_siblings", i)), NULL, 16);
		CHECK(mask >> i & 1);
		CHECK(text(fmt(CPU "/cpu%d/topology/thread_siblings_list", i)) && text(fmt(CPU "/cpu%d/topology/package_cpus_list", i)));
	}
	CHECK(access(fmt(CPU "/cpu%d", n), F_OK) < 0);
}
static void caches(void)
{
	if (access(CPU "/cpu0/cache/index0", F_OK) < 0)
		check_skip("no caches");
	for (int i = 0; i < 4 && access(fmt(CPU "/cpu0/cache/index%d", i), F_OK) == 0; i++) {
		long line = number(fmt(CPU "/cpu0/cache/index%d/coherency_line_size", i)),
			 ways = number(fmt(CPU "/cpu0/cache/index%d/ways_of_associativity", i));
		long sets = number(fmt(CPU "/cpu0/cache/index%d/number_of_sets", i)), size = number(fmt(CPU "/cpu0/cache/index%d/size", i));
		CHECK(strchr(buf, 'K') && line * ways * sets == size * 1024);
		CHECK(number(fmt(CPU "/cpu0/cache/index%d/level", i)) >= 1);
		const char *type = text(fmt(CPU "/cpu0/cache/index%d/type", i));
		CHECK(!strcmp(type, "Data") || !strcmp(type, "Instruction") || !strcmp(type, "Unified"));
		CHECK(strtoul(text(fmt(CPU "/cpu0/cache/index%d/shared_cpu_map", i)), NULL, 16) & 1);
	}
}
static void memory_node(void)
{
	char online[32];
	if (access("/sys/devices/system/node", F_OK) < 0)
		check_skip("no nodes");
	strcpy(online, text(CPU "/online"));
	CHECK(!strcmp(text("/sys/devices/system/node/online"), "0"));
	CHECK(!strcmp(text("/sys/devices/system/node/node0/cpulist"), online));
	CHECK(!strcmp(text("/sys/devices/system/node/node0/distance"), "10"));
	const char *m = strstr(text("/sys/devices/system/node/node0/meminfo"), "Node 0 MemTotal:");
	CHECK(m && atol(m + 16) > 10000 && strstr(m, "\nNode 0 MemFree:"));
	struct stat a, b;
	CHECK(stat("/sys/devices/system/node/node0/cpu0", &a) == 0 && stat(CPU "/cpu0", &b) == 0 && a.st_ino == b.st_ino);
	CHECK(stat(CPU "/cpu0/node0", &a) == 0 && stat("/sys/devices/system/node/node0", &b) == 0 && a.st_ino == b.st_ino);
}
static void memory_blocks(void)
{
	int blocks = 0;
	const char *s = text("/sys/devices/system/memory/block_size_bytes");
	if (!s)
		check_skip("no memory blocks");
	unsigned long size = strtoul(s, NULL, 16), total = 0;
	CHECK(size >= 1 << 20 && !(size & (size - 1)));
	DIR *d = opendir("/sys/devices/system/memory");
	for (struct dirent *e; (e = readdir(d));) {
		int nr;
		if (sscanf(e->d_name, "memory%d", &nr) != 1)
			continue;
		blocks++;
		CHECK(!strcmp(text(fmt("/sys/devices/system/memory/memory%d/state", nr)), "online"));
		CHECK(strtol(text(fmt("/sys/devices/system/memory/memory%d/phys_index", nr)), NULL, 16) == nr);
	}
	s = strstr(text("/proc/meminfo"), "MemTotal:");
	total = strtoul(s + 9, NULL, 10) * 1024;
	CHECK(blocks && (unsigned long)blocks * size >= total);
}
/* A device is one directory, wherever one comes from. */
static void devices(void)
{
	struct stat a, b, c;
	char link[256];
	if (stat("/sys/class/mem/null", &a) < 0)
		check_skip("no devices in sysfs");
	CHECK(lstat("/sys/class/mem/null", &b) == 0 && S_ISLNK(b.st_mode));
	CHECK(stat("/sys/dev/char/1:3", &b) == 0 && stat("/sys/devices/virtual/mem/null", &c) == 0 && a.st_ino == b.st_ino && a.st_ino == c.st_ino);
	CHECK(!strcmp(text("/sys/class/mem/null/dev"), "1:3"));
	CHECK(!strcmp(text("/sys/class/mem/null/uevent"), "MAJOR=1\nMINOR=3\nDEVNAME=null\nDEVMODE=0666"));
	ssize_t n = readlink("/sys/class/mem/null", link, sizeof(link) - 1);
	CHECK(n > 0);
	link[n] = 0;
	CHECK(!strcmp(link, "../../devices/virtual/mem/null"));
	CHECK(stat("/sys/class/mem/null/subsystem", &a) == 0 && stat("/sys/class/mem", &b) == 0 && a.st_ino == b.st_ino);
	CHECK(!strcmp(text("/sys/class/tty/tty/dev"), "5:0") && !strcmp(text("/sys/class/tty/console/dev"), "5:1"));
	CHECK(stat("/sys/dev/char/5:1", &a) == 0 && stat("/sys/class/tty/console", &b) == 0 && a.st_ino == b.st_ino);
	CHECK_ERR(open("/sys/class/mem/null/dev", O_WRONLY), EACCES);
}
static void facts(void)
{
	if (!text("/sys/kernel/address_bits"))
		check_skip("no facts");
	CHECK(number("/sys/kernel/address_bits") == 64 && !strcmp(text("/sys/kernel/cpu_byteorder"), "little") && number("/sys/kernel/fscaps") == 1);
}
CASES(CASE(processors), CASE(caches), CASE(memory_node), CASE(memory_blocks), CASE(devices), CASE(facts))
