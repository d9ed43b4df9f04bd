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

static alloc_id lease_of(uint32_t number)
{
        return (alloc_id)number + 1;
}

struct run_share_party run_share_party(uint32_t number)
{
        return (struct run_share_party){.number = number, .min = 1, .max = CPUSET_MAX};
}

/* All give back at once: workers move before the next step, and jobs are anywhere. */
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

/* A user each, so that parties count alike however many there are. */
static struct alloc_request request_of(const struct run_share_party *p)
{
        struct alloc_request request = {.uid = p->number, .min = p->min, .max = p->max, .weight = ALLOC_WEIGHT_DEFAULT};

        cpuset_add_range(&request.allowed, 0, CPUSET_MAX - 1);
        request.allowed = cpuset_andnot(&request.allowed, &p->left);
        return request;
}

/* Those that find no place ask again the next time. */
static int open_new(struct alloc *a, const struct run_share_party *parties, size_t n, struct alloc_actions *actions)
{
        struct alloc_lease_view view;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < n; i++) {
                struct alloc_request request = request_of(&parties[i]);
                struct alloc_event event = {
                        .type = ALLOC_OPEN, .lease = lease_of(parties[i].number), .request = &request};

                if (!alloc_lease_find(a, event.lease, &view))
                        r = alloc_step(a, &event, actions);
        }
        return r;
}

static int update_old(struct alloc *a, const struct run_share_party *parties, size_t n, struct alloc_actions *actions)
{
        struct alloc_lease_view view;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < n; i++) {
                struct alloc_request request = request_of(&parties[i]);
                struct alloc_event event = {
                        .type = ALLOC_UPDATE, .lease = lease_of(parties[i].number), .request = &request};

                if (alloc_lease_find(a, event.lease, &view) && !alloc_request_equal(view.request, &request))
                        r = alloc_step(a, &event, actions);
        }
        return r;
}

static bool is_named(const struct run_share_party *parties, size_t n, alloc_id lease)
{
        for (size_t i = 0; i < n; i++)
                if (lease_of(parties[i].number) == lease)
                        return true;
        return false;
}

static int close_ended(struct alloc *a, const struct run_share_party *parties, size_t n, struct alloc_actions *actions)
{
        int r = 0;

        for (size_t i = alloc_n_leases(a); r >= 0 && i-- > 0;) {
                struct alloc_event event = {.type = ALLOC_CLOSE, .lease = alloc_lease_at(a, i).id};

                if (!is_named(parties, n, event.lease))
                        r = alloc_step(a, &event, actions);
        }
        return r;
}

/* New parties come before those that ended go: what the latter leave is not lent to others in between. */
static int solve(struct alloc *a, const struct machine *machine, const struct cpuset *pus,
                 const struct run_share_party *parties, size_t n, struct alloc_actions *actions)
{
        struct alloc_event set = {.type = ALLOC_MACHINE, .machine = machine, .usable = pus};
        bool any = true;
        int r = 0;

        if (alloc_n_leases(a) == 0)
                r = alloc_step(a, &set, actions);
        if (r >= 0)
                r = open_new(a, parties, n, actions);
        if (r >= 0)
                r = close_ended(a, parties, n, actions);
        if (r >= 0)
                r = alloc_step(a, &set, actions);
        if (r >= 0)
                r = update_old(a, parties, n, actions);
        if (r >= 0)
                r = open_new(a, parties, n, actions); /* for whom there was no room before */
        for (unsigned i = 0; r >= 0 && any && i < ROUNDS_MAX; i++)
                r = return_wanted(a, actions, &any);
        return r;
}

int run_share_divide(struct run_share *share, const struct machine *machine, const struct cpuset *pus,
                     const struct run_share_party *parties, size_t n, struct cpuset *ret_shares)
{
        CLEANUP(alloc_actions_finish) struct alloc_actions actions = {0};
        struct alloc_lease_view view;
        int r = share->alloc ? 0 : alloc_create(&share->alloc);

        if (r >= 0)
                r = solve(share->alloc, machine, pus, parties, n, &actions);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++)
                ret_shares[i] = alloc_lease_find(share->alloc, lease_of(parties[i].number), &view) ? view.grant->pus
                                                                                                   : (struct cpuset){0};
        if (n == 1 && parties[0].number != RUN_SHARE_JOBS && parties[0].max == CPUSET_MAX)
                ret_shares[0] = *pus;
        return 0;
}
