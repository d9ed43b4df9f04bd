#include "daemon/state.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/peers.h"
#include "tests/unit/test.h"

#define BOOT "11111111-2222-3333-4444-555555555555"

static char directory[] = "/tmp/test-state-XXXXXX";
static char path[64];

static void write_file(const char *text, size_t len)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

        CHECK(fd >= 0);
        CHECK_INT(write(fd, text, len), len);
        close(fd);
}

static size_t read_back(char *text, size_t size)
{
        int fd = open(path, O_RDONLY);

        CHECK(fd >= 0);
        ssize_t n = read(fd, text, size - 1);
        CHECK(n >= 0);
        text[n] = '\0';
        close(fd);
        return (size_t)n;
}

static struct state_record make_record(alloc_id id, struct alloc_request *request, struct alloc_grant *grant)
{
        *request = (struct alloc_request){.uid = 4294967294, .min = 1, .max = 4, .weight = 100, .quota = 1.5};
        request->user_weight = 300;
        request->priority = ALLOC_INTERACTIVE;
        request->paused = true;
        request->slots = 6;
        *grant = (struct alloc_grant){.generation = id + 10};
        cpuset_add_range(&request->allowed, 0, 7);
        cpuset_add_range(&grant->pus, 2, 3);
        cpuset_add(&grant->slots, (unsigned)id);
        return (struct state_record){.id = id,
                                     .hash = token_hash_of("secret"),
                                     .label = "a \"b\"\n",
                                     .unit = "schedctl-run-1.scope",
                                     .nice = 10,
                                     .request = request,
                                     .grant = grant};
}

static void put(struct state *s, alloc_id id)
{
        struct alloc_request request;
        struct alloc_grant grant;
        struct state_record record = make_record(id, &request, &grant);

        CHECK_INT(state_put(s, &record), 0);
}

static struct state *open_fresh(int expected, size_t n, struct state_leases *leases)
{
        struct state *s;

        CHECK_INT(state_open(path, BOOT, &s, leases), expected);
        CHECK_INT(leases->n, n);
        return s;
}

static void reopen(int expected, size_t n)
{
        struct state_leases leases;

        state_close(open_fresh(expected, n, &leases));
        state_leases_finish(&leases);
}

/* What was written is read; later lines replace earlier ones. */
static void test_round_trip(void)
{
        struct state_leases leases;
        struct token_hash hash = token_hash_of("secret");
        struct state *s = open_fresh(0, 0, &leases);

        state_rewrite(s);
        CHECK_INT(state_commit(s), 0);
        put(s, 1);
        put(s, 2);
        put(s, 3);
        CHECK_INT(state_forget(s, 2), 0);
        put(s, 1);
        CHECK_INT(state_commit(s), 0);
        CHECK(!state_is_large(s));
        state_close(s);

        s = open_fresh(0, 2, &leases);
        CHECK_INT(leases.items[0].id, 1);
        CHECK_INT(leases.items[1].id, 3);
        CHECK_STR(leases.items[0].label, "a \"b\"\n");
        CHECK_STR(leases.items[0].unit, "schedctl-run-1.scope");
        CHECK_INT(leases.items[0].request.uid, 4294967294);
        CHECK_INT(leases.items[0].request.max, 4);
        CHECK(leases.items[0].request.quota > 1.4 && leases.items[0].request.quota < 1.6);
        CHECK_INT(leases.items[0].request.user_weight, 300);
        CHECK_INT(leases.items[0].request.priority, ALLOC_INTERACTIVE);
        CHECK_INT(leases.items[0].request.slots, 6);
        CHECK(leases.items[0].request.paused && leases.items[0].nice == 10);
        CHECK_INT(leases.items[0].generation, 11);
        CHECK(cpuset_count(&leases.items[0].pus) == 2 && cpuset_has(&leases.items[0].slots, 1));
        CHECK(token_hash_equal(&leases.items[0].hash, &hash));
        state_close(s);
        state_leases_finish(&leases);
}

