#include "daemon/monitor.h"

#include <errno.h>

#include "daemon/connection.h"
#include "daemon/headroom.h"
#include "daemon/server.h"
#include "daemon/status.h"
#include "lib/util.h"

struct monitor {
        struct connection *connection;
        struct monitor *next;
        uint64_t interval; /* µs */
        uint64_t sent;     /* µs: when it was last told */
        bool changed;      /* a lease has, since */
        bool waits;        /* for its connection to have written what it was told before */
};

void monitors_init(struct monitors *m, struct server *server)
{
        *m = (struct monitors){.server = server};
        uv_timer_init(&server->loop, &m->timer);
        m->timer.data = m;
}

static uint64_t due(const struct monitor *monitor)
{
        if (monitor->waits)
                return UINT64_MAX;
        return monitor->sent + (monitor->changed ? MONITOR_LEAST_MS * UINT64_C(1000) : monitor->interval);
}

static struct monitor *next_due(const struct monitors *m)
{
        struct monitor *next = m->first;

        for (struct monitor *monitor = m->first; monitor; monitor = monitor->next)
                if (due(monitor) < due(next))
                        next = monitor;
        return next;
}

static void on_timer(uv_timer_t *timer);

static void set_timer(struct monitors *m)
{
        const struct monitor *next = next_due(m);
        uint64_t at = next ? due(next) : UINT64_MAX, now = server_now();

        if (uv_is_closing((uv_handle_t *)&m->timer))
                return;
        uv_update_time(&m->server->loop);
        if (at == UINT64_MAX)
                uv_timer_stop(&m->timer);
        else
                uv_timer_start(&m->timer, on_timer, at > now ? (at - now + 999) / 1000 : 0, 0);
}

json_t *monitor_report(struct server *server, uint32_t uid)
{
        headroom_refresh(server->headroom);
        return json_pack("{s:o, s:o}", "status", status_of(server, uid), "headroom", headroom_json(server->headroom));
}

/* May end the connection, and the monitor with it. */
static void tell(struct monitor *monitor)
{
        struct connection *c = monitor->connection;

        if (connection_is_busy(c)) {
                monitor->waits = true;
                return;
        }
        monitor->waits = monitor->changed = false;
        monitor->sent = server_now();
        connection_continue(c, monitor_report(c->server, c->uid));
}

/* The sample that is told may have taken a step of the leases. */
static void finish_telling(struct monitors *m)
{
        server_update(m->server);
        set_timer(m);
}

/* Each is told at most once: its time then begins anew. */
static void on_timer(uv_timer_t *timer)
{
        struct monitors *m = timer->data;
        uint64_t now = server_now();
        struct monitor *next;

        while ((next = next_due(m)) && due(next) <= now)
                tell(next);
        finish_telling(m);
}

void monitors_tell(struct monitors *m)
{
        for (struct monitor *monitor = m->first; monitor; monitor = monitor->next)
                monitor->changed = true;
        if (m->first)
                set_timer(m);
}

void monitor_send(struct monitor *monitor)
{
        struct monitors *m = &monitor->connection->server->monitors;

        if (!monitor->waits)
                return;
        tell(monitor);
        finish_telling(m);
}

static unsigned count_of(const struct monitors *m, uint32_t uid)
{
        unsigned n = 0;

        for (const struct monitor *monitor = m->first; monitor; monitor = monitor->next)
                n += monitor->connection->uid == uid;
        return n;
}

int monitor_add(struct connection *c, unsigned interval_ms)
{
        struct monitors *m = &c->server->monitors;
        struct monitor *monitor;

        if (count_of(m, c->uid) >= MONITORS_PER_UID_MAX)
                return 1;
        monitor = calloc(1, sizeof(*monitor));
        if (!monitor)
                return -ENOMEM;
        *monitor = (struct monitor){
                .connection = c, .next = m->first, .interval = interval_ms * UINT64_C(1000), .sent = server_now()};
        m->first = c->monitor = monitor;
        headroom_watch(c->server->headroom, true);
        tell(monitor);
        set_timer(m);
        return 0;
}

void monitor_remove(struct connection *c)
{
        struct monitors *m = &c->server->monitors;
        struct monitor **at = &m->first;

        if (!c->monitor)
                return;
        while (*at != c->monitor)
                at = &(*at)->next;
        *at = c->monitor->next;
        free(TAKE(c->monitor));
        headroom_watch(c->server->headroom, false);
        set_timer(m);
}
