#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "cli/run_past.h"
#include "cli/run_suite.h"
#include "lib/util.h"

int run_suite_create(struct run *run, struct run_peer *peer, struct run_suite **ret_suite)
{
        struct run_suite *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        s->run = run;
        s->peer = peer;
        s->number = run->n_suites_seen++;
        s->reporter = peer->pid;
        s->confirmed = RUN_NO_INDEX;
        *ret_suite = s;
        return 0;
}

bool run_suite_is_active(const struct run_suite *s)
{
        return s->state == RUN_SUITE_RUNNING;
}

/* 32 hexadecimal digits, as pytest-xdist's testrunuid. */
static int make_testrunuid(char ret_text[static 33])
{
        unsigned char bytes[16];

        if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
                return -EIO;
        for (size_t i = 0; i < sizeof(bytes); i++)
                snprintf(ret_text + 2 * i, 3, "%02x", bytes[i]);
        return 0;
}

static void leave_serial(struct run_suite *s, const char *why)
{
        s->state = RUN_SUITE_SERIAL;
        snprintf(s->why_serial, sizeof(s->why_serial), "%s", why);
        run_share(s->run);
}

static json_t *welcome_message(const struct run_suite *s, const char *uid, const char *dir)
{
        return json_pack("{s:s, s:i, s:s, s:s, s:b, s:s, s:f, s:b}", "event", "welcome", "version",
                         RUN_PROTOCOL_VERSION, "run", uid, "dir", dir, "quiet", s->run->options->quiet, "start",
                         run_start_text(s->settings.start), "item_timeout", s->settings.item_timeout,
                         "confirm_failures", s->settings.confirm_failures);
}

/* What the project's file says that cannot be is said, and does not hold. */
static void settle(struct run_suite *s, const struct run_hello *hello)
{
        char complaint[RUN_SETTINGS_COMPLAINT_MAX];

        run_settings_weigh(s->run->options, hello->settings, &s->settings, complaint);
        if (*complaint)
                fprintf(stderr, "schedctl run: settings in %s: %s\n", hello->rootdir, complaint);
}

static int on_hello(struct run_suite *s, const json_t *message)
{
        struct run_hello hello;
        CLEANUP_FREE char *dir = NULL;
        char uid[33];
        int r = run_message_hello(message, &hello);

        if (r < 0 || s->hello_at)
                return -EPROTO;
        s->hello_at = run_now(s->run);
        s->rootdir = json_string(hello.rootdir);
        if (!s->rootdir || asprintf(&dir, "%s/suite-%u", s->run->dir, s->number) < 0)
                return -ENOMEM;
        settle(s, &hello);
        r = make_testrunuid(uid);
        if (r == 0)
                r = run_suite_open_deal(s, dir);
        if (r < 0)
                return r;
        r = run_peer_send(s->peer, welcome_message(s, uid, dir));
        if (r == 0 && hello.version != RUN_PROTOCOL_VERSION) {
                leave_serial(s, "its plugin is of another version");
                return 0;
        }
        /* While the reporter collects there is time to ask. */
        if (r == 0)
                r = run_machine_ask(&s->run->machine, run_lease_is_connected(&s->run->lease), &s->run->lease.pus);
        return r < 0 ? r : run_past_open(s);
}

/* A pytest that cannot take part says only why, and waits for no answer. */
static int on_unfit(struct run_suite *s, const json_t *message)
{
        if (s->hello_at)
                return -EPROTO;
        s->hello_at = run_now(s->run);
        s->unfit = true;
        leave_serial(s, run_message_text(message, "why"));
        return 0;
}

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

/* Why the reporter had better run the items itself, or NULL. */
static const char *why_inline(const struct run_suite *s, const struct run_past *past)
{
        const struct run_listing *l = &s->listing;

        if (l->n_items == 0)
                return "no tests";
        if (s->n_parts == 0)
                return "each of its tests is to run alone";
        if (s->settings.item_timeout > 0)
                return NULL; /* what may hang has to be watched from outside */
        if (s->settings.workers == 1)
                return "one worker was asked for";
        if (s->n_parts == 1)
                return l->n_items == 1 ? "one test" : "no two of its tests may run beside each other";
        if (s->n_pus == 0)
                return "other suites of this run have all its CPUs";
        if (s->settings.workers > 1)
                return NULL;
        if (!may_have_two(s))
                return "one CPU";
        if (s->n_pus > 1 && run_past_is_known(past, l->n_items) &&
            dispatch_inline_is_faster(past->total, l->n_items, (uint32_t)s->n_pus, start_cost(s), RUN_RELAY_SECONDS))
                return "too short to gain";
        return NULL;
}