/* However the file is cut, every whole line counts and nothing is set aside, but for the header. */
static void test_torn(void)
{
        char text[4096];
        size_t len = read_back(text, sizeof(text)), header = (size_t)(strchr(text, '\n') - text);

        for (size_t cut = 0; cut <= len; cut++) {
                struct state_leases leases;
                struct state *s;
                size_t lines = 0;

                write_file(text, cut);
                for (size_t i = header + 1; i < cut; i++)
                        lines += text[i] == '\n';
                CHECK_INT(state_open(path, BOOT, &s, &leases), 0);
                CHECK_INT(leases.n, lines < 4 ? lines : lines - 2 - (lines > 4 ? 1 : 0));
                state_close(s);
                state_leases_finish(&leases);
        }
}

static void check_corrupt(const char *text, size_t len)
{
        char aside[80];

        snprintf(aside, sizeof(aside), "%s.corrupt", path);
        write_file(text, len);
        reopen(1, 0);
        CHECK_INT(access(aside, F_OK), 0);
        CHECK(access(path, F_OK) < 0);
        unlink(aside);
}

static void test_corrupt(void)
{
#define HEADER "{\"schedd\":1,\"boot\":\"" BOOT "\"}\n"
        static const char *const bad[] = {
                "\n",
                "x\n",
                "[]\n",
                "{}\n",
                "{\"schedd\":2,\"boot\":\"x\"}\n",
                "{\"schedd\":1}\n",
                HEADER "x\n",
                HEADER "{\"lease\":1}\n",
                HEADER "{\"lease\":-1,\"token\":\"x\"}\n",
                HEADER "{\"lease\":1,\"token\":\"zz\"}\n",
                HEADER "{\"forget\":\"1\"}\n",
                HEADER "{\"lease\":1,\"pus\":\"99999\"}\n",
                HEADER "\n",
                HEADER "[]\n",
        };

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                check_corrupt(bad[i], strlen(bad[i]));
        check_corrupt(HEADER "\0\n", sizeof(HEADER) + 1);
}

/* A lease as the first version of the service recorded it, which had neither niceness nor units; and as one to come
 * may, which has more fields, a priority more and another kind of line. Both are kept: an upgrade or a downgrade loses
 * none. */
static void test_other_versions(void)
{
#define HASH "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b" /* of "secret" */
        static const char text[] = HEADER
                "{\"lease\":7,\"uid\":1000,\"token\":\"" HASH "\",\"label\":\"old\",\"min\":1,\"max\":4,\"weight\":100,"
                "\"memory\":0,\"priority\":\"batch\",\"allowed\":\"0-7\",\"quota\":0.0,\"group\":5,\"generation\":3,"
                "\"pus\":\"0-1\",\"slots\":\"0-1\"}\n"
                "{\"session\":1,\"of\":[7]}\n"
                "{\"lease\":8,\"uid\":1000,\"token\":\"" HASH "\",\"priority\":\"urgent\",\"deadline\":{\"ms\":5},"
                "\"generation\":1,\"pus\":\"2\",\"slots\":\"2\"}\n";
        struct state_leases leases;
        struct token_hash hash = token_hash_of("secret");

        write_file(text, sizeof(text) - 1);
        state_close(open_fresh(0, 2, &leases));
        CHECK_STR(leases.items[0].label, "old");
        CHECK(token_hash_equal(&leases.items[0].hash, &hash));
        CHECK(leases.items[0].request.priority == ALLOC_BATCH && leases.items[0].request.max == 4);
        CHECK(leases.items[0].nice == 0 && !leases.items[0].unit && !leases.items[0].request.paused);
        CHECK_INT(leases.items[0].generation, 3);

        struct alloc_request any = alloc_request_any(1000);
        CHECK(alloc_request_equal(&leases.items[1].request, &any));
        CHECK(cpuset_count(&leases.items[1].pus) == 1 && cpuset_has(&leases.items[1].pus, 2));
        state_leases_finish(&leases);
        unlink(path);
}

/* Another boot's leases ended with it. */
static void test_other_boot(void)
{
        static const char text[] = "{\"schedd\":1,\"boot\":\"another\"}\nwhatever\n";

        write_file(text, sizeof(text) - 1);
        reopen(0, 0);
        unlink(path);
}

