/* What this process may use, as the service is told it. */
#pragma once

#include <jansson.h>

#include "core/cpuset.h"
#include "hw/usable.h"

struct facts {
        struct cpuset affinity; /* at the beginning */
        bool chosen;            /* somebody had set it: it was less than what is online and in the cpusets */
        struct cpuset allowed;
        double quota;             /* 0: none */
        char group[HW_GROUP_MAX]; /* the cgroup that sets it */
};

/* As they are now. -ENOMEM. */
int facts_read(struct facts *ret_facts);
/* Again, with the affinity as it was at the beginning: the caller may have pinned itself since. Cgroups may have given
 * or taken PUs; that of the caller's own unit (NULL none) says what it has, and not what it may have. */
int facts_reread(const struct facts *before, const char *unit, struct facts *ret_facts);

/* As Acquire takes them, with the boot's id; a new object. */
int facts_json(const struct facts *facts, json_t **ret_json);
/* As Update takes them: adds what has changed since `before`, or everything where that is NULL. 1 where anything did, 0
 * not, -ENOMEM. */
int facts_add_changes(const struct facts *before, const struct facts *now, json_t *parameters);
