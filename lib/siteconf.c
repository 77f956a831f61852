/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "siteconf.h"

#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "file.h"
#include "hostmatch.h"
#include "profile_store.h"
#include "units.h"

/* To add a key: a line in the table of its section, a field in the header, a line in the manual page. */

struct place; /* where we are in the file */
typedef int (*set_fn)(const struct place *place, const char *value, void *field);

struct key {
	const char *name;
	set_fn set;
	size_t offset;
};

enum section { SECTION_NONE, SECTION_SITE, SECTION_CLASS, SECTION_PARTITION, SECTION_ZONE, SECTION_CARBON, SECTION_LEDGER };

struct place {
	const char *file;
	unsigned line;
	struct wattle_err *err;
};

struct reader {
	struct place place;
	const char *rest;            /* what inih has not been given yet */
	struct wattle_siteconf *conf;
	enum section section;
	void *object;                /* the struct the section fills */
	uint64_t seen;               /* keys of this section, by index in its table */
	unsigned site_sections, carbon_sections, ledger_line;
	unsigned class_line[WATTLE_CLASSES_MAX], partition_line[WATTLE_PARTITIONS_MAX], zone_line[WATTLE_CARBON_ZONES_MAX];
	uint64_t class_seen[WATTLE_CLASSES_MAX];
};

__attribute__((format(printf, 2, 3))) static int refuse(const struct place *place, const char *format, ...)
{
	char text[400];
	va_list args;

	/* the first mistake is the one to mend: inih reads on */
	if (place->err->code)
		return -place->err->code;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return wattle_err_set(place->err, EINVAL, "%s:%u: %s", place->file, place->line, text);
}

/* --- values ------------------------------------------------------------ */

static bool is_name(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	return n > 0 && n < WATTLE_NAME_MAX && !s[n];
}

static int set_name(const struct place *place, const char *value, void *field)
{
	if (!is_name(value))
		return refuse(place, "\"%.80s\" is no name: letters, digits, '_', '.' and '-', at most %d", value,
			      WATTLE_NAME_MAX - 1);
	snprintf(field, WATTLE_NAME_MAX, "%s", value);
	return 0;
}

static int set_name_or_empty(const struct place *place, const char *value, void *field)
{
	if (*value)
		return set_name(place, value, field);
	*(char *) field = '\0';
	return 0;
}

static int set_profile(const struct place *place, const char *value, void *field)
{
	if (!wattle_model_name_valid(value))
		return refuse(place, "\"%.80s\" is no name of a profile: letters, digits, '_', '.' and '-', at most %d", value,
			      WATTLE_MODEL_NAME_MAX - 1);
	memcpy(field, value, strlen(value) + 1);
	return 0;
}

static int set_number(const struct place *place, const char *value, void *field, uint32_t min, uint32_t max, const char *what)
{
	uint64_t number = 0;
	size_t n = strspn(value, "0123456789");

	if (n == 0 || value[n])
		return refuse(place, "\"%.80s\" is no %s", value, what);
	for (size_t i = 0; i < n && number <= max; i++)
		number = 10 * number + (uint64_t) (value[i] - '0');
	if (number < min || number > max)
		return refuse(place, "%.80s is out of range: %u to %u", value, min, max);
	*(uint32_t *) field = (uint32_t) number;
	return 0;
}

static int set_watts(const struct place *place, const char *value, void *field)
{
	return set_number(place, value, field, 1, (uint32_t) WATTLE_WATTS_MAX, "plain number of watts (no unit, no fraction)");
}

static int set_base_watts(const struct place *place, const char *value, void *field)
{
	return set_number(place, value, field, 0, (uint32_t) WATTLE_WATTS_MAX, "plain number of watts (no unit, no fraction)");
}

/* As many as one licence counts. */
static int set_budget(const struct place *place, const char *value, void *field)
{
	return set_number(place, value, field, 1, INT32_MAX, "plain number of watts (no unit, no fraction)");
}

static int set_cpus(const struct place *place, const char *value, void *field)
{
	return set_number(place, value, field, 0, 65535, "number of CPUs");
}

static int set_percent(const struct place *place, const char *value, void *field)
{
	return set_number(place, value, field, 0, 100, "plain number of percent");
}

static int set_switches(const struct place *place, const char *value, void *field)
{
	return set_number(place, value, field, 0, 1000, "number of resizes");
}

static int set_duration(const struct place *place, const char *value, void *field)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	int64_t s = 0;

	/* no duration to a user, but a site may want none */
	if (strcmp(value, "0") != 0 && strcmp(value, "0s") != 0 && wattle_duration_parse(value, &s, &err) < 0)
		return refuse(place, "%s", err.text);
	*(uint32_t *) field = (uint32_t) s;
	return 0;
}