static void test_symlink(void)
{
        char target[80];

        snprintf(target, sizeof(target), "%s/target", directory);
        CHECK_INT(symlink(target, path), 0);
        reopen(1, 0); /* the link is set aside, and nothing was opened through it */
        CHECK(access(target, F_OK) < 0);
}

/* It grows until it is large, and a rewrite makes it small again. */
static void test_rewrite(void)
{
        struct state_leases leases;
        struct state *s = open_fresh(0, 0, &leases);

        state_rewrite(s);
        CHECK_INT(state_commit(s), 0);
        while (!state_is_large(s)) {
                put(s, 5);
                CHECK_INT(state_commit(s), 0);
        }
        state_rewrite(s);
        put(s, 5);
        CHECK_INT(state_commit(s), 0);
        CHECK(!state_is_large(s));
        put(s, 6);
        CHECK_INT(state_commit(s), 0);
        state_close(s);
        s = open_fresh(0, 2, &leases);
        state_remove(s);
        state_close(s);
        state_leases_finish(&leases);
        CHECK(access(path, F_OK) < 0);
}

/* A record that could not be made is missing until everything is written: nothing else would add it. */
static void test_missing_record(void)
{
        struct state_leases leases = {0};
        struct alloc_request request;
        struct alloc_grant grant;
        struct state_record record = make_record(1, &request, &grant);
        struct state *s = open_fresh(0, 0, &leases);

        state_rewrite(s);
        CHECK_INT(state_commit(s), 0);
        CHECK(!state_is_large(s));
        request.quota = (double)INFINITY; /* as for want of memory: JSON has no such number */
        CHECK_INT(state_put(s, &record), -ENOMEM);
        CHECK(state_is_large(s));
        state_rewrite(s);
        put(s, 1);
        CHECK_INT(state_commit(s), 0);
        CHECK(!state_is_large(s));
        state_close(s);
        s = open_fresh(0, 1, &leases);
        state_leases_finish(&leases);
        state_close(s);
        unlink(path);
}

