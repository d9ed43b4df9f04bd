#include "cli/run_share.h"

#include "core/alloc.h"
#include "lib/util.h"

enum {
        ROUNDS_MAX = 64, /* of returning what is wanted back; each moves at least one PU to where it stays */
};

void run_share_finish(struct run_share *share)
{
        alloc_destroy(share->alloc);
        *share = (struct run_share){0};
}

static alloc_id lease_of(uint32_t suite)
{
        return (alloc_id)suite + 1;
}

/* Suites give back at once: their workers move before the next step. */
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

/* A user each, so that suites count alike however many there are. Those that find no place ask again the next time. */
static int open_new(struct alloc *a, const uint32_t *suites, size_t n, struct alloc_actions *actions)
{
        struct alloc_request request = {.min = 1, .max = CPUSET_MAX, .weight = ALLOC_WEIGHT_DEFAULT};
        struct alloc_lease_view view;
        int r = 0;

        cpuset_add_range(&request.allowed, 0, CPUSET_MAX - 1);
        for (size_t i = 0; r >= 0 && i < n; i++) {
                struct alloc_event event = {.type = ALLOC_OPEN, .lease = lease_of(suites[i]), .request = &request};

                request.uid = suites[i];
                if (!alloc_lease_find(a, event.lease, &view))
                        r = alloc_step(a, &event, actions);
        }
        return r;
}

static bool is_named(const uint32_t *suites, size_t n, alloc_id lease)
{
        for (size_t i = 0; i < n; i++)
                if (lease_of(suites[i]) == lease)
                        return true;
        return false;
}

static int close_ended(struct alloc *a, const uint32_t *suites, size_t n, struct alloc_actions *actions)
{
        int r = 0;

        for (size_t i = alloc_n_leases(a); r >= 0 && i-- > 0;) {
                struct alloc_event event = {.type = ALLOC_CLOSE, .lease = alloc_lease_at(a, i).id};

                if (!is_named(suites, n, event.lease))
                        r = alloc_step(a, &event, actions);
        }
        return r;
}

/* New suites come before those that ended go: what the latter leave is not lent to others in between. */
static int solve(struct alloc *a, const struct machine *machine, const struct cpuset *pus, const uint32_t *suites,
                 size_t n, struct alloc_actions *actions)
{
        struct alloc_event set = {.type = ALLOC_MACHINE, .machine = machine, .usable = pus};
        bool any = true;
        int r = 0;

        if (alloc_n_leases(a) == 0)
                r = alloc_step(a, &set, actions);
        if (r >= 0)
                r = open_new(a, suites, n, actions);
        if (r >= 0)
                r = close_ended(a, suites, n, actions);
        if (r >= 0)
                r = alloc_step(a, &set, actions);
        if (r >= 0)
                r = open_new(a, suites, n, actions); /* for whom there was no room before */
        for (unsigned i = 0; r >= 0 && any && i < ROUNDS_MAX; i++)
                r = return_wanted(a, actions, &any);
        return r;
}

int run_share_divide(struct run_share *share, const struct machine *machine, const struct cpuset *pus,
                     const uint32_t *suites, size_t n, struct cpuset *ret_shares)
{
        CLEANUP(alloc_actions_finish) struct alloc_actions actions = {0};
        struct alloc_lease_view view;
        int r = share->alloc ? 0 : alloc_create(&share->alloc);

        if (r >= 0)
                r = solve(share->alloc, machine, pus, suites, n, &actions);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++)
                ret_shares[i] = alloc_lease_find(share->alloc, lease_of(suites[i]), &view) ? view.grant->pus
                                                                                           : (struct cpuset){0};
        if (n == 1)
                ret_shares[0] = *pus;
        return 0;
}
