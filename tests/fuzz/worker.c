/* What reporters and workers say to a run: the engine's control socket and the records on its FIFOs
 * (docs/run-protocol.md), from several pytests, in any order.
 *
 * The input is lines: a command, a number, and what goes with it.
 *
 *     O0     a pytest connects as number 0           C0…  it says the rest of the line and a NUL
 *     S0…    it says the rest of the line            R0   it reads what the engine said        X0   it is gone
 *     D0 o w a wall cpu rss   a record into the FIFO of the oldest suite but 0
 *     W0…    bytes into that FIFO                    T0n  n seconds pass
 *
 * No process is killed or pinned, and the clock stands still but for T.
 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "cli/run_engine.h"
#include "cli/run_suite.h"
#include "lib/util.h"
#include "tests/fuzz/input.h"
#include "tests/unit/sensor-tree.h"

enum { REPORTERS = 4, PUS = 4, COMMANDS_MAX = 300, ROUNDS = 3 };

static struct run run;
static int reporters[REPORTERS];
static uint64_t clock_ns = UINT64_C(1000000000000);

/* The world outside. */

uint64_t __wrap_uv_hrtime(void);
int __wrap_kill(pid_t pid, int sig);
int __wrap_sched_setaffinity(pid_t pid, size_t size, const void *mask);
int __wrap_open64(const char *path, int flags, ...);
int __real_open64(const char *path, int flags, ...);

uint64_t __wrap_uv_hrtime(void)
{
        return clock_ns;
}

int __wrap_kill(pid_t pid, int sig)
{
        FUZZ_CHECK(pid > 0);
        return 0;
}

int __wrap_sched_setaffinity(pid_t pid, size_t size, const void *mask)
{
        return 0;
}

/* What the engine tells the kernel of a process goes nowhere. */
int __wrap_open64(const char *path, int flags, ...)
{
        va_list args;
        mode_t mode;

        va_start(args, flags);
        mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
        va_end(args);
        if (strncmp(path, "/proc/", 6) == 0 && (flags & O_ACCMODE) != O_RDONLY) {
                errno = ENOENT;
                return -1;
        }
        return __real_open64(path, flags, mode);
}

static void run_loop(void)
{
        for (unsigned i = 0; i < ROUNDS; i++) {
                uv_run(&run.loop, UV_RUN_NOWAIT);
                run_engine_settle(&run);
        }
}

/* What must hold at any time. */

static void check_suite(const struct run_suite *s)
{
        struct cpuset pus = run_suite_pus(s);
        struct cpuset foreign = cpuset_andnot(&pus, &run.lease.pus);

        FUZZ_CHECK(cpuset_is_empty(&foreign));
        if (!s->dispatch)
                return;
        FUZZ_CHECK(!dispatch_check(s->dispatch));
        FUZZ_CHECK(dispatch_items_left(s->dispatch) <= s->listing.n_items);
}

static void check_slots(void)
{
        struct cpuset used = {0};
        unsigned n = 0;

        for (const struct run_suite *s = run.suites; s; s = s->next)
                for (uint32_t i = 0; i < s->n_workers; i++)
                        if (s->workers[i].state != RUN_WORKER_NONE && s->workers[i].slot != RUN_NO_SLOT) {
                                cpuset_add(&used, s->workers[i].slot);
                                n++;
                        }
        FUZZ_CHECK(n == cpuset_count(&used)); /* none twice */
        FUZZ_CHECK(cpuset_equal(&used, &run.slots_used));
}

static void check(void)
{
        unsigned n = 0;

        for (const struct run_suite *s = run.suites; s; s = s->next)
                check_suite(s);
        for (const struct run_peer *p = run.server.peers; p; p = p->next)
                n++;
        FUZZ_CHECK(n == run.server.n_peers);
        check_slots();
}

/* Reporters and workers. */

static void leave(int *fd)
{
        if (*fd >= 0)
                close(*fd);
        *fd = -1;
}

static void come(int *fd, const char *path)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        leave(fd);
        memcpy(address.sun_path, path, strlen(path));
        *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        FUZZ_CHECK(*fd >= 0 && connect(*fd, (struct sockaddr *)&address, sizeof(address)) == 0);
        run_loop();
}

static void say(int fd, const void *bytes, size_t len)
{
        if (fd >= 0 && len > 0)
                (void)send(fd, bytes, len, MSG_NOSIGNAL);
}

