/* include/schedctl.h: a lease over two connections, one for the stream of grants and one for calls. */
#include "lib/client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include "lib/ask.h"
#include "lib/call.h"
#include "lib/grant.h"
#include "lib/params.h"

#define METHOD(name) "org.schedctl.Scheduler." name

enum {
        CLAIM_FIRST_MS = 50,  /* doubles with every try */
        CLAIM_LAST_MS = 1600, /* and stays there: well within the 5 s in which a restarted service keeps the lease */
};

struct schedctl_lease {
        struct channel stream;
        struct channel calls; /* opened by the first call */
        int poll_fd;          /* an epoll of the stream and the timer: stays the same when the stream is replaced */
        int timer_fd;         /* when to try the next claim */
        unsigned claims;      /* tried since the service went */
        bool no_start;
        bool ended; /* by the service: there is nothing to claim */
        char *id;
        char *token;
        struct facts facts; /* as the service was last told */
        char *unit;         /* of the run's processes, likewise; NULL: never said */
        bool retell;        /* it may know others: it has been claimed from */
        struct client_grant grant;
};

/* Parameters. */

/* Every call about a lease names it and proves it. */
static json_t *lease_parameters(const struct schedctl_lease *lease)
{
        return json_pack("{s:s, s:s}", "lease", lease->id, "token", lease->token);
}

static json_t *pus_array(const unsigned *pus, size_t n_pus)
{
        json_t *array = json_array();

        for (size_t i = 0; i < n_pus; i++)
                if (json_array_append_new(array, json_integer(pus[i])) < 0) {
                        json_decref(array);
                        return NULL;
                }
        return array;
}

/* The stream. */

