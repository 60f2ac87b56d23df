#include "filesystem.h"

#include "device.h"

#include <base/json.h>
#include <base/process.h>

enum {
	INODE_RATIO = 16384, /* mke2fs's own */
	INODE_RATIO_LARGE = 163840,
	INODE_SIZE = 256,
	DESCRIPTOR_SIZE = 64, /* of a group */
	GROUP_BLOCKS = 8 * FILESYSTEM_BLOCK,
	INODES_A_BLOCK = FILESYSTEM_BLOCK / INODE_SIZE,
	BITMAPS = 2,	    /* blocks of a group */
	LAST_GROUP = 50,    /* mke2fs drops a last group that has no more beside its tables */
	RESERVE_PART = 50,  /* Linux, fs/ext4/super.c: kept back for the file system's own use */
	RESERVE_MAX = 4096, /* blocks */
	ROUNDS = 64,
	FREE_MIN = 1024 * 1024, /* mke2fs makes nothing much smaller */
	WORDS_MAX = 16,		/* of options */
	ARGUMENTS_MAX = 24 + WORDS_MAX,
	LIST_MAX = 1024
};

#define LARGE (UINT64_C(64) << 30)
/* The copies of the superblock would be written in part, over blocks without a tag. */
#define NO_COPIES "^sparse_super,^resize_inode,sparse_super2"

unsigned filesystem_inode_ratio(uint64_t size)
{
	return size > LARGE ? INODE_RATIO_LARGE : INODE_RATIO;
}

static uint64_t parts(uint64_t n, uint64_t size)
{
	return (n + size - 1) / size;
}

static uint64_t group_inodes(uint64_t blocks)
{
	unsigned ratio = filesystem_inode_ratio(blocks * FILESYSTEM_BLOCK);
	uint64_t in_group = blocks < GROUP_BLOCKS ? blocks : GROUP_BLOCKS;

	return parts(in_group * FILESYSTEM_BLOCK / ratio + 1, INODES_A_BLOCK) * INODES_A_BLOCK;
}

/* Blocks that files cannot have. */
static uint64_t overhead(uint64_t blocks)
{
	uint64_t groups = parts(blocks, GROUP_BLOCKS);
	uint64_t tables = BITMAPS + group_inodes(blocks) / INODES_A_BLOCK;
	uint64_t reserve = blocks / RESERVE_PART;
	/* superblock, descriptors, tables, root directory */
	uint64_t fixed =
		1 + parts(groups * DESCRIPTOR_SIZE, FILESYSTEM_BLOCK) + groups * tables + 1;

	return fixed + (reserve < RESERVE_MAX ? reserve : RESERVE_MAX);
}

RESULT filesystem_layout(uint64_t free, struct filesystem_layout *ret_layout)
{
	uint64_t wanted = parts(free > FREE_MIN ? free : FREE_MIN, FILESYSTEM_BLOCK);
	uint64_t blocks = wanted, least, last;

	if (free > INT64_MAX)
		return err_new(ERR_LIMIT, "a file system of %llu bytes", (unsigned long long)free);
	/* The tables of a larger file system are larger: it grows until they fit. */
	for (int i = 0; i < ROUNDS && blocks < wanted + overhead(blocks); i++)
		blocks = wanted + overhead(blocks);
	least = BITMAPS + group_inodes(blocks) / INODES_A_BLOCK + LAST_GROUP;
	last = blocks % GROUP_BLOCKS;
	if (blocks > GROUP_BLOCKS && last > 0 && last < least)
		blocks += least - last;
	ret_layout->blocks = blocks;
	ret_layout->inodes = parts(blocks, GROUP_BLOCKS) * group_inodes(blocks);
	return OK;
}

/* ---- the command line ---- */

struct command {
	const char *argv[ARGUMENTS_MAX];
	size_t n;
	struct buf features, extended; /* -O and -E: mke2fs takes only the last of each */
	struct strv words;	       /* of the options */
	char ratio[24], inodes[24], blocks[24];
};

static void command_done(struct command *c)
{
	buf_done(&c->features);
	buf_done(&c->extended);
	strv_done(&c->words);
}

static void put(struct command *c, const char *word)
{
	if (c->n < ARGUMENTS_MAX - 1)
		c->argv[c->n++] = word;
}