static void hear(int fd)
{
        char bytes[4096];

        while (fd >= 0 && recv(fd, bytes, sizeof(bytes), 0) > 0)
                ;
}

static void write_records(unsigned number, const void *bytes, size_t len)
{
        const struct run_suite *s = run.suites;

        while (s && number-- > 0)
                s = s->next;
        if (!s || !s->deal.dir)
                return;
        CLEANUP_FREE char *path = NULL;
        FUZZ_CHECK(asprintf(&path, "%s/done", s->deal.dir) > 0);
        CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0)
                (void)!write(fd, bytes, len);
}

static void write_record(unsigned number, const uint8_t *text, size_t len)
{
        CLEANUP_FREE char *copy = input_copy(text, len);
        struct run_done_record record = {0};
        unsigned op = 0, worker = 0, arg = 0;
        unsigned long long rss = 0;

        if (sscanf(copy, "%u %u %u %lf %lf %llu", &op, &worker, &arg, &record.wall, &record.cpu, &rss) < 3)
                return;
        record.op = (uint16_t)op;
        record.worker = (uint16_t)worker;
        record.arg = arg;
        record.rss = rss;
        write_records(number, &record, sizeof(record));
}

static void command(const char *socket, const uint8_t *line, size_t len)
{
        unsigned number = len > 1 ? line[1] % REPORTERS : 0;
        const uint8_t *rest = len > 2 ? line + 2 : line + len;
        size_t n = len > 2 ? len - 2 : 0;

        switch (len > 0 ? line[0] : 0) {
        case 'O':
                come(&reporters[number], socket);
                break;
        case 'C':
                say(reporters[number], rest, n);
                say(reporters[number], "", 1);
                break;
        case 'S':
                say(reporters[number], rest, n);
                break;
        case 'R':
                hear(reporters[number]);
                break;
        case 'X':
                leave(&reporters[number]);
                break;
        case 'D':
                write_record(number, rest, n);
                break;
        case 'W':
                write_records(number, rest, n);
                break;
        case 'T':
                clock_ns += (n > 0 ? rest[0] % 10 : 1) * UINT64_C(1000000000);
                break;
        default:
                break;
        }
}

/* A run of four PUs that no service has lent. */
static void begin(const char *dir, const char *socket)
{
        static struct run_options options = {.quiet = true, .no_pin = true};
        static struct run_nice nice;

        run = (struct run){.options = &options, .dir = dir, .channel = -1, .history_off = true, .nice = &nice};
        run.report.options = &options;
        cpuset_add_range(&run.lease.pus, 0, PUS - 1);
        run.lease.kept = run.lease.pus;
        run.lease.order = calloc(PUS, sizeof(*run.lease.order));
        run.lease.slots = calloc(PUS, sizeof(*run.lease.slots));
        FUZZ_CHECK(run.lease.order && run.lease.slots);
        for (unsigned i = 0; i < PUS; i++)
                run.lease.order[i] = run.lease.slots[i] = i;
        run.lease.n_order = run.lease.n_slots = PUS;
        unlink(socket);
        FUZZ_CHECK(run_engine_listen(&run, socket) == 0);
        for (size_t i = 0; i < REPORTERS; i++)
                reporters[i] = -1;
}

static void end(void)
{
        for (size_t i = 0; i < REPORTERS; i++)
                leave(&reporters[i]);
        run_loop();
        FUZZ_CHECK(!run.suites && !run.server.peers);
        FUZZ_CHECK(cpuset_is_empty(&run.slots_used));
        run_server_stop(&run.server);
        uv_run(&run.loop, UV_RUN_DEFAULT);
        FUZZ_CHECK(uv_loop_close(&run.loop) == 0);
        run_report_finish(&run.report);
        run_watch_finish(&run.watch);
        run_share_finish(&run.share);
        run_machine_finish(&run.machine);
        run_lease_close(&run.lease);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct tree tree;
        static char socket[128];
        struct input in = {data, size};
        const uint8_t *line;
        size_t len;

        if (!*tree.root) {
                tree_make(&tree);
                (void)snprintf(socket, sizeof(socket), "%s/control", tree.root);
        }
        begin(tree.root, socket);
        for (unsigned i = 0; i < COMMANDS_MAX && input_line(&in, &line, &len); i++) {
                command(socket, line, len);
                run_loop();
                check();
        }
        end();
        return 0;
}
