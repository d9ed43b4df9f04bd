/* What others may look at, and what a lease would get. */
#include <errno.h>

#include "core/alloc_state.h"

enum {
        ALLOC_ANSWERS_PER_LEASE_MAX = 64, /* in the play of a suggestion; a few are the rule */
};

size_t alloc_n_leases(const struct alloc *a)
{
        return a->n_leases;
}

static struct alloc_lease_view view_of(const struct alloc_lease *l)
{
        return (struct alloc_lease_view){.id = l->id,
                                         .request = &l->request,
                                         .grant = &l->grant,
                                         .detached = l->detached,
                                         .declined = l->declined,
                                         .opened = l->opened};
}

struct alloc_lease_view alloc_lease_at(const struct alloc *a, size_t index)
{
        return view_of(&a->leases[index]);
}

bool alloc_lease_find(const struct alloc *a, alloc_id id, struct alloc_lease_view *ret_view)
{
        const struct alloc_lease *l = alloc_find(a, id);

        if (!l)
                return false;
        *ret_view = view_of(l);
        return true;
}

/* An id that no lease of a has. */
static alloc_id unused_id(const struct alloc *a)
{
        alloc_id id = 1;

        while (alloc_find(a, id))
                id++;
        return id;
}

/* Gives back what is wanted from any lease, as everybody would; false where nothing is. */
static bool answer_one(struct alloc *a, struct alloc_actions *actions, int *ret_error)
{
        for (size_t i = 0; i < a->n_leases; i++) {
                struct alloc_lease *l = &a->leases[i];
                struct cpuset wanted = l->wanted;

                if (cpuset_is_empty(&wanted))
                        continue;
                *ret_error = alloc_step(a,
                                        &(struct alloc_event){.type = ALLOC_RETURN,
                                                              .lease = l->id,
                                                              .generation = l->grant.generation,
                                                              .pus = &wanted},
                                        actions);
                return *ret_error == 0;
        }
        return false;
}

/* Plays the opening and everybody's answers on a copy. */
static int play(struct alloc *copy, alloc_id id, const struct alloc_request *request)
{
        struct alloc_actions actions = {0};
        int r = alloc_step(copy, &(struct alloc_event){.type = ALLOC_OPEN, .lease = id, .request = request}, &actions);
        size_t left = copy->n_leases * ALLOC_ANSWERS_PER_LEASE_MAX;

        while (r == 0 && left-- > 0 && answer_one(copy, &actions, &r))
                ;
        alloc_actions_finish(&actions);
        return r;
}

int alloc_suggest(const struct alloc *a, const struct alloc_request *request, struct cpuset *ret_pus,
                  enum alloc_reason *ret_reason)
{
        struct alloc copy, tables;
        alloc_id id = unused_id(a);
        int r = alloc_tables_copy(a, a->n_leases + 1, a->width, &tables);

        if (r < 0)
                return r;
        copy = *a; /* shares the machine, which the events played do not change */
        copy.leases = tables.leases;
        copy.lends = tables.lends;
        copy.solution = tables.solution;
        copy.foresight = tables.foresight;
        copy.allocated = tables.allocated;
        r = play(&copy, id, request);
        if (r == 0) {
                const struct alloc_lease *l = alloc_find(&copy, id);

                *ret_pus = l->grant.pus;
                *ret_reason = l->grant.reason;
        }
        alloc_tables_free(&copy);
        return r;
}
