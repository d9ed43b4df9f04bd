#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/run_lease.h"
#include "cli/run_wait.h"
#include "hw/usable.h"
#include "lib/client.h"
#include "lib/text.h"

/* The user's own, or as much of COMMAND as there is room for. Its words may be any bytes; the service takes text. */
static void make_label(const struct run_options *options, char label[static RUN_LABEL_MAX + 1])
{
        char words[RUN_LABEL_RAW_MAX] = "";
        size_t used = 0;

        for (size_t i = 0; !options->label && options->command[i] && used < sizeof(words); i++)
                used += (size_t)snprintf(words + used, sizeof(words) - used, "%s%s", i ? " " : "", options->command[i]);
        text_fit(options->label ? options->label : words, label, RUN_LABEL_MAX + 1);
}

static int copy_numbers(const unsigned *from, size_t n, unsigned **to, size_t *ret_n)
{
        unsigned *copy = NULL;

        if (n) {
                copy = malloc(n * sizeof(*copy));
                if (!copy)
                        return -ENOMEM;
                memcpy(copy, from, n * sizeof(*copy));
        }
        free(*to);
        *to = copy;
        *ret_n = n;
        return 0;
}

static uint64_t now_us(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Makes the latest grant ours. */
static int take_grant(struct run_lease *l)
{
        const struct client_grant *g = client_lease_grant(l->lease);
        int r = copy_numbers(g->pus, g->n_pus, &l->order, &l->n_order);

        if (r == 0)
                r = copy_numbers(g->slots, g->n_slots, &l->slots, &l->n_slots);
        if (r < 0)
                return r;
        l->pus = l->wanted = (struct cpuset){0};
        for (size_t i = 0; i < g->n_pus; i++)
                cpuset_add(&l->pus, g->pus[i]);
        for (size_t i = 0; i < g->n_wanted; i++)
                cpuset_add(&l->wanted, g->wanted[i]);
        l->kept = cpuset_andnot(&l->pus, &l->wanted);
        l->wanted_by = g->n_wanted ? now_us() + (uint64_t)g->wanted_within * 1000 : 0;
        l->paused = g->paused;
        l->nice = g->nice;
        return 0;
}

/* Without a service the mask is the lease, and slots are counted from 0. */
static int take_own_mask(const struct run_options *options, struct run_lease *l)
{
        struct hw_allowance allowance;
        size_t most, n = 0;
        int r = hw_allowance_read("", 0, &allowance, NULL);

        if (r < 0)
                return r;
        most = cpuset_count(&allowance.pus);
        if (allowance.quota > 0 && ceil(allowance.quota) < (double)most)
                most = (size_t)ceil(allowance.quota);
        if (options->max && options->max < most)
                most = options->max;
        l->order = calloc(most, sizeof(*l->order));
        l->slots = calloc(most, sizeof(*l->slots));
        if (!l->order || !l->slots)
                return -ENOMEM;
        for (unsigned pu = cpuset_next(&allowance.pus, 0); n < most; pu = cpuset_next(&allowance.pus, pu + 1)) {
                cpuset_add(&l->pus, pu);
                l->slots[n] = (unsigned)n;
                l->order[n++] = pu;
        }
        l->kept = l->pus;
        l->n_order = l->n_slots = n;
        return 0;
}

static unsigned least_of(unsigned a, unsigned b)
{
        return !a || (b && b < a) ? b : a;
}

static const char *refusal_text(int r)
{
        switch (r) {
        case -ENODEV:
                return "none of the CPUs that this process may use can be lent";
        case -EUSERS:
                return "this user's limit of leases is reached";
        case -EINVAL:
                return "the service cannot lend that";
        case -ETIMEDOUT:
                return "the service does not answer";
        case -ENOTCONN:
        case -ESTALE:
                return "the service is gone";
        default:
                return strerror(-r);
        }
}

/* Whether the run had better not start: the service is there and says no. */
static bool is_refusal(int r)
{
        return r == -EINVAL || r == -ENOMEM;
}

static int acquire_once(const struct schedctl_request *request, const struct run_options *options,
                        struct schedctl_lease **ret_lease)
{
        CLEANUP_LEASE struct schedctl_lease *lease = NULL;
        int r = client_acquire(request, CLIENT_NO_WAIT, &lease);

        if (r >= 0)
                r = run_wait_first(lease, run_options_verb(options), options->quiet);
        if (r < 0)
                return r;
        client_lease_start_no_service(lease);
        client_lease_queue_calls(lease);
        *ret_lease = TAKE(lease);
        return 0;
}

/* A place in the queue that the next service knows nothing of is lost: at its end, then. */
static int acquire(const struct schedctl_request *request, const struct run_options *options,
                   struct schedctl_lease **ret_lease)
{
        int r = -ESTALE;

        for (unsigned i = 0; i < RUN_LEASE_TRIES && r == -ESTALE; i++)
                r = acquire_once(request, options, ret_lease);
        return r;
}

int run_lease_open(const struct run_options *options, struct run_lease *ret_lease)
{
        const char *verb = run_options_verb(options);
        char label[RUN_LABEL_MAX + 1];
        struct schedctl_request request = {
                .size = sizeof(request),
                .min = options->min,
                .max = least_of(least_of(options->max, options->workers), options->max_workers),
                .weight = options->weight,
                .priority = options->priority,
                .label = label,
        };
        struct run_lease l = {0};
        int r;

        make_label(options, label);
        r = acquire(&request, options, &l.lease);
        if (r >= 0)
                r = take_grant(&l);
        else if (is_refusal(r))
                fprintf(stderr, "schedctl %s: no CPUs could be borrowed: %s\n", verb, refusal_text(r));
        else {
                fprintf(stderr, "schedctl %s: going on without a lease, on the CPUs of its own mask: %s\n", verb,
                        r == -ENOENT ? "no service could be reached or started" : refusal_text(r));
                r = take_own_mask(options, &l);
        }
        if (r < 0) {
                run_lease_close(&l);
                return r;
        }
        *ret_lease = l;
        return 0;
}

void run_lease_adopt(struct run_lease *l)
{
        if (l->lease)
                schedctl_lease_adopt(l->lease);
}

void run_lease_close(struct run_lease *l)
{
        schedctl_lease_release(l->lease);
        free(l->order);
        free(l->slots);
        *l = (struct run_lease){0};
}

bool run_lease_is_connected(const struct run_lease *l)
{
        return l->lease && client_lease_is_connected(l->lease);
}

const char *run_lease_reason(const struct run_lease *l)
{
        return l->lease ? schedctl_lease_reason(l->lease) : "";
}

int run_lease_fd(const struct run_lease *l)
{
        return l->lease ? schedctl_lease_fd(l->lease) : -1;
}

static size_t list_pus(const struct cpuset *pus, unsigned ret_list[static CPUSET_MAX])
{
        size_t n = 0;

        CPUSET_FOREACH (pu, pus) {
                ret_list[n++] = pu;
        }
        return n;
}

/* Forgets PUs that were given back; the service confirms by a grant, which need not be waited for. */
static void drop(struct run_lease *l, const struct cpuset *pus)
{
        size_t n = 0;

        for (size_t i = 0; i < l->n_order; i++)
                if (!cpuset_has(pus, l->order[i]))
                        l->order[n++] = l->order[i];
        l->n_order = n;
        l->pus = cpuset_andnot(&l->pus, pus);
        l->kept = cpuset_andnot(&l->kept, pus);
        l->wanted = cpuset_andnot(&l->wanted, pus);
        if (cpuset_is_empty(&l->wanted))
                l->wanted_by = 0;
}

void run_lease_take_back(struct run_lease *l, const struct cpuset *pus)
{
        unsigned list[CPUSET_MAX];
        size_t n = list_pus(pus, list);

        if (copy_numbers(list, n, &l->order, &l->n_order) < 0)
                return;
        l->pus = l->kept = *pus;
        l->wanted = (struct cpuset){0};
        l->wanted_by = 0;
}

typedef int (*tell_return)(struct schedctl_lease *, const unsigned *, size_t);

static int give(struct run_lease *l, const struct cpuset *pus, tell_return tell, struct cpuset *said,
                struct cpuset *unsaid)
{
        struct cpuset held = cpuset_and(&l->pus, pus);
        unsigned list[CPUSET_MAX];
        size_t n = list_pus(&held, list);
        int r = -ENOTCONN;

        if (n == 0)
                return 0;
        drop(l, &held);
        if (run_lease_is_connected(l))
                r = tell(l->lease, list, n);
        if (r != 0 && r != -ENOTCONN)
                return r;
        cpuset_merge(r == 0 ? said : unsaid, &held);
        return 0;
}

int run_lease_return(struct run_lease *l, const struct cpuset *pus)
{
        return give(l, pus, schedctl_lease_return, &l->said.returned, &l->unsaid.returned);
}

int run_lease_refuse(struct run_lease *l, const struct cpuset *pus)
{
        return give(l, pus, schedctl_lease_unusable, &l->said.refused, &l->unsaid.refused);
}

int run_lease_set_max(struct run_lease *l, unsigned max)
{
        int r = run_lease_is_connected(l) ? client_lease_set_max(l->lease, max) : -ENOTCONN;

        if (r != 0 && r != -ENOTCONN)
                return r;
        *(r == 0 ? &l->said.max : &l->unsaid.max) = max;
        return 0;
}

int run_lease_lower(struct run_lease *l, const struct cpuset *pus)
{
        struct cpuset left = cpuset_andnot(&l->pus, pus);
        int r = run_lease_set_max(l, cpuset_count(&left));

        return r < 0 ? r : run_lease_return(l, pus);
}

/* Where nobody lends slots they are counted on. */
static int count_slots(struct run_lease *l, unsigned n)
{
        unsigned *slots = realloc(l->slots, n * sizeof(*slots));

        if (!slots)
                return -ENOMEM;
        l->slots = slots;
        for (; l->n_slots < n; l->n_slots++)
                slots[l->n_slots] = (unsigned)l->n_slots;
        return 0;
}

int run_lease_want_slots(struct run_lease *l, unsigned n)
{
        if (n <= l->n_slots || n <= l->slots_wanted)
                return 0;
        l->slots_wanted = n;
        if (!l->lease)
                return count_slots(l, n);
        return run_lease_is_connected(l) ? schedctl_lease_set_slots(l->lease, n) : 0;
}

void run_lease_begin_round(struct run_lease *l)
{
        l->silent = run_lease_is_connected(l) && !client_lease_is_answered(l->lease);
}

static bool is_listening(const struct run_lease *l)
{
        return run_lease_is_connected(l) && !l->silent;
}

int run_lease_report(struct run_lease *l, double work_rate, uint64_t ends_in_ms)
{
        return is_listening(l) ? schedctl_lease_report(l->lease, work_rate, ends_in_ms) : -ENOTCONN;
}

int run_lease_refresh(struct run_lease *l)
{
        return is_listening(l) ? schedctl_lease_refresh(l->lease) : -ENOTCONN;
}

int run_lease_set_priority(struct run_lease *l, int priority)
{
        return run_lease_is_connected(l) ? schedctl_lease_set_priority(l->lease, priority) : -ENOTCONN;
}

int run_lease_set_unit(struct run_lease *l, const char *unit)
{
        return run_lease_is_connected(l) ? schedctl_lease_set_unit(l->lease, unit) : -ENOTCONN;
}

int run_lease_set_memory(struct run_lease *l, uint64_t bytes)
{
        const struct schedctl_request request = {.size = sizeof(request), .memory_per_worker = bytes};

        return is_listening(l) ? schedctl_lease_update(l->lease, &request) : -ENOTCONN;
}

/* A claim asks for all that the service had lent, what was given back since included. */
static void say_unsaid(struct run_lease *l)
{
        struct run_lease_word unsaid = l->unsaid;

        l->unsaid = (struct run_lease_word){0};
        if (l->slots_wanted > l->n_slots)
                (void)schedctl_lease_set_slots(l->lease, l->slots_wanted);
        if (unsaid.max)
                (void)run_lease_set_max(l, unsaid.max);
        (void)run_lease_return(l, &unsaid.returned);
        (void)run_lease_refuse(l, &unsaid.refused);
}

static void unsay(struct run_lease *l)
{
        cpuset_merge(&l->unsaid.returned, &l->said.returned);
        cpuset_merge(&l->unsaid.refused, &l->said.refused);
        if (!l->unsaid.max)
                l->unsaid.max = l->said.max;
        l->said = (struct run_lease_word){0};
}

/* What became of what was said: true where it is to be said again to a service that is there. */
static bool follow_said(struct run_lease *l)
{
        bool connected = run_lease_is_connected(l);
        int r = schedctl_lease_error(l->lease);

        if (r == -ENOTCONN || r == -ETIMEDOUT || !connected)
                unsay(l);
        else if (client_lease_is_answered(l->lease))
                l->said = (struct run_lease_word){0};
        return connected && r == -ETIMEDOUT;
}

int run_lease_read(struct run_lease *l)
{
        int r = schedctl_lease_dispatch(l->lease);
        bool again = follow_said(l);

        if (r < 0)
                return -ENOTCONN;
        if ((r == 0 && !again) || take_grant(l) < 0)
                return 0;
        say_unsaid(l);
        return 1;
}
