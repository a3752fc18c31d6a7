#include <stdio.h>

#include "part.h"

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		printf("%s has %d\n", argv[i], length(argv[i]));
	return 0;
}
