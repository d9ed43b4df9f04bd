/* The service's socket: real server code, clients of several users, and whatever bytes they send, interleaved.
 *
 * The input is lines: a command, the client's number, and what goes with it.
 *
 *     O0u   connect client 0 as user u; what was connected before is closed
 *     C0…   send the rest of the line and a NUL        S0…   send the rest of the line
 *     B0n   send n x 16 KiB without a NUL              R0    read all there is       r0   read a little
 *     H0    close the sending end                      X0    close
 *     D0    close the receiving end
 *     T0n   10^n microseconds pass
 *
 * In what is sent $i0, $t0, $g0 and $p0 stand for the number, token, generation and PUs of the lease that client 0 was
 * granted. The clock stands still but for T, users are what the input says, and the machine is a made one.
 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/connection.h"
#include "daemon/log.h"
#include "daemon/server.h"
#include "lib/util.h"
#include "lib/varlink.h"
#include "tests/fuzz/input.h"
#include "tests/unit/sensor-tree.h"

enum {
        CLIENTS = 6,
        ROUNDS = 3, /* of the loop after each command */
        BULK = 16 * 1024,
        REPLY_MAX = 256 * 1024, /* of one: Monitor's, with every lease and reading */
        IN_MAX = 2 * (WIRE_CALL_MAX + 64 * 1024),
        COMMANDS_MAX = 300,
};

static struct server server;
static uint64_t clock_ns = UINT64_C(1000000000000);

/* One peer of the service, and what it was promised. */
struct client {
        int fd; /* -1: not connected */
        uint32_t uid;
        struct wire_buffer sent, got; /* to find the ends of messages */
        unsigned n_expected;          /* replies */
        unsigned n_final;             /* replies that came, those of streams that go on left out */
        bool streams;                 /* a reply has said that more come */
        bool malformed;               /* has sent what cannot be understood: nothing after it counts */
        bool half_closed, eof;
        bool deaf; /* has closed the receiving end: what he is told does not arrive */
        char id[24], token[40], generation[24];
        char *pus;
};

static struct client clients[CLIENTS];
static uint32_t connecting_uid;

/* The clock, and who connects. */

uint64_t __wrap_uv_hrtime(void);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int __real_getsockopt(int fd, int level, int name, void *value, socklen_t *len);

uint64_t __wrap_uv_hrtime(void)
{
        return clock_ns;
}

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
        int r = __real_getsockopt(fd, level, name, value, len);

        if (r == 0 && level == SOL_SOCKET && name == SO_PEERCRED)
                ((struct ucred *)value)->uid = connecting_uid;
        return r;
}

static void run_loop(void)
{
        for (unsigned i = 0; i < ROUNDS; i++)
                uv_run(&server.loop, UV_RUN_NOWAIT);
}

/* What must hold at any time. */

static const struct connection *find_connection(const struct connection *wanted)
{
        const struct connection *c = server.connections;

        while (c && c != wanted)
                c = c->next;
        return c;
}

static void check_leases(void)
{
        FUZZ_CHECK(!alloc_check(server.leases.alloc));
        FUZZ_CHECK(alloc_n_leases(server.leases.alloc) == server.leases.n);
        for (size_t i = 0; i < server.leases.n; i++) {
                const struct lease *lease = server.leases.items[i];
                const struct connection *c = find_connection(lease->stream);

                FUZZ_CHECK(c && c->lease == lease && c->uid == lease->uid);
        }
}

/* A user is charged for every buffer of his. */
static void check_charge(const struct peer *peer)
{
        size_t held = 0;

        for (const struct connection *c = server.connections; c; c = c->next)
                if (c->peer == peer)
                        held += c->in.allocated + c->out_allocated + c->writing_len;
        FUZZ_CHECK(held <= peer->bytes);
        FUZZ_CHECK(peer->bytes <= PEERS_BYTES_PER_UID_MAX + IN_MAX + REPLY_MAX);
}

static void check_connections(void)
{
        unsigned n = 0;

        for (const struct connection *c = server.connections; c; c = c->next) {
                n++;
                FUZZ_CHECK(c->out_len + c->writing_len <= CONNECTION_OUT_MAX + REPLY_MAX);
                FUZZ_CHECK(c->in.allocated <= IN_MAX);
                FUZZ_CHECK(!(c->lease && c->monitor));
        }
        FUZZ_CHECK(n == server.n_connections);
        for (size_t i = 0; i < server.peers.n; i++)
                check_charge(server.peers.items[i]);
}

/* Clients. */

static void client_close(struct client *c)
{
        if (c->fd >= 0)
                close(c->fd);
        wire_finish(&c->sent);
        wire_finish(&c->got);
        free(c->pus);
        *c = (struct client){.fd = -1};
}

