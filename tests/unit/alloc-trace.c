#include "tests/unit/alloc-trace.h"

#include <inttypes.h>

#include "tests/unit/test.h"

static struct machine plain_machine(const struct cpuset *online)
{
        struct machine_kind kind = {.speed = 1};
        struct machine_pu *pus = calloc(cpuset_count(online), sizeof(*pus));
        struct machine machine;
        unsigned n = 0;

        CHECK(pus);
        CPUSET_FOREACH (pu, online) {
                pus[n] = (struct machine_pu){.os = pu, .core = n};
                n++;
        }
        CHECK_INT(machine_init(pus, n, &kind, 1, &machine), 0);
        return machine;
}

static struct machine hybrid_machine(unsigned n_fast, unsigned n_slow)
{
        const struct machine_kind kinds[] = {{.name = "P", .speed = 1}, {.name = "E", .speed = 0.6}};
        struct machine_pu *pus = calloc(n_fast + n_slow, sizeof(*pus));
        struct machine machine;

        CHECK(pus);
        for (unsigned i = 0; i < n_fast + n_slow; i++)
                pus[i] = (struct machine_pu){.os = i, .core = i, .kind = i >= n_fast};
        CHECK_INT(machine_init(pus, n_fast + n_slow, kinds, 2, &machine), 0);
        return machine;
}

struct cpuset scene_set(const char *cpulist)
{
        struct cpuset set;

        CHECK_INT(cpuset_parse(cpulist, strlen(cpulist), &set), 0);
        return set;
}

struct alloc_request scene_request(void)
{
        return (struct alloc_request){.uid = 1000, .min = 1, .max = 64, .weight = 100, .allowed = scene_set("0-4095")};
}

static void print_set(const struct scene *s, const char *before, const struct cpuset *set, const char *after)
{
        char text[CPUSET_TEXT_MAX];

        if (cpuset_is_empty(set))
                return;
        CHECK(cpuset_format(set, text, sizeof(text)) > 0);
        fprintf(s->trace, "%s%s%s", before, text, after);
}

static void print_grant(const struct scene *s, alloc_id id, const struct alloc_grant *g)
{
        fprintf(s->trace, "  %" PRIu64 "/%" PRIu64, id, g->generation);
        if (g->position > 0)
                fprintf(s->trace, " waits, number %u", g->position);
        if (g->expected_at > 0)
                fprintf(s->trace, ", until %" PRIu64 " ms", g->expected_at / 1000);
        print_set(s, " has ", &g->pus, "");
        print_set(s, ", shared ", &g->shared, "");
        print_set(s, ", lost ", &g->lost, "");
        if (!cpuset_is_empty(&g->lost))
                fprintf(s->trace, " (%s)", alloc_reason_text(g->lost_reason));
        print_set(s, ", wanted ", &g->wanted, "");
        if (!cpuset_is_empty(&g->wanted))
                fprintf(s->trace, " by %" PRIu64 " ms (%s)", g->wanted_deadline / 1000,
                        alloc_reason_text(g->wanted_reason));
        fprintf(s->trace, ": %s\n", alloc_reason_text(g->reason));
}

static void print_actions(const struct scene *s)
{
        for (size_t i = 0; i < s->actions.n; i++) {
                const struct alloc_action *action = &s->actions.items[i];

                if (action->type == ALLOC_DO_GRANT)
                        print_grant(s, action->lease, &action->grant);
                else if (action->type == ALLOC_DO_END)
                        fprintf(s->trace, "  %" PRIu64 " ends: %s\n", action->lease, alloc_error_text(action->error));
        }
}

void scene_step(struct scene *s, const char *what, struct alloc_event event)
{
        event.now = s->now;
        fprintf(s->trace, "%s", what);
        if (event.lease)
                fprintf(s->trace, " %" PRIu64, event.lease);

        int r = alloc_step(s->alloc, &event, &s->actions);

        CHECK(r >= 0);
        if (r > 0) {
                fprintf(s->trace, ": %s\n", alloc_error_text((enum alloc_error)r));
                return;
        }
        fputc('\n', s->trace);
        print_actions(s);
        CHECK_STR(alloc_check(s->alloc) ? alloc_check(s->alloc) : "sound", "sound");
}

