#include "cli/run_answer.h"

#include <errno.h>

#include "cli/run_engine.h"
#include "cli/run_suite.h"
#include "cli/run_tree.h"

static const struct run_worker *find_in(const struct run_suite *s, pid_t pid)
{
        for (uint32_t i = 0; i < s->n_workers; i++)
                if (s->workers[i].state != RUN_WORKER_NONE && s->workers[i].pid > 1 &&
                    (s->workers[i].pid == pid || run_tree_is_below(s->workers[i].pid, pid)))
                        return &s->workers[i];
        return NULL;
}

static const struct run_worker *find_worker(const struct run *run, pid_t pid, const struct run_suite **ret_suite)
{
        for (const struct run_suite *s = run->suites; s && pid > 1; s = s->next) {
                const struct run_worker *w = find_in(s, pid);

                *ret_suite = s;
                if (w)
                        return w;
        }
        return NULL;
}

static int send_held(struct run_peer *peer, size_t workers, const struct cpuset *pus)
{
        char text[CPUSET_TEXT_MAX];

        if (cpuset_format(pus, text, sizeof(text)) < 0)
                return -ENOMEM;
        return run_peer_send(peer, json_pack("{s:s, s:i, s:s}", "event", "held", "workers",
                                             workers > 1 ? (int)workers : 1, "pus", text));
}

int run_answer_held(struct run *run, struct run_peer *peer)
{
        const struct run_suite *suite;
        const struct run_worker *w = find_worker(run, peer->pid, &suite);
        struct cpuset pus;

        if (!w) {
                pus = run_usable_pus(run);
                return send_held(peer, cpuset_count(&pus), &pus);
        }
        pus = run_suite_worker_pus(suite, w);
        return send_held(peer, w->pu == DISPATCH_FLOATING ? 1 : cpuset_count(&pus), &pus);
}