static void client_open(struct client *c, uint32_t uid)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        client_close(c);
        memcpy(address.sun_path, server.settings->socket, strlen(server.settings->socket));
        c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        FUZZ_CHECK(c->fd >= 0 && connect(c->fd, (struct sockaddr *)&address, sizeof(address)) == 0);
        connecting_uid = c->uid = uid;
        wire_init(&c->sent, WIRE_CALL_MAX);
        wire_init(&c->got, WIRE_REPLY_MAX);
        run_loop();
}

/* Every call is answered that can be, and nothing after one that cannot. */
static void count_call(struct client *c, const char *text, size_t len)
{
        struct varlink_call call;
        const char *bad;

        if (c->malformed)
                return;
        if (varlink_parse_call(text, len, &call, &bad) < 0) {
                c->malformed = true;
                c->n_expected++;
                return;
        }
        c->n_expected += !(call.flags & VARLINK_ONEWAY);
        varlink_call_finish(&call);
}

static void count_sent(struct client *c, const char *bytes, size_t len)
{
        const char *message;
        size_t n;
        int r = 0;

        if (c->malformed)
                return;
        FUZZ_CHECK(wire_append(&c->sent, bytes, len) == 0);
        while (!c->malformed && (r = wire_next(&c->sent, &message, &n)) > 0)
                count_call(c, message, n);
        if (r < 0) {
                c->malformed = true;
                c->n_expected++;
        }
}

/* As much as the service takes now; what it does not take was not sent. */
static void client_send(struct client *c, const char *bytes, size_t len)
{
        size_t done = 0;

        while (c->fd >= 0 && !c->half_closed && done < len) {
                ssize_t n = send(c->fd, bytes + done, len - done, MSG_NOSIGNAL);

                if (n <= 0)
                        break;
                count_sent(c, bytes + done, (size_t)n);
                done += (size_t)n;
                if (done < len)
                        run_loop();
        }
}

static void take_grant(struct client *c, const json_t *parameters)
{
        const json_t *grant = json_object_get(parameters, "grant");
        const char *id = json_string_value(json_object_get(grant, "lease"));
        const char *token = json_string_value(json_object_get(grant, "token"));

        if (!id)
                return;
        (void)snprintf(c->id, sizeof(c->id), "%s", id);
        if (token)
                (void)snprintf(c->token, sizeof(c->token), "%s", token);
        (void)snprintf(c->generation, sizeof(c->generation), "%lld",
                       (long long)json_integer_value(json_object_get(grant, "generation")));
        free(c->pus);
        c->pus = json_dumps(json_object_get(grant, "pus"), JSON_COMPACT | JSON_ENCODE_ANY);
}

static void take_reply(struct client *c, const char *text, size_t len)
{
        struct varlink_reply reply;

        FUZZ_CHECK(varlink_parse_reply(text, len, &reply) == 0);
        FUZZ_CHECK(!(reply.continues && reply.error));
        c->streams |= reply.continues;
        c->n_final += !reply.continues;
        take_grant(c, reply.parameters);
        varlink_reply_finish(&reply);
}

/* True where something came. */
static bool client_read(struct client *c, size_t most)
{
        char bytes[4096];
        const char *message;
        size_t len;
        bool any = false;

        while (c->fd >= 0 && !c->eof && most > 0) {
                ssize_t n = recv(c->fd, bytes, most < sizeof(bytes) ? most : sizeof(bytes), 0);

                if (n < 0 && errno == EAGAIN)
                        break;
                any = true;
                c->eof = n <= 0;
                if (n <= 0)
                        break;
                most -= (size_t)n;
                FUZZ_CHECK(wire_append(&c->got, bytes, (size_t)n) == 0);
                while (wire_next(&c->got, &message, &len) > 0)
                        take_reply(c, message, len);
        }
        return any;
}

/* In the end: everything was answered, or the connection has ended with a word. */
static void check_answered(const struct client *c)
{
        if (c->fd < 0 || c->deaf)
                return;
        FUZZ_CHECK(!wire_is_partial(&c->got));
        FUZZ_CHECK(c->eof || c->streams || c->n_final == c->n_expected);
        FUZZ_CHECK(c->n_final <= c->n_expected + 1); /* a word on its end, unasked */
        FUZZ_CHECK(!c->eof || c->half_closed || c->n_final > 0);
        FUZZ_CHECK(!c->malformed || c->eof);
}

/* Commands. */

