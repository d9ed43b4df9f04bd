#include "daemon/server.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "daemon/connection.h"
#include "daemon/headroom.h"
#include "daemon/log.h"
#include "daemon/notify.h"
#include "hw/discover.h"
#include "hw/root.h"
#include "lib/start.h"
#include "lib/util.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

static const int handled_signals[] = {SIGTERM, SIGINT, SIGHUP};

uint64_t server_now(void)
{
        return uv_hrtime() / 1000;
}

/* Connections. */

void server_add_connection(struct server *s, struct connection *c)
{
        c->next = s->connections;
        if (c->next)
                c->next->previous = c;
        s->connections = c;
        s->n_connections++;
        s->n_accepted++;
}

void server_remove_connection(struct server *s, struct connection *c)
{
        if (c->peer)
                peers_leave(&s->peers, TAKE(c->peer));
        if (c->previous)
                c->previous->next = c->next;
        else
                s->connections = c->next;
        if (c->next)
                c->next->previous = c->previous;
        c->next = c->previous = NULL;
        s->n_connections--;
}

/* Stopping. */

static void close_handle(uv_handle_t *handle, void *arg)
{
        (void)arg;
        if (!uv_is_closing(handle))
                uv_close(handle, NULL);
}

/* Leases stay recorded: who holds them goes on, and claims them from the next service. */
void server_stop(struct server *s)
{
        if (s->stopping)
                return;
        s->stopping = true;
        s->leases.keep = true;
        notify_stopping();
        while (s->connections)
                connection_close(s->connections);
        listener_close(&s->listener);
        headroom_stop(s->headroom);
        uv_walk(&s->loop, close_handle, NULL);
}

