/* Single things that schedctl.h promises; the first argument says which. Prints what came of it.
 *
 *     call METHOD [PARAMETERS]         one call: "reply JSON", "error NAME JSON" or "failed ENAME"
 *     pipeline METHOD...               all of them over one connection at once
 *     stream METHOD PARAMETERS N       N replies, waiting for each
 *     sizes                            requests of other versions of the library
 *     fork                             a child with its parent's lease
 *     moved ADDRESS                    a lease whose service ends (a line of input says so), where $SCHEDCTL_SOCKET
 *                                      has another address by then
 *     misuse                           calls that are refused before anything is sent
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <schedctl.h>

static const char *name_of(int r)
{
        return r < 0 ? strerrorname_np(-r) : r ? "1" : "0";
}

static int call(const char *method, const char *parameters)
{
        char *reply, *error;
        int r = schedctl_call(method, parameters, SCHEDCTL_NO_START, &reply, &error);

        if (r < 0) {
                printf("failed %s\n", name_of(r));
                return 0;
        }
        printf("%s%s %s\n", error ? "error " : "reply", error ? error : "", reply);
        free(reply);
        free(error);
        return 0;
}

static int show_next(struct schedctl_connection *c)
{
        int r = schedctl_connection_wait(c, -1);
        const char *error = r > 0 ? schedctl_connection_error(c) : NULL;

        if (r <= 0)
                printf("failed %s\n", name_of(r));
        else
                printf("%s%s %s\n", error ? "error " : "reply", error ? error : "", schedctl_connection_reply(c));
        return r;
}

static int pipeline(int n, char **methods)
{
        struct schedctl_connection *c;
        int r = schedctl_connection_new(SCHEDCTL_NO_START, &c);

        for (int i = 0; i < n && r >= 0; i++)
                r = schedctl_connection_call(c, methods[i], NULL, 0);
        for (int i = 0; i < n && r >= 0; i++)
                r = show_next(c);
        schedctl_connection_free(c);
        return r < 0;
}

static int stream(const char *method, const char *parameters, int n)
{
        struct schedctl_connection *c;
        int r = schedctl_connection_new(SCHEDCTL_NO_START, &c);

        if (r == 0)
                r = schedctl_connection_call(c, method, parameters, SCHEDCTL_MORE);
        for (int i = 0; i < n && r >= 0; i++) {
                r = show_next(c);
                printf("continues %d\n", schedctl_connection_continues(c));
        }
        schedctl_connection_free(c);
        return r < 0;
}

static int sizes(void)
{
        struct {
                struct schedctl_request request;
                unsigned later[4];
        } of_later = {.request = {.size = sizeof(of_later), .max = 1}};
        struct schedctl_lease *lease;
        int r = schedctl_acquire(&of_later.request, &lease);

        printf("larger %s\n", name_of(r));
        if (r == 0)
                schedctl_lease_release(lease);
        of_later.later[3] = 1;
        printf("unknown %s\n", name_of(schedctl_acquire(&of_later.request, &lease)));
        of_later.request.size = 8;
        printf("smaller %s\n", name_of(schedctl_acquire(&of_later.request, &lease)));
        of_later.request = (struct schedctl_request){.size = sizeof(of_later.request), .priority = 3};
        printf("priority %s\n", name_of(schedctl_acquire(&of_later.request, &lease)));
        return 0;
}

/* Runs it in a child and waits for that. */
static void in_child(void (*run)(struct schedctl_lease *), struct schedctl_lease *lease)
{
        pid_t pid = fork();

        if (pid == 0) {
                run(lease);
                schedctl_lease_release(lease);
                fflush(stdout);
                _exit(0);
        }
        waitpid(pid, NULL, 0);
}

static void meddle(struct schedctl_lease *lease)
{
        unsigned pu = schedctl_lease_pu(lease, 0);

        printf("child dispatch %s\n", name_of(schedctl_lease_dispatch(lease)));
        printf("child return %s\n", name_of(schedctl_lease_return(lease, &pu, 1)));
}

