#include "daemon/health.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/leases_record.h"
#include "daemon/log.h"
#include "daemon/notify.h"
#include "daemon/server.h"

static bool is_deaf(struct health *h)
{
        struct server *s = h->server;
        bool waits = listener_has_pending(&s->listener);
        bool deaf = waits && h->somebody_waited && s->n_accepted == h->n_accepted;

        h->somebody_waited = waits;
        h->n_accepted = s->n_accepted;
        return deaf;
}

/* What the next service would lack as well. */
static bool is_want(int error)
{
        return error == -ENOSPC || error == -EDQUOT || error == -ENOMEM || error == -EMFILE || error == -ENFILE;
}

static bool is_worth_a_restart(const struct health *h, int error)
{
        return error < 0 && h->was_recorded && h->server->leases.n == 0 && !is_want(error);
}

/* Says what has changed. */
static void set_trouble(struct health *h, const char *trouble)
{
        static const struct log_event event = {.id = LOG_ID_HEALTH};

        if (strcmp(trouble, h->trouble) == 0)
                return;
        snprintf(h->trouble, sizeof(h->trouble), "%s", trouble);
        if (*trouble)
                log_event(LOG_LEVEL_WARNING, &event, "trouble: %s", trouble);
        else
                log_event(LOG_LEVEL_NOTICE, &event, "all is well again");
        summary_refresh(&h->server->summary);
}

bool health_check(struct health *h)
{
        struct server *s = h->server;
        char trouble[HEALTH_TEXT_MAX] = "";
        bool deaf = is_deaf(h);
        int r = leases_record_check(&s->leases);

        if (deaf)
                snprintf(trouble, sizeof(trouble), "nobody is accepted any more");
        else if (r < 0)
                snprintf(trouble, sizeof(trouble),
                         "the state file cannot be written (%s), leases do not survive a restart", strerror(-r));
        else if (!server_is_reachable(s))
                snprintf(trouble, sizeof(trouble), "%s leads elsewhere, clients do not get here; restart the socket",
                         s->address.path);
        set_trouble(h, trouble);
        if (r == 0)
                h->was_recorded = true;
        return !deaf && !is_worth_a_restart(h, r);
}

static void on_timer(uv_timer_t *timer)
{
        if (health_check(timer->data))
                notify_watchdog();
        else
                log_error("not healthy: the watchdog is not fed");
}

void health_init(struct health *h, struct server *server)
{
        uint64_t interval = notify_watchdog_interval() / 1000;

        *h = (struct health){.server = server};
        uv_timer_init(&server->loop, &h->timer);
        h->timer.data = h;
        if (interval > 0)
                uv_timer_start(&h->timer, on_timer, 0, interval);
}
