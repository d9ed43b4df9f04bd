#include "cli/monitor.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include "cli/ask.h"
#include "cli/machine_reply.h"
#include "lib/channel.h"

enum connection {
        STREAM,  /* Monitor */
        MACHINE, /* GetMachine */
        CALL,    /* what monitor_call() asked for */
        CONNECTIONS,
};

struct monitor {
        int poll_fd, timer_fd;
        bool with_machine;
        struct channel channels[CONNECTIONS];
        struct view_status status;
        struct view_headroom headroom;
        struct machine machine;
        struct cpuset usable; /* when the machine was asked for */
        char *lease;          /* what the call is about, or NULL */
        char problem[ASK_ERROR_MAX], answer[ASK_ERROR_MAX];
};

static void set_timer(struct monitor *m, unsigned ms)
{
        struct itimerspec when = {.it_value = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000}};

        timerfd_settime(m->timer_fd, 0, &when, NULL);
}

static void hang_up(struct monitor *m, enum connection which)
{
        if (m->channels[which].fd >= 0)
                epoll_ctl(m->poll_fd, EPOLL_CTL_DEL, m->channels[which].fd, NULL);
        channel_close(&m->channels[which]);
}

static int dial(struct monitor *m, enum connection which, const char *method, json_t *parameters, unsigned flags)
{
        struct channel *c = &m->channels[which];
        struct epoll_event event = {.events = EPOLLIN};
        int r = channel_open(c);

        if (r == 0 && epoll_ctl(m->poll_fd, EPOLL_CTL_ADD, c->fd, &event) < 0)
                r = -errno;
        if (r == 0)
                r = channel_send_call(c, method, parameters, flags);
        /* Where the service refuses the connection it says so before it reads. */
        if (r < 0 && r != -ENOTCONN)
                hang_up(m, which);
        return r == -ENOTCONN ? 0 : r;
}

static void forget(struct monitor *m)
{
        view_status_finish(&m->status);
        view_headroom_finish(&m->headroom);
        machine_finish(&m->machine);
        m->machine = (struct machine){0};
}

static int lose(struct monitor *m, const char *problem)
{
        for (enum connection i = 0; i < CONNECTIONS; i++)
                hang_up(m, i);
        bool known = !m->status.source && strcmp(m->problem, problem) == 0;

        forget(m);
        (void)snprintf(m->problem, sizeof(m->problem), "%s", problem);
        set_timer(m, MONITOR_RETRY_MS);
        return known ? 0 : MONITOR_LOST;
}

static const char *absence(int error)
{
        return error == -ENOENT || error == -ENOTCONN ? "No service is running" : strerror(-error);
}

static int connect_stream(struct monitor *m)
{
        CLEANUP_JSON json_t *parameters = json_pack("{s:i}", "intervalMs", MONITOR_INTERVAL_MS);
        int r = parameters ? dial(m, STREAM, ASK_METHOD("Monitor"), parameters, VARLINK_MORE) : -ENOMEM;

        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return lose(m, absence(r));
        set_timer(m, MONITOR_SILENCE_MS);
        return 0;
}

int monitor_open(bool with_machine, struct monitor **ret_monitor)
{
        struct monitor *m = calloc(1, sizeof(*m));
        struct epoll_event event = {.events = EPOLLIN};
        int r = 0;

        if (!m)
                return -ENOMEM;
        for (enum connection i = 0; i < CONNECTIONS; i++)
                m->channels[i] = (struct channel)CHANNEL_INIT;
        m->with_machine = with_machine;
        m->poll_fd = epoll_create1(EPOLL_CLOEXEC);
        m->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (m->poll_fd < 0 || m->timer_fd < 0 || epoll_ctl(m->poll_fd, EPOLL_CTL_ADD, m->timer_fd, &event) < 0)
                r = -errno;
        if (r == 0)
                r = connect_stream(m);
        if (r < 0) {
                monitor_close(m);
                return r;
        }
        *ret_monitor = m;
        return 0;
}

void monitor_close(struct monitor *m)
{
        if (!m)
                return;
        for (enum connection i = 0; i < CONNECTIONS; i++)
                channel_close(&m->channels[i]);
        forget(m);
        free(m->lease);
        cleanup_closep(&m->poll_fd);
        cleanup_closep(&m->timer_fd);
        free(m);
}

static int take_state(struct monitor *m, json_t *reply)
{
        struct view_status status;
        struct view_headroom headroom;
        int r = view_read_status(json_object_get(reply, "status"), &status);

        if (r < 0)
                return r;
        r = view_read_headroom(json_object_get(reply, "headroom"), &headroom);
        if (r < 0) {
                view_status_finish(&status);
                return r;
        }
        view_status_finish(&m->status);
        view_headroom_finish(&m->headroom);
        m->status = status;
        m->headroom = headroom;
        view_name_users(&m->status);
        return MONITOR_CHANGED;
}

