/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_ARGV_POWER_H
#define WATTLE_ARGV_POWER_H

/* Slurm up to 23.11 has a --power of its own and keeps plugins from taking the name. There, before the client parses its
 * options, the elements of its argument vector that are its own --power are rewritten to --power-cap.
 * "#SBATCH --power" can't be reached this way: the job_submit plugin reads it from the script. */

/* Rewrites argv in place; new strings live as long as the process. `--power=level` is Slurm's own and left alone. Silent,
 * also where it can't work: Slurm then says itself that it does not know the value. */
void wattle_argv_power_rewrite(int argc, char *argv[]);

#endif
