/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugin.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"

#define FILE_MAX (64 * 1024 * 1024)

struct image {
	char *bytes;
	size_t len;
};

/* A part of the file, NULL if it does not lie inside; aligned enough for what is read from it by memcpy. */
static const char *at(const struct image *image, uint64_t offset, uint64_t size)
{
	return offset <= image->len && size <= image->len - offset ? image->bytes + offset : NULL;
}

static int image_read(const char *path, struct image *ret, struct wattle_err *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	size_t got = 0;

	if (fd < 0 || fstat(fd, &st) < 0)
		return wattle_err_set(err, errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > FILE_MAX)
		return wattle_err_set(err, ENOEXEC, "%s is no plugin", path);
	ret->len = (size_t) st.st_size;
	ret->bytes = malloc(ret->len);
	if (!ret->bytes)
		return wattle_err_set(err, ENOMEM, "out of memory");
	while (got < ret->len) {
		ssize_t n = read(fd, ret->bytes + got, ret->len - got);

		if (n <= 0)
			return wattle_err_set(err, n < 0 ? errno : ENOEXEC, "%s: can't be read whole", path);
		got += (size_t) n;
	}
	return 0;
}

/* Where an address of the loaded program lies in the file. */
static const char *at_address(const struct image *image, const ElfW(Ehdr) *head, uint64_t address, uint64_t size)
{
	for (unsigned i = 0; i < head->e_phnum; i++) {
		ElfW(Phdr) segment;
		const char *p = at(image, head->e_phoff + (uint64_t) i * sizeof(segment), sizeof(segment));

		if (!p)
			return NULL;
		memcpy(&segment, p, sizeof(segment));
		if (segment.p_type == PT_LOAD && address >= segment.p_vaddr && address - segment.p_vaddr <= segment.p_filesz &&
		    size <= segment.p_filesz - (address - segment.p_vaddr))
			return at(image, segment.p_offset + (address - segment.p_vaddr), size);
	}
	return NULL;
}

static int symbol_find(const struct image *image, const ElfW(Ehdr) *head, const ElfW(Shdr) *symbols, const ElfW(Shdr) *strings,
		       uint32_t *ret)
{
	static const char wanted[] = "plugin_version";

	for (uint64_t i = 0; i < symbols->sh_size / sizeof(ElfW(Sym)); i++) {
		ElfW(Sym) symbol;
		const char *p = at(image, symbols->sh_offset + i * sizeof(symbol), sizeof(symbol)), *name;

		if (!p)
			return -ENOEXEC;
		memcpy(&symbol, p, sizeof(symbol));
		if (symbol.st_shndx == SHN_UNDEF || symbol.st_size != sizeof(*ret) || symbol.st_name >= strings->sh_size ||
		    strings->sh_size - symbol.st_name < sizeof(wanted))
			continue;
		name = at(image, strings->sh_offset + symbol.st_name, sizeof(wanted));
		if (!name || memcmp(name, wanted, sizeof(wanted)) != 0)
			continue;
		p = at_address(image, head, symbol.st_value, sizeof(*ret));
		if (!p)
			return -ENOEXEC;
		memcpy(ret, p, sizeof(*ret));
		return 0;
	}
	return -ENOMSG;
}

static int version_of(const struct image *image, uint32_t *ret)
{
	const char *p = at(image, 0, sizeof(ElfW(Ehdr)));
	ElfW(Shdr) symbols, strings;
	ElfW(Ehdr) head;

	if (!p)
		return -ENOEXEC;
	memcpy(&head, p, sizeof(head));
	if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) ||
	    head.e_shentsize != sizeof(ElfW(Shdr)) || head.e_phentsize != sizeof(ElfW(Phdr)))
		return -ENOEXEC;
	for (unsigned i = 0; i < head.e_shnum; i++) {
		p = at(image, head.e_shoff + (uint64_t) i * sizeof(symbols), sizeof(symbols));
		if (!p)
			return -ENOEXEC;
		memcpy(&symbols, p, sizeof(symbols));
		if (symbols.sh_type != SHT_DYNSYM)
			continue;
		p = at(image, head.e_shoff + (uint64_t) symbols.sh_link * sizeof(strings), sizeof(strings));
		if (!p || symbols.sh_link >= head.e_shnum)
			return -ENOEXEC;
		memcpy(&strings, p, sizeof(strings));
		return symbol_find(image, &head, &symbols, &strings, ret);
	}
	return -ENOMSG;
}

int wattle_plugin_version(const char *path, uint32_t *ret_version, struct wattle_err *err)
{
	struct image image = { NULL, 0 };
	int rc = image_read(path, &image, err);

	if (rc == 0) {
		rc = version_of(&image, ret_version);
		if (rc == -ENOMSG)
			wattle_err_set(err, ENOMSG, "%s says of no Slurm that it was built for it", path);
		else if (rc < 0)
			wattle_err_set(err, -rc, "%s is no plugin of this machine's kind, or damaged", path);
	}
	free(image.bytes);
	return rc;
}
