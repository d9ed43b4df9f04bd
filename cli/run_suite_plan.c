/* The plan of a suite: whether workers are worth it, and how many there may be. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/run_dry.h"
#include "cli/run_past.h"
#include "cli/run_suite.h"
#include "hw/memory.h"
#include "lib/util.h"

/* A worker started afresh repeats what the reporter did so far. */
static double start_cost(const struct run_suite *s)
{
        if (strcmp(s->listing.start, "fork") == 0)
                return RUN_FORK_SECONDS;
        return (double)(run_now(s->run) - s->hello_at) / 1e6 + RUN_FORK_SECONDS;
}

/* Whether more than one PU can come the suite's way in this run. */
static bool may_have_two(const struct run_suite *s)
{
        const struct run *run = s->run;

        if (s->n_pus > 1)
                return true;
        if (run_tokens_is_client(run->tokens))
                return run_usable_may_have_two(run);
        if (!run_lease_is_connected(&run->lease) || run->options->max == 1)
                return false;
        return run->machine.n_usable != 1;
}

/* How many things there are to deal: a serial group is one. */
static uint32_t count_parts(const struct run_past *past, uint32_t n_items)
{
        CLEANUP_FREE bool *seen = calloc(n_items + (size_t)1, sizeof(*seen));
        uint32_t n = 0;

        for (uint32_t i = 0; seen && i < n_items; i++) {
                const struct dispatch_item *item = &past->items[i];

                n += !item->alone && !(item->serial > 0 && seen[item->serial]);
                seen[item->serial] = true;
        }
        return seen ? n : n_items;
}

static uint32_t least_of(uint32_t a, uint32_t b)
{
        return a < b ? a : b;
}

static uint32_t largest_of(uint32_t a, uint32_t b)
{
        return a > b ? a : b;
}

/* How many it is to have, where that was said, whatever the PUs: no more than there are things to do. */
static uint32_t wanted_workers(const struct run_suite *s)
{
        return least_of(least_of(s->settings.workers, s->n_parts), DISPATCH_WORKERS_MAX);
}

/* How many there may be beyond one a PU while items wait: what --max-workers leaves, or so many by default, and no more
 * than memory is there for. In order nothing runs ahead. */
static uint32_t extra_workers(struct run_suite *s)
{
        uint32_t n_pus = (uint32_t)s->n_pus, most = s->settings.max_workers;

        if (s->settings.workers || s->listing.ordered || s->n_pus == 0 || run_tokens_is_client(s->run->tokens))
                return 0; /* a worker is a job, also while it waits */
        if (!most)
                most = run_worth_most_workers(n_pus);
        most = least_of(least_of(most, s->n_parts), DISPATCH_WORKERS_MAX);
        return most > n_pus ? least_of(most - n_pus, run_suite_room(s)) : 0;
}

static struct run_worth describe_worth(const struct run_suite *s, const struct run_past *past)
{
        return (struct run_worth){
                .items = past->items,
                .n_items = s->listing.n_items,
                .total = past->total,
                .n_pus = (uint32_t)s->n_pus,
                .n_extra = s->n_extra,
                .start_cost = start_cost(s),
        };
}

/* Why the reporter had better run the items itself, or NULL. */
static const char *why_inline(const struct run_suite *s, const struct run_past *past)
{
        const struct run_listing *l = &s->listing;
        const struct run_worth worth = describe_worth(s, past);
        bool known = run_past_is_known(past, l->n_items);

        if (l->n_items == 0)
                return "no tests";
        if (s->n_parts == 0)
                return "each of its tests is to run alone";
        if (s->settings.item_timeout > 0)
                return NULL; /* what may hang has to be watched from outside */
        if (s->settings.workers == 1)
                return "one worker was asked for";
        if (s->settings.max_workers == 1)
                return "one worker is all that is allowed";
        if (s->n_parts == 1)
                return l->n_items == 1 ? "one test" : "no two of its tests may run beside each other";
        if (s->n_pus == 0)
                return "other suites of this run have all its CPUs";
        if (s->settings.workers > 1)
                return NULL;
        if (!may_have_two(s) && !(known && run_worth_waiting(&worth)))
                return "one CPU";
        return s->n_pus > 1 && known && run_worth_nothing(&worth) ? "too short to gain" : NULL;
}

uint32_t run_suite_n_wanted(const struct run_suite *s)
{
        uint32_t wanted = wanted_workers(s);

        if (s->state != RUN_SUITE_RUNNING)
                return s->confirmed != RUN_NO_INDEX;
        if (s->xdist)
                return run_xdist_n_wanted(s);
        return largest_of(wanted > 0 ? wanted : (uint32_t)s->n_pus, run_suite_n_alive(s));
}

