/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_QUANTITY_H
#define WATTLE_QUANTITY_H

/* Kubernetes' quantities: "300", "1k", "500m", "2Gi", "12e6"; as JSON a string, or a number. k8s.io/apimachinery/pkg/api/resource says how they
 * are written. Pure. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

/* In thousandths. False: no quantity, below 0, or too large; *ret is then untouched. */
bool wattle_quantity_milli(struct json_object *value, uint64_t *ret_milli);

/* A whole number, as extended resources are: false too where something is left over. */
bool wattle_quantity_whole(struct json_object *value, uint64_t *ret);

/* The whole number that is a member of an object; 0 where there is none. */
uint64_t wattle_quantity_of(struct json_object *object, const char *key);

#endif
