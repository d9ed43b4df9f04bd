/* The client library, and schedctl's readers of what the service says of itself, before a service that may say
 * anything.
 *
 * The input is parts between lines of %%. The first says what the program does, one letter each (act() below); the
 * others are what the service sends over its first connection, its second and so on, with NULs in place of newlines.
 * A part that begins with a dot is a connection that stays open behind it. When the parts have run out nobody listens.
 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "cli/machine_reply.h"
#include "cli/status_print.h"
#include "cli/view.h"
#include "lib/client.h"
#include "tests/fuzz/input.h"
#include "tests/unit/sensor-tree.h"

enum { CONNECTIONS_MAX = 16, ACTS_MAX = 200 };

/* The service. */

static struct input script; /* what is left of it */
static int service_fds[CONNECTIONS_MAX];
static size_t n_service_fds;
static int64_t passed; /* seconds, beyond what the clock says */

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t len);
int __wrap_clock_gettime(clockid_t id, struct timespec *time);
int __real_clock_gettime(clockid_t id, struct timespec *time);

int __wrap_clock_gettime(clockid_t id, struct timespec *time)
{
        int r = __real_clock_gettime(id, time);

        time->tv_sec += passed;
        return r;
}

static void speak(int fd, const uint8_t *part, size_t len)
{
        char *text = input_copy(part, len);

        for (size_t i = 0; i < len; i++)
                if (text[i] == '\n')
                        text[i] = '\0';
        if (len > 0 && text[0] == '.') {
                (void)send(fd, text + 1, len - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        } else {
                (void)send(fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT);
                shutdown(fd, SHUT_WR);
        }
        free(text);
}

/* Puts one end of a pair in the socket's place. */
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t len)
{
        int flags = fcntl(fd, F_GETFL), pair[2];
        const uint8_t *part;
        size_t size;

        if (n_service_fds == CONNECTIONS_MAX || !input_part(&script, "%%", &part, &size)) {
                errno = ECONNREFUSED;
                return -1;
        }
        FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
        speak(pair[1], part, size);
        FUZZ_CHECK(dup3(pair[0], fd, O_CLOEXEC) == fd && fcntl(fd, F_SETFL, flags) == 0);
        close(pair[0]);
        service_fds[n_service_fds++] = pair[1];
        return 0;
}

/* What a program may rely on. */

static void check_lease(const struct schedctl_lease *lease)
{
        const struct client_grant *grant = client_lease_grant(lease);

        FUZZ_CHECK(schedctl_lease_n_pus(lease) == grant->n_pus);
        for (size_t i = 0; i < grant->n_pus; i++) {
                FUZZ_CHECK(schedctl_lease_pu(lease, i) < CPUSET_MAX);
                (void)schedctl_lease_is_shared(lease, i);
        }
        for (size_t i = 0; i < schedctl_lease_n_wanted(lease); i++)
                FUZZ_CHECK(schedctl_lease_wanted(lease, i) < CPUSET_MAX);
        for (size_t i = 0; i < schedctl_lease_n_slots(lease); i++)
                FUZZ_CHECK(schedctl_lease_slot(lease, i) < CPUSET_MAX);
        FUZZ_CHECK(schedctl_lease_nice(lease) >= 0 && schedctl_lease_nice(lease) <= 19);
        FUZZ_CHECK(schedctl_lease_reason(lease));
        FUZZ_CHECK(grant->n_pus == 0 || schedctl_lease_id(lease));
        FUZZ_CHECK(schedctl_lease_fd(lease) >= 0);
        (void)schedctl_lease_wanted_within_ms(lease);
        (void)schedctl_lease_expected_ms(lease);
}

static void print(const struct view_status *status, const struct view_headroom *headroom)
{
        static const struct terminal terminal = {.columns = 80, .rows = 24, .utf8 = true};
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        FUZZ_CHECK(out);
        if (status->source)
                FUZZ_CHECK(status_print(status, true, &terminal, out) == 0 &&
                           explain_print(status, &terminal, out) == 0);
        if (headroom->source)
                FUZZ_CHECK(headroom_print(headroom, &terminal, out) == 0);
        FUZZ_CHECK(fclose(out) == 0);
        free(text);
}

