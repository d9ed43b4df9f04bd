/* Watches: urgent events, ends within an event, and descriptors that cannot be polled. */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/bus/watch.h"
#include "tests/unit/test.h"

struct scene {
        uv_loop_t loop;
        int pair[2];
        struct watch *watch;
        unsigned n_events;
};

static void begin(struct scene *s)
{
        *s = (struct scene){0};
        CHECK(uv_loop_init(&s->loop) == 0);
        CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s->pair) == 0);
}

/* Every watch is freed once the loop has come round. */
static void end(struct scene *s)
{
        uv_run(&s->loop, UV_RUN_DEFAULT);
        CHECK(uv_loop_close(&s->loop) == 0);
        close(s->pair[0]);
        close(s->pair[1]);
}

static void on_event(void *arg, int status)
{
        struct scene *s = arg;

        CHECK(status == 0);
        s->n_events++;
        watch_end(s->watch);
}

static void test_reads(void)
{
        struct scene s;

        begin(&s);
        CHECK(watch_start(&s.loop, s.pair[0], UV_READABLE, on_event, &s, &s.watch) == 0);
        CHECK(write(s.pair[1], "x", 1) == 1);
        end(&s);
        CHECK_INT(s.n_events, 1);
}

/* As a pressure trigger does it: no data, but an urgent event. Unix sockets have them since Linux 5.15. */
static void test_urgent(void)
{
        struct scene s;

        begin(&s);
        CHECK(watch_start(&s.loop, s.pair[0], UV_PRIORITIZED, on_event, &s, &s.watch) == 0);
        if (send(s.pair[1], "x", 1, MSG_OOB) == 1) {
                uv_run(&s.loop, UV_RUN_ONCE);
                CHECK_INT(s.n_events, 1);
        } else {
                watch_end(s.watch);
        }
        end(&s);
}

static void test_ends_unused(void)
{
        struct scene s;

        begin(&s);
        CHECK(watch_start(&s.loop, s.pair[0], UV_READABLE, on_event, &s, &s.watch) == 0);
        CHECK(write(s.pair[1], "x", 1) == 1);
        watch_end(s.watch);
        end(&s);
        CHECK_INT(s.n_events, 0);
        watch_end(NULL);
}

static void test_regular_file(void)
{
        struct scene s;
        int fd = open("/proc/self/exe", O_RDONLY);

        begin(&s);
        CHECK(fd >= 0);
        CHECK_INT(watch_start(&s.loop, fd, UV_READABLE, on_event, &s, &s.watch), -EPERM);
        CHECK(!s.watch);
        end(&s);
        close(fd);
}

int main(void)
{
        test_reads();
        test_urgent();
        test_ends_unused();
        test_regular_file();
        return 0;
}
