#include "cli/status_watch.h"

#include <poll.h>
#include <string.h>
#include <time.h>

#include "cli/glyphs.h"
#include "cli/monitor.h"
#include "cli/status_print.h"
#include "lib/client.h"

struct watch {
        struct monitor *monitor;
        int signal_fd;
        bool verbose, json;
        unsigned n_lines; /* on the terminal, of the block before */
        char *shown;      /* what a block's sense was, without what changes all the time */
};

static int print_block(const struct watch *w, const struct terminal *t, FILE *out)
{
        const struct view_status *status = monitor_status(w->monitor);
        const struct view_headroom *headroom = monitor_headroom(w->monitor);
        int r = 0;

        if (!status) {
                terminal_print(t, out, "%s: nothing is lent. Waiting for one.\n", monitor_problem(w->monitor));
                return 0;
        }
        if (w->verbose && headroom) {
                r = headroom_print(headroom, t, out);
                fputc('\n', out);
        }
        return r < 0 ? r : status_print(status, w->verbose, t, out);
}

/* Draws over what stands there: no flicker, and what scrolled away before stays. */
static int redraw(struct watch *w, const char *block)
{
        struct terminal t = terminal_look();
        unsigned n = 0;

        if (w->n_lines > 0)
                printf("\033[%uA", w->n_lines);
        for (const char *line = block, *end; n + 1 < t.rows && (end = strchr(line, '\n')); line = end + 1, n++) {
                CLEANUP_FREE char *text = strndup(line, (size_t)(end - line));
                CLEANUP_FREE char *shown = text ? glyph_text(text, t.columns, t.utf8) : NULL;

                if (!shown)
                        return -ENOMEM;
                printf("%s\033[K\n", shown);
        }
        fputs("\033[J", stdout);
        w->n_lines = n;
        return 0;
}

/* The runs and what limits them, without ages and readings: a block where this changes. */
static int describe(const struct watch *w, char **ret_text)
{
        const struct view_status *status = monitor_status(w->monitor);
        const struct view_headroom *headroom = monitor_headroom(w->monitor);
        json_t *o = status ? json_pack("[i, O]", (int)status->budget, json_object_get(status->source, "usable"))
                           : json_pack("[s]", monitor_problem(w->monitor));

        for (size_t i = 0; headroom && i < headroom->n_limits; i++)
                if (headroom->limits[i].binding)
                        json_array_append_new(o, json_string(headroom->limits[i].cause));
        for (size_t i = 0; status && i < status->n_leases; i++) {
                static const char *const lasting[] = {"lease",  "pus",      "shared",   "min",      "max",
                                                      "weight", "label",    "priority", "position", "paused",
                                                      "reason", "detached", "unit"};
                json_t *lease = json_array_get(json_object_get(status->source, "leases"), i);

                for (size_t j = 0; j < ELEMENTSOF(lasting); j++)
                        json_array_append(o, json_object_get(lease, lasting[j]));
        }
        *ret_text = json_dumps(o, JSON_COMPACT);
        json_decref(o);
        return *ret_text ? 0 : -ENOMEM;
}

static int print_change(struct watch *w, const char *block)
{
        CLEANUP_FREE char *sense = NULL;
        char at[16] = "";
        time_t now = time(NULL);
        struct tm local;
        int r = describe(w, &sense);

        if (r < 0)
                return r;
        if (w->shown && strcmp(w->shown, sense) == 0)
                return 0;
        if (localtime_r(&now, &local))
                strftime(at, sizeof(at), "%H:%M:%S", &local);
        printf("%s%s\n%s", w->shown ? "\n" : "", at, block);
        free(w->shown);
        w->shown = TAKE(sense);
        return 0;
}

static int print_json(const struct watch *w)
{
        const struct view_status *status = monitor_status(w->monitor);
        const struct view_headroom *headroom = monitor_headroom(w->monitor);
        CLEANUP_JSON json_t *o = json_pack("{s:b}", "running", status != NULL);

        if (!o || (status && json_object_update(o, status->source) < 0) ||
            (headroom && json_object_set(o, "headroom", headroom->source) < 0))
                return -ENOMEM;
        json_dumpf(o, stdout, JSON_COMPACT);
        putchar('\n');
        return 0;
}

static int show(struct watch *w)
{
        struct terminal t = terminal_look();
        CLEANUP_FREE char *block = NULL;
        size_t size;
        FILE *out;
        int r;

        if (w->json)
                r = print_json(w);
        else {
                out = open_memstream(&block, &size);
                if (!out)
                        return -ENOMEM;
                r = print_block(w, &t, out);
                if (fclose(out) < 0)
                        r = -ENOMEM;
                if (r >= 0)
                        r = t.redraws ? redraw(w, block) : print_change(w, block);
        }
        if (r >= 0 && fflush(stdout) < 0)
                return -errno;
        return r;
}

static int follow(struct watch *w)
{
        struct pollfd p[] = {{.fd = monitor_fd(w->monitor), .events = POLLIN}, {.fd = w->signal_fd, .events = POLLIN}};
        bool resized = false;
        int r = monitor_is_lost(w->monitor) ? show(w) : 0;

        while (r >= 0 && !terminal_is_over(w->signal_fd, &resized)) {
                if (poll(p, ELEMENTSOF(p), -1) < 0 && errno != EINTR)
                        return -errno;
                r = monitor_dispatch(w->monitor);
                if (r > 0 || (r == 0 && resized))
                        r = show(w);
                resized = false;
        }
        return r;
}

int status_watch(bool verbose, bool json)
{
        struct watch w = {.signal_fd = -1, .verbose = verbose, .json = json};
        int r = terminal_take_signals(&w.signal_fd);

        if (r == 0)
                r = monitor_open(false, &w.monitor);
        if (r == 0)
                r = follow(&w);
        if (r < 0)
                fprintf(stderr, "schedctl status: %s\n", strerror(-r));
        monitor_close(w.monitor);
        cleanup_closep(&w.signal_fd);
        free(w.shown);
        return r;
}
