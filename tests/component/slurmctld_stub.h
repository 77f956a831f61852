/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_SLURMCTLD_STUB_H
#define WATTLE_SLURMCTLD_STUB_H

/* As much of slurmctld as job_submit_wattle.so asks for, in one process with the tests. The real plugin is loaded, with its
 * compiled-in configuration path: the stub answers its open() and lstat() with a file of the test's, owned by root; and so
 * with the profiles in STUB_PROFILES, which the configuration may name. */

#include <slurm/slurm.h>
#include <stdbool.h>
#include <stdint.h>

/* What job_common_env_vars() and job_alloc_info_ptr() show of a job. */
struct stub_job {
	char **spank_job_env;
	uint32_t spank_job_env_size;
	char *licences;
	bool pending;
};

struct plugin {
	int (*init)(void);
	int (*fini)(void);
	int (*submit)(job_desc_msg_t *job_desc, uint32_t uid, char **err_msg);
	int (*modify)(job_desc_msg_t *job_desc, void *job_ptr, uint32_t uid, char **err_msg);
};

/* Loads job_submit_wattle.so from the build tree; ends the test program if that fails. */
void stub_load_plugin(struct plugin *ret);

/* The configuration file the plugin sees from now on; NULL: there is none. */
void stub_set_conf(const char *text);
/* The same for another file that the plugin looks for by an absolute path (at most STUB_FILES_MAX): owner 0, mode 0644. */
#define STUB_FILES_MAX 4
void stub_set_file(const char *path, const char *text);
/* Owner and mode of all of them (0, 0644). */
void stub_set_conf_owner(uid_t uid, mode_t mode);

/* A profile of the site, root's; text NULL: it is gone. */
#define STUB_PROFILES "/nonexistent/profiles"
void stub_set_profile(const char *name, const char *text);

/* Log lines since the last call of stub_log_clear, and the last one. */
unsigned stub_log_lines(void);
const char *stub_log_last(void);
void stub_log_clear(void);

/* Blocks of Slurm's allocator that live. A block that is freed twice, or is none, ends the program. */
long stub_blocks(void);

/* A job_desc as slurm_init_job_desc_msg() makes it, and its end. */
void stub_job_desc_init(job_desc_msg_t *job_desc);
void stub_job_desc_free(job_desc_msg_t *job_desc);
char *stub_string(const char *text);
void stub_add_spank(job_desc_msg_t *job_desc, const char *entry);

/* uid of an operator; root is one anyway. */
#define STUB_OPERATOR 500u

void slurm_xfree(void **item);
void *slurm_xcalloc(size_t count, size_t size, bool clear, bool try_alloc, const char *file, int line, const char *func);

#endif