/* The machine and the views that schedctl makes of replies are whole or refused; and what is whole can be shown. */
static void check_reply(const char *text)
{
        CLEANUP_JSON json_t *reply = json_loads(text, 0, NULL);
        struct machine machine = {0};
        struct view_status status = {0};
        struct view_headroom headroom = {0};
        struct cpuset usable;

        FUZZ_CHECK(json_is_object(reply));
        if (machine_reply_read(reply, &machine) == 0) {
                FUZZ_CHECK(machine.n_pus > 0 && machine.n_kinds > 0);
                machine_finish(&machine);
        }
        (void)machine_reply_cpuset(reply, "usable", &usable);
        if (view_read_status(json_object_get(reply, "status"), &status) == 0)
                for (size_t i = 0; i < status.n_leases; i++)
                        FUZZ_CHECK(status.leases[i].priority < VIEW_PRIORITIES && status.leases[i].id);
        (void)view_read_headroom(json_object_get(reply, "headroom"), &headroom);
        print(&status, &headroom);
        view_status_finish(&status);
        view_headroom_finish(&headroom);
}

/* The program. */

struct program {
        struct schedctl_lease *lease;
        struct schedctl_connection *connection;
};

static void begin(struct program *p)
{
        static const struct schedctl_request request = {
                .size = sizeof(request), .min = 1, .label = "fuzz", .no_start = 1};

        schedctl_lease_release(p->lease);
        p->lease = NULL;
        FUZZ_CHECK(schedctl_acquire_start(&request, &p->lease) == 0);
}

static void call(struct program *p, const char *method, unsigned flags)
{
        int r = schedctl_connection_call(p->connection, method, "{\"a\": 1}", flags);

        FUZZ_CHECK(r <= 0);
}

static void receive(struct program *p)
{
        int r = schedctl_connection_dispatch(p->connection);

        FUZZ_CHECK(r <= 1);
        if (r != 1)
                return;
        FUZZ_CHECK(schedctl_connection_reply(p->connection));
        check_reply(schedctl_connection_reply(p->connection));
        (void)schedctl_connection_error(p->connection);
        (void)schedctl_connection_continues(p->connection);
}

static void tell(struct schedctl_lease *lease, uint8_t what)
{
        struct schedctl_request request = {.size = sizeof(request), .max = 3, .weight = 7};
        const struct client_grant *grant = client_lease_grant(lease);
        int r = 0;

        switch (what) {
        case 'r':
                r = schedctl_lease_return(lease, grant->wanted, grant->n_wanted);
                break;
        case 'R':
                r = schedctl_lease_return(lease, grant->pus, grant->n_pus);
                break;
        case 'u':
                r = schedctl_lease_unusable(lease, grant->pus, grant->n_pus / 2);
                break;
        case 'U':
                r = schedctl_lease_update(lease, &request);
                break;
        case 'p':
                r = schedctl_lease_report(lease, 1.5, 2000);
                break;
        case 's':
                r = schedctl_lease_set_slots(lease, 9);
                break;
        case 'b':
                r = schedctl_lease_set_priority(lease, SCHEDCTL_BATCH);
                break;
        case 'n':
                r = schedctl_lease_set_unit(lease, "run-1.scope");
                break;
        default:
                r = schedctl_lease_error(lease);
                break;
        }
        FUZZ_CHECK(r <= 0);
}

static void act(struct program *p, uint8_t what)
{
        switch (what) {
        case 'a':
                begin(p);
                break;
        case 'd':
                FUZZ_CHECK(schedctl_lease_dispatch(p->lease) <= 1);
                break;
        case 'c':
                call(p, "GetStatus", 0);
                break;
        case 'm':
                call(p, "Monitor", SCHEDCTL_MORE);
                break;
        case 'o':
                call(p, "Reload", SCHEDCTL_ONEWAY);
                break;
        case 'D':
                receive(p);
                break;
        case 't':
                passed += 1;
                break;
        case 'T':
                passed += 30;
                break;
        default:
                tell(p->lease, what);
                break;
        }
        check_lease(p->lease);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct tree tree;
        static char path[128];
        struct program p = {0};
        const uint8_t *acts;
        size_t n;

        if (!*tree.root) {
                tree_make(&tree);
                (void)snprintf(path, sizeof(path), "%s/socket", tree.root);
                setenv("SCHEDCTL_SOCKET", path, 1);
                setenv("SCHEDCTL_SCHEDD", "/nonexistent", 1);
        }
        script = (struct input){data, size};
        n_service_fds = 0;
        if (!input_part(&script, "%%", &acts, &n))
                return 0;
        begin(&p);
        FUZZ_CHECK(schedctl_connection_new(SCHEDCTL_NO_START, &p.connection) == 0);
        for (size_t i = 0; i < n && i < ACTS_MAX; i++)
                act(&p, acts[i]);
        schedctl_lease_release(p.lease);
        schedctl_connection_free(p.connection);
        for (size_t i = 0; i < n_service_fds; i++)
                close(service_fds[i]);
        return 0;
}
