#include "daemon/status.h"

#include "daemon/grants.h"
#include "daemon/headroom.h"
#include "daemon/server.h"
#include "lib/util.h"

json_t *status_cpulist(const struct cpuset *set)
{
        char text[CPUSET_TEXT_MAX];

        return cpuset_format(set, text, sizeof(text)) < 0 ? NULL : json_string(text);
}

static json_t *pu_json(const struct machine_pu *pu)
{
        return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "os", (int)pu->os, "core", (int)pu->core, "smtRank",
                         (int)pu->smt_rank, "kind", (int)pu->kind, "package", (int)pu->package, "node", (int)pu->node,
                         "cache", (int)pu->cache);
}

static json_t *kind_json(const struct machine *m, unsigned kind)
{
        struct cpuset pus = machine_kind_cpuset(m, kind);

        return json_pack("{s:s, s:f, s:i, s:o}", "name", m->kinds[kind].name, "speed", m->kinds[kind].speed, "cores",
                         (int)m->kinds[kind].n_cores, "pus", status_cpulist(&pus));
}

static json_t *order_json(const struct machine *m, const struct cpuset *usable)
{
        CLEANUP_FREE struct placement_choice *order = calloc(m->n_pus + 1, sizeof(*order));
        json_t *array = json_array();
        unsigned n = order ? placement_order(m, NULL, usable, order) : 0;

        for (unsigned i = 0; i < n; i++)
                json_array_append_new(array, json_pack("{s:i, s:s}", "pu", (int)order[i].pu, "reason",
                                                       placement_reason_text(order[i].reason)));
        return array;
}

json_t *status_machine(const struct machine *m, const struct cpuset *usable)
{
        json_t *pus = json_array(), *kinds = json_array();

        for (unsigned i = 0; i < m->n_pus; i++)
                json_array_append_new(pus, pu_json(&m->pus[i]));
        for (unsigned i = 0; i < m->n_kinds; i++)
                json_array_append_new(kinds, kind_json(m, i));
        return json_pack("{s:o, s:o, s:f, s:o, s:o}", "pus", pus, "kinds", kinds, "smtGain", m->smt_gain, "usable",
                         status_cpulist(usable), "order", order_json(m, usable));
}

/* What is known of only some leases. */
static void add_optional(json_t *json, const struct lease *lease, const struct alloc_lease_view *view, bool visible)
{
        grants_add_waiting(json, view->grant);
        if (visible && lease->unit)
                json_object_set_new(json, "unit", json_string(lease->unit));
        if (lease && lease->work_rate >= 0)
                json_object_set_new(json, "workRate", json_real(lease->work_rate));
        if (lease && lease->ends_at > 0)
                json_object_set_new(json, "endsInMs", grants_until_json(lease->ends_at));
}

static json_t *lease_json(const struct server *s, const struct alloc_lease_view *view, uint32_t uid)
{
        const struct lease *lease = leases_by_id(&s->leases, view->id);
        const struct alloc_request *q = view->request;
        bool visible = lease && (q->uid == uid || uid == 0);
        uint64_t now = server_now();
        char id[24];

        snprintf(id, sizeof(id), "%llu", (unsigned long long)view->id);
        json_t *json = json_pack("{s:s, s:I, s:s*, s:o, s:o, s:i, s:i, s:i, s:s, s:b, s:s, s:b, s:I}", "lease", id,
                                 "uid", (json_int_t)q->uid, "label", visible ? lease->label : NULL, "pus",
                                 grants_pus_json(&s->leases, &view->grant->pus), "shared",
                                 grants_pus_json(&s->leases, &view->grant->shared), "min", (int)q->min, "max",
                                 (int)q->max, "weight", (int)q->weight, "priority", alloc_priority_text(q->priority),
                                 "paused", (int)q->paused, "reason", alloc_reason_text(view->grant->reason), "detached",
                                 (int)view->detached, "ageMs", (json_int_t)((now - view->opened) / 1000));
        add_optional(json, lease, view, visible);
        return json;
}

json_t *status_of(const struct server *s, uint32_t uid)
{
        const struct governor_decision *decision = headroom_decision(s->headroom);
        const struct alloc *alloc = s->leases.alloc;
        json_t *leases = json_array();

        for (size_t i = 0; i < alloc_n_leases(alloc); i++) {
                struct alloc_lease_view view = alloc_lease_at(alloc, i);

                json_array_append_new(leases, lease_json(s, &view, uid));
        }
        return json_pack("{s:s, s:i, s:i, s:s, s:o, s:o}", "version", SCHEDCTL_VERSION, "pid", (int)getpid(), "budget",
                         (int)decision->budget, "budgetReason", decision->text, "usable",
                         status_cpulist(&s->leases.usable), "leases", leases);
}
