#include <errno.h>

#include "cli/run_share.h"
#include "core/alloc.h"
#include "lib/util.h"

enum {
        ROUNDS_MAX = 64, /* of returning what is wanted back; each moves at least one PU to where it stays */
};

DEFINE_CLEANUP(struct alloc, alloc_destroy);

/* Suites give back at once: their workers move before the next step. True where anything was wanted. */
static int return_wanted(struct alloc *a, struct alloc_actions *actions, bool *ret_any)
{
        int r = 0;

        *ret_any = false;
        for (size_t i = 0; r >= 0 && i < alloc_n_leases(a); i++) {
                struct alloc_lease_view view = alloc_lease_at(a, i);
                struct cpuset wanted = view.grant->wanted;
                struct alloc_event event = {
                        .type = ALLOC_RETURN, .lease = view.id, .generation = view.grant->generation, .pus = &wanted};

                if (cpuset_is_empty(&wanted))
                        continue;
                *ret_any = true;
                r = alloc_step(a, &event, actions);
        }
        return r;
}

static int open_all(struct alloc *a, const struct cpuset *pus, size_t n, struct alloc_actions *actions)
{
        const struct alloc_request request = {
                .min = 1, .max = CPUSET_MAX, .weight = ALLOC_WEIGHT_DEFAULT, .allowed = *pus};
        int r = 0;

        for (size_t i = 0; r == 0 && i < n; i++) {
                struct alloc_event event = {.type = ALLOC_OPEN, .lease = i + 1, .request = &request};

                r = alloc_step(a, &event, actions);
        }
        return r;
}

static int solve(struct alloc *a, const struct machine *machine, const struct cpuset *pus, size_t n,
                 struct alloc_actions *actions)
{
        struct alloc_event set = {.type = ALLOC_MACHINE, .machine = machine, .usable = pus};
        struct alloc_event budget = {.type = ALLOC_BUDGET_SET, .budget = cpuset_count(pus)};
        bool any = true;
        int r = alloc_step(a, &set, actions);

        if (r == 0)
                r = alloc_step(a, &budget, actions);
        if (r == 0)
                r = open_all(a, pus, n, actions);
        for (unsigned i = 0; r >= 0 && any && i < ROUNDS_MAX; i++)
                r = return_wanted(a, actions, &any);
        return r;
}

int run_share_divide(const struct machine *machine, const struct cpuset *pus, size_t n, struct cpuset *ret_shares)
{
        CLEANUP(cleanup_alloc_destroyp) struct alloc *a = NULL;
        CLEANUP(alloc_actions_finish) struct alloc_actions actions = {0};
        struct alloc_lease_view view;
        int r;

        if (n == 1) {
                ret_shares[0] = *pus;
                return 0;
        }
        r = alloc_create(&a);
        if (r == 0)
                r = solve(a, machine, pus, n, &actions);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++)
                ret_shares[i] = alloc_lease_find(a, i + 1, &view) ? view.grant->pus : (struct cpuset){0};
        return 0;
}
