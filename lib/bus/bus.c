#include "lib/bus/bus.h"

#include <errno.h>
#include <systemd/sd-event.h>

#include "lib/bus/watch.h"
#include "lib/util.h"

struct bus {
        sd_event *event;
        sd_bus *connection;
        struct watch *watch;
        void (*gone)(void *arg);
        void *arg;
};

static void bus_free(struct bus *b)
{
        /* Not flushed: what is unsent would be waited for. */
        if (b->connection) {
                sd_bus_detach_event(b->connection);
                sd_bus_close(b->connection);
                sd_bus_unref(b->connection);
        }
        sd_event_unref(b->event);
        free(b);
}

void bus_go_on(struct bus *b)
{
        int r;

        if (!b->watch || sd_event_get_state(b->event) != SD_EVENT_INITIAL) /* in a handler: its round goes on */
                return;
        /* The last round dispatches nothing and leaves the descriptor armed for what comes next. */
        while ((r = sd_event_run(b->event, 0)) > 0)
                continue;
        if (r == 0 && sd_bus_is_open(b->connection) > 0)
                return;
        watch_end(TAKE(b->watch));
        b->gone(b->arg);
}

static void on_event(void *arg, int status)
{
        (void)status;
        bus_go_on(arg);
}

/* Nobody between us and who listens there: such a connection says no Hello. */
static int connect_directly(const char *address, sd_bus **ret_connection)
{
        sd_bus *connection = NULL;
        int r = sd_bus_new(&connection);

        if (r < 0 || (r = sd_bus_set_address(connection, address)) < 0 || (r = sd_bus_start(connection)) < 0) {
                sd_bus_unref(connection);
                return r;
        }
        *ret_connection = connection;
        return 0;
}

static int connect_bus(struct bus *b, const char *address, uv_loop_t *loop)
{
        int r = sd_event_new(&b->event);

        if (r < 0 ||
            (r = address ? connect_directly(address, &b->connection) : sd_bus_open_system(&b->connection)) < 0 ||
            (r = sd_bus_set_method_call_timeout(b->connection, BUS_CALL_MAX_US)) < 0 ||
            (r = sd_bus_attach_event(b->connection, b->event, SD_EVENT_PRIORITY_NORMAL)) < 0)
                return r;
        return watch_start(loop, sd_event_get_fd(b->event), UV_READABLE, on_event, b, &b->watch);
}

int bus_open(uv_loop_t *loop, const char *address, void (*gone)(void *arg), void *arg, struct bus **ret_bus)
{
        struct bus *b = calloc(1, sizeof(*b));
        int r;

        if (!b)
                return -ENOMEM;
        *b = (struct bus){.gone = gone, .arg = arg};
        r = connect_bus(b, address, loop);
        if (r < 0) {
                bus_free(b);
                return r;
        }
        *ret_bus = b;
        return 0;
}

void bus_close(struct bus *b)
{
        if (!b)
                return;
        watch_end(TAKE(b->watch));
        bus_free(b);
}

sd_bus *bus_connection(struct bus *b)
{
        return b->connection;
}