static bool is_own_socket(const struct server *s)
{
        struct stat st;

        return lstat(s->address.path, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_ino == s->inode;
}

bool server_is_reachable(const struct server *s)
{
        return !*s->address.path || is_own_socket(s);
}

/* Under the lock nobody else binds. The socket is moved out of the way first, so that whoever comes now waits for the
 * lock; who came before is seen in the backlog. False: somebody came, and the socket is back in its place. */
static bool withdraw(struct server *s)
{
        CLEANUP_FREE char *aside = NULL;

        if (!is_own_socket(s))
                return true;
        if (address_beside(&s->address, ".leaving", &aside) < 0 || rename(s->address.path, aside) < 0)
                return false;
        if (listener_has_pending(&s->listener) && rename(aside, s->address.path) == 0)
                return false;
        unlink(aside);
        return true;
}

static bool is_idle(const struct server *s)
{
        return s->n_connections == 0 && s->leases.n == 0;
}

/* Whether nobody is about to connect, and the socket is out of the way. */
static bool may_leave(struct server *s)
{
        CLEANUP_CLOSE int lock = -1;
        int r;

        if (!is_idle(s)) /* somebody came when the time was up, before the timer could be stopped */
                return false;
        /* systemd's socket stays: it starts the next service for whoever is in the backlog. */
        if (!s->owns_socket)
                return !listener_has_pending(&s->listener);
        r = start_lock(&s->address, false, &lock);
        if (r == -EWOULDBLOCK) /* a client that is about to connect; if it does not, the timer comes round again */
                return false;
        /* Any other failure means that the directory is gone, and with it the way to get here. */
        return r < 0 || withdraw(s);
}

static void on_idle(uv_timer_t *timer)
{
        struct server *s = timer->data;

        if (!may_leave(s)) {
                server_update(s);
                return;
        }
        log_info("idle, leaving");
        server_stop(s);
}

static void on_signal(uv_signal_t *handle, int signum)
{
        struct server *s = handle->data;
        CLEANUP_FREE char *problem = NULL;
        CLEANUP_CLOSE int lock = -1;

        if (signum == SIGHUP) {
                server_reload(s, &problem);
                return;
        }
        log_info("signal %d, stopping", signum);
        if (s->owns_socket && start_lock(&s->address, true, &lock) == 0 && is_own_socket(s))
                unlink(s->address.path);
        server_stop(s);
}

/* Timers. */

static void on_due(uv_timer_t *timer)
{
        struct server *s = timer->data;

        leases_tick(&s->leases);
        server_update(s);
}

static void update_due(struct server *s)
{
        uint64_t due = leases_next_deadline(&s->leases), now = server_now();

        if (due == ALLOC_NEVER)
                uv_timer_stop(&s->due);
        else
                uv_timer_start(&s->due, on_due, due > now ? (due - now + 999) / 1000 : 0, 0);
}

static void update_idle(struct server *s)
{
        if (s->settings->idle_exit <= 0 || !is_idle(s))
                uv_timer_stop(&s->idle);
        else if (!uv_is_active((uv_handle_t *)&s->idle))
                uv_timer_start(&s->idle, on_idle, (uint64_t)(s->settings->idle_exit * 1000), 0);
}

void server_update(struct server *s)
{
        s->changed = true;
}

/* Once for everything that has happened since the loop last waited. */
static void on_before(uv_prepare_t *before)
{
        struct server *s = before->data;

        if (!s->changed || s->stopping)
                return;
        s->changed = false;
        uv_update_time(&s->loop);
        headroom_update(s->headroom);
        if (s->leases.changed)
                monitors_tell(&s->monitors);
        summary_update(&s->summary);
        s->leases.changed = false;
        update_due(s);
        update_idle(s);
}

/* The machine. */

int server_discover(const char *root, struct machine *ret_machine, struct cpuset *ret_usable)
{
        struct hw_notes notes = {0};
        int r = hw_discover(root, ret_machine, ret_usable, &notes);

        for (unsigned i = 0; i < notes.n && i < HW_NOTES_MAX; i++)
                log_notice("%s", notes.text[i]);
        if (r < 0)
                log_error("cannot read the machine: %s", strerror(-r));
        return r;
}

static void report_machine(const struct server *s)
{
        const struct machine *m = &s->leases.machine;

        log_event(LOG_LEVEL_INFO, &(struct log_event){.id = LOG_ID_MACHINE},
                  "%u PUs on %u cores of %u kinds, %u usable", m->n_pus, m->n_cores, m->n_kinds,
                  cpuset_count(&s->leases.usable));
}

void server_read_machine(struct server *s)
{
        struct machine machine = {0};
        struct cpuset usable;

        if (server_discover(s->settings->root, &machine, &usable) < 0)
                return;
        int r = leases_set_machine(&s->leases, &machine, &usable);
        machine_finish(&machine);
        if (r != 0)
                log_error("cannot take the machine's change: %s",
                          r > 0 ? alloc_error_text((enum alloc_error)r) : strerror(-r));
        report_machine(s);
        headroom_machine_changed(s->headroom);
        server_update(s);
}

/* The configuration. */

static int read_config(struct server *s, char **ret_problem)
{
        struct config config;
        int r = config_load(s->settings->root, s->settings->config, &config, ret_problem);

        if (r < 0) {
                log_error("the configuration cannot be read: %s", *ret_problem ? *ret_problem : strerror(-r));
                return r;
        }
        for (size_t i = 0; i < config.n_problems; i++)
                log_warning("%s", config.problems[i]);
        config_finish(&s->config);
        s->config = config;
        if (!s->settings->log_level)
                log_set_level(config.log_level);
        return 0;
}

static void take_weights(struct server *s)
{
        int r = leases_set_weights(&s->leases, &s->config);

        if (r != 0)
                log_error("cannot take the users' weights: %s",
                          r > 0 ? alloc_error_text((enum alloc_error)r) : strerror(-r));
}

/* What cannot be read is no reason to lend nothing, unless it was asked for by name. */
static int start_config(struct server *s)
{
        CLEANUP_FREE char *problem = NULL;

        config_init(&s->config);
        int r = read_config(s, &problem);
        return s->settings->config || r == -ENOMEM ? r : 0;
}

int server_reload(struct server *s, char **ret_problem)
{
        notify_reloading();
        int r = read_config(s, ret_problem);
        take_weights(s);
        headroom_set(s->headroom, &s->config.headroom);
        server_read_machine(s);
        notify_ready(summary_ready(&s->summary));
        return r;
}

/* Starting. */

/* The path the socket is bound to; empty where it has none (an abstract socket). */
static void read_address(struct server *s, int fd)
{
        struct sockaddr_un sa = {0};
        socklen_t len = sizeof(sa);
        struct stat st;

        if (!s->settings->socket && getsockname(fd, (struct sockaddr *)&sa, &len) == 0 && sa.sun_path[0] == '/')
                memcpy(s->address.path, sa.sun_path, sizeof(sa.sun_path));
        s->owns_socket = s->settings->socket;
        if (lstat(s->address.path, &st) == 0)
                s->inode = st.st_ino;
}

static int open_socket(struct server *s, int *ret_fd)
{
        int r = 0;

        if (s->settings->socket)
                r = address_from_path(s->settings->socket, &s->address);
        if (r == 0)
                r = notify_listen_fd(ret_fd);
        if (r == -ENOENT && s->settings->socket)
                r = start_listen(&s->address, ret_fd);
        if (r == -ENOENT)
                log_error("no socket was passed, and no --socket is given");
        else if (r < 0)
                log_error("cannot listen%s%s: %s", s->settings->socket ? " on " : "",
                          s->settings->socket ? s->settings->socket : "", strerror(-r));
        return r;
}

static int start_leases(struct server *s)
{
        CLEANUP_FREE char *state_path = NULL;
        struct machine machine = {0};
        struct cpuset usable;
        int r;

        if (hw_root_read_line("", BOOT_ID, s->boot_id, sizeof(s->boot_id)) < 0)
                log_warning("%s cannot be read: leases are not told apart by boot", BOOT_ID);
        if (*s->address.path && address_beside(&s->address, ".state", &state_path) < 0)
                return -ENOMEM;
        r = server_discover(s->settings->root, &machine, &usable);
        if (r < 0)
                return r;
        r = leases_init(&s->leases, &machine, &usable, state_path, s->boot_id);
        machine_finish(&machine);
        if (r != 0)
                log_error("cannot start: %s", r > 0 ? alloc_error_text((enum alloc_error)r) : strerror(-r));
        else
                take_weights(s); /* others than were recorded, perhaps */
        return r > 0 ? -EINVAL : r;
}

/* Two descriptors a lease for a thousand leases are more than the usual soft limit. Where the hard one is lower, there
 * are fewer connections: running out of descriptors would cost more than them. */
static unsigned connections_max(void)
{
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return PEERS_CONNECTIONS_MAX;
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
                log_warning("cannot raise the limit of open files: %s", strerror(errno));
        if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= PEERS_CONNECTIONS_MAX + SERVER_FILES_KEPT)
                return PEERS_CONNECTIONS_MAX;
        unsigned most = limit.rlim_cur > 2 * SERVER_FILES_KEPT ? (unsigned)limit.rlim_cur - SERVER_FILES_KEPT
                                                               : (unsigned)limit.rlim_cur / 2;
        log_notice("at most %llu files may be open: %u connections are taken", (unsigned long long)limit.rlim_cur,
                   most);
        return most;
}

