/* Holds a lease from an event loop, through schedctl.h's functions that do not wait: `loop poll`, `loop uv` (libuv) or
 * `loop event` (sd-event). Beside it a connection watches the service. One line for each thing that happens:
 *
 *     waiting               the first dispatch came back, and nothing is held yet
 *     held 0 1              after each change; what is wanted back has been given back
 *     lost                  the service is gone
 *     sees N                the leases that Monitor tells, where their number has changed
 *     failed ENAME          the lease could not be had, or a call about it failed
 *
 * Standard input's end ends the lease.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>
#include <unistd.h>
#include <uv.h>

#include <schedctl.h>

static struct schedctl_lease *lease;
static struct schedctl_connection *monitor;
static int said_waiting, seen = -1;

static void say_failed(int r)
{
        printf("failed %s\n", strerrorname_np(-r));
        exit(1);
}

static void on_grant(void)
{
        unsigned wanted[64];
        size_t n = 0;

        for (; n < schedctl_lease_n_wanted(lease) && n < 64; n++)
                wanted[n] = schedctl_lease_wanted(lease, n);
        int r = n ? schedctl_lease_return(lease, wanted, n) : 0;
        if (r < 0)
                say_failed(r);
        printf("held");
        for (size_t i = 0; i < schedctl_lease_n_pus(lease); i++)
                printf(" %u", schedctl_lease_pu(lease, i));
        printf("\n");
}

static void on_lease(void)
{
        int r;

        while ((r = schedctl_lease_dispatch(lease)) > 0)
                on_grant();
        if (r == -ENOTCONN && schedctl_lease_id(lease))
                printf("lost\n");
        else if (r < 0 || (r = schedctl_lease_error(lease)) < 0)
                say_failed(r);
        if (!schedctl_lease_id(lease) && !said_waiting++)
                printf("waiting\n");
}

/* Without a JSON library: leases begin with their names. */
static int count_leases(const char *told)
{
        int n = 0;

        for (const char *at = told; (at = strstr(at, "{\"lease\":")); at++)
                n++;
        return n;
}

static void on_monitor(void)
{
        int r;

        while ((r = schedctl_connection_dispatch(monitor)) > 0) {
                int n = count_leases(schedctl_connection_reply(monitor));

                if (n != seen)
                        printf("sees %d\n", n);
                seen = n;
        }
        if (r < 0) { /* it is not claimed as a lease is */
                schedctl_connection_free(monitor);
                monitor = NULL;
        }
}

static int on_input(void)
{
        char bytes[64];

        return read(STDIN_FILENO, bytes, sizeof(bytes)) > 0;
}

static void loop_poll(void)
{
        for (;;) {
                struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                                       {.fd = schedctl_lease_fd(lease), .events = POLLIN},
                                       {.fd = monitor ? schedctl_connection_fd(monitor) : -1, .events = POLLIN}};

                if (poll(fds, 3, -1) < 0 || (fds[0].revents && !on_input()))
                        return;
                if (fds[1].revents)
                        on_lease();
                if (fds[2].revents)
                        on_monitor();
        }
}

/* libuv. */

static uv_poll_t polls[3];

static void on_uv(uv_poll_t *p, int status, int events)
{
        if (p == &polls[0] && !on_input())
                uv_stop(p->loop);
        else if (p == &polls[1])
                on_lease();
        else if (p == &polls[2])
                on_monitor();
        if (p == &polls[2] && !monitor)
                uv_poll_stop(p);
}

static void loop_uv(void)
{
        int fds[] = {STDIN_FILENO, schedctl_lease_fd(lease), schedctl_connection_fd(monitor)};
        uv_loop_t loop;

        uv_loop_init(&loop);
        for (int i = 0; i < 3; i++)
                if (uv_poll_init(&loop, &polls[i], fds[i]) == 0)
                        uv_poll_start(&polls[i], UV_READABLE, on_uv);
        uv_run(&loop, UV_RUN_DEFAULT);
        for (int i = 0; i < 3; i++)
                uv_close((uv_handle_t *)&polls[i], NULL);
        uv_run(&loop, UV_RUN_DEFAULT);
        uv_loop_close(&loop);
}

/* sd-event. */

static int on_event(sd_event_source *source, int fd, uint32_t events, void *what)
{
        if (what == &monitor)
                on_monitor();
        else if (what == &lease)
                on_lease();
        else if (!on_input())
                sd_event_exit(sd_event_source_get_event(source), 0);
        return what == &monitor && !monitor ? sd_event_source_set_enabled(source, SD_EVENT_OFF) : 0;
}

static void loop_event(void)
{
        sd_event *event;

        if (sd_event_new(&event) < 0 || sd_event_add_io(event, NULL, STDIN_FILENO, POLLIN, on_event, NULL) < 0 ||
            sd_event_add_io(event, NULL, schedctl_lease_fd(lease), POLLIN, on_event, &lease) < 0 ||
            sd_event_add_io(event, NULL, schedctl_connection_fd(monitor), POLLIN, on_event, &monitor) < 0)
                say_failed(-ENOMEM);
        sd_event_loop(event);
        sd_event_unref(event);
}

int main(int argc, char **argv)
{
        struct schedctl_request request = {.size = sizeof(request), .max = 4, .label = "loop"};
        int r = argc < 2 ? -EINVAL : schedctl_acquire_start(&request, &lease);

        setvbuf(stdout, NULL, _IOLBF, 0);
        if (r < 0 || (r = schedctl_connection_new(SCHEDCTL_NO_START, &monitor)) < 0 ||
            (r = schedctl_connection_call(monitor, "Monitor", NULL, SCHEDCTL_MORE)) < 0)
                say_failed(r);
        if (strcmp(argv[1], "poll") == 0)
                loop_poll();
        else if (strcmp(argv[1], "uv") == 0)
                loop_uv();
        else
                loop_event();
        schedctl_lease_release(lease);
        schedctl_connection_free(monitor);
        return 0;
}
