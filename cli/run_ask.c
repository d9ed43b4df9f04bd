#include "cli/run_ask.h"

#include <jansson.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "lib/client.h"
#include "lib/util.h"

enum {
        EVENT_MAX = 64,
        ANSWER_MAX = CPUSET_TEXT_MAX + 128,
};

/* 0; -EAGAIN: somebody listens, with a full backlog, for as long as the socket is to wait. */
static int connect_to(int fd, const char *path)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        if (strlen(path) >= sizeof(address.sun_path))
                return -ENOENT;
        memcpy(address.sun_path, path, strlen(path) + 1);
        if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                return errno == EAGAIN ? -EAGAIN : -ENOENT;
        return 0;
}

/* With the NUL that ends it. */
static void send_event(int fd, const char *event)
{
        char message[EVENT_MAX];
        int n = snprintf(message, sizeof(message), "{\"event\":\"%s\"}", event);

        (void)send(fd, message, (size_t)n + 1, MSG_NOSIGNAL);
}

int run_ask_send(const char *path, const char *event)
{
        CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int r = fd < 0 ? -ENOENT : connect_to(fd, path);

        if (r == 0)
                send_event(fd, event);
        else if (r != -EAGAIN)
                return r;
        return TAKE_FD(fd);
}

/* Up to its NUL. */
static int receive(int fd, char answer[static ANSWER_MAX])
{
        size_t n = 0;

        while (n < ANSWER_MAX) {
                ssize_t got = recv(fd, answer + n, ANSWER_MAX - n, 0);

                if (got < 0 && errno == EINTR)
                        continue;
                if (got <= 0)
                        return got < 0 && errno == EAGAIN ? -ETIMEDOUT : -ENOENT;
                if (memchr(answer + n, '\0', (size_t)got))
                        return 0;
                n += (size_t)got;
        }
        return -EPROTO;
}

static int open_patient(void)
{
        const struct timeval patience = {.tv_sec = RUN_ASK_PATIENCE_MS / 1000,
                                         .tv_usec = RUN_ASK_PATIENCE_MS % 1000 * 1000};
        CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
            setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

static int ask(const char *path, const char *event, char answer[static ANSWER_MAX])
{
        CLEANUP_CLOSE int fd = open_patient();
        int r = fd < 0 ? fd : connect_to(fd, path);

        if (r < 0)
                return r;
        send_event(fd, event);
        return receive(fd, answer);
}

int run_ask_held(const char *path, unsigned *ret_workers, struct cpuset *ret_pus)
{
        CLEANUP_JSON json_t *message = NULL;
        char answer[ANSWER_MAX];
        struct cpuset pus;
        const char *text;
        json_int_t workers;
        int r = ask(path, "held", answer);

        if (r < 0)
                return r;
        message = json_loads(answer, 0, NULL);
        workers = json_integer_value(json_object_get(message, "workers"));
        text = json_string_value(json_object_get(message, "pus"));
        if (workers < 1 || workers > CPUSET_MAX || !text || cpuset_parse(text, strlen(text), &pus) < 0)
                return -EPROTO;
        *ret_workers = (unsigned)workers;
        *ret_pus = pus;
        return 0;
}