static uint32_t least_of(uint32_t a, uint32_t b)
{
        return a < b ? a : b;
}

/* How many it is to have, where that was said, whatever the PUs: no more than there are things to do. */
static uint32_t wanted_workers(const struct run_suite *s)
{
        return least_of(least_of(s->settings.workers, s->n_parts), DISPATCH_WORKERS_MAX);
}

uint32_t run_suite_n_wanted(const struct run_suite *s)
{
        uint32_t wanted = wanted_workers(s);

        if (s->state != RUN_SUITE_RUNNING)
                return s->confirmed != RUN_NO_INDEX;
        return wanted > 0 ? wanted : (uint32_t)s->n_pus;
}

static int send_plan(struct run_suite *s, const char *mode, uint32_t workers, const char *why)
{
        return run_peer_send(s->peer, json_pack("{s:s, s:s, s:i, s:s}", "event", "plan", "mode", mode, "workers",
                                                (int)workers, "why", why));
}

/* most: workers, where it was not said how many. */
static int begin_workers(struct run_suite *s, const struct run_past *past, uint32_t most)
{
        uint32_t wanted = wanted_workers(s);
        const struct dispatch_params params = {
                .items = past->items,
                .n_items = s->listing.n_items,
                .groups = past->groups,
                .n_groups = s->listing.n_groups,
                .max_workers = wanted > 0 ? wanted : most,
                .min_workers = wanted,
                .ordered = s->listing.ordered,
                .default_seconds = RUN_DEFAULT_SECONDS,
                .overhead = RUN_SEND_SECONDS,
                .start_cost = start_cost(s),
        };
        int r = send_plan(s, "workers", wanted > 0 ? wanted : least_of(least_of((uint32_t)s->n_pus, most), s->n_parts),
                          s->listing.why);

        run_want_slots(s->run);
        return r < 0 ? r : run_suite_deal(s, &params);
}

/* A suite that has to be watched while others have all PUs: one worker, beside theirs. */
static int begin_as_guest(struct run_suite *s, const struct run_past *past)
{
        run_suite_set_pus(s, &s->run->lease.kept);
        return begin_workers(s, past, 1);
}

static int on_suite(struct run_suite *s, json_t *message)
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
        r = run_measure_init(&s->measure, &s->listing);
        if (r == 0)
                r = run_past_load(s, &past);
        if (r < 0)
                return r;
        s->n_estimated = past.n_known;
        s->n_parts = count_parts(&past, s->listing.n_items);
        s->state = RUN_SUITE_RUNNING;
        run_share(s->run);
        why = why_inline(s, &past);
        if (!why)
                return s->n_pus > 0 ? begin_workers(s, &past, DISPATCH_WORKERS_MAX) : begin_as_guest(s, &past);
        leave_serial(s, why);
        return send_plan(s, "inline", 0, why);
}

static int on_serial(struct run_suite *s, const json_t *message)
{
        json_int_t items = 0;

        if (s->message ||
            (json_object_get(message, "items") && run_message_number(message, "items", RUN_ITEMS_MAX, &items) < 0))
                return -EPROTO;
        s->n_theirs = (uint32_t)items;
        s->tell = json_is_true(json_object_get(message, "tell"));
        leave_serial(s, run_message_text(message, "why"));
        return 0;
}

static int on_stop(struct run_suite *s)
{
        struct dispatch_event event = {.type = DISPATCH_STOP};

        return s->dispatch ? run_suite_step(s, &event) : 0;
}

static int on_worker(struct run_suite *s, const char *event, const json_t *message)
{
        json_int_t worker, pid = 0;

        if (!s->dispatch || run_message_number(message, "worker", UINT16_MAX, &worker) < 0)
                return -EPROTO;
        if (strcmp(event, "failed") == 0)
                return run_suite_failed(s, (uint32_t)worker);
        if (run_message_number(message, "pid", INT32_MAX, &pid) < 0)
                return -EPROTO;
        return run_suite_started(s, (uint32_t)worker, (pid_t)pid);
}

static int on_exited(struct run_suite *s, const json_t *message)
{
        CLEANUP(run_exited_finish) struct run_exited exited = {0};
        int r;

        if (!s->dispatch)
                return -EPROTO;
        r = run_message_exited(message, s->listing.n_items, &exited);
        return r < 0 ? r : run_suite_exited(s, &exited);
}

static int on_confirm(struct run_suite *s, const json_t *message)
{
        uint32_t item;
        int r = run_message_item(message, s->listing.n_items, &item);

        return r < 0 ? r : run_suite_confirm(s, item);
}