static RESULT split(const char *text, struct strv *words)
{
	static const char *const space = " \t\n";

	for (text += strspn(text, space); *text; text += strspn(text, space)) {
		AUTO(auto_free) char *word = NULL;
		size_t n = strcspn(text, space);

		if (words->n == WORDS_MAX)
			return err_new(ERR_LIMIT, "mkfsOpts: more than %d words", WORDS_MAX);
		TRY(bytes_to_str(bytes_of(text, n), &word));
		TRY(strv_add(words, word));
		text += n;
	}
	return OK;
}

/* What is passed on has no path and no device in it. */
static bool plain_value(const char *value)
{
	return value && value[0] != '-' &&
	       value[strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789_^,=.")] == '\0';
}

static RESULT take_option(struct command *c, size_t *i)
{
	const char *word = c->words.v[*i];
	const char *value = *i + 1 < c->words.n ? c->words.v[*i + 1] : NULL;

	if (str_equal(word, "-F") || str_equal(word, "-q"))
		return OK;
	if (strlen(word) != 2 || word[0] != '-' || !strchr("bEiImNO", word[1]) ||
		!plain_value(value))
		return err_new(ERR_FORMAT, "mkfsOpts: %.64s is not passed on to mke2fs", word);
	(*i)++;
	if (word[1] == 'O')
		buf_printf(&c->features, ",%s", value);
	else if (word[1] == 'E')
		buf_printf(&c->extended, ",%s", value);
	else {
		put(c, word);
		put(c, value);
	}
	return OK;
}

static RESULT put_size(struct command *c, const struct filesystem *f, const struct device *d)
{
	struct filesystem_layout l;

	(void)snprintf(c->ratio, sizeof(c->ratio), "%u", filesystem_inode_ratio(d->size));
	if (f->size == 0) {
		put(c, "-i");
		put(c, c->ratio);
		return OK;
	}
	TRY(filesystem_layout(f->size, &l));
	if (l.blocks > d->size / FILESYSTEM_BLOCK)
		return err_new(ERR_LIMIT,
			"a volume of %llu bytes needs a device of %llu; this one has %llu",
			(unsigned long long)f->size,
			(unsigned long long)(l.blocks * FILESYSTEM_BLOCK),
			(unsigned long long)d->size);
	(void)snprintf(c->inodes, sizeof(c->inodes), "%llu", (unsigned long long)l.inodes);
	(void)snprintf(c->blocks, sizeof(c->blocks), "%llu", (unsigned long long)l.blocks);
	put(c, "-N");
	put(c, c->inodes);
	return OK;
}

static RESULT fill(struct command *c, const struct filesystem *f, const struct device *d)
{
	static const char *const first[] = { "mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-I",
		"256", "-m", "0" };

	for (size_t i = 0; i < ARRAY_LEN(first); i++)
		put(c, first[i]);
	/* Nobody mounts twice what does not last. */
	buf_printf(&c->features, "%s" NO_COPIES, f->lasts ? "" : "^has_journal,");
	/* No discard: integrity knows none. */
	buf_puts(&c->extended, "nodiscard,num_backup_sb=0");
	TRY(put_size(c, f, d));
	TRY(split(f->options ? f->options : "", &c->words));
	for (size_t i = 0; i < c->words.n; i++)
		TRY(take_option(c, &i));
	TRY(buf_end(&c->features, "mkfsOpts"));
	return buf_end(&c->extended, "mkfsOpts");
}

static RESULT run(const char *device, const struct filesystem *f, const struct device *d)
{
	AUTO(command_done) struct command c = { .features = BUF_INIT(LIST_MAX),
		.extended = BUF_INIT(LIST_MAX) };

	TRY(fill(&c, f, d));
	put(&c, "-O");
	put(&c, buf_cstr(&c.features));
	put(&c, "-E");
	put(&c, buf_cstr(&c.extended));
	put(&c, device);
	if (c.blocks[0])
		put(&c, c.blocks);
	return process_run_ok(c.argv, BYTES_NONE, NULL);
}

RESULT filesystem_make(const char *device, const struct filesystem *f)
{
	struct device d;
	int fd = -1;

	TRY(device_open(device, &d, &fd));
	(void)close(fd);
	return run(device, f, &d);
}
