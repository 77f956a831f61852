/* SPDX-License-Identifier: GPL-2.0-or-later */
/* main of a harness that is not built for libFuzzer: gives it files, or those of folders; without any, the committed corpus of its name. A
 * failure is the harness's: it aborts. */
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#include "fuzz.h"

static unsigned long files;

static void replay_file(const char *path)
{
	FILE *in = fopen(path, "rb");
	static uint8_t data[1 << 20];
	uint8_t *exact;
	size_t size;

	if (!in) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(1);
	}
	size = fread(data, 1, sizeof(data), in);
	fclose(in);
	exact = malloc(size ? size : 1);
	if (!exact)
		abort();
	memcpy(exact, data, size);
	fprintf(stderr, "%s\n", path);
	LLVMFuzzerTestOneInput(exact, size);
	free(exact);
	files++;
}

static void replay(const char *path)
{
	DIR *folder = opendir(path);
	char inside[4096];

	if (!folder) {
		replay_file(path);
		return;
	}
	for (struct dirent *entry; (entry = readdir(folder));) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(inside, sizeof(inside), "%s/%s", path, entry->d_name);
		replay_file(inside);
	}
	closedir(folder);
}

int main(int argc, char *argv[])
{
	const char *name = strstr(argv[0], "fuzz_"), *srcdir = getenv("srcdir");
	char corpus[4096];

	for (const char *next; name && (next = strstr(name + 1, "fuzz_")); name = next)
		;
	for (int i = 1; i < argc; i++)
		replay(argv[i]);
	if (argc == 1 && name) {
		snprintf(corpus, sizeof(corpus), "%s/tests/fuzz/corpus/%s", srcdir ? srcdir : ".", name + strlen("fuzz_"));
		replay(corpus);
	}
	if (files == 0) {
		fprintf(stderr, "%s: no input\n", argv[0]);
		return 1;
	}
	printf("%lu inputs\n", files);
	return 0;
}
