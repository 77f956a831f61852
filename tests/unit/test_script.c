/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What job_submit finds in a submission's text. */
#include "jobsubmit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner.h"

static const char *in_script(const char *text)
{
	static struct wattle_option option;

	return wattle_script_option(text, strlen(text), &option) ? option.value : "-";
}

static const char *in_line(const char *text, uint32_t component)
{
	static struct wattle_option option;

	return wattle_submit_line_option(text, strlen(text), component, &option) ? option.value : "-";
}

static void test_scripts(void)
{
	CHECK_STRING(in_script(""), "-");
	CHECK_STRING(in_script("#!/bin/sh\n#SBATCH --power=300\n"), "300");
	CHECK_STRING(in_script("#!/bin/sh\n#SBATCH --power-cap=300"), "300");
	CHECK_STRING(in_script("#!/bin/sh\n#SBATCH -N 4 --power 300W -t 5 # --power=9\n"), "300W");
	CHECK_STRING(in_script("#SBATCH\t--power=\"70%\"\r\n"), "70%");
	CHECK_STRING(in_script("#SBATCH --power '1200W/job'\n"), "1200W/job");
	CHECK_STRING(in_script("#SBATCH --power=1\n\n# more\n   \n#SBATCH --power=2\n"), "2");
	CHECK_STRING(in_script("#SBATCH -N1\nsrun app\n#SBATCH --power=2\n"), "-");
	CHECK_STRING(in_script("#SBATCH --power=1\n#SBATCH hetjob\n#SBATCH --power=2\n"), "1");
	CHECK_STRING(in_script("# SBATCH --power=1\n #SBATCH --power=2\n##SBATCH --power=3\n"), "-");
	CHECK_STRING(in_script("#SBATCH --powerful=1 --power-capped=2 -power=3\n"), "-");
	CHECK_STRING(in_script("#SBATCH --comment=\"--power=1 x\" -J '--power 3'\n"), "-");
	CHECK_STRING(in_script("#SBATCH --power=\n"), "");
	CHECK_STRING(in_script("#SBATCH --power\n#SBATCH -N1\n"), "-");
}

static void test_long(void)
{
	char *text = malloc(WATTLE_SCRIPT_MAX + 100);

	memset(text, '#', WATTLE_SCRIPT_MAX);
	strcpy(text + WATTLE_SCRIPT_MAX, "\n#SBATCH --power=1\n");
	CHECK_STRING(in_script(text), "-");
	free(text);
	CHECK_INT(strlen(in_script("#SBATCH --power="
				   "11111111111111111111111111111111111111111111111111111111111111111111111111111111\n")),
		  WATTLE_WORD_MAX - 1);
}

static void test_lines(void)
{
	CHECK_STRING(in_line("", 0), "-");
	CHECK_STRING(in_line("sbatch", 0), "-");
	CHECK_STRING(in_line("sbatch --power=300 job.sh", 0), "300");
	CHECK_STRING(in_line("sbatch -N 4 --power 300 job.sh --power=9", 0), "300");
	CHECK_STRING(in_line("sbatch job.sh --power=9", 0), "-");
	CHECK_STRING(in_line("sbatch -N4 job.sh --power=9", 0), "-");
	CHECK_STRING(in_line("sbatch --nodes=4 -H job.sh --power=9", 0), "-");
	CHECK_STRING(in_line("sbatch -H --exclusive --power=300 job.sh", 0), "300");
	CHECK_STRING(in_line("srun -vv -n 4 --power-cap=70% -- app --power=9", 0), "70%");
	CHECK_STRING(in_line("srun -n 4 -- app --power=9", 0), "-");
	CHECK_STRING(in_line("sbatch --wrap app --power=9", 0), "-");
	CHECK_STRING(in_line("sbatch --power=1 --power=2 x", 0), "2");
	CHECK_STRING(in_line("srun --power=1 : --power=2 : -N1 app --power=9", 0), "1");
	CHECK_STRING(in_line("srun --power=1 : --power=2 : -N1 app --power=9", 1), "2");
	CHECK_STRING(in_line("srun --power=1 : --power=2 : -N1 app --power=9", 2), "-");
	CHECK_STRING(in_line("srun --power=1", 4000000000u), "-");
	CHECK_STRING(in_line("sbatch --power", 0), "-");
}

/* To miss an option after one of unknown shape is all right; to take an application's for ours is not. */
static void test_doubt(void)
{
	CHECK_STRING(in_line("sbatch --new-flag job.sh --power=9", 0), "-");
	CHECK_STRING(in_line("sbatch --new-flag -N1 job.sh --power=9", 0), "-");
	CHECK_STRING(in_line("sbatch --power=1 --new-flag job.sh --power=9", 0), "1");
	CHECK_STRING(in_line("sbatch --comment=a b --power=9", 0), "-");
	CHECK_STRING(in_line("sbatch --wrap=app --power=9", 0), "-");
}

static const struct test tests[] = {
	{ "scripts", test_scripts },
	{ "long ones", test_long },
	{ "command lines", test_lines },
	{ "in doubt", test_doubt },
	{ NULL, NULL },
};

int main(void)
{
	return run_suite("script", tests);
}