static void test_token(void)
{
        struct token a = {0}, b = {0};
        struct token_hash hash, parsed;
        char digits[TOKEN_HASH_DIGITS + 1];

        CHECK_INT(token_new(&a), 0);
        CHECK_INT(token_new(&b), 0);
        CHECK_INT(strlen(a.digits), TOKEN_DIGITS);
        CHECK(strcmp(a.digits, b.digits) != 0);

        /* FIPS 180-2, appendix B.1. */
        hash = token_hash_of("abc");
        token_hash_format(&hash, digits);
        CHECK_STR(digits, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        CHECK_INT(token_hash_parse(digits, &parsed), 0);
        CHECK(token_hash_equal(&hash, &parsed));
        digits[3] = 'g';
        CHECK(token_hash_parse(digits, &parsed) < 0);
        CHECK(token_group(1, "/a") != token_group(2, "/a") && token_group(1, "/a") == token_group(1, "/a"));
}

static int enter(struct peers *p, uint32_t uid, uint64_t now, struct peer **ret_peer)
{
        const char *limit;
        unsigned maximum;

        return peers_enter(p, uid, now, ret_peer, &limit, &maximum);
}

static unsigned enter_all(struct peers *p, uint32_t uid)
{
        struct peer *peer;
        unsigned n = 0;

        while (enter(p, uid, 0, &peer) == 0)
                n++;
        return n;
}

/* However many users take what they can, the next one finds something, and root and the owner anything. */
static void test_connections(void)
{
        const char *limit;
        struct peers p;
        struct peer *peer;
        unsigned maximum;

        peers_init(&p, PEERS_CONNECTIONS_MAX, 5);
        CHECK_INT(enter_all(&p, 1000), PEERS_CONNECTIONS_PER_UID_MAX);
        CHECK_INT(peers_enter(&p, 1000, 0, &peer, &limit, &maximum), 1);
        CHECK_STR(limit, "connections per user");
        CHECK_INT(maximum, PEERS_CONNECTIONS_PER_UID_MAX);
        CHECK_INT(enter_all(&p, 1001), PEERS_CONNECTIONS_PER_UID_MAX);
        CHECK_INT(enter_all(&p, 1002),
                  (PEERS_CONNECTIONS_MAX - 2 * PEERS_CONNECTIONS_PER_UID_MAX - PEERS_CONNECTIONS_KEPT) / 2);
        CHECK_INT(peers_enter(&p, 1002, 0, &peer, &limit, &maximum), 1);
        CHECK_STR(limit, "connections");
        CHECK_INT(maximum, PEERS_CONNECTIONS_MAX);
        for (uint32_t uid = 2000; uid < 2007; uid++)
                CHECK(enter_all(&p, uid) > 0);
        for (uint32_t uid = 3000; p.connections < PEERS_CONNECTIONS_MAX - PEERS_CONNECTIONS_KEPT; uid++)
                CHECK_INT(enter(&p, uid, 0, &peer), 0);
        CHECK_INT(enter(&p, 4000, 0, &peer), 1);
        CHECK_INT(enter(&p, 5, 0, &peer), 0);
        CHECK_INT(enter_all(&p, 0), PEERS_CONNECTIONS_KEPT - 1);
        peers_leave(&p, peer);
        CHECK_INT(enter(&p, 0, 0, &peer), 0);
        peers_finish(&p);
}

static void test_time(void)
{
        struct peers p;
        struct peer *a, *b;

        peers_init(&p, PEERS_CONNECTIONS_MAX, 0);
        CHECK_INT(enter(&p, 1000, 0, &a), 0);
        CHECK_INT(enter(&p, 1001, 0, &b), 0);
        CHECK_INT(peer_wait(a, 0), 0);
        peer_use_time(a, 0, PEERS_TIME_BURST_US - 1);
        CHECK_INT(peer_wait(a, 0), 0);
        peer_use_time(a, 0, 1);
        CHECK_INT(peer_wait(a, 0), 100 / PEERS_TIME_PERCENT);
        CHECK_INT(peer_wait(b, 0), 0);
        peer_use_time(a, 0, 1000);
        CHECK_INT(peer_wait(a, 0), 1001 * 100 / PEERS_TIME_PERCENT);
        CHECK_INT(peer_wait(a, 1001 * 100 / PEERS_TIME_PERCENT), 0);

        /* Whoever comes back at once has got nothing by that. */
        peer_use_time(a, 10000, PEERS_TIME_BURST_US);
        peers_leave(&p, a);
        CHECK_INT(enter(&p, 1002, 10000, &b), 0);
        CHECK_INT(enter(&p, 1000, 10000, &a), 0);
        CHECK(peer_wait(a, 10000) > 0);
        peers_finish(&p);
}

static void test_lines(void)
{
        struct peers p;
        struct peer *peer;
        unsigned untold = 0;

        peers_init(&p, PEERS_CONNECTIONS_MAX, 0);
        CHECK_INT(enter(&p, 1000, 0, &peer), 0);
        for (unsigned i = 0; i < PEERS_LINES_BURST; i++)
                CHECK(peer_may_tell(peer, 0, &untold) && untold == 0);
        for (unsigned i = 0; i < 7; i++)
                CHECK(!peer_may_tell(peer, 0, &untold));
        CHECK(peer_may_tell(peer, PEERS_LINE_US, &untold));
        CHECK_INT(untold, 7);
        peers_finish(&p);
}

int main(void)
{
        CHECK(mkdtemp(directory));
        snprintf(path, sizeof(path), "%s/state", directory);
        test_round_trip();
        test_torn();
        test_corrupt();
        test_other_versions();
        test_other_boot();
        test_rewrite();
        test_missing_record();
        test_symlink();
        test_token();
        test_connections();
        test_time();
        test_lines();

        char aside[80];
        snprintf(aside, sizeof(aside), "%s.corrupt", path);
        unlink(aside);
        rmdir(directory);
        return 0;
}
