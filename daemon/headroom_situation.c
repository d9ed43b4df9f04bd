#include "daemon/headroom_situation.h"

#include <string.h>
#include <systemd/sd-login.h>

#include "daemon/headroom.h"
#include "lib/util.h"

/* The desktop. */

static bool is_graphical(const char *session)
{
        CLEANUP_FREE char *type = NULL, *class = NULL;

        if (sd_session_get_type(session, &type) < 0 || sd_session_get_class(session, &class) < 0)
                return false;
        /* Not the login screen's, which is of class greeter. */
        return strcmp(class, "user") == 0 &&
               (strcmp(type, "x11") == 0 || strcmp(type, "wayland") == 0 || strcmp(type, "mir") == 0);
}

static bool seat_is_used(const char *seat)
{
        CLEANUP_FREE char *session = NULL;

        return sd_seat_get_active(seat, &session, NULL) >= 0 && is_graphical(session);
}

static bool somebody_sits_here(const char *root)
{
        char **seats = NULL;
        bool used = false;

        if (*root || sd_get_seats(&seats) < 0)
                return false;
        for (char **seat = seats; seat && *seat; seat++) {
                used = used || seat_is_used(*seat);
                free(*seat);
        }
        free(seats);
        return used;
}

/* The leases. */

static bool holds(const struct alloc_lease_view *view)
{
        return !cpuset_is_empty(&view->grant->pus);
}

bool headroom_is_lending(const struct leases *l)
{
        for (size_t i = 0; i < alloc_n_leases(l->alloc); i++) {
                struct alloc_lease_view view = alloc_lease_at(l->alloc, i);

                if (holds(&view) || !view.request->paused)
                        return true;
        }
        return false;
}

/* A batch lease's first PU may wait: while it does, it is not one of those that keep one whatever happens. */
static bool keeps_one(const struct alloc_lease_view *view)
{
        return !view->request->paused && (holds(view) || view->request->priority != ALLOC_BATCH);
}

/* Adds what the lease that holds PUs does; from one that does not say there is no sum. */
static void add_rate(const struct lease *lease, uint64_t now, double *rate)
{
        bool known = lease && lease->work_rate >= 0 && lease->reported > 0 &&
                     now - lease->reported <= HEADROOM_REPORT_MAX_US;

        *rate = known && *rate >= 0 ? *rate + lease->work_rate : -1;
}

/* Who needs more than the least keeps to what there is by itself, and is not to keep the others back. 0 as soon as one
 * does not say. */
uint64_t headroom_least_need(const struct leases *l, uint64_t need)
{
        for (size_t i = 0; i < alloc_n_leases(l->alloc); i++) {
                const struct alloc_request *request = alloc_lease_at(l->alloc, i).request;

                if (!request->paused && request->memory_per_worker < need)
                        need = request->memory_per_worker;
        }
        return need;
}

void headroom_situation(const struct leases *l, uint64_t now, const char *root, struct cpuset *ret_lent,
                        struct governor_situation *ret_situation)
{
        struct governor_situation s = {
                .machine = &l->machine, .usable = &l->usable, .lent = ret_lent, .desktop = somebody_sits_here(root)};

        s.worker_memory = headroom_least_need(l, UINT64_MAX);
        if (s.worker_memory == UINT64_MAX)
                s.worker_memory = 0; /* nobody is there */
        *ret_lent = (struct cpuset){0};
        for (size_t i = 0; i < alloc_n_leases(l->alloc); i++) {
                struct alloc_lease_view view = alloc_lease_at(l->alloc, i);

                s.n_runs += keeps_one(&view);
                if (!holds(&view))
                        continue;
                cpuset_merge(ret_lent, &view.grant->pus);
                add_rate(leases_by_id(l, view.id), now, &s.work_rate);
        }
        *ret_situation = s;
}
