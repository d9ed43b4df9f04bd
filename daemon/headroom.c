#include "daemon/headroom.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/headroom_json.h"
#include "daemon/headroom_situation.h"
#include "daemon/headroom_suspend.h"
#include "daemon/log.h"
#include "daemon/profile.h"
#include "daemon/server.h"
#include "hw/discover.h"
#include "hw/sensors.h"
#include "lib/bus/watch.h"
#include "lib/util.h"

/* What systemd's services watch for too (MemoryPressureWatch=, systemd.resource-control(5)): some task waited for
 * memory for 200 ms of 2 s, and 2 s is what the kernel lets unprivileged processes ask for. */
#define STALL_US  200000
#define WINDOW_US 2000000

struct headroom {
        struct server *server;
        const char *root; /* below which the sensors are */
        uint64_t created;
        struct governor *governor;
        struct governor_settings settings;
        unsigned watchers;
        bool is_sampling; /* what follows is open, and the timer runs */
        bool is_stopped;
        uv_timer_t timer;
        struct profile *profile;
        int trigger, trigger_error; /* the pressure trigger, or why there is none */
        struct watch *trigger_watch;

        struct hw_sensors *sensors; /* NULL: not looked for yet, or the machine has changed since */
        struct cpuset online;       /* at the sample before; empty: not known */
        uint64_t suspended;         /* µs, in all */
        uint64_t worker_memory;     /* that the latest decision went by */
        uint64_t sampled;           /* when, µs */
        uint64_t rested;            /* until when the next one can wait, µs */
        uint64_t cost;              /* of finding the sensors and reading them first, µs; 0: never done */
        bool is_stale;              /* something has changed since then, or there was none yet */
        unsigned n_samples;         /* that are near each other, up to two: readings, and before */
        struct readings readings, before;
        struct governor_decision decision;
};

/* What part of a period a lease's opening may be held up by its first sample. Some drivers ask firmware or a disk. */
#define PREPARE_PART 10

/* Time. With a period other than the usual (--sample-ms) the governor's clock goes as much faster, so that a sample is
 * a second to it all the same. */

static unsigned speed(const struct headroom *h)
{
        return SERVER_SAMPLE_MS / h->server->settings->sample_ms;
}

static uint64_t governor_now(const struct headroom *h)
{
        return h->created + (server_now() - h->created) * speed(h);
}

static uint64_t period_us(const struct headroom *h)
{
        return (uint64_t)h->server->settings->sample_ms * 1000;
}

/* For so long what was decided last goes on to hold, µs. */
static uint64_t fresh_for(const struct headroom *h)
{
        uint64_t now = server_now();

        return h->is_stale || now >= h->rested ? 0 : h->rested - now;
}

