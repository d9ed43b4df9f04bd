/* Items that failed, run once more when all else is over: each in a worker of its own that gets nothing else. */
#include <errno.h>

#include "cli/run_suite.h"

int run_suite_confirm(struct run_suite *s, uint32_t item)
{
        const struct run_deal_record records[] = {{.op = RUN_DEAL_RUN, .item = item}, {.op = RUN_DEAL_END}};
        int r;

        if (s->state != RUN_SUITE_FINISHED || s->confirmed != RUN_NO_INDEX)
                return -EPROTO;
        r = run_suite_reserve_workers(s, 1);
        if (r == 0)
                r = run_deal_add_worker(&s->deal, 0);
        if (r == 0)
                r = run_deal_send(&s->deal, 0, records, 2);
        if (r < 0)
                return r;
        s->confirmed = item;
        run_want_slots(s->run);
        return run_suite_start_worker(s, 0, DISPATCH_FLOATING);
}

int run_suite_confirmed(struct run_suite *s, bool lost)
{
        json_t *crashed = lost ? json_pack("[i]", (int)s->confirmed) : json_array();

        run_suite_end_worker(s, 0);
        s->confirmed = RUN_NO_INDEX;
        s->n_confirmed++;
        return run_peer_send(s->peer, json_pack("{s:s, s:o}", "event", "finished", "crashed", crashed));
}