static int watch(struct schedctl_lease *lease, int fd)
{
        struct epoll_event event = {.events = EPOLLIN};

        return epoll_ctl(lease->poll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* Closing would do, were it not for forks: a copy of the descriptor in another process keeps a dead stream readable. */
static void unwatch(const struct schedctl_lease *lease, int fd)
{
        epoll_ctl(lease->poll_fd, EPOLL_CTL_DEL, fd, NULL);
}

static int take_grant(struct schedctl_lease *lease, const struct varlink_reply *reply)
{
        struct client_grant grant;
        CLEANUP_FREE char *id = NULL, *token = NULL;
        int r = call_errno(reply);

        if (r < 0)
                return r;
        r = grant_read(reply->parameters, &grant, &id, &token);
        if (r < 0)
                return r;
        grant_finish(&lease->grant);
        lease->grant = grant;
        if (!lease->id) {
                lease->id = TAKE(id);
                lease->token = TAKE(token);
        }
        return lease->token ? 0 : -EPROTO;
}

/* Opens the stream with Acquire or Claim and takes its first grant. */
static int open_stream(struct schedctl_lease *lease, const char *method, json_t *parameters, bool no_start)
{
        struct varlink_reply reply = {0};
        int r = call_open(&lease->stream, method, parameters, VARLINK_MORE, no_start, &reply);

        if (r < 0)
                return r;
        r = take_grant(lease, &reply);
        varlink_reply_finish(&reply);
        if (r == 0)
                r = watch(lease, lease->stream.fd);
        if (r < 0)
                channel_close(&lease->stream);
        return r;
}

static int claim(struct schedctl_lease *lease, bool no_start)
{
        CLEANUP_JSON json_t *o = lease_parameters(lease);
        json_t *pus = pus_array(lease->grant.pus, lease->grant.n_pus);

        if (json_object_set_new(o, "generation", json_integer((json_int_t)lease->grant.generation)) < 0 ||
            json_object_set_new(o, "pus", pus) < 0)
                return -ENOMEM;
        return open_stream(lease, METHOD("Claim"), o, no_start);
}

static void set_timer(struct schedctl_lease *lease, unsigned ms)
{
        struct itimerspec when = {.it_value = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000}};

        timerfd_settime(lease->timer_fd, 0, &when, NULL);
}

static unsigned claim_pause(unsigned claims)
{
        return claims < 5 ? CLAIM_FIRST_MS << claims : CLAIM_LAST_MS;
}

/* 1 where the lease was claimed, else -ENOTCONN, and the timer set for the next try if there is one. */
static int try_claim(struct schedctl_lease *lease)
{
        if (lease->ended) {
                set_timer(lease, 0);
                return -ENOTCONN;
        }
        /* Only the first try starts a service: one that cannot stay up is not to be started over and over. */
        int r = claim(lease, lease->no_start || lease->claims > 0);
        if (r == 0) {
                lease->claims = 0;
                lease->retell = true;
                set_timer(lease, 0);
                return 1;
        }
        if (r == -ESRCH) /* a service that knows nothing of this lease will not learn of it */
                lease->ended = true;
        set_timer(lease, lease->ended ? 0 : claim_pause(lease->claims++));
        return -ENOTCONN;
}

static int lose_stream(struct schedctl_lease *lease)
{
        unwatch(lease, lease->stream.fd);
        channel_close(&lease->stream);
        channel_close(&lease->calls);
        return try_claim(lease);
}

/* Takes every grant that has arrived. */
static int drain(struct schedctl_lease *lease)
{
        int changed = 0;

        for (;;) {
                struct varlink_reply reply;
                int r = channel_receive(&lease->stream, 0, &reply);

                if (r == 0)
                        return changed;
                if (r == -ENOTCONN || r == -EPROTO)
                        return lose_stream(lease);
                if (r < 0)
                        return r;
                r = take_grant(lease, &reply);
                varlink_reply_finish(&reply);
                if (r < 0) {
                        lease->ended = true;
                        lose_stream(lease);
                        return r;
                }
                changed = 1;
        }
}

static void clear_timer(const struct schedctl_lease *lease)
{
        uint64_t expired;
        ssize_t n = read(lease->timer_fd, &expired, sizeof(expired));

        (void)n;
}

int schedctl_lease_dispatch(struct schedctl_lease *lease)
{
        if (lease->stream.fd >= 0)
                return drain(lease);
        clear_timer(lease);
        return try_claim(lease);
}

int schedctl_lease_wait(struct schedctl_lease *lease, int timeout_ms)
{
        struct pollfd p = {.fd = lease->poll_fd, .events = POLLIN};
        int r = schedctl_lease_dispatch(lease);

        if (r != 0)
                return r;
        r = poll(&p, 1, timeout_ms);
        if (r < 0)
                return -errno;
        return r == 0 ? 0 : schedctl_lease_dispatch(lease);
}

/* Acquiring and releasing. */

static int lease_new(struct schedctl_lease **ret_lease)
{
        struct schedctl_lease *lease = calloc(1, sizeof(*lease));

        if (!lease)
                return -ENOMEM;
        lease->stream = lease->calls = (struct channel)CHANNEL_INIT;
        lease->poll_fd = epoll_create1(EPOLL_CLOEXEC);
        lease->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        int r = lease->poll_fd < 0 || lease->timer_fd < 0 ? -errno : watch(lease, lease->timer_fd);
        if (r < 0) {
                schedctl_lease_release(lease);
                return r;
        }
        *ret_lease = lease;
        return 0;
}

void schedctl_lease_release(struct schedctl_lease *lease)
{
        if (!lease)
                return;
        channel_close(&lease->stream);
        channel_close(&lease->calls);
        cleanup_closep(&lease->poll_fd);
        cleanup_closep(&lease->timer_fd);
        grant_finish(&lease->grant);
        free(lease->id);
        free(lease->unit);
        if (lease->token)
                explicit_bzero(lease->token, strlen(lease->token));
        free(lease->token);
        free(lease);
}

int client_acquire(const struct schedctl_request *request, unsigned flags, struct schedctl_lease **ret_lease)
{
        static const struct schedctl_request anything = {.size = sizeof(anything)};
        CLEANUP_LEASE struct schedctl_lease *lease = NULL;
        CLEANUP_JSON json_t *parameters = NULL;
        int r;

        request = request ? request : &anything;
        if ((r = ask_check(request)) < 0 || (r = lease_new(&lease)) < 0 || (r = facts_read(&lease->facts)) < 0 ||
            (r = ask_parameters(request, &lease->facts, &parameters)) < 0)
                return r;
        lease->no_start = request->no_start || (flags & CLIENT_NO_START);
        r = open_stream(lease, METHOD("Acquire"), parameters, lease->no_start);
        while (r >= 0 && lease->grant.n_pus == 0 && !(flags & CLIENT_NO_WAIT))
                r = schedctl_lease_wait(lease, -1);
        if (r < 0)
                return r;
        *ret_lease = TAKE(lease);
        return 0;
}

int schedctl_acquire(const struct schedctl_request *request, struct schedctl_lease **ret_lease)
{
        return client_acquire(request, 0, ret_lease);
}

/* Calls. */

/* Takes over `parameters`, which may be NULL for want of memory. */
static int call(struct schedctl_lease *lease, const char *method, json_t *parameters)
{
        CLEANUP_JSON json_t *o = parameters;
        struct varlink_reply reply = {0};
        int r;

        if (!o)
                return -ENOMEM;
        if (lease->stream.fd < 0)
                return -ENOTCONN;
        if (lease->calls.fd >= 0)
                r = call_over(&lease->calls, method, o, &reply);
        else
                r = call_open(&lease->calls, method, o, 0, true, &reply);
        if (r < 0) {
                channel_close(&lease->calls);
                return r == -ENOENT ? -ENOTCONN : r;
        }
        r = call_errno(&reply);
        varlink_reply_finish(&reply);
        return r;
}

static int give_back(struct schedctl_lease *lease, const unsigned *pus, size_t n_pus, bool unusable)
{
        json_t *o = lease_parameters(lease);

        if (json_object_set_new(o, "generation", json_integer((json_int_t)lease->grant.generation)) < 0 ||
            json_object_set_new(o, "pus", pus_array(pus, n_pus)) < 0 ||
            json_object_set_new(o, "unusable", json_boolean(unusable)) < 0) {
                json_decref(o);
                return -ENOMEM;
        }
        return call(lease, METHOD("Return"), o);
}

int schedctl_lease_return(struct schedctl_lease *lease, const unsigned *pus, size_t n_pus)
{
        return give_back(lease, pus, n_pus, false);
}

int schedctl_lease_unusable(struct schedctl_lease *lease, const unsigned *pus, size_t n_pus)
{
        return give_back(lease, pus, n_pus, true);
}

int schedctl_lease_update(struct schedctl_lease *lease, const struct schedctl_request *request)
{
        CLEANUP_JSON json_t *o = lease_parameters(lease);
        int r = ask_check(request);

        if (r < 0 || (r = ask_numbers(o, request)) < 0)
                return r;
        return call(lease, METHOD("Update"), TAKE(o));
}

int client_lease_set_max(struct schedctl_lease *lease, unsigned max)
{
        struct schedctl_request request = {.size = sizeof(request), .max = max};

        return max == 0 ? -EINVAL : schedctl_lease_update(lease, &request);
}

int client_lease_set_slots(struct schedctl_lease *lease, unsigned slots)
{
        json_t *o = lease_parameters(lease);
        int r = ask_number(o, "slots", slots);

        if (r < 0) {
                json_decref(o);
                return r;
        }
        return call(lease, METHOD("Update"), o);
}

int client_lease_report(struct schedctl_lease *lease, double work_rate, uint64_t ends_in_ms)
{
        CLEANUP_JSON json_t *o = lease_parameters(lease);
        int r;

        /* json_real() refuses what JSON cannot hold: infinities and NaN. */
        if (json_object_set_new(o, "workRate", json_real(work_rate)) < 0)
                return -EINVAL;
        r = ask_number(o, "endsInMs", ends_in_ms);
        return r < 0 ? r : call(lease, METHOD("Update"), TAKE(o));
}

int client_lease_refresh(struct schedctl_lease *lease)
{
        CLEANUP_JSON json_t *o = lease_parameters(lease);
        struct facts now;
        int r = o ? facts_reread(&lease->facts, lease->unit, &now) : -ENOMEM;

        if (r == 0)
                r = facts_add_changes(lease->retell ? NULL : &lease->facts, &now, o);
        if (r >= 0 && lease->retell && lease->unit)
                r = json_object_set_new(o, "unit", json_string(lease->unit)) < 0 ? -ENOMEM : 1;
        if (r <= 0)
                return r;
        r = call(lease, METHOD("Update"), TAKE(o));
        if (r < 0)
                return r;
        lease->facts = now;
        lease->retell = false;
        return 1;
}

int client_lease_set_unit(struct schedctl_lease *lease, const char *unit)
{
        CLEANUP_JSON json_t *o = lease_parameters(lease);
        char *copy = strdup(unit ? unit : "");

        if (!copy)
                return -ENOMEM;
        free(lease->unit);
        lease->unit = copy;
        if (json_object_set_new(o, "unit", json_string(copy)) < 0)
                return -EINVAL;
        return call(lease, METHOD("Update"), TAKE(o));
}

int client_lease_set_priority(struct schedctl_lease *lease, int priority)
{
        struct schedctl_request request = {.size = sizeof(request), .priority = priority};
        CLEANUP_JSON json_t *o = lease_parameters(lease);
        int r = ask_check(&request);

        if (r < 0)
                return r;
        if (json_object_set_new(o, "priority", json_string(params_priorities[priority])) < 0)
                return -ENOMEM;
        return call(lease, METHOD("Update"), TAKE(o));
}

/* What is held. */

size_t schedctl_lease_n_pus(const struct schedctl_lease *lease)
{
        return lease->grant.n_pus;
}

unsigned schedctl_lease_pu(const struct schedctl_lease *lease, size_t index)
{
        return lease->grant.pus[index];
}

size_t schedctl_lease_n_slots(const struct schedctl_lease *lease)
{
        return lease->grant.n_slots;
}

unsigned schedctl_lease_slot(const struct schedctl_lease *lease, size_t index)
{
        return lease->grant.slots[index];
}

size_t schedctl_lease_n_wanted(const struct schedctl_lease *lease)
{
        return lease->grant.n_wanted;
}

unsigned schedctl_lease_wanted(const struct schedctl_lease *lease, size_t index)
{
        return lease->grant.wanted[index];
}

unsigned schedctl_lease_wanted_within_ms(const struct schedctl_lease *lease)
{
        return lease->grant.wanted_within;
}

const char *schedctl_lease_reason(const struct schedctl_lease *lease)
{
        return lease->grant.wanted_reason ? lease->grant.wanted_reason : lease->grant.reason;
}

unsigned schedctl_lease_position(const struct schedctl_lease *lease)
{
        return lease->grant.position;
}

uint64_t schedctl_lease_expected_ms(const struct schedctl_lease *lease)
{
        return lease->grant.expected_ms;
}

int schedctl_lease_is_paused(const struct schedctl_lease *lease)
{
        return lease->grant.paused;
}

int schedctl_lease_nice(const struct schedctl_lease *lease)
{
        return lease->grant.nice;
}

int schedctl_lease_fd(const struct schedctl_lease *lease)
{
        return lease->poll_fd;
}

const struct client_grant *client_lease_grant(const struct schedctl_lease *lease)
{
        return &lease->grant;
}

const char *client_lease_id(const struct schedctl_lease *lease)
{
        return lease->id;
}

bool client_lease_is_connected(const struct schedctl_lease *lease)
{
        return lease->stream.fd >= 0;
}

bool client_lease_is_over(const struct schedctl_lease *lease)
{
        return lease->ended;
}

void client_lease_start_no_service(struct schedctl_lease *lease)
{
        lease->no_start = true;
}
