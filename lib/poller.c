#include "lib/poller.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>

#include "lib/util.h"

int poller_init(struct poller *p)
{
        *p = (struct poller)POLLER_INIT;
        p->owner = getpid();
        p->fd = epoll_create1(EPOLL_CLOEXEC);
        p->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        int r = p->fd < 0 || p->timer_fd < 0 ? -errno : poller_watch(p, p->timer_fd, EPOLLIN);
        if (r < 0)
                poller_finish(p);
        return r;
}

void poller_finish(struct poller *p)
{
        cleanup_closep(&p->fd);
        cleanup_closep(&p->timer_fd);
        *p = (struct poller)POLLER_INIT;
}

int poller_check(const struct poller *p)
{
        return p->owner == getpid() ? 0 : -ECHILD;
}

int poller_watch(const struct poller *p, int fd, uint32_t events)
{
        struct epoll_event event = {.events = events};

        if (epoll_ctl(p->fd, EPOLL_CTL_ADD, fd, &event) == 0)
                return 0;
        return errno == EEXIST && epoll_ctl(p->fd, EPOLL_CTL_MOD, fd, &event) == 0 ? 0 : -errno;
}

void poller_unwatch(const struct poller *p, int fd)
{
        if (poller_check(p) == 0)
                epoll_ctl(p->fd, EPOLL_CTL_DEL, fd, NULL);
}

void poller_arm(const struct poller *p, int64_t deadline)
{
        struct itimerspec when = {0};

        /* A time of 0 would disarm it, and is over. */
        if (deadline != POLLER_NEVER)
                when.it_value = (struct timespec){.tv_sec = deadline > 0 ? deadline / 1000 : 0,
                                                  .tv_nsec = deadline > 0 ? (deadline % 1000) * 1000000 : 1};
        timerfd_settime(p->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

int64_t poller_now(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int poller_left(int64_t deadline)
{
        int64_t left = deadline - poller_now();

        if (deadline == POLLER_NEVER)
                return -1;
        return left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

int poller_block(int fd, short events, int64_t deadline)
{
        struct pollfd p = {.fd = fd, .events = events};
        int r = poll(&p, 1, poller_left(deadline));

        return r < 0 ? -errno : r;
}