static void hear_of_change(struct schedctl_lease *lease, unsigned max)
{
        struct schedctl_request request = {.size = sizeof(request), .max = max};

        printf("update %s\n", name_of(schedctl_lease_update(lease, &request)));
        int r = poll(&(struct pollfd){.fd = schedctl_lease_fd(lease), .events = POLLIN}, 1, 30000);
        printf("readable %d dispatch %s\n", r, name_of(schedctl_lease_dispatch(lease)));
}

static void go_on(struct schedctl_lease *lease)
{
        schedctl_lease_adopt(lease);
        hear_of_change(lease, 3);
}

/* After the child has released its copy the parent's descriptor must tell of changes still. */
static int test_fork(void)
{
        struct schedctl_request request = {.size = sizeof(request), .max = 2};
        struct schedctl_lease *lease;
        int r = schedctl_acquire(&request, &lease);

        if (r < 0)
                return 1;
        fflush(stdout);
        in_child(meddle, lease);
        hear_of_change(lease, 1);
        fflush(stdout);
        in_child(go_on, lease);
        schedctl_lease_release(lease);
        return 0;
}

static int moved(const char *address)
{
        struct schedctl_lease *lease;
        char line[8];
        int r = schedctl_acquire(NULL, &lease);

        if (r < 0)
                return 1;
        setenv("SCHEDCTL_SOCKET", address, 1);
        puts("held");
        fflush(stdout);
        r = fgets(line, sizeof(line), stdin) ? -ENOTCONN : -EIO;
        while (r == -ENOTCONN)
                r = schedctl_lease_wait(lease, -1);
        printf("claimed %s\n", name_of(r));
        schedctl_lease_release(lease);
        return 0;
}

static int misuse(void)
{
        struct schedctl_connection *c;
        struct schedctl_lease *lease;
        char *big = calloc(1, 100000);

        if (schedctl_connection_new(8, &c) != -EINVAL || schedctl_connection_new(0, &c) < 0 || !big)
                return 1;
        printf("nothing %s\n", name_of(schedctl_connection_dispatch(c)));
        printf("json %s\n", name_of(schedctl_connection_call(c, "GetStatus", "{", 0)));
        printf("object %s\n", name_of(schedctl_connection_call(c, "GetStatus", "[]", 0)));
        printf("flags %s\n", name_of(schedctl_connection_call(c, "GetStatus", NULL, 64)));
        snprintf(big, 100000, "{\"x\":\"%090000d\"}", 0);
        printf("size %s\n", name_of(schedctl_connection_call(c, "GetStatus", big, 0)));
        int r = 0;
        for (unsigned i = 0; i < 100000 && r == 0; i++)
                r = schedctl_connection_call(c, "GetStatus", NULL, SCHEDCTL_ONEWAY);
        printf("queue %s\n", name_of(r));
        schedctl_connection_free(c);
        schedctl_connection_free(NULL);
        schedctl_lease_release(NULL);
        if (schedctl_acquire_start(NULL, &lease) < 0)
                return 1;
        printf("early %s %zu\n", name_of(schedctl_lease_update(lease, NULL)), schedctl_lease_n_pus(lease));
        schedctl_lease_release(lease);
        free(big);
        return 0;
}

int main(int argc, char **argv)
{
        const char *what = argc > 1 ? argv[1] : "";

        if (strcmp(what, "call") == 0)
                return call(argv[2], argc > 3 ? argv[3] : NULL);
        if (strcmp(what, "pipeline") == 0)
                return pipeline(argc - 2, argv + 2);
        if (strcmp(what, "stream") == 0)
                return stream(argv[2], argv[3], atoi(argv[4]));
        if (strcmp(what, "sizes") == 0)
                return sizes();
        if (strcmp(what, "fork") == 0)
                return test_fork();
        if (strcmp(what, "moved") == 0)
                return moved(argv[2]);
        return strcmp(what, "misuse") == 0 ? misuse() : 2;
}