static int on_result(struct run_suite *s, const json_t *message)
{
        struct run_result result;
        int r = run_message_result(message, s->listing.n_items, &result);

        if (r < 0)
                return r;
        run_result_finish(&s->result);
        s->result = result;
        s->has_result = true;
        run_suite_read_records(s);
        run_measure_outcomes(&s->measure, &result);
        run_past_store(s); /* while the reporter writes its summary */
        return 0;
}

int run_suite_message(struct run_suite *s, const char *event, json_t *message)
{
        if (strcmp(event, "hello") == 0)
                return on_hello(s, message);
        if (strcmp(event, "unfit") == 0)
                return on_unfit(s, message);
        if (strcmp(event, "suite") == 0)
                return on_suite(s, message);
        if (strcmp(event, "serial") == 0)
                return on_serial(s, message);
        if (strcmp(event, "started") == 0 || strcmp(event, "failed") == 0)
                return on_worker(s, event, message);
        if (strcmp(event, "exited") == 0)
                return on_exited(s, message);
        if (strcmp(event, "stop") == 0)
                return on_stop(s);
        if (strcmp(event, "confirm") == 0)
                return on_confirm(s, message);
        if (strcmp(event, "result") == 0)
                return on_result(s, message);
        return 0; /* of a newer version, and not needed here */
}

static struct dispatch_pu *copy_rated(const struct run_suite *s, const struct cpuset *pus, size_t *ret_n)
{
        unsigned order[CPUSET_MAX];
        struct dispatch_pu *rated;
        size_t n = 0;

        CPUSET_FOREACH (pu, pus) {
                order[n++] = pu;
        }
        rated = calloc(n + 1, sizeof(*rated));
        if (!rated)
                return NULL;
        run_machine_rate(&s->run->machine, order, n, rated);
        *ret_n = n;
        return rated;
}

static bool same_pus(const struct run_suite *s, const struct dispatch_pu *pus, size_t n)
{
        if (n != s->n_pus)
                return false;
        for (size_t i = 0; i < n; i++)
                if (s->pus[i].os != pus[i].os)
                        return false;
        return true;
}

/* More PUs than its project wants workers are of no use to it. */
static size_t give_up_useless(struct run_suite *s, const struct dispatch_pu *pus, size_t n)
{
        size_t most = s->settings.workers ? s->settings.workers : n;

        for (size_t i = most; i < n; i++)
                run_spare(s->run, s, pus[i].os);
        return most < n ? most : n;
}

/* A suite that has begun keeps its last PUs where it is to have none: its workers have to be somewhere. */
void run_suite_set_pus(struct run_suite *s, const struct cpuset *pus)
{
        struct dispatch_event event = {.type = DISPATCH_PUS};
        struct dispatch_pu *rated;
        size_t n;

        if (s->dispatch && cpuset_is_empty(pus))
                return;
        rated = copy_rated(s, pus, &n);
        n = rated ? give_up_useless(s, rated, n) : 0;
        if (!rated || same_pus(s, rated, n)) {
                free(rated);
                return;
        }
        free(s->pus);
        s->pus = rated;
        s->n_pus = n;
        if (!s->dispatch || s->state != RUN_SUITE_RUNNING)
                return;
        event.pus = rated;
        event.n_pus = n;
        if (run_measure_pus(&s->measure, run_now(s->run), rated, n) < 0 || run_suite_step(s, &event) < 0)
                run_peer_close(s->peer);
}

static void suite_free(struct run_suite *s)
{
        run_past_close(s);
        run_deal_close(&s->deal);
        dispatch_destroy(s->dispatch);
        dispatch_actions_finish(&s->actions);
        run_measure_finish(&s->measure);
        run_listing_finish(&s->listing);
        run_result_finish(&s->result);
        json_decref(s->message);
        json_decref(s->rootdir);
        run_settings_finish(&s->settings);
        free(s->sources);
        json_decref(s->crashed);
        json_decref(s->left);
        free(s->workers);
        free(s->recalls);
        free(s->pus);
        free(s);
}

static void on_handle_closed(uv_handle_t *handle)
{
        struct run_suite *s = handle->data;

        if (--s->n_handles == 0)
                suite_free(s);
}

void run_suite_close(struct run_suite *s)
{
        if (s->n_handles)
                run_suite_read_records(s);
        run_past_store(s); /* of one that ended without a result */
        run_report_suite(&s->run->report, s);
        for (uint32_t i = 0; i < s->n_workers; i++)
                if (s->workers[i].state != RUN_WORKER_NONE)
                        run_give_slot(s->run, s->workers[i].slot);
        if (!s->n_handles) {
                suite_free(s);
                return;
        }
        uv_close((uv_handle_t *)&s->done_poll, on_handle_closed);
        uv_close((uv_handle_t *)&s->timer, on_handle_closed);
}
