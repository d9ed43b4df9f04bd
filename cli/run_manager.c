#include "cli/run_manager.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/run_manager_units.h"
#include "lib/bus/bus.h"
#include "lib/util.h"

#define SYSTEM_SOCKET "/run/systemd/private"

enum { ADDRESS_MAX = 3 * PATH_MAX + 32 }; /* every byte may have to be escaped */

struct run_manager {
        uv_loop_t *loop;
        char address[ADDRESS_MAX];
        struct bus *bus; /* NULL: not connected */
        const struct run_manager_events *events;
        void *context;
        const struct run_manager_request *request; /* while it is not settled */
        unsigned dropped;                          /* newer properties that this manager does not know */
        char unit[RUN_MANAGER_UNIT_MAX];
};

/* Whose socket it is matters: XDG_RUNTIME_DIR may be another user's, as sudo(8) keeps it at times. */
static bool is_own_socket(const char *path)
{
        struct stat st;

        return stat(path, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_uid == geteuid();
}

void run_manager_find(char ret_path[static PATH_MAX], char ret_why[static RUN_MANAGER_WHY_MAX])
{
        const char *runtime = getenv("XDG_RUNTIME_DIR");
        int n;

        if (runtime && *runtime == '/')
                n = snprintf(ret_path, PATH_MAX, "%s/systemd/private", runtime);
        else
                n = snprintf(ret_path, PATH_MAX, "/run/user/%u/systemd/private", (unsigned)geteuid());
        ret_why[0] = '\0';
        if (n < PATH_MAX && is_own_socket(ret_path))
                return;
        (void)snprintf(ret_why, RUN_MANAGER_WHY_MAX, "no user manager at %.200s", ret_path);
        (void)snprintf(ret_path, PATH_MAX, "%s", geteuid() == 0 && is_own_socket(SYSTEM_SOCKET) ? SYSTEM_SOCKET : "");
        if (*ret_path)
                ret_why[0] = '\0';
}

/* D-Bus Specification, "Server Addresses": other bytes are %-escaped. */
static void make_address(const char *path, char ret_address[static ADDRESS_MAX])
{
        static const char plain[] = "-_/.*0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        char *to = stpcpy(ret_address, "unix:path=");

        for (const char *from = path; *from; from++)
                to += strchr(plain, *from) ? snprintf(to, 2, "%c", *from)
                                           : snprintf(to, 4, "%%%02x", (unsigned char)*from);
        *to = '\0';
}

static void settle(struct run_manager *m, const char *why)
{
        if (!m->request)
                return;
        m->request = NULL;
        m->events->settled(m->context, why);
}

/* It ended, or was started anew (daemon-reexec): its units live on. */
static void on_gone(void *arg)
{
        struct run_manager *m = arg;

        bus_close(TAKE(m->bus));
        settle(m, "the manager has gone");
}

/* JobRemoved(id, job, unit, result), which whoever is connected directly gets for every job. */
static int on_job_removed(sd_bus_message *message, void *arg, sd_bus_error *ret_error)
{
        struct run_manager *m = arg;
        const char *job, *unit, *result;
        char why[RUN_MANAGER_WHY_MAX];
        uint32_t id;

        if (sd_bus_message_read(message, "uoss", &id, &job, &unit, &result) < 0 || strcmp(unit, m->unit) != 0)
                return 0;
        (void)snprintf(why, sizeof(why), "the manager could not start it: %.100s", result);
        settle(m, strcmp(result, "done") == 0 ? NULL : why);
        return 0;
}

static int connect_to(struct run_manager *m)
{
        int r;

        if (m->bus)
                return 0;
        r = bus_open(m->loop, m->address, on_gone, m, &m->bus);
        if (r < 0)
                return r;
        return sd_bus_match_signal(bus_connection(m->bus), NULL, NULL, RUN_MANAGER_OBJECT, RUN_MANAGER_INTERFACE,
                                   "JobRemoved", on_job_removed, m);
}

int run_manager_open(uv_loop_t *loop, const char *path, const struct run_manager_events *events, void *context,
                     struct run_manager **ret_manager)
{
        struct run_manager *m = calloc(1, sizeof(*m));

        if (!m)
                return -ENOMEM;
        m->loop = loop;
        m->events = events;
        m->context = context;
        make_address(path, m->address);
        *ret_manager = m;
        return 0;
}

static int peer_of(struct bus *bus, pid_t *ret_pid)
{
        struct ucred peer;
        socklen_t length = sizeof(peer);
        int fd = sd_bus_get_fd(bus_connection(bus));

        if (fd < 0)
                return fd;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
                return -errno;
        *ret_pid = peer.pid;
        return 0;
}

int run_manager_peer(struct run_manager *m, pid_t *ret_pid)
{
        int r = connect_to(m);

        return r < 0 ? r : peer_of(m->bus, ret_pid);
}

void run_manager_close(struct run_manager *m)
{
        if (!m)
                return;
        bus_close(m->bus);
        free(m);
}

void run_manager_unit(const char *id, char ret_unit[static RUN_MANAGER_UNIT_MAX])
{
        (void)snprintf(ret_unit, RUN_MANAGER_UNIT_MAX, "schedctl-run-%.16s.scope", id);
}

static int send_request(struct run_manager *m);

/* The newest property first, until the manager knows what is left. */
static int on_started(sd_bus_message *reply, void *arg, sd_bus_error *ret_error)
{
        struct run_manager *m = arg;
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        char why[RUN_MANAGER_WHY_MAX];

        if (!error || !m->request)
                return 0; /* JobRemoved says how it went */
        if (sd_bus_error_has_name(error, SD_BUS_ERROR_PROPERTY_READ_ONLY) && m->dropped < RUN_MANAGER_NEWER) {
                m->dropped++;
                if (send_request(m) >= 0)
                        return 0;
        }
        (void)snprintf(why, sizeof(why), "the manager refuses: %.200s", error->message ? error->message : error->name);
        settle(m, why);
        return 0;
}

static int send_request(struct run_manager *m)
{
        sd_bus *connection = bus_connection(m->bus);
        sd_bus_message *message = NULL;
        int r = run_manager_scope_message(connection, m->unit, m->request, m->dropped, &message);

        if (r >= 0)
                r = sd_bus_call_async(connection, NULL, message, on_started, m, 0);
        sd_bus_message_unref(message);
        return r;
}

int run_manager_start_scope(struct run_manager *m, const struct run_manager_request *request)
{
        int r = connect_to(m);

        if (r < 0)
                return r;
        run_manager_unit(request->id, m->unit);
        m->request = request;
        r = send_request(m);
        if (r < 0) {
                m->request = NULL;
                return r;
        }
        bus_go_on(m->bus);
        return 0;
}

static int ignore(sd_bus_message *reply, void *arg, sd_bus_error *ret_error)
{
        return 0;
}

int run_manager_change(struct run_manager *m, const char *unit, const struct run_manager_limits *before,
                       const struct run_manager_limits *limits)
{
        sd_bus_message *message = NULL;
        int r = connect_to(m);

        if (r >= 0)
                r = run_manager_change_message(bus_connection(m->bus), unit, before, limits, &message);
        if (r >= 0)
                r = sd_bus_call_async(bus_connection(m->bus), NULL, message, ignore, NULL, 0);
        sd_bus_message_unref(message);
        if (r >= 0)
                bus_go_on(m->bus);
        return r < 0 ? r : 0;
}

/* Asking whether it is there. */

struct probe {
        int result;
        bool done;
};

static int on_version(sd_bus_message *reply, void *arg, sd_bus_error *ret_error)
{
        struct probe *probe = arg;

        probe->result = -sd_bus_message_get_errno(reply);
        probe->done = true;
        return 0;
}

static void on_probe_gone(void *arg)
{
        struct probe *probe = arg;

        probe->done = true;
}

static void on_probe_time(uv_timer_t *timer)
{
        struct probe *probe = timer->data;

        probe->result = -ETIMEDOUT;
        probe->done = true;
}

static int ask_version(uv_loop_t *loop, struct bus *bus, struct probe *probe)
{
        int r = sd_bus_call_method_async(bus_connection(bus), NULL, RUN_MANAGER_NAME, RUN_MANAGER_OBJECT,
                                         "org.freedesktop.DBus.Properties", "Get", on_version, probe, "ss",
                                         RUN_MANAGER_INTERFACE, "Version");

        if (r < 0)
                return r;
        bus_go_on(bus);
        while (!probe->done && uv_run(loop, UV_RUN_ONCE))
                continue;
        return probe->result;
}

int run_manager_probe(const char *path, pid_t *ret_pid)
{
        struct probe probe = {.result = -ECONNREFUSED};
        char address[ADDRESS_MAX];
        struct bus *bus = NULL;
        uv_timer_t timer;
        uv_loop_t loop;
        int r = uv_loop_init(&loop);

        if (r < 0)
                return r;
        uv_timer_init(&loop, &timer);
        timer.data = &probe;
        uv_timer_start(&timer, on_probe_time, RUN_MANAGER_PROBE_MS, 0);
        make_address(path, address);
        r = bus_open(&loop, address, on_probe_gone, &probe, &bus);
        if (r >= 0)
                r = ask_version(&loop, bus, &probe);
        if (r >= 0)
                r = peer_of(bus, ret_pid);
        bus_close(bus);
        uv_close((uv_handle_t *)&timer, NULL);
        uv_run(&loop, UV_RUN_DEFAULT);
        uv_loop_close(&loop);
        return r < 0 ? r : 0;
}