static int take_machine(struct monitor *m, json_t *reply)
{
        struct machine machine;
        int r = machine_reply_read(reply, &machine);

        if (r < 0)
                return r;
        machine_finish(&m->machine);
        m->machine = machine;
        return MONITOR_MACHINE;
}

/* PUs that come or go show in what is usable. */
static int follow_machine(struct monitor *m)
{
        if (!m->with_machine || m->channels[MACHINE].fd >= 0 ||
            (m->machine.n_pus > 0 && cpuset_equal(&m->usable, &m->status.usable)))
                return 0;
        m->usable = m->status.usable;
        return dial(m, MACHINE, ASK_METHOD("GetMachine"), NULL, 0) == -ENOMEM ? -ENOMEM : 0;
}

static int take_reply(struct monitor *m, enum connection which, const struct varlink_reply *reply)
{
        char text[ASK_ERROR_MAX] = "";
        int r = -EPROTO;

        if (reply->error)
                ask_error_text(reply->error, reply->parameters, m->lease, text);
        if (which == CALL) {
                (void)snprintf(m->answer, sizeof(m->answer), "%s", text);
                return MONITOR_ANSWERED;
        }
        if (reply->error)
                return lose(m, text);
        r = which == STREAM ? take_state(m, reply->parameters) : take_machine(m, reply->parameters);
        return r == -EPROTO ? lose(m, "The service's answer is not understood") : r;
}

/* One reply of one connection, if there is one. *ret_more: there may be another. */
static int receive(struct monitor *m, enum connection which, bool *ret_more)
{
        struct varlink_reply reply = {0};
        int r;

        *ret_more = false;
        if (m->channels[which].fd < 0)
                return 0;
        r = channel_receive(&m->channels[which], 0, &reply);
        if (r == 0 || r == -ENOMEM)
                return r;
        if (r < 0 && which == CALL) {
                hang_up(m, which);
                (void)snprintf(m->answer, sizeof(m->answer), "the service has not answered");
                return MONITOR_ANSWERED;
        }
        if (r < 0)
                return lose(m, absence(-ENOTCONN));
        r = take_reply(m, which, &reply);
        varlink_reply_finish(&reply);
        *ret_more = which == STREAM && r >= 0;
        if (which != STREAM)
                hang_up(m, which);
        return r;
}

static int dispatch_timer(struct monitor *m)
{
        uint64_t expired;

        if (read(m->timer_fd, &expired, sizeof(expired)) != sizeof(expired))
                return 0;
        if (m->channels[STREAM].fd < 0)
                return connect_stream(m);
        if (m->status.source)
                return 0;
        (void)snprintf(m->problem, sizeof(m->problem), "The service does not answer");
        return MONITOR_LOST;
}

int monitor_dispatch(struct monitor *m)
{
        int r = dispatch_timer(m), news = r > 0 ? r : 0;

        for (enum connection i = 0; r >= 0 && i < CONNECTIONS; i++)
                for (bool more = true; r >= 0 && more;) {
                        r = receive(m, i, &more);
                        news |= r > 0 ? r : 0;
                }
        if (r >= 0 && (news & MONITOR_CHANGED) && m->status.source)
                r = follow_machine(m);
        return r < 0 ? r : news;
}

int monitor_fd(const struct monitor *m)
{
        return m->poll_fd;
}

const struct view_status *monitor_status(const struct monitor *m)
{
        return m->status.source ? &m->status : NULL;
}

const struct view_headroom *monitor_headroom(const struct monitor *m)
{
        return m->headroom.source ? &m->headroom : NULL;
}

const struct machine *monitor_machine(const struct monitor *m)
{
        return m->machine.n_pus > 0 ? &m->machine : NULL;
}

bool monitor_is_lost(const struct monitor *m)
{
        return m->channels[STREAM].fd < 0;
}

const char *monitor_problem(const struct monitor *m)
{
        return *m->problem ? m->problem : "No service has answered yet";
}

int monitor_call(struct monitor *m, const char *method, json_t *parameters)
{
        const char *lease = json_string_value(json_object_get(parameters, "lease"));

        if (m->channels[CALL].fd >= 0)
                return -EBUSY;
        free(m->lease);
        m->lease = lease ? strdup(lease) : NULL;
        return dial(m, CALL, method, parameters, 0);
}

const char *monitor_answer(const struct monitor *m)
{
        return m->answer;
}
