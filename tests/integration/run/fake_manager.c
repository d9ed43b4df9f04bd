/* A manager that does what a test says: FAKE_MANAGER SOCKET WAY. Listens at SOCKET, as systemd does at systemd/private,
 * and prints a line for every call it gets: "start UNIT PROPERTY…", "set UNIT PROPERTY…", "get". Ways:
 *
 *   done     makes every unit; nothing is moved anywhere
 *   count    the same, and prints "connected" for every connection
 *   plain    the same, as a manager that does not know OOMPolicy and AllowedCPUs
 *   refuse   answers with an error
 *   fail     begins a job, which fails
 *   silent   never answers
 *   late     answers when a line comes on standard input
 *   leave    makes the unit, and closes the connection when a line comes
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#define MANAGER "org.freedesktop.systemd1.Manager"
#define OBJECT  "/org/freedesktop/systemd1"
#define JOB     "/org/freedesktop/systemd1/job/1"

static const char *way;
static sd_bus_message *waiting;
static sd_bus *last;

static bool way_is(const char *name)
{
        return strcmp(way, name) == 0;
}

static int answer(sd_bus_message *m)
{
        const char *unit;
        int r = sd_bus_message_rewind(m, 1);

        if (r < 0 || (r = sd_bus_message_read(m, "s", &unit)) < 0 || (r = sd_bus_reply_method_return(m, "o", JOB)) < 0)
                return r;
        return sd_bus_emit_signal(sd_bus_message_get_bus(m), OBJECT, MANAGER, "JobRemoved", "uoss", 1, JOB, unit,
                                  way_is("fail") ? "failed" : "done");
}

/* The names of an a(sv), printed; *ret_newer where one is among them that older managers do not know. */
static int print_properties(sd_bus_message *m, const char **ret_newer)
{
        const char *name;
        int r = sd_bus_message_enter_container(m, 'a', "(sv)");

        *ret_newer = NULL;
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'r', "sv")) > 0) {
                if ((r = sd_bus_message_read(m, "s", &name)) < 0 || (r = sd_bus_message_skip(m, "v")) < 0)
                        break;
                printf(" %s", name);
                if (strcmp(name, "OOMPolicy") == 0 || strcmp(name, "AllowedCPUs") == 0)
                        *ret_newer = name;
                r = sd_bus_message_exit_container(m);
        }
        putchar('\n');
        fflush(stdout);
        return r;
}

static int on_start(sd_bus_message *m)
{
        const char *unit, *mode, *newer;
        int r = sd_bus_message_read(m, "ss", &unit, &mode);

        if (r < 0)
                return r;
        printf("start %s", unit);
        r = print_properties(m, &newer);
        if (r < 0)
                return r;
        if (way_is("refuse"))
                return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_ACCESS_DENIED, "not today");
        if (way_is("plain") && newer)
                return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_PROPERTY_READ_ONLY, "Cannot set property %s", newer);
        if (way_is("silent"))
                return 1;
        if (way_is("late")) {
                waiting = sd_bus_message_ref(m);
                return 1;
        }
        return answer(m);
}

static int on_set(sd_bus_message *m)
{
        const char *unit, *newer;
        int runtime, r = sd_bus_message_read(m, "sb", &unit, &runtime);

        if (r < 0)
                return r;
        printf("set %s", unit);
        r = print_properties(m, &newer);
        return r < 0 ? r : sd_bus_reply_method_return(m, "");
}

static int on_message(sd_bus_message *m, void *arg, sd_bus_error *ret_error)
{
        (void)arg, (void)ret_error;
        if (sd_bus_message_is_method_call(m, MANAGER, "StartTransientUnit"))
                return on_start(m);
        if (sd_bus_message_is_method_call(m, MANAGER, "SetUnitProperties"))
                return on_set(m);
        if (!sd_bus_message_is_method_call(m, NULL, "Get"))
                return 0;
        puts("get");
        fflush(stdout);
        return way_is("silent") ? 1 : sd_bus_reply_method_return(m, "v", "s", "252");
}

static int on_connection(sd_event_source *source, int fd, uint32_t events, void *arg)
{
        int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), r = sd_bus_new(&last);
        sd_id128_t id;

        (void)events, (void)arg;
        if (client < 0 || r < 0 || sd_id128_randomize(&id) < 0)
                return -1;
        if ((r = sd_bus_set_fd(last, client, client)) < 0 || (r = sd_bus_set_server(last, 1, id)) < 0 ||
            (r = sd_bus_add_filter(last, NULL, on_message, NULL)) < 0)
                return r;
        if (way_is("count"))
                puts("connected");
        if ((r = sd_bus_start(last)) < 0)
                return r;
        return sd_bus_attach_event(last, sd_event_source_get_event(source), SD_EVENT_PRIORITY_NORMAL);
}

static int on_line(sd_event_source *source, int fd, uint32_t events, void *arg)
{
        char line[64];
        ssize_t n = read(fd, line, sizeof(line));

        (void)events, (void)arg;
        if (n <= 0)
                return sd_event_exit(sd_event_source_get_event(source), 0);
        if (waiting)
                (void)answer(waiting);
        waiting = sd_bus_message_unref(waiting);
        if (way_is("leave") && last)
                sd_bus_close(last);
        return 0;
}

int main(int argc, char **argv)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        sd_event_source *lines;
        sd_event *event;

        if (argc != 3 || fd < 0 || strlen(argv[1]) >= sizeof(address.sun_path))
                return 2;
        way = argv[2];
        strcpy(address.sun_path, argv[1]);
        if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 8) < 0 ||
            sd_event_new(&event) < 0 || sd_event_add_io(event, NULL, fd, 1 /* EPOLLIN */, on_connection, NULL) < 0 ||
            sd_event_add_io(event, &lines, STDIN_FILENO, 1, on_line, NULL) < 0 ||
            sd_event_source_set_priority(lines, SD_EVENT_PRIORITY_IDLE) < 0) /* what it was asked before comes first */
                return 1;
        puts("ready");
        fflush(stdout);
        return sd_event_loop(event) < 0;
}
