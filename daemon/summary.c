#include "daemon/summary.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/headroom.h"
#include "daemon/notify.h"
#include "daemon/server.h"

/* The text. */

struct counts {
        struct cpuset lent;
        unsigned running, waiting, paused, detached;
};

static struct counts count(const struct alloc *alloc)
{
        struct counts n = {0};

        for (size_t i = 0; i < alloc_n_leases(alloc); i++) {
                struct alloc_lease_view view = alloc_lease_at(alloc, i);
                bool holds = !cpuset_is_empty(&view.grant->pus);

                cpuset_merge(&n.lent, &view.grant->pus);
                n.running += holds;
                n.waiting += !holds && !view.request->paused;
                n.paused += !holds && view.request->paused;
                n.detached += view.detached;
        }
        return n;
}

__attribute__((format(printf, 2, 3))) static void add(char text[static SUMMARY_MAX], const char *format, ...)
{
        size_t len = strlen(text);
        va_list args;

        va_start(args, format);
        vsnprintf(text + len, SUMMARY_MAX - len, format, args);
        va_end(args);
}

static void write_text(const struct server *s, char ret_text[static SUMMARY_MAX])
{
        const struct governor_decision *decision = headroom_decision(s->headroom);
        struct counts n = count(s->leases.alloc);
        unsigned usable = cpuset_count(&s->leases.usable);

        *ret_text = '\0';
        if (n.running > 0)
                add(ret_text, "Lending %u of %u CPU%s to %u run%s", cpuset_count(&n.lent), usable,
                    usable == 1 ? "" : "s", n.running, n.running == 1 ? "" : "s");
        else
                add(ret_text, "Nothing lent");
        if (n.waiting > 0)
                add(ret_text, ", %u wait%s", n.waiting, n.waiting == 1 ? "s" : "");
        if (n.paused > 0)
                add(ret_text, ", %u paused", n.paused);
        if (n.detached > 0)
                add(ret_text, ", %u to be claimed", n.detached);
        /* Without leases the sensors are not read, and what they once came to is not news. */
        if (alloc_n_leases(s->leases.alloc) > 0 && decision->budget < decision->usable)
                add(ret_text, "; %s", decision->text);
        if (*s->health.trouble)
                add(ret_text, "; trouble: %s", s->health.trouble);
}

/* Telling. */

static void on_timer(uv_timer_t *timer)
{
        summary_refresh(timer->data);
}

void summary_refresh(struct summary *m)
{
        uint64_t least = SUMMARY_LEAST_MS * UINT64_C(1000), now = server_now();
        char text[SUMMARY_MAX];

        if (!m->is_heard || uv_is_active((uv_handle_t *)&m->timer))
                return;
        write_text(m->server, text);
        if (strcmp(text, m->told) == 0)
                return;
        if (m->told_at > 0 && now - m->told_at < least) {
                uv_timer_start(&m->timer, on_timer, (least - (now - m->told_at) + 999) / 1000, 0);
                return;
        }
        m->told_at = now;
        if (notify_status(text) < 0)
                uv_timer_start(&m->timer, on_timer, SUMMARY_LEAST_MS, 0);
        else
                memcpy(m->told, text, sizeof(text));
}

const char *summary_ready(struct summary *m)
{
        write_text(m->server, m->told);
        return m->told;
}

void summary_update(struct summary *m)
{
        const char *limit = headroom_decision(m->server->headroom)->text;

        if (!m->is_heard || (!m->server->leases.changed && strcmp(limit, m->limit) == 0))
                return;
        snprintf(m->limit, sizeof(m->limit), "%s", limit);
        summary_refresh(m);
}

void summary_init(struct summary *m, struct server *server)
{
        *m = (struct summary){.server = server, .is_heard = notify_is_heard()};
        uv_timer_init(&server->loop, &m->timer);
        m->timer.data = m;
}