/* 0 stands for never, so "0", which might be meant as "at once", is refused. */
static int set_duration_or_never(const struct place *place, const char *value, void *field)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	int64_t s = 0;

	if (strcmp(value, "never") != 0 && wattle_duration_parse(value, &s, &err) < 0)
		return refuse(place, "%.300s: never, or a duration such as 10m, is wanted", err.text);
	*(uint32_t *) field = (uint32_t) s;
	return 0;
}

/* Names with commas between them. Lines add up. */
static int set_names(const struct place *place, const char *value, void *field)
{
	const size_t room = sizeof(((struct wattle_carbon_rules *) NULL)->never_qos);
	char *names = field;
	size_t used = strlen(names);

	for (const char *s = value; *s;) {
		size_t n = strcspn(s, ", \t");
		char name[WATTLE_NAME_MAX];

		if (n > 0 && n < sizeof(name)) {
			memcpy(name, s, n);
			name[n] = '\0';
		}
		if (n >= sizeof(name) || (n > 0 && !is_name(name)))
			return refuse(place, "\"%.80s\" is no list of names: letters, digits, '_', '.' and '-', commas between", value);
		if (used + n + 2 > room)
			return refuse(place, "more than %zu bytes of names", room - 1);
		if (n > 0)
			used += (size_t) snprintf(names + used, room - used, "%s%s", used ? "," : "", name);
		s += n;
		s += strspn(s, ", \t");
	}
	return 0;
}

/* Lines add up: a long list may stand on several. */
static int set_hostlist(const struct place *place, const char *value, void *field)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	char *nodes = field;
	size_t used = strlen(nodes), room = sizeof(((struct wattle_class *) NULL)->nodes);

	if (wattle_hostlist_check(value, &err) < 0)
		return refuse(place, "%s", err.text);
	if (used + 1 + strlen(value) >= room)
		return refuse(place, "host list of more than %zu bytes: use ranges or '*'", room - 1);
	snprintf(nodes + used, room - used, "%s%s", used ? "," : "", value);
	return 0;
}

#define PATH_ROOM sizeof(((struct wattle_siteconf *) NULL)->report_dir)
_Static_assert(PATH_ROOM == sizeof(((struct wattle_siteconf *) NULL)->profile_dir), "set_path fills both");

static int set_path(const struct place *place, const char *value, void *field)
{
	const size_t room = PATH_ROOM;
	size_t n = strlen(value);

	if (value[0] != '/' || n >= room || strstr(value, "/../") || (n >= 3 && strcmp(value + n - 3, "/..") == 0))
		return refuse(place, "\"%.80s\" is no absolute path without \"..\" of at most %zu bytes", value, room - 1);
	snprintf(field, room, "%s", value);
	return 0;
}

static int set_charge(const struct place *place, const char *value, void *field)
{
	enum wattle_charge *charge = field;

	if (strcmp(value, "licence") == 0 || strcmp(value, "license") == 0)
		*charge = WATTLE_CHARGE_LICENCE;
	else if (strcmp(value, "gres") == 0)
		*charge = WATTLE_CHARGE_GRES;
	else if (strcmp(value, "both") == 0)
		*charge = WATTLE_CHARGE_BOTH;
	else
		return refuse(place, "charge = \"%.40s\": licence, gres or both", value);
	return 0;
}

static int set_default_charge(const struct place *place, const char *value, void *field)
{
	if (strcmp(value, "share") != 0 && strcmp(value, "node") != 0)
		return refuse(place, "default_charge = \"%.40s\": share or node", value);
	*(bool *) field = strcmp(value, "node") == 0;
	return 0;
}

static int set_partition_charge(const struct place *place, const char *value, void *field)
{
	bool node;
	int rc = set_default_charge(place, value, &node);

	if (rc == 0)
		*(enum wattle_default_charge *) field = node ? WATTLE_DEFAULT_CHARGE_NODE : WATTLE_DEFAULT_CHARGE_SHARE;
	return rc;
}

static int set_interactive_het(const struct place *place, const char *value, void *field)
{
	if (strcmp(value, "allow") != 0 && strcmp(value, "refuse") != 0)
		return refuse(place, "interactive_het = \"%.40s\": allow or refuse", value);
	*(bool *) field = strcmp(value, "refuse") == 0;
	return 0;
}

static int set_cap_failure(const struct place *place, const char *value, void *field)
{
	enum wattle_cap_failure *action = field;

	if (strcmp(value, "fail") == 0)
		*action = WATTLE_CAP_FAIL;
	else if (strcmp(value, "drain") == 0)
		*action = WATTLE_CAP_DRAIN;
	else if (strcmp(value, "continue") == 0)
		*action = WATTLE_CAP_CONTINUE;
	else
		return refuse(place, "on_cap_failure = \"%.40s\": fail, drain or continue", value);
	return 0;
}

