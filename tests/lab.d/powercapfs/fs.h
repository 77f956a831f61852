/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The FUSE face of a simulated node. Its operations take a struct pcfs_sim as private data. */
#ifndef PCFS_FS_H
#define PCFS_FS_H

/* 3.12's loop configuration is what bookworm and later have. */
#define FUSE_USE_VERSION 312
#include <fuse.h>

extern const struct fuse_operations pcfs_operations;

#endif
