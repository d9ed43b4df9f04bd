#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "cli/run_past.h"
#include "cli/run_suite.h"
#include "cli/run_xdist_message.h"
#include "hw/oom.h"
#include "lib/text.h"
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

void run_suite_leave_serial(struct run_suite *s, const char *why)
{
        s->state = RUN_SUITE_SERIAL;
        text_fit(why, s->why_serial, sizeof(s->why_serial));
        run_share(s->run);
}

static json_t *welcome_message(const struct run_suite *s, const char *uid, const char *dir)
{
        const struct run_shard *shard = &s->run->options->shard;
        const struct run_nice *nice = s->run->nice;
        char kills[HW_PATH_MAX] = "", shard_text[RUN_SHARD_TEXT_MAX];
        json_t *message;

        run_shard_text(shard, shard_text);
        (void)hw_oom_counter("", s->reporter, kills);
        message = json_pack("{s:s, s:i, s:s, s:s, s:b, s:s, s:f, s:b, s:s*, s:o*}", "event", "welcome", "version",
                            RUN_PROTOCOL_VERSION, "run", uid, "dir", dir, "quiet", s->run->options->quiet, "start",
                            run_start_text(s->settings.start), "item_timeout", s->settings.item_timeout,
                            "confirm_failures", s->settings.confirm_failures, "kills", *kills ? kills : NULL, "workers",
                            s->xdist ? json_integer(s->xdist->told) : NULL);
        if (message && s->run->options->dry_run)
                json_object_set_new(message, "dry", json_true());
        if (message && s->run->options->attach && nice->wanted > 0) /* a COMMAND has it from the beginning */
                json_object_set_new(message, "nice", json_integer(nice->own));
        if (message && shard->count > 0) {
                json_object_set_new(message, "shard", json_string(shard_text));
                json_object_set_new(message, "shard_asked", json_boolean(shard->asked));
        }
        return message;
}

/* What the project's file says that cannot be is said, and does not hold. */
static void settle(struct run_suite *s, const struct run_hello *hello)
{
        char complaint[RUN_SETTINGS_COMPLAINT_MAX];

        run_settings_weigh(s->run->options, hello->settings, &s->settings, complaint);
        if (*complaint)
                fprintf(stderr, "schedctl %s: settings in %s: %s\n", run_options_verb(s->run->options), hello->rootdir,
                        complaint);
}

static int ask_machine(struct run_suite *s)
{
        return run_machine_ask(&s->run->machine, run_lease_is_connected(&s->run->lease), &s->run->lease.pus);
}

static int on_hello(struct run_suite *s, const json_t *message)
{
        struct run_hello hello;
        uint32_t asked;
        CLEANUP_FREE char *dir = NULL;
        char uid[33];
        int r = run_message_hello(message, &hello);

        if (r < 0 || run_xdist_message_asked(message, &asked) < 0 || s->hello_at)
                return -EPROTO;
        s->hello_at = run_now(s->run);
        s->rootdir = json_string(hello.rootdir);
        if (!s->rootdir || asprintf(&dir, "%s/suite-%u", s->run->dir, s->number) < 0)
                return -ENOMEM;
        settle(s, &hello);
        r = make_testrunuid(uid);
        if (r == 0)
                r = run_suite_open_deal(s, dir);
        /* While the reporter collects there is time to ask; pytest-xdist has to know at once. */
        if (r == 0 && asked != RUN_NO_INDEX && hello.version == RUN_PROTOCOL_VERSION) {
                r = ask_machine(s);
                if (r == 0)
                        r = run_xdist_begin(s, asked);
        }
        if (r < 0)
                return r;
        r = run_peer_send(s->peer, welcome_message(s, uid, dir));
        if (r == 0 && hello.version != RUN_PROTOCOL_VERSION) {
                run_suite_leave_serial(s, "its plugin is of another version");
                snprintf(s->shard.why, sizeof(s->shard.why), "%s", s->why_serial);
                run_suite_tell_shard(s);
                return 0;
        }
        if (r == 0)
                r = ask_machine(s);
        return r < 0 ? r : run_past_open(s);
}

/* A pytest that cannot take part says only why, and waits for no answer. */
static int on_unfit(struct run_suite *s, const json_t *message)
{
        if (s->hello_at)
                return -EPROTO;
        s->hello_at = run_now(s->run);
        s->unfit = true;
        text_fit(run_message_text(message, "why"), s->shard.why, sizeof(s->shard.why));
        run_suite_tell_shard(s);
        run_suite_leave_serial(s, run_message_text(message, "why"));
        return 0;
}

static int on_serial(struct run_suite *s, const json_t *message)
{
        json_int_t items = 0;

        if (s->message ||
            (json_object_get(message, "items") && run_message_number(message, "items", RUN_ITEMS_MAX, &items) < 0))
                return -EPROTO;
        s->n_theirs = (uint32_t)items;
        s->tell = json_is_true(json_object_get(message, "tell"));
        run_suite_tell_shard(s);
        run_suite_leave_serial(s, run_message_text(message, "why"));
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
        int r = s->xdist ? -EPROTO : run_message_item(message, s->listing.n_items, &item);

        return r < 0 ? r : run_suite_confirm(s, item);
}

static int on_result(struct run_suite *s, const json_t *message)
{
        struct run_result result;
        int r = run_message_result(message, s->xdist ? s->xdist->n_collected : s->listing.n_items, &result);

        if (r < 0)
                return r;
        if (s->xdist) {
                run_xdist_renumber(s, &result.failed_items);
                run_xdist_renumber(s, &result.skipped_items);
        }
        run_result_finish(&s->result);
        s->result = result;
        s->has_result = true;
        run_suite_read_records(s);
        run_measure_outcomes(&s->measure, &result);
        run_past_store(s); /* while the reporter writes its summary */
        if (s->xdist && s->state == RUN_SUITE_RUNNING) {
                s->state = RUN_SUITE_FINISHED;
                run_share_later(s->run);
        }
        return 0;
}

int run_suite_message(struct run_suite *s, const char *event, json_t *message)
{
        if (strcmp(event, "hello") == 0)
                return on_hello(s, message);
        if (strcmp(event, "unfit") == 0)
                return on_unfit(s, message);
        if (strcmp(event, "node") == 0 || strcmp(event, "ran") == 0 || strcmp(event, "gone") == 0 ||
            (s->xdist && strcmp(event, "suite") == 0))
                return run_xdist_message(s, event, message);
        if (strcmp(event, "collected") == 0)
                return run_suite_collected(s, message);
        if (strcmp(event, "undivided") == 0)
                return run_suite_undivided(s, message);
        if (strcmp(event, "suite") == 0)
                return run_suite_plan(s, message);
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
        size_t most = s->settings.workers ? s->settings.workers : s->settings.max_workers ? s->settings.max_workers : n;

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

        if ((s->dispatch || s->xdist) && cpuset_is_empty(pus))
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
        if (s->xdist && s->state == RUN_SUITE_RUNNING)
                run_xdist_move(s);
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
        json_decref(s->dry);
        free(s->dry_text);
        json_decref(s->crashed);
        json_decref(s->left);
        json_decref(s->killed);
        run_xdist_free(s->xdist);
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
