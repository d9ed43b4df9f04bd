#include "daemon/grants.h"

#include <stdio.h>

#include "daemon/server.h"

json_t *grants_pus_json(const struct leases *l, const struct cpuset *pus)
{
        unsigned order[CPUSET_MAX];
        unsigned n = 0;
        json_t *array = json_array();

        /* Insertion by rank: the sets are small, and a PU that is no longer usable comes last. */
        CPUSET_FOREACH (pu, pus) {
                unsigned at = n++;

                for (; at > 0 && l->rank[order[at - 1]] - 1 > l->rank[pu] - 1; at--)
                        order[at] = order[at - 1];
                order[at] = pu;
        }
        for (unsigned i = 0; i < n; i++)
                json_array_append_new(array, json_integer(order[i]));
        return array;
}

static json_t *numbers_json(const struct cpuset *set)
{
        json_t *array = json_array();

        CPUSET_FOREACH (number, set)
                json_array_append_new(array, json_integer(number));
        return array;
}

json_t *grants_until_json(uint64_t at)
{
        uint64_t now = server_now();

        return json_integer(at > now ? (json_int_t)((at - now) / 1000) : 0);
}

static json_t *wanted_json(const struct leases *l, const struct alloc_grant *grant)
{
        return json_pack("{s:o, s:s, s:o}", "pus", grants_pus_json(l, &grant->wanted), "reason",
                         alloc_reason_text(grant->wanted_reason), "withinMs",
                         grants_until_json(grant->wanted_deadline));
}

void grants_add_waiting(json_t *json, const struct alloc_grant *grant)
{
        if (grant->position == 0)
                return;
        json_object_set_new(json, "position", json_integer(grant->position));
        if (grant->expected_at > 0)
                json_object_set_new(json, "expectedMs", grants_until_json(grant->expected_at));
}

json_t *grants_json(const struct leases *l, const struct lease *lease)
{
        const struct alloc_grant *grant = &lease->grant;
        struct alloc_lease_view view;
        char id[24];
        json_t *json;

        snprintf(id, sizeof(id), "%llu", (unsigned long long)lease->id);
        json = json_pack("{s:s, s:I, s:o, s:o, s:s, s:s*}", "lease", id, "generation", (json_int_t)grant->generation,
                         "pus", grants_pus_json(l, &grant->pus), "slots", numbers_json(&grant->slots), "reason",
                         alloc_reason_text(grant->reason), "token", *lease->token.digits ? lease->token.digits : NULL);
        if (!cpuset_is_empty(&grant->shared))
                json_object_set_new(json, "shared", grants_pus_json(l, &grant->shared));
        if (!cpuset_is_empty(&grant->wanted))
                json_object_set_new(json, "wanted", wanted_json(l, grant));
        if (!cpuset_is_empty(&grant->lost))
                json_object_set_new(json, "lost",
                                    json_pack("{s:o, s:s}", "pus", grants_pus_json(l, &grant->lost), "reason",
                                              alloc_reason_text(grant->lost_reason)));
        grants_add_waiting(json, grant);
        if (alloc_lease_find(l->alloc, lease->id, &view) && view.request->paused)
                json_object_set_new(json, "paused", json_true());
        if (lease->nice > 0)
                json_object_set_new(json, "nice", json_integer(lease->nice));
        return json;
}
