/* Process 1 of `./dev bench`: prints the time stamp counter at its first instructions. With QEMU's -icount shift=0 that is the number of instructions
 * that ran since the machine's reset, firmware included. */
#include <stdio.h>
#include <sys/reboot.h>
#include <unistd.h>

static unsigned long long at_start;

__attribute__((constructor)) static void stamp(void) { at_start = __builtin_ia32_rdtsc(); }

int main(void)
{
	printf("boot %llu\n", at_start);
	fflush(stdout);
	sync();
	reboot(RB_POWER_OFF);
	return 1;
}