static int set_provider(const struct place *place, const char *value, void *field)
{
	static const char *const names[] = {
		[WATTLE_PROVIDER_FILE] = "file", [WATTLE_PROVIDER_ELECTRICITYMAPS] = "electricitymaps",
		[WATTLE_PROVIDER_WATTTIME] = "watttime", [WATTLE_PROVIDER_UK] = "uk",
	};

	for (unsigned i = WATTLE_PROVIDER_FILE; i <= WATTLE_PROVIDER_UK; i++)
		if (strcmp(value, names[i]) == 0) {
			*(enum wattle_provider *) field = (enum wattle_provider) i;
			return 0;
		}
	return refuse(place, "provider = \"%.40s\": file, electricitymaps, watttime or uk", value);
}

/* Nothing but https, and nothing in it that would change what is asked for or carry a secret. */
static int set_url(const struct place *place, const char *value, void *field)
{
	const size_t room = sizeof(((struct wattle_carbon_zone *) NULL)->url);
	size_t n = strlen(value), host = strlen("https://");

	if (strncmp(value, "https://", host) != 0 || !value[host] || value[host] == '/' || n >= room)
		return refuse(place, "\"%.80s\" is no address of the form https://host[:port][/path]: others are not asked", value);
	if (value[strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/%[]")])
		return refuse(place, "\"%.80s\": https://host[:port][/path] is wanted, without user, query or blank", value);
	while (value[n - 1] == '/')
		n--;
	snprintf(field, room, "%.*s", (int) n, value);
	return 0;
}

static int set_signal(const struct place *place, const char *value, void *field)
{
	if (strcmp(value, "average") != 0 && strcmp(value, "marginal") != 0)
		return refuse(place, "signal = \"%.40s\": average or marginal", value);
	*(enum wattle_signal *) field = *value == 'a' ? WATTLE_SIGNAL_AVERAGE : WATTLE_SIGNAL_MARGINAL;
	return 0;
}

static int set_seconds(const struct place *place, const char *value, void *field, int64_t min_s, int64_t max_s)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	int64_t s;

	if (wattle_duration_parse(value, &s, &err) < 0)
		return refuse(place, "%s", err.text);
	if (s < min_s || s > max_s)
		return refuse(place, "%.40s is out of range: %lld to %lld seconds", value, (long long) min_s, (long long) max_s);
	*(uint32_t *) field = (uint32_t) s;
	return 0;
}

static int set_span(const struct place *place, const char *value, void *field)
{
	return set_seconds(place, value, field, 60, 30 * 86400);
}

static int set_timeout(const struct place *place, const char *value, void *field)
{
	return set_seconds(place, value, field, 1, 600);
}

/* --- keys -------------------------------------------------------------- */

static const struct key site_keys[] = {
	{ "charge", set_charge, offsetof(struct wattle_siteconf, charge) },
	{ "licence", set_name, offsetof(struct wattle_siteconf, licence) },
	{ "gres", set_name, offsetof(struct wattle_siteconf, gres) },
	{ "default_charge", set_default_charge, offsetof(struct wattle_siteconf, default_charge_node) },
	{ "interactive_het", set_interactive_het, offsetof(struct wattle_siteconf, interactive_het_refused) },
	{ "default_partition", set_name_or_empty, offsetof(struct wattle_siteconf, default_partition) },
	{ "on_cap_failure", set_cap_failure, offsetof(struct wattle_siteconf, on_cap_failure) },
	{ "report_dir", set_path, offsetof(struct wattle_siteconf, report_dir) },
	{ "carbon_zone", set_name_or_empty, offsetof(struct wattle_siteconf, carbon_zone) },
	{ "profile_dir", set_path, offsetof(struct wattle_siteconf, profile_dir) },
	{ "default_profile", set_profile, offsetof(struct wattle_siteconf, default_profile) },
	{ "budget_w", set_budget, offsetof(struct wattle_siteconf, budget_w) },
	{ NULL, NULL, 0 },
};

enum { CLASS_BASE_W, CLASS_MIN_W, CLASS_MAX_W, CLASS_DEFAULT_W };
static const struct key class_keys[] = {
	[CLASS_BASE_W] = { "base_w", set_base_watts, offsetof(struct wattle_class, base_w) },
	[CLASS_MIN_W] = { "min_w", set_watts, offsetof(struct wattle_class, min_w) },
	[CLASS_MAX_W] = { "max_w", set_watts, offsetof(struct wattle_class, max_w) },
	[CLASS_DEFAULT_W] = { "default_w", set_watts, offsetof(struct wattle_class, default_w) },
	{ "nodes", set_hostlist, offsetof(struct wattle_class, nodes) },
	{ "cpus", set_cpus, offsetof(struct wattle_class, cpus) },
	{ NULL, NULL, 0 },
};

static const struct key partition_keys[] = {
	{ "class", set_name, offsetof(struct wattle_partition, class_name) },
	{ "min_w", set_watts, offsetof(struct wattle_partition, min_w) },
	{ "max_w", set_watts, offsetof(struct wattle_partition, max_w) },
	{ "default_w", set_watts, offsetof(struct wattle_partition, default_w) },
	{ "default_charge", set_partition_charge, offsetof(struct wattle_partition, default_charge) },
	{ "default_profile", set_profile, offsetof(struct wattle_partition, default_profile) },
	{ NULL, NULL, 0 },
};

static const struct key zone_keys[] = {
	{ "provider", set_provider, offsetof(struct wattle_carbon_zone, provider) },
	{ "provider_zone", set_name, offsetof(struct wattle_carbon_zone, provider_zone) },
	{ "source", set_path, offsetof(struct wattle_carbon_zone, source) },
	{ "url", set_url, offsetof(struct wattle_carbon_zone, url) },
	{ "ca_file", set_path, offsetof(struct wattle_carbon_zone, ca_file) },
	{ "credentials", set_path, offsetof(struct wattle_carbon_zone, credentials) },
	{ "signal", set_signal, offsetof(struct wattle_carbon_zone, signal) },
	{ "horizon", set_span, offsetof(struct wattle_carbon_zone, horizon_s) },
	{ "interval", set_span, offsetof(struct wattle_carbon_zone, interval_s) },
	{ "stale_after", set_span, offsetof(struct wattle_carbon_zone, stale_after_s) },
	{ "timeout", set_timeout, offsetof(struct wattle_carbon_zone, timeout_s) },
	{ NULL, NULL, 0 },
};

static const struct key carbon_keys[] = {
	{ "delay_max", set_duration, offsetof(struct wattle_carbon_rules, delay_max_s) },
	{ "within", set_duration, offsetof(struct wattle_carbon_rules, within_s) },
	{ "margin", set_duration, offsetof(struct wattle_carbon_rules, margin_s) },
	{ "min_saving_pct", set_percent, offsetof(struct wattle_carbon_rules, min_saving_pct) },
	{ "never_partitions", set_names, offsetof(struct wattle_carbon_rules, never_partitions) },
	{ "never_qos", set_names, offsetof(struct wattle_carbon_rules, never_qos) },
	{ "slot_budget_w", set_watts, offsetof(struct wattle_carbon_rules, slot_budget_w) },
	{ "spread_pct", set_percent, offsetof(struct wattle_carbon_rules, spread_pct) },
	{ "resize_overhead", set_duration, offsetof(struct wattle_carbon_rules, resize_overhead_s) },
	{ "switches_max", set_switches, offsetof(struct wattle_carbon_rules, switches_max) },
	{ NULL, NULL, 0 },
};

static const struct key ledger_keys[] = {
	{ "budget_w", set_budget, offsetof(struct wattle_ledger_conf, budget_w) },
	{ "cluster_queue", set_name, offsetof(struct wattle_ledger_conf, cluster_queue) },
	{ "flavor", set_name, offsetof(struct wattle_ledger_conf, flavor) },
	{ "reservation", set_name, offsetof(struct wattle_ledger_conf, reservation) },
	{ "slurm_min_w", set_base_watts, offsetof(struct wattle_ledger_conf, slurm_min_w) },
	{ "slurm_max_w", set_budget, offsetof(struct wattle_ledger_conf, slurm_max_w) },
	{ "kueue_min_w", set_base_watts, offsetof(struct wattle_ledger_conf, kueue_min_w) },
	{ "kueue_max_w", set_budget, offsetof(struct wattle_ledger_conf, kueue_max_w) },
	{ "grain_w", set_watts, offsetof(struct wattle_ledger_conf, grain_w) },
	{ "interval", set_duration, offsetof(struct wattle_ledger_conf, interval_s) },
	{ "patience", set_duration, offsetof(struct wattle_ledger_conf, patience_s) },
	{ "evict_after", set_duration_or_never, offsetof(struct wattle_ledger_conf, evict_after_s) },
	{ NULL, NULL, 0 },
};

static const struct key *const keys_of[] = {
	[SECTION_SITE] = site_keys, [SECTION_CLASS] = class_keys, [SECTION_PARTITION] = partition_keys,
	[SECTION_ZONE] = zone_keys,
	[SECTION_CARBON] = carbon_keys,
	[SECTION_LEDGER] = ledger_keys,
};

static int set_key(struct reader *r, const char *name, const char *value)
{
	const struct key *key;
	unsigned index;

	if (r->section == SECTION_NONE)
		return refuse(&r->place, "\"%.40s\" stands before any section", name);
	for (key = keys_of[r->section], index = 0; key->name; key++, index++)
		if (strcmp(key->name, name) == 0)
			break;
	if (!key->name)
		return refuse(&r->place, "unknown key \"%.40s\" in this section", name);
	if ((r->seen & (UINT64_C(1) << index)) && key->set != set_hostlist && key->set != set_names)
		return refuse(&r->place, "%s stands twice in this section", name);
	r->seen |= UINT64_C(1) << index;
	if (r->section == SECTION_CLASS)
		r->class_seen[r->conf->n_classes - 1] = r->seen;
	return key->set(&r->place, value, (char *) r->object + key->offset);
}

/* --- sections ---------------------------------------------------------- */

static int begin_class(struct reader *r, const char *name)
{
	struct wattle_siteconf *conf = r->conf;
	struct wattle_class *class;

	if (wattle_siteconf_class(conf, name))
		return refuse(&r->place, "[class %s] stands twice", name);
	if (conf->n_classes == WATTLE_CLASSES_MAX)
		return refuse(&r->place, "more than %d classes", WATTLE_CLASSES_MAX);
	r->class_line[conf->n_classes] = r->place.line;
	class = &conf->classes[conf->n_classes++];
	r->object = class;
	return set_name(&r->place, name, class->name);
}

static int begin_partition(struct reader *r, const char *name)
{
	struct wattle_siteconf *conf = r->conf;
	struct wattle_partition *partition;

	if (wattle_siteconf_partition(conf, name))
		return refuse(&r->place, "[partition %s] stands twice", name);
	if (conf->n_partitions == WATTLE_PARTITIONS_MAX)
		return refuse(&r->place, "more than %d partitions", WATTLE_PARTITIONS_MAX);
	r->partition_line[conf->n_partitions] = r->place.line;
	partition = &conf->partitions[conf->n_partitions++];
	r->object = partition;
	return set_name(&r->place, name, partition->name);
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

static int begin_zone(struct reader *r, const char *name)
{
	struct wattle_siteconf *conf = r->conf;
	struct wattle_carbon_zone *zone;

	if (wattle_siteconf_zone(conf, name))
		return refuse(&r->place, "[zone %s] stands twice", name);
	if (conf->n_zones == WATTLE_CARBON_ZONES_MAX)
		return refuse(&r->place, "more than %d zones", WATTLE_CARBON_ZONES_MAX);
	/* its files are NAME.json, NAME-forecast.json and NAME-actual.json */
	if (*name == '.' || ends_with(name, "-forecast") || ends_with(name, "-actual"))
		return refuse(&r->place, "[zone %.80s]: a zone's name begins with no '.' and does not end in -forecast or -actual", name);
	r->zone_line[conf->n_zones] = r->place.line;
	zone = &conf->zones[conf->n_zones++];
	*zone = (struct wattle_carbon_zone){
		.credentials = WATTLE_CREDENTIALS_PATH, .horizon_s = 72 * 3600, .interval_s = 3600, .stale_after_s = WATTLE_STALE_AFTER_S, .timeout_s = 30,
	};
	r->object = zone;
	return set_name(&r->place, name, zone->name);
}

static int begin_section(struct reader *r, char *header)
{
	char *name;

	r->seen = 0;
	r->section = SECTION_NONE;
	name = header + strcspn(header, " \t");
	if (*name)
		*name++ = '\0';
	name += strspn(name, " \t");
	if (strcmp(header, "site") == 0 && !*name) {
		if (r->site_sections++)
			return refuse(&r->place, "[site] stands twice");
		r->section = SECTION_SITE;
		r->object = r->conf;
		return 0;
	}
	if (strcmp(header, "carbon") == 0 && !*name) {
		if (r->carbon_sections++)
			return refuse(&r->place, "[carbon] stands twice");
		r->section = SECTION_CARBON;
		r->conf->carbon_ruled = true;
		r->object = &r->conf->carbon;
		return 0;
	}
	if (strcmp(header, "ledger") == 0 && !*name) {
		if (r->ledger_line)
			return refuse(&r->place, "[ledger] stands twice");
		r->section = SECTION_LEDGER;
		r->ledger_line = r->place.line;
		r->object = &r->conf->ledger;
		return 0;
	}
	if (strcmp(header, "class") == 0 && begin_class(r, name) == 0)
		r->section = SECTION_CLASS;
	else if (strcmp(header, "partition") == 0 && begin_partition(r, name) == 0)
		r->section = SECTION_PARTITION;
	else if (strcmp(header, "zone") == 0 && begin_zone(r, name) == 0)
		r->section = SECTION_ZONE;
	else
		return refuse(&r->place, "unknown section [%.40s]: [site], [carbon], [ledger], [class NAME], [partition NAME] or [zone NAME]", header);
	return 0;
}

/* --- lines ------------------------------------------------------------- */

/* inih asks for lines here, which is how we know the line and see a section that has no key. It would cut a long line in
 * two and a long section name off: both are refused instead. */
static char *next_line(char *str, int num, void *stream)
{
	struct reader *r = stream;
	size_t len = strcspn(r->rest, "\n");
	const char *start = r->rest + strspn(r->rest, " \t");

	if (!*r->rest || r->place.err->code)
		return NULL;
	r->place.line++;
	if (len + 2 > (size_t) num) {
		refuse(&r->place, "line of more than %d bytes", num - 2);
		return NULL;
	}
	if (*start == '[') {
		char header[256];
		size_t n = strcspn(start, "]\n");

		if (start[n] != ']' || n > sizeof(header)) {
			refuse(&r->place, "section without its ']', or longer than %zu bytes", sizeof(header));
			return NULL;
		}
		n -= 1;
		memcpy(header, start + 1, n);
		header[n] = '\0';
		if (begin_section(r, header) < 0)
			return NULL;
	}
	memcpy(str, r->rest, len);
	str[len] = '\n';
	str[len + 1] = '\0';
	r->rest += r->rest[len] ? len + 1 : len;
	return str;
}

static int take_pair(void *user, const char *section, const char *name, const char *value)
{
	struct reader *r = user;

	(void) section;
	return set_key(r, name, value ? value : "") == 0;
}

/* --- the whole --------------------------------------------------------- */

static int check_class(struct reader *r, uint32_t i)
{
	struct wattle_class *class = &r->conf->classes[i];
	const struct place at = { r->place.file, r->class_line[i], r->place.err };

	for (unsigned key = CLASS_BASE_W; key <= CLASS_MAX_W; key++)
		if (!(r->class_seen[i] & (UINT64_C(1) << key)))
			return refuse(&at, "[class %s] lacks %s", class->name, class_keys[key].name);
	if (!(r->class_seen[i] & (UINT64_C(1) << CLASS_DEFAULT_W)))
		class->default_w = class->max_w;
	if (class->base_w >= class->min_w)
		return refuse(&at, "[class %s] base_w = %u must be less than min_w = %u: the packages need the rest", class->name,
			      class->base_w, class->min_w);
	if (class->min_w > class->max_w)
		return refuse(&at, "[class %s] min_w = %u is more than max_w = %u", class->name, class->min_w, class->max_w);
	if (class->default_w < class->min_w || class->default_w > class->max_w)
		return refuse(&at, "[class %s] default_w = %u is outside min_w to max_w, %u to %u", class->name, class->default_w,
			      class->min_w, class->max_w);
	return 0;
}

static int check_partition(struct reader *r, uint32_t i)
{
	const struct wattle_partition *partition = &r->conf->partitions[i];
	const struct place at = { r->place.file, r->partition_line[i], r->place.err };
	struct wattle_limits limits;

	if (*partition->class_name && !wattle_siteconf_class(r->conf, partition->class_name))
		return refuse(&at, "[partition %s] names class \"%s\", and there is no [class %s]", partition->name,
			      partition->class_name, partition->class_name);
	wattle_siteconf_limits(r->conf, partition->name, &limits);
	if (partition->min_w && (partition->min_w < limits.class->min_w || partition->min_w > limits.class->max_w))
		return refuse(&at, "[partition %s] min_w = %u is outside its class %s, %u to %u", partition->name,
			      partition->min_w, limits.class->name, limits.class->min_w, limits.class->max_w);
	if (partition->max_w && (partition->max_w < limits.class->min_w || partition->max_w > limits.class->max_w))
		return refuse(&at, "[partition %s] max_w = %u is outside its class %s, %u to %u", partition->name,
			      partition->max_w, limits.class->name, limits.class->min_w, limits.class->max_w);
	if (limits.min_w > limits.max_w)
		return refuse(&at, "[partition %s] min_w = %u is more than max_w = %u", partition->name, limits.min_w,
			      limits.max_w);
	if (partition->default_w && (partition->default_w < limits.min_w || partition->default_w > limits.max_w))
		return refuse(&at, "[partition %s] default_w = %u is outside %u to %u", partition->name, partition->default_w,
			      limits.min_w, limits.max_w);
	return 0;
}

static int check_zone(struct reader *r, uint32_t i)
{
	struct wattle_carbon_zone *zone = &r->conf->zones[i];
	const struct place at = { r->place.file, r->zone_line[i], r->place.err };
	uint32_t hours = zone->horizon_s / 3600;

	if (!*zone->provider_zone)
		memcpy(zone->provider_zone, zone->name, sizeof(zone->provider_zone));
	switch (zone->provider) {
	case WATTLE_PROVIDER_NONE:
		return refuse(&at, "[zone %s] lacks provider: file, electricitymaps, watttime or uk", zone->name);
	case WATTLE_PROVIDER_FILE:
		if (!*zone->source)
			return refuse(&at, "[zone %s] lacks source: the file with its forecast", zone->name);
		return 0;
	case WATTLE_PROVIDER_ELECTRICITYMAPS:
		if (zone->horizon_s % 3600 || (hours != 6 && hours != 24 && hours != 48 && hours != 72))
			return refuse(&at, "[zone %s] horizon: Electricity Maps has 6h, 24h, 48h and 72h", zone->name);
		break;
	case WATTLE_PROVIDER_WATTTIME:
		if (zone->horizon_s % 3600 || hours > 72)
			return refuse(&at, "[zone %s] horizon: WattTime has whole hours, at most 72h", zone->name);
		break;
	case WATTLE_PROVIDER_UK:
		if (strcmp(zone->provider_zone, "GB") != 0 && (zone->provider_zone[strspn(zone->provider_zone, "0123456789")] ||
		    strlen(zone->provider_zone) > 2 || strtoul(zone->provider_zone, NULL, 10) - 1 > 16))
			return refuse(&at, "[zone %s] provider_zone = %s: GB, or the number of a region, 1 to 17", zone->name, zone->provider_zone);
		break;
	}
	if (*zone->source)
		return refuse(&at, "[zone %s] source is for provider = file alone", zone->name);
	return 0;
}

static int check_ledger(struct reader *r)
{
	struct wattle_ledger_conf *ledger = &r->conf->ledger;
	const struct place at = { r->place.file, r->ledger_line, r->place.err };
	const uint32_t min_w[] = { ledger->slurm_min_w, ledger->kueue_min_w }, max_w[] = { ledger->slurm_max_w, ledger->kueue_max_w };

	if (r->ledger_line == 0)
		return 0;
	if (ledger->budget_w == 0 || !*ledger->cluster_queue)
		return refuse(&at, "[ledger] lacks %s", ledger->budget_w ? "cluster_queue: Kueue's side" : "budget_w: what there is to share");
	if ((uint64_t) min_w[0] + min_w[1] > ledger->budget_w)
		return refuse(&at, "[ledger] slurm_min_w and kueue_min_w are more than budget_w together");
	for (int i = 0; i < 2; i++)
		if (max_w[i] && max_w[i] < min_w[i])
			return refuse(&at, "[ledger] %s_max_w is less than its minimum", i ? "kueue" : "slurm");
	if (!(r->conf->charge & WATTLE_CHARGE_LICENCE))
		return refuse(&at, "[ledger] shares the licence, but charge = gres counts none");
	return 0;
}

static int check_whole(struct reader *r)
{
	struct wattle_siteconf *conf = r->conf;

	if (conf->n_classes == 0)
		return refuse(&r->place, "no [class NAME]: say base_w, min_w and max_w of the nodes");
	for (uint32_t i = 0; i < conf->n_classes; i++)
		if (check_class(r, i) < 0)
			return -EINVAL;
	for (uint32_t i = 0; i < conf->n_partitions; i++)
		if (check_partition(r, i) < 0)
			return -EINVAL;
	for (uint32_t i = 0; i < conf->n_zones; i++)
		if (check_zone(r, i) < 0)
			return -EINVAL;
	return check_ledger(r);
}

static void set_defaults(struct wattle_siteconf *conf)
{
	conf->charge = WATTLE_CHARGE_LICENCE;
	conf->on_cap_failure = WATTLE_CAP_FAIL;
	snprintf(conf->licence, sizeof(conf->licence), "power");
	snprintf(conf->gres, sizeof(conf->gres), "power");
	snprintf(conf->report_dir, sizeof(conf->report_dir), "/var/spool/wattle");
	conf->carbon = (struct wattle_carbon_rules) {
		.delay_max_s = 24 * 3600, .margin_s = 300, .min_saving_pct = 5, .spread_pct = 5,
		.resize_overhead_s = 60, .switches_max = 3,
	};
	conf->ledger = (struct wattle_ledger_conf) { .reservation = "wattle-ledger", .grain_w = 100, .interval_s = 15, .patience_s = 600 };
}

/* conf is all zeros, and scratch: what it holds after an error is nobody's. */
static int parse_into(const char *name, const char *text, struct wattle_siteconf *conf, struct wattle_err *err)
{
	struct wattle_err own = WATTLE_ERR_INIT;
	struct reader r = { .place = { name, 0, &own }, .rest = text, .conf = conf };
	int line;

	set_defaults(conf);
	line = ini_parse_stream(next_line, &r, take_pair, &r);
	if (!own.code && line > 0) {
		r.place.line = (unsigned) line;
		refuse(&r.place, "neither a [section] nor key = value");
	}
	if (!own.code && line < 0)
		wattle_err_set(&own, ENOMEM, "%s: out of memory", name);
	if (!own.code)
		check_whole(&r);
	if (own.code && err)
		*err = own;
	return -own.code;
}

int wattle_siteconf_new(const char *name, const char *text, struct wattle_siteconf **ret, struct wattle_err *err)
{
	/* Large and mostly empty: pages that nothing is written to cost nothing. */
	cleanup_free struct wattle_siteconf *conf = calloc(1, sizeof(*conf));
	int rc;

	if (!conf)
		return wattle_err_set(err, ENOMEM, "%s: out of memory", name);
	rc = parse_into(name, text, conf, err);
	if (rc < 0)
		return rc;
	*ret = conf;
	conf = NULL;
	return 0;
}

int wattle_siteconf_parse(const char *name, const char *text, struct wattle_siteconf *ret, struct wattle_err *err)
{
	cleanup_free struct wattle_siteconf *conf = NULL;
	int rc = wattle_siteconf_new(name, text, &conf, err);

	if (rc == 0)
		*ret = *conf;
	return rc;
}

int wattle_siteconf_read(const char *path, struct wattle_siteconf **ret, struct wattle_err *err)
{
	const struct wattle_file_rule rule = { .max_bytes = WATTLE_CONF_BYTES_MAX };
	cleanup_free struct wattle_siteconf *conf = NULL;
	cleanup_free char *text = NULL;
	int rc = wattle_file_read(path, &rule, &text, NULL, NULL, err);

	if (rc == 0)
		rc = wattle_siteconf_new(path, text, &conf, err);
	if (rc == 0 && !*conf->profile_dir)
		rc = wattle_profile_store(path, conf->profile_dir, sizeof(conf->profile_dir), err);
	if (rc < 0)
		return rc;
	*ret = conf;
	conf = NULL;
	return 0;
}

/* --- looking up -------------------------------------------------------- */

const struct wattle_partition *wattle_siteconf_partition(const struct wattle_siteconf *conf, const char *name)
{
	for (uint32_t i = 0; name && i < conf->n_partitions; i++)
		if (strcmp(conf->partitions[i].name, name) == 0)
			return &conf->partitions[i];
	return NULL;
}

const struct wattle_class *wattle_siteconf_class(const struct wattle_siteconf *conf, const char *name)
{
	for (uint32_t i = 0; name && i < conf->n_classes; i++)
		if (strcmp(conf->classes[i].name, name) == 0)
			return &conf->classes[i];
	return NULL;
}

const struct wattle_carbon_zone *wattle_siteconf_zone(const struct wattle_siteconf *conf, const char *name)
{
	for (uint32_t i = 0; name && i < conf->n_zones; i++)
		if (strcmp(conf->zones[i].name, name) == 0)
			return &conf->zones[i];
	return NULL;
}

const struct wattle_class *wattle_siteconf_partition_class(const struct wattle_siteconf *conf, const char *name)
{
	const struct wattle_partition *partition = wattle_siteconf_partition(conf, name ? name : conf->default_partition);

	if (partition && *partition->class_name)
		return wattle_siteconf_class(conf, partition->class_name);
	return conf->n_classes ? &conf->classes[0] : NULL;
}

const struct wattle_class *wattle_siteconf_node_class(const struct wattle_siteconf *conf, const char *host)
{
	for (uint32_t i = 0; i < conf->n_classes; i++)
		if (!*conf->classes[i].nodes || wattle_host_matches(conf->classes[i].nodes, host))
			return &conf->classes[i];
	return NULL;
}

const char *wattle_siteconf_default_profile(const struct wattle_siteconf *conf, const char *partitions)
{
	const struct wattle_partition *partition;
	char name[WATTLE_NAME_MAX];

	if (!partitions || !*partitions)
		partitions = conf->default_partition;
	for (const char *s = partitions; *s; s += *s == ',') {
		size_t len = strcspn(s, ",");

		if (len < sizeof(name)) {
			memcpy(name, s, len);
			name[len] = '\0';
			partition = wattle_siteconf_partition(conf, name);
			if (partition && *partition->default_profile)
				return partition->default_profile;
		}
		s += len;
	}
	return conf->default_profile;
}

static const struct wattle_class no_class; /* allows nothing */

void wattle_siteconf_limits(const struct wattle_siteconf *conf, const char *name, struct wattle_limits *ret)
{
	const struct wattle_partition *partition = wattle_siteconf_partition(conf, name ? name : conf->default_partition);
	const struct wattle_class *class = wattle_siteconf_partition_class(conf, name);

	if (!class)
		class = &no_class;
	*ret = (struct wattle_limits) { class, class->min_w, class->max_w, class->default_w, conf->default_charge_node };
	if (partition && partition->default_charge != WATTLE_DEFAULT_CHARGE_UNSAID)
		ret->default_charge_node = partition->default_charge == WATTLE_DEFAULT_CHARGE_NODE;
	if (partition && partition->min_w)
		ret->min_w = partition->min_w;
	if (partition && partition->max_w)
		ret->max_w = partition->max_w;
	if (partition && partition->default_w)
		ret->default_w = partition->default_w;
	else if (ret->default_w > ret->max_w)
		ret->default_w = ret->max_w;
	else if (ret->default_w < ret->min_w)
		ret->default_w = ret->min_w;
}