static uint64_t clock_us(clockid_t id)
{
        struct timespec t;

        return clock_gettime(id, &t) < 0 ? 0 : (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Sampling. */

/* The machine is read again where PUs came or went; its sensors may have done so too. */
static void notice_hotplug(struct headroom *h)
{
        struct cpuset online;

        if (hw_online(h->root, &online) < 0)
                return;
        bool changed = !cpuset_is_empty(&h->online) && !cpuset_equal(&h->online, &online);

        h->online = online;
        if (!changed)
                return;
        log_event(LOG_LEVEL_NOTICE, &(struct log_event){.id = LOG_ID_MACHINE}, "the online CPUs have changed");
        server_read_machine(h->server);
}

static int open_sensors(struct headroom *h)
{
        struct hw_notes notes = {0};
        int r;

        if (h->sensors)
                return 0;
        h->n_samples = 0;
        r = hw_sensors_open(h->root, &h->server->leases.machine, &h->sensors, &notes);
        for (unsigned i = 0; i < notes.n && i < HW_NOTES_MAX; i++)
                log_debug("%s", notes.text[i]);
        return r;
}

static void close_sensors(struct headroom *h)
{
        hw_sensors_close(TAKE(h->sensors));
}

static void read_profile(const struct headroom *h, struct readings *readings)
{
        if (h->profile)
                profile_read(h->profile, readings);
        else
                readings->profile_error = -EINPROGRESS;
}

static int read_sensors(struct headroom *h, const struct cpuset *lent)
{
        uint64_t now = governor_now(h);
        int r = open_sensors(h);

        if (r < 0)
                return r;
        if (h->n_samples > 0 && now - h->readings.now > GOVERNOR_GAP_US)
                h->n_samples = 0;
        if (h->n_samples > 0)
                h->before = h->readings;
        r = hw_sensors_read(h->sensors, lent, now, &h->readings);
        if (r < 0) {
                close_sensors(h);
                return r;
        }
        h->n_samples = h->n_samples > 0 ? 2 : 1;
        h->readings.resumed =
                headroom_was_suspended(clock_us(CLOCK_BOOTTIME), clock_us(CLOCK_MONOTONIC), &h->suspended);
        read_profile(h, &h->readings);
        return 0;
}

static void decide(struct headroom *h, const struct governor_situation *situation)
{
        struct leases *l = &h->server->leases;
        unsigned budget = h->decision.budget;
        enum governor_cause cause = h->decision.cause;
        int r;

        if (cpuset_is_empty(situation->usable))
                return;
        governor_step(h->governor, &h->readings, situation, &h->decision);
        if (h->decision.budget != budget || h->decision.cause != cause)
                log_event(LOG_LEVEL_INFO, &(struct log_event){.id = LOG_ID_BUDGET, .reason = h->decision.text},
                          "budget %s", h->decision.text);
        r = leases_set_budget(l, &h->decision);
        if (r != 0)
                log_error("cannot set the budget: %s", r > 0 ? alloc_error_text((enum alloc_error)r) : strerror(-r));
}

static void look(struct headroom *h, struct cpuset *ret_lent, struct governor_situation *ret_situation)
{
        headroom_situation(&h->server->leases, server_now(), h->server->settings->root, ret_lent, ret_situation);
        h->worker_memory = ret_situation->worker_memory;
}

/* A period after the latest sample began; but where it took long, no sooner than after as long again. Drivers that ask
 * firmware hold the loop up half of the time at most. */
static void rest(struct headroom *h)
{
        uint64_t now = server_now(), took = now - h->sampled, period = period_us(h);

        h->rested = now + (took < period / 2 ? period - took : took);
}

static void sample(struct headroom *h)
{
        struct governor_situation situation;
        struct cpuset lent;
        bool anew = !h->sensors;
        int r;

        notice_hotplug(h);
        h->sampled = server_now();
        h->is_stale = false;
        look(h, &lent, &situation);
        r = read_sensors(h, &lent);
        if (anew)
                h->cost = server_now() - h->sampled;
        if (r < 0)
                log_error("cannot read the sensors: %s", strerror(-r));
        else
                decide(h, &situation);
        rest(h);
}

/* server_update() sets it again. */
static void on_timer(uv_timer_t *timer)
{
        struct headroom *h = timer->data;

        sample(h);
        server_update(h->server);
}

static void sample_soon(struct headroom *h)
{
        h->is_stale = true;
        if (h->is_sampling)
                uv_timer_start(&h->timer, on_timer, 0, 0);
}

/* What is told to it between two samples. */

static void on_profile(void *arg)
{
        sample_soon(arg);
}

/* The trigger itself stays: to close one the kernel waits for a grace period of RCU, some 10 ms. */
static void rest_trigger(struct headroom *h)
{
        watch_end(TAKE(h->trigger_watch));
        h->trigger_error = -EINPROGRESS;
}

static void end_trigger(struct headroom *h, int error)
{
        rest_trigger(h);
        if (h->trigger >= 0)
                close(TAKE_FD(h->trigger));
        h->trigger_error = error;
}

static void on_pressure(void *arg, int status)
{
        struct headroom *h = arg;

        if (status < 0)
                end_trigger(h, status);
        sample_soon(h);
}

static void start_trigger(struct headroom *h)
{
        int r = h->trigger >= 0 ? h->trigger : hw_pressure_trigger(h->root, HW_PRESSURE_MEMORY, STALL_US, WINDOW_US);

        h->trigger = r;
        if (r >= 0)
                r = watch_start(&h->server->loop, r, UV_PRIORITIZED, on_pressure, h, &h->trigger_watch);
        if (r < 0)
                end_trigger(h, r);
        else
                h->trigger_error = 0;
}

/* Below a root prefix the system's bus is that of another system, unless it is named. */
static uv_loop_t *bus_loop(struct headroom *h)
{
        return *h->root && !getenv("DBUS_SYSTEM_BUS_ADDRESS") ? NULL : &h->server->loop;
}

/* Beginning and ending. */

static void start_sampling(struct headroom *h)
{
        h->is_sampling = true;
        if (profile_open(bus_loop(h), on_profile, h, &h->profile) < 0)
                log_error("cannot ask for the power profile: %s", strerror(ENOMEM));
        start_trigger(h);
}

static void end_sampling(struct headroom *h)
{
        h->is_sampling = false;
        uv_timer_stop(&h->timer);
        profile_close(TAKE(h->profile));
        rest_trigger(h);
        close_sensors(h);
}

void headroom_update(struct headroom *h)
{
        bool is_needed = h->watchers > 0 || headroom_is_lending(&h->server->leases);

        if (h->is_stopped)
                return;
        if (is_needed && !h->is_sampling)
                start_sampling(h);
        else if (!is_needed && (h->is_sampling || h->sensors)) /* they are open after a single sample too */
                end_sampling(h);

        uint64_t fresh = fresh_for(h);

        if (is_needed && (fresh == 0 || !uv_is_active((uv_handle_t *)&h->timer)))
                uv_timer_start(&h->timer, on_timer, (fresh + 999) / 1000, 0);
}

void headroom_watch(struct headroom *h, bool watch)
{
        if (watch)
                h->watchers++;
        else
                h->watchers--;
        headroom_update(h);
}

void headroom_refresh(struct headroom *h)
{
        if (!h->is_stopped && fresh_for(h) == 0)
                sample(h);
}

void headroom_prepare(struct headroom *h, uint64_t worker_memory)
{
        struct governor_situation situation;
        struct cpuset lent;

        notice_hotplug(h);
        if (h->cost <= period_us(h) / PREPARE_PART)
                headroom_refresh(h);
        worker_memory = headroom_least_need(&h->server->leases, worker_memory);
        if (worker_memory == h->worker_memory || h->n_samples == 0 || h->is_stopped)
                return;
        look(h, &lent, &situation);
        h->worker_memory = situation.worker_memory = worker_memory;
        decide(h, &situation);
}

void headroom_set(struct headroom *h, const struct governor_settings *settings)
{
        h->settings = *settings;
        governor_set(h->governor, settings);
        sample_soon(h);
}

void headroom_machine_changed(struct headroom *h)
{
        close_sensors(h);
        sample_soon(h);
}

const struct governor_decision *headroom_decision(const struct headroom *h)
{
        return &h->decision;
}

json_t *headroom_json(const struct headroom *h)
{
        return headroom_view_json(&(struct headroom_view){.policy = h->settings.policy,
                                                          .decision = &h->decision,
                                                          .readings = h->n_samples > 0 ? &h->readings : NULL,
                                                          .before = h->n_samples > 1 ? &h->before : NULL,
                                                          .age = server_now() - h->sampled,
                                                          .trigger_error = h->trigger_error});
}

/* Life. */

/* Until something is known every usable PU may be lent. */
static void decide_nothing(struct headroom *h)
{
        unsigned usable = cpuset_count(&h->server->leases.usable);

        h->decision.usable = h->decision.budget = usable > 0 ? usable : 1;
        h->decision.level = h->decision.budget;
        snprintf(h->decision.text, sizeof(h->decision.text), "%u of %u: nothing has been measured yet",
                 h->decision.budget, h->decision.usable);
}

/* Sensors and the bus are this system's: where hwloc is told to describe another, they would say nothing of it.
 */
static const char *sensors_root(const char *root)
{
        return !*root && hw_discover_elsewhere() ? "/nonexistent" : root;
}

int headroom_create(struct server *server, struct headroom **ret_headroom)
{
        struct headroom *h = calloc(1, sizeof(*h));
        int r;

        if (!h)
                return -ENOMEM;
        h->server = server;
        h->root = sensors_root(server->settings->root);
        h->created = server_now();
        h->settings = server->config.headroom;
        h->is_stale = true;
        h->trigger = -1;
        h->trigger_error = -EINPROGRESS;
        headroom_was_suspended(clock_us(CLOCK_BOOTTIME), clock_us(CLOCK_MONOTONIC), &h->suspended);
        decide_nothing(h);
        r = governor_create(&h->settings, &h->governor);
        if (r < 0) {
                free(h);
                return r;
        }
        uv_timer_init(&server->loop, &h->timer);
        h->timer.data = h;
        *ret_headroom = h;
        return 0;
}

void headroom_stop(struct headroom *h)
{
        if (!h || h->is_stopped)
                return;
        h->is_stopped = true;
        end_sampling(h);
        end_trigger(h, -EINPROGRESS);
        uv_close((uv_handle_t *)&h->timer, NULL);
}

void headroom_destroy(struct headroom *h)
{
        if (!h)
                return;
        governor_destroy(h->governor);
        free(h);
}