/* The bytes with what stands for leases replaced. */
static size_t fill_in(const uint8_t *bytes, size_t len, char *text, size_t size)
{
        size_t n = 0;

        for (size_t i = 0; i < len && n + 1 < size; i++) {
                const struct client *c = i + 2 < len ? &clients[bytes[i + 2] % CLIENTS] : NULL;
                const char *value = NULL;

                if (bytes[i] == '$' && c)
                        value = bytes[i + 1] == 'i'   ? c->id
                                : bytes[i + 1] == 't' ? c->token
                                : bytes[i + 1] == 'g' ? c->generation
                                : bytes[i + 1] == 'p' ? c->pus ? c->pus : "[]"
                                                      : NULL;
                if (!value) {
                        text[n++] = (char)bytes[i];
                        continue;
                }
                n += (size_t)snprintf(text + n, size - n, "%s", value);
                if (n >= size)
                        n = size - 1;
                i += 2;
        }
        return n;
}

static void pass(uint64_t us)
{
        clock_ns += us * 1000;
        leases_tick(&server.leases);
        server_update(&server);
}

static void send_bulk(struct client *c, unsigned n)
{
        static char bulk[BULK];

        memset(bulk, 'x', sizeof(bulk));
        for (unsigned i = 0; i < n; i++)
                client_send(c, bulk, sizeof(bulk));
}

static void command(const uint8_t *line, size_t len)
{
        static const uint32_t uids[] = {0, 1000, 1001, 65534};
        struct client *c = &clients[len > 1 ? line[1] % CLIENTS : 0];
        unsigned n = len > 2 ? line[2] % 10 : 0;
        static char text[16 * 1024];
        size_t size = 0;

        if (len > 2)
                size = fill_in(line + 2, len - 2, text, sizeof(text));
        switch (len > 0 ? line[0] : 0) {
        case 'O':
                client_open(c, uids[n % ELEMENTSOF(uids)]);
                break;
        case 'C':
                client_send(c, text, size);
                client_send(c, "", 1);
                break;
        case 'S':
                client_send(c, text, size);
                break;
        case 'B':
                send_bulk(c, n);
                break;
        case 'R':
                client_read(c, SIZE_MAX);
                break;
        case 'r':
                client_read(c, 64);
                break;
        case 'H':
                if (c->fd >= 0)
                        shutdown(c->fd, SHUT_WR);
                c->half_closed = true;
                break;
        case 'D':
                if (c->fd >= 0)
                        shutdown(c->fd, SHUT_RD);
                c->deaf = true;
                break;
        case 'X':
                client_close(c);
                break;
        case 'T':
                for (uint64_t us = 1; n < 10; us *= 10)
                        if (n-- == 0) {
                                pass(us);
                                break;
                        }
                break;
        default:
                break;
        }
}

static void settle(void)
{
        bool any = true;

        for (unsigned idle = 0; idle < 4; idle = any ? 0 : idle + 1) {
                run_loop();
                any = false;
                for (size_t i = 0; i < CLIENTS; i++)
                        any |= client_read(&clients[i], SIZE_MAX);
        }
}

static void start(void)
{
        static struct tree tree;
        static char socket[128], config[128];
        static struct server_settings settings = {
                .root = "", .log_level = LOG_LEVEL_ERROR, .sample_ms = SERVER_SAMPLE_MS};

        tree_make(&tree);
        tree_write(&tree, "/schedd.conf", "[Users]\n1000=300\n");
        (void)snprintf(socket, sizeof(socket), "%s/socket", tree.root);
        (void)snprintf(config, sizeof(config), "%s/schedd.conf", tree.root);
        settings.socket = socket;
        settings.config = config;
        setenv("HWLOC_SYNTHETIC", "pack:2 core:3 pu:2", 1);
        unsetenv("NOTIFY_SOCKET");
        unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
        log_set_level(LOG_LEVEL_ERROR);
        FUZZ_CHECK(server_open(&server, &settings) == 0);
        for (size_t i = 0; i < CLIENTS; i++)
                clients[i].fd = -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct input in = {data, size};
        const uint8_t *line;
        size_t len;

        if (!server.settings)
                start();
        server.leases.next_id = 1;
        for (unsigned i = 0; i < COMMANDS_MAX && input_line(&in, &line, &len); i++) {
                command(line, len);
                run_loop();
                check_leases();
                check_connections();
        }
        settle();
        for (size_t i = 0; i < CLIENTS; i++)
                check_answered(&clients[i]);
        for (size_t i = 0; i < CLIENTS; i++)
                client_close(&clients[i]);
        for (unsigned i = 0; i < 10 && server.n_connections > 0; i++)
                run_loop();
        FUZZ_CHECK(server.n_connections == 0 && server.leases.n == 0);
        pass(UINT64_C(3600000000)); /* whatever users had used up is refilled */
        return 0;
}
