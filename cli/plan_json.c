#include "cli/plan.h"

#include "lib/client.h"
#include "lib/text.h"

json_t *plan_name(const char *name)
{
        json_t *text = json_string(name);
        CLEANUP_FREE char *escaped = text ? NULL : text_escape(name);

        return text || !escaped ? text : json_string(escaped);
}

/* NULL where one of its members could not be had. */
static json_t *check_list(json_t *list, size_t n)
{
        if (json_array_size(list) == n)
                return list;
        json_decref(list);
        return NULL;
}

static json_t *describe_critical(const struct plan_input *in, const struct plan_result *plan)
{
        const struct sim_item *item;

        if (plan->critical == DISPATCH_NONE)
                return json_null();
        item = &plan->sim.items[plan->critical];
        return json_pack("{s:o, s:f, s:f, s:i, s:i}", "id", plan_name(in->ids[plan->critical]), "share", plan->share,
                         "seconds", item->end - item->begin, "worker", (int)item->worker, "items", (int)plan->n_last);
}

/* The item or group that it is about; null where it is about none. */
static json_t *subject_of(const struct plan_input *in, const struct plan_advice *a)
{
        if (a->change == PLAN_SPLIT || a->change == PLAN_SERIAL)
                return plan_name(in->ids[a->item]);
        if (a->change == PLAN_SETUP)
                return plan_name(a->group == DISPATCH_NONE ? "" : in->group_ids[a->group]);
        return json_null();
}

static json_t *describe_advice(const struct plan_input *in, const struct plan_advice *a)
{
        json_t *o = json_pack("{s:s, s:o, s:f, s:f}", "what", plan_change_text(a->change), "id", subject_of(in, a),
                              "saves", a->saves, "makespan", a->makespan);

        if (!o)
                return NULL;
        if (a->change == PLAN_SPLIT || a->change == PLAN_SERIAL)
                json_object_set_new(o, "items", json_integer(a->n));
        if (a->change == PLAN_SETUP)
                json_object_set_new(o, "times", json_integer(a->workers));
        if (a->change == PLAN_SETUP || a->change == PLAN_SETUPS || a->change == PLAN_SERIAL)
                json_object_set_new(o, "seconds", json_real(a->seconds));
        if (a->change == PLAN_WORKERS)
                json_object_set_new(o, "workers", json_integer(a->workers));
        if (a->change == PLAN_WORKER)
                json_object_set_new(o, "pu", json_integer(a->pu));
        return o;
}

static json_t *describe_all_advice(const struct plan_input *in, const struct plan_result *plan)
{
        json_t *list = json_array();

        for (size_t i = 0; i < plan->n_advice; i++)
                json_array_append_new(list, describe_advice(in, &plan->advice[i]));
        return check_list(list, plan->n_advice);
}

static json_t *describe_pus(const struct plan_input *in)
{
        const struct machine *m = in->machine && in->machine->known ? &in->machine->machine : NULL;
        json_t *list = json_array();

        for (size_t i = 0; i < in->n_pus; i++) {
                const struct machine_pu *pu = m ? machine_find(m, in->pus[i].os) : NULL;

                json_array_append_new(list, json_pack("{s:i, s:f, s:s}", "os", (int)in->pus[i].os, "speed",
                                                      in->pus[i].speed, "kind", pu ? m->kinds[pu->kind].name : ""));
        }
        return check_list(list, in->n_pus);
}

/* As they begin on each worker; then what runs alone. */
static json_t *describe_schedule(const struct plan_input *in, const struct plan_result *plan)
{
        json_t *list = json_array();
        size_t n = plan->n_ran;

        for (uint32_t k = 0; k < plan->n_ran; k++) {
                const struct sim_item *item = &plan->sim.items[plan->order[k]];
                json_t *pu = item->pu == DISPATCH_FLOATING ? json_null() : json_integer(item->pu);

                json_array_append_new(list, json_pack("{s:o, s:i, s:o, s:f, s:f, s:f, s:s}", "id",
                                                      plan_name(in->ids[plan->order[k]]), "worker", (int)item->worker,
                                                      "pu", pu, "begin", item->begin, "end", item->end, "setup",
                                                      item->setup, "reason", dispatch_reason_text(item->reason)));
        }
        for (uint32_t i = 0; i < in->suite->n_items; i++)
                if (in->suite->items[i].alone) {
                        json_array_append_new(list, json_pack("{s:o, s:b}", "id", plan_name(in->ids[i]), "alone", 1));
                        n++;
                }
        return check_list(list, n);
}

json_t *plan_json(const struct plan_input *in, const struct plan_result *plan, bool schedule)
{
        CLEANUP_JSON json_t *o = json_pack(
                "{s:i, s:i, s:i, s:o, s:f, s:f, s:f, s:f, s:f, s:f, s:o, s:o, s:i}", "items", (int)in->suite->n_items,
                "known", (int)in->n_known, "workers", (int)plan->sim.n_workers, "pus", describe_pus(in), "makespan",
                plan->sim.makespan, "bound", plan->bound, "utilisation", plan->utilisation, "serial", plan->serial,
                "alone", plan->alone, "setups", plan->sim.setups, "critical", describe_critical(in, plan), "advice",
                describe_all_advice(in, plan), "enough", (int)plan->enough);

        if (!o)
                return NULL;
        if (json_object_set_new(o, "total", plan->total < 0 ? json_null() : json_real(plan->total)) < 0)
                return NULL;
        if (schedule && json_object_set_new(o, "schedule", describe_schedule(in, plan)) < 0)
                return NULL;
        return TAKE(o);
}