static void begin(struct scene *s)
{
        s->trace = open_memstream(&s->text, &s->size);
        CHECK(s->trace);
        CHECK_INT(alloc_create(&s->alloc), 0);

        struct alloc_event event = {.type = ALLOC_MACHINE, .machine = &s->machine, .usable = &s->usable};

        CHECK_INT(alloc_step(s->alloc, &event, &s->actions), 0);
}

void scene_begin(struct scene *s, unsigned n_pus)
{
        *s = (struct scene){0};
        cpuset_add_range(&s->usable, 0, n_pus - 1);
        s->machine = plain_machine(&s->usable);
        begin(s);
}

void scene_begin_hybrid(struct scene *s, unsigned n_fast, unsigned n_slow)
{
        *s = (struct scene){0};
        cpuset_add_range(&s->usable, 0, n_fast + n_slow - 1);
        s->machine = hybrid_machine(n_fast, n_slow);
        begin(s);
}

void scene_answer_all(struct scene *s)
{
        bool any = true;

        while (any) {
                any = false;
                for (size_t i = 0; i < alloc_n_leases(s->alloc) && !any; i++) {
                        struct alloc_lease_view view = alloc_lease_at(s->alloc, i);

                        any = !cpuset_is_empty(&view.grant->wanted);
                        if (any)
                                scene_answer(s, view.id);
                }
        }
}

void scene_end(struct scene *s, const char *name, const char *expected)
{
        CHECK_INT(fclose(s->trace), 0);
        if (strcmp(s->text, expected) != 0) {
                fprintf(stderr, "%s: expected\n%s\nbut it was\n%s", name, expected, s->text);
                exit(1);
        }
        free(s->text);
        alloc_actions_finish(&s->actions);
        alloc_destroy(s->alloc);
        machine_finish(&s->machine);
}

void scene_open(struct scene *s, alloc_id id, struct alloc_request request)
{
        scene_step(s, "open", (struct alloc_event){.type = ALLOC_OPEN, .lease = id, .request = &request});
}

void scene_update(struct scene *s, alloc_id id, struct alloc_request request)
{
        scene_step(s, "update", (struct alloc_event){.type = ALLOC_UPDATE, .lease = id, .request = &request});
}

void scene_close(struct scene *s, alloc_id id)
{
        scene_step(s, "close", (struct alloc_event){.type = ALLOC_CLOSE, .lease = id});
}

void scene_return(struct scene *s, alloc_id id, uint64_t generation, const char *cpulist)
{
        struct cpuset pus = scene_set(cpulist);

        scene_step(s, "return",
                   (struct alloc_event){.type = ALLOC_RETURN, .lease = id, .generation = generation, .pus = &pus});
}

void scene_answer(struct scene *s, alloc_id id)
{
        struct alloc_lease_view view;

        CHECK(alloc_lease_find(s->alloc, id, &view));

        struct cpuset wanted = view.grant->wanted;

        scene_step(s, "return",
                   (struct alloc_event){
                           .type = ALLOC_RETURN, .lease = id, .generation = view.grant->generation, .pus = &wanted});
}

void scene_budget(struct scene *s, unsigned budget)
{
        scene_step(s, "budget", (struct alloc_event){.type = ALLOC_BUDGET_SET, .budget = budget});
}

void scene_online(struct scene *s, const char *cpulist)
{
        struct cpuset online = scene_set(cpulist);

        machine_finish(&s->machine);
        s->machine = plain_machine(&online);
        scene_step(s, "machine",
                   (struct alloc_event){.type = ALLOC_MACHINE, .machine = &s->machine, .usable = &s->usable});
}

void scene_usable(struct scene *s, const char *cpulist)
{
        s->usable = scene_set(cpulist);
        scene_step(s, "policy", (struct alloc_event){.type = ALLOC_MACHINE, .usable = &s->usable});
}

void scene_time(struct scene *s, unsigned ms)
{
        s->now = (uint64_t)ms * 1000;
        scene_step(s, "time", (struct alloc_event){.type = ALLOC_TIME});
}
