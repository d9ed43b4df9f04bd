/* The service: its loop, its socket, its connections, its timers and signals. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/config.h"
#include "daemon/health.h"
#include "daemon/leases.h"
#include "daemon/monitor.h"
#include "daemon/peers.h"
#include "daemon/summary.h"
#include "daemon/turns.h"
#include "lib/address.h"
#include "lib/bus/listener.h"

struct connection;
struct headroom;

enum {
        SERVER_SAMPLE_MS = 1000, /* GOVERNOR_PERIOD_US */
        SERVER_FILES_KEPT = 64,  /* descriptors that connections leave: state, sensors, D-Bus, libuv, who is refused */
};

struct server_settings {
        const char *root;         /* "" or a directory that stands in for / when the machine is read */
        const char *socket;       /* NULL: passed by systemd, which also removes it */
        const char *defer_to;     /* the system service's socket; NULL: lend whatever happens */
        const char *config;       /* the file that is the configuration; NULL: the usual places */
        enum log_level log_level; /* 0: the configuration's */
        unsigned sample_ms;       /* between two samples of the sensors, 1 to SERVER_SAMPLE_MS, which is the usual */
        double idle_exit;         /* seconds without connections and leases after which to leave; 0 never */
};

struct server {
        const struct server_settings *settings;
        uv_loop_t loop;
        struct listener listener;
        uv_timer_t idle, due;
        uv_signal_t signals[3];
        struct connection *connections;
        unsigned n_connections;
        uv_prepare_t before; /* the loop waits */
        bool changed;        /* something has, and timers are to be set anew before */
        uint64_t n_accepted; /* connections, ever */
        struct peers peers;
        struct turns turns;
        struct leases leases;
        struct config config;
        struct headroom *headroom;
        struct monitors monitors;
        struct health health;
        struct summary summary;
        struct address address; /* of the socket; its path is empty where it has none */
        bool owns_socket;       /* removes it when leaving */
        uint64_t inode;         /* of the socket's file, to remove no other */
        bool stopping;
        char boot_id[64];
};

/* Serves until told to stop or idle for long enough. 0 or a negative errno, which has been logged. */
int server_run(const struct server_settings *settings);

/* The same in parts: everything up to where its loop is to run, which ends some time after server_stop(); and then the
 * end. What cannot be opened is closed already. */
int server_open(struct server *s, const struct server_settings *settings);
void server_stop(struct server *s);
void server_close(struct server *s);

/* µs, monotonic: the only clock of the service. */
uint64_t server_now(void);

void server_add_connection(struct server *s, struct connection *c);
void server_remove_connection(struct server *s, struct connection *c);

/* Something has changed: before the loop waits, the timers for the allocator and the idle exit are set anew. */
void server_update(struct server *s);

/* Whether its socket's path still leads to it; true where it has none. */
bool server_is_reachable(const struct server *s);

/* The machine below root, as hw_discover() has it; what is odd about it, or wrong, is logged. */
int server_discover(const char *root, struct machine *ret_machine, struct cpuset *ret_usable);
/* Reads the machine again; leases follow. Errors are logged and leave the machine as it was. */
void server_read_machine(struct server *s);
/* Reads the configuration and the machine again. A negative errno where the configuration cannot be read: it has been
 * logged, *ret_problem says what (free it; NULL for want of memory), and the old one is in force. */
int server_reload(struct server *s, char **ret_problem);