static int start_handles(struct server *s)
{
        int r;

        uv_timer_init(&s->loop, &s->idle);
        uv_timer_init(&s->loop, &s->due);
        uv_prepare_init(&s->loop, &s->before);
        s->before.data = s;
        uv_prepare_start(&s->before, on_before);
        turns_init(&s->turns, &s->loop);
        monitors_init(&s->monitors, s);
        summary_init(&s->summary, s);
        health_init(&s->health, s);
        s->idle.data = s->due.data = s;
        for (size_t i = 0; i < ELEMENTSOF(handled_signals); i++) {
                uv_signal_init(&s->loop, &s->signals[i]);
                s->signals[i].data = s;
                if ((r = uv_signal_start(&s->signals[i], on_signal, handled_signals[i])) < 0)
                        return r;
        }
        return headroom_create(s, &s->headroom);
}

static void on_accepted(void *context, int fd)
{
        struct server *s = context;

        connection_accept(s, fd);
        server_update(s);
}

static void on_accept_failing(void *context, int error)
{
        (void)context;
        log_warning("cannot accept a connection: %s", strerror(-error));
}

static const struct listener_events listener_events = {.accepted = on_accepted, .failing = on_accept_failing};

static int start_serving(struct server *s, int fd)
{
        int r = start_handles(s);

        if (r == 0)
                r = listener_start(&s->listener, &s->loop, fd, &listener_events, s);
        if (r < 0) {
                log_error("cannot start: %s", uv_strerror(r));
                return r;
        }
        report_machine(s);
        notify_ready(summary_ready(&s->summary));
        server_update(s);
        return 0;
}

int server_open(struct server *s, const struct server_settings *settings)
{
        int fd = -1, r;

        *s = (struct server){.settings = settings, .listener = LISTENER_INIT};
        r = uv_loop_init(&s->loop);
        if (r < 0)
                return r;
        signal(SIGPIPE, SIG_IGN);
        signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is as a full disk */
        peers_init(&s->peers, connections_max(), geteuid());
        r = start_config(s);
        if (r == 0)
                r = open_socket(s, &fd);
        if (r == 0) {
                read_address(s, fd);
                r = start_leases(s);
        }
        if (r == 0)
                r = start_serving(s, fd);
        if (r < 0)
                server_close(s);
        return r;
}

void server_close(struct server *s)
{
        listener_close(&s->listener);
        headroom_stop(s->headroom);
        uv_walk(&s->loop, close_handle, NULL);
        uv_run(&s->loop, UV_RUN_DEFAULT);
        headroom_destroy(s->headroom);
        leases_finish(&s->leases);
        config_finish(&s->config);
        peers_finish(&s->peers);
        uv_loop_close(&s->loop);
}

int server_run(const struct server_settings *settings)
{
        struct server s;
        int r = server_open(&s, settings);

        if (r < 0)
                return r;
        uv_run(&s.loop, UV_RUN_DEFAULT);
        server_close(&s);
        return 0;
}
