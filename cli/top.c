/* schedctl top: the service, its machine and its runs on a full screen. */
#include <poll.h>
#include <string.h>
#include <time.h>

#include "cli/ask.h"
#include "cli/monitor.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "cli/top_curses.h"
#include "cli/top_model.h"
#include "cli/top_view.h"
#include "cli/verbs.h"
#include "lib/params.h"

static const char usage[] = "usage: schedctl top\n"
                            "\n"
                            "Shows the machine, who holds which CPUs, what limits them, and the runs, as they change.\n"
                            "Keys: arrows select a run; p pauses it or lets it go on; i, n, b, +, - change its\n"
                            "priority, w its weight; ? explains; q quits.\n"
                            "\n"
                            "  -h, --help  print this\n";

enum {
        ANSWER_MS = 500, /* that the screen waits for an answer before it says that there is none */
};

struct top {
        struct monitor *monitor;
        struct top_model model;
        struct grid grid;
        int signal_fd;
        bool utf8, over;
};

static uint64_t now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* A grid of the screen's size. */
static int fit_grid(struct top *top)
{
        unsigned width, height;

        top_curses_size(&width, &height);
        if (top->grid.cells && top->grid.width == width && top->grid.height == height)
                return 0;
        grid_finish(&top->grid);
        return grid_init(&top->grid, width, height, top->utf8);
}

static int show(struct top *top)
{
        int r = fit_grid(top);

        if (r >= 0)
                r = top_view_draw(&top->model, &top->grid);
        if (r >= 0)
                top_curses_show(&top->grid);
        return r;
}

static json_t *parameters_of(const struct top_action *action)
{
        json_t *value = action->type == TOP_SET_PRIORITY ? json_string(params_priorities[action->value])
                        : action->type == TOP_SET_WEIGHT ? json_integer(action->value)
                                                         : json_boolean(action->value);
        const char *name = action->type == TOP_SET_PRIORITY ? "priority"
                           : action->type == TOP_SET_WEIGHT ? "weight"
                                                            : "paused";

        return json_pack("{s:s, s:o}", "lease", action->lease, name, value);
}

static int take_news(struct top *top)
{
        int news = monitor_dispatch(top->monitor);

        if (news < 0)
                return news;
        top_model_update(&top->model, monitor_status(top->monitor), monitor_headroom(top->monitor),
                         monitor_machine(top->monitor), monitor_problem(top->monitor), now_ms());
        if ((news & MONITOR_ANSWERED) && *monitor_answer(top->monitor))
                top_model_tell(&top->model, monitor_answer(top->monitor));
        return 0;
}

static int control(struct top *top, const struct top_action *action)
{
        CLEANUP_JSON json_t *parameters = parameters_of(action);
        int r = parameters ? monitor_call(top->monitor, ASK_METHOD("Control"), parameters) : -ENOMEM;

        /* The answer to the call before may have come since. */
        if (r == -EBUSY && take_news(top) >= 0)
                r = monitor_call(top->monitor, ASK_METHOD("Control"), parameters);
        if (r == -EBUSY)
                top_model_tell(&top->model, "The service has not answered the change before.");
        else if (r < 0 && r != -ENOMEM)
                top_model_tell(&top->model, "No service is running.");
        return r == -ENOMEM ? r : 0;
}

static int act(struct top *top, const struct top_action *action)
{
        switch (action->type) {
        case TOP_NOTHING:
                return 0;
        case TOP_QUIT:
                top->over = true;
                return 0;
        case TOP_REPAINT:
                top_curses_repaint();
                return 0;
        case TOP_SET_PRIORITY:
        case TOP_SET_WEIGHT:
        case TOP_SET_PAUSED:
                return control(top, action);
        }
        return 0;
}

static int take_keys(struct top *top)
{
        int r = 0;

        for (bool more = true; r == 0 && more && !top->over;) {
                unsigned key = top_curses_key(&more);

                if (key > 0) {
                        struct top_action action = top_model_key(&top->model, key);

                        r = act(top, &action);
                }
        }
        return r;
}

static void take_signals(struct top *top)
{
        bool resized = false;

        top->over = top->over || terminal_is_over(top->signal_fd, &resized);
        if (resized)
                top_curses_resize();
}

/* The terminal has gone where it has hung up: nothing can be shown any more. */
static bool has_hung_up(const struct pollfd *keyboard)
{
        return keyboard->revents & (POLLHUP | POLLERR | POLLNVAL);
}

static int follow(struct top *top)
{
        struct pollfd p[] = {
                {.fd = STDIN_FILENO, .events = POLLIN},
                {.fd = monitor_fd(top->monitor), .events = POLLIN},
                {.fd = top->signal_fd, .events = POLLIN},
        };
        bool patient = true;
        int r = take_news(top);

        while (r >= 0 && !top->over) {
                /* What a service that is there is about to answer need not be preceded by words. */
                bool expected = patient && !top->model.status && !monitor_is_lost(top->monitor);

                if (!expected)
                        r = show(top);
                if (r >= 0)
                        r = poll(p, ELEMENTSOF(p), expected ? ANSWER_MS : -1);
                patient = r != 0;
                if (r < 0)
                        r = errno == EINTR ? 0 : -errno;
                if (has_hung_up(&p[0]))
                        break;
                take_signals(top);
                if (r >= 0)
                        r = take_news(top);
                if (r >= 0)
                        r = take_keys(top);
        }
        return r;
}

static int run(struct top *top)
{
        struct terminal t = terminal_look();
        const char *problem;
        int r = terminal_take_signals(&top->signal_fd);

        top->utf8 = t.utf8;
        top_model_init(&top->model);
        if (r >= 0)
                r = monitor_open(true, &top->monitor);
        if (r < 0)
                return r;
        problem = top_curses_open(t.colour);
        if (problem) {
                fprintf(stderr, "schedctl top: %s\n", problem);
                return -ENOTTY;
        }
        r = follow(top);
        top_curses_close();
        return r;
}

int verb_top(int argc, char **argv)
{
        struct top top = {.signal_fd = -1};
        int r = options_read(argc, argv, usage, NULL, 0, NULL);

        if (r != 0)
                return r - 1;
        r = run(&top);
        if (r < 0 && r != -ENOTTY)
                fprintf(stderr, "schedctl top: %s\n", strerror(-r));
        monitor_close(top.monitor);
        grid_finish(&top.grid);
        cleanup_closep(&top.signal_fd);
        return r < 0 ? VERB_FAILED : 0;
}