static int send_plan(struct run_suite *s, const char *mode, uint32_t workers, const char *why)
{
        return run_peer_send(s->peer, json_pack("{s:s, s:s, s:i, s:s}", "event", "plan", "mode", mode, "workers",
                                                (int)workers, "why", why));
}

/* most: workers, where it was not said how many. */
static struct dispatch_params make_params(const struct run_suite *s, const struct run_past *past, uint32_t most)
{
        const struct run_needs *needs = &s->listing.needs;
        uint32_t wanted = wanted_workers(s);

        return (struct dispatch_params){
                .items = past->items,
                .n_items = s->listing.n_items,
                .groups = past->groups,
                .n_groups = s->listing.n_groups,
                .capacities = needs->capacities,
                .n_resources = needs->n_resources,
                .needs = needs->needs,
                .n_needs = needs->n_needs,
                .max_workers = wanted > 0 ? wanted : most,
                .min_workers = wanted,
                .extra_workers = most > 1 ? s->n_extra : 0,
                .max_items = s->settings.max_items,
                .max_rss = (uint64_t)s->settings.max_worker_memory * 1024,
                .ordered = s->listing.ordered,
                .default_seconds = RUN_DEFAULT_SECONDS,
                .overhead = RUN_SEND_SECONDS,
                .start_cost = start_cost(s),
                .session_setup = past->session_setup,
        };
}

static int begin_workers(struct run_suite *s, const struct run_past *past, uint32_t most)
{
        const struct dispatch_params params = make_params(s, past, most);
        int r;

        s->n_exact = params.min_workers;
        s->n_at_once =
                least_of(largest_of(params.min_workers, least_of((uint32_t)s->n_pus, params.max_workers)), s->n_parts);
        r = send_plan(s, "workers", s->n_at_once, s->listing.why);
        run_want_slots(s->run);
        return r < 0 ? r : run_suite_deal(s, &params, past->worker_memory);
}

/* A suite that has to be watched while others have all PUs: one worker, beside theirs. */
static int begin_as_guest(struct run_suite *s, const struct run_past *past)
{
        run_suite_set_pus(s, &s->run->usable.pus);
        return begin_workers(s, past, 1);
}

static int begin(struct run_suite *s, const struct run_past *past)
{
        uint32_t most = s->settings.max_workers ? s->settings.max_workers : DISPATCH_WORKERS_MAX;

        if (s->n_pus == 0)
                return begin_as_guest(s, past);
        return begin_workers(s, past, least_of(most, DISPATCH_WORKERS_MAX));
}

/* Nothing is run: the plan is made, to be shown at the end. */
static int begin_dry(struct run_suite *s, const struct run_past *past, const char *why)
{
        const struct dispatch_params params = make_params(s, past, DISPATCH_WORKERS_MAX);
        int r = why ? run_dry_inline(s, why) : run_dry_plan(s, &params, past->n_known);

        run_suite_leave_serial(s, why ? why : "nothing is to be run");
        return r < 0 ? r : send_plan(s, "dry", 0, s->why_serial);
}

/* What is there at the start is what items can ask for. */
static int limit_memory(struct run_suite *s)
{
        int r = hw_memory_available("", s->reporter, &s->memory);

        if (r == 0)
                run_needs_limit_memory(&s->listing.needs, s->memory);
        return r;
}

int run_suite_plan(struct run_suite *s, json_t *message)
{
        CLEANUP(run_past_finish) struct run_past past = {0};
        const char *why;
        int r;

        if (!s->hello_at || s->state != RUN_SUITE_HELLO || s->message)
                return -EPROTO;
        r = run_message_suite(message, &s->listing);
        if (r < 0)
                return r;
        s->message = json_incref(message);
        s->suite_at = run_now(s->run);
        run_suite_tell_shard(s);
        r = run_measure_init(&s->measure, &s->listing);
        if (r == 0)
                r = run_past_load(s, &past);
        if (r == 0)
                r = limit_memory(s);
        if (r < 0)
                return r;
        s->n_estimated = past.n_known;
        s->n_parts = count_parts(&past, s->listing.n_items);
        run_measure_expect(&s->measure, past.items);
        run_priority_add(s->run, run_past_is_known(&past, s->listing.n_items), past.total, s->listing.n_items);
        s->state = RUN_SUITE_RUNNING;
        run_share(s->run);
        s->n_extra = extra_workers(s);
        why = why_inline(s, &past);
        if (s->run->options->dry_run)
                return begin_dry(s, &past, why);
        if (!why)
                return begin(s, &past);
        run_suite_leave_serial(s, why);
        return send_plan(s, "inline", 0, why);
}
