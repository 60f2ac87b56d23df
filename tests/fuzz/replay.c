/* Runs a harness over every file of the directories (or files) named on the command line. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t replayed;

static int replay_file(const char *path)
{
	FILE *f = fopen(path, "rbe");
	uint8_t *data = NULL;
	struct stat st;
	int bad = 1;

	if (!f || fstat(fileno(f), &st) != 0)
		fprintf(stderr, "%s: cannot be read\n", path);
	else if ((data = malloc((size_t)st.st_size + 1)) &&
		 fread(data, 1, (size_t)st.st_size, f) == (size_t)st.st_size) {
		(void)LLVMFuzzerTestOneInput(data, (size_t)st.st_size);
		replayed++;
		bad = 0;
	}
	free(data);
	if (f)
		(void)fclose(f);
	return bad;
}

static int replay(const char *path)
{
	struct dirent *entry;
	char child[4096];
	DIR *dir = opendir(path);
	int bad = 0;

	if (!dir)
		return replay_file(path);
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(child, sizeof(child), "%s/%s", path, entry->d_name);
		bad |= replay_file(child);
	}
	(void)closedir(dir);
	return bad;
}

int main(int argc, char **argv)
{
	int bad = 0;

	for (int i = 1; i < argc; i++)
		bad |= replay(argv[i]);
	printf("replayed %zu inputs\n", replayed);
	return bad || replayed == 0 ? 1 : 0;
}
