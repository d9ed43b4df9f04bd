#include "core/jobs.h"

static unsigned least_of(unsigned a, unsigned b)
{
        return a < b ? a : b;
}

static unsigned largest_of(unsigned a, unsigned b)
{
        return a > b ? a : b;
}

/* What is left of a when b is taken away, as far as it goes. */
static unsigned less(unsigned a, unsigned b)
{
        return a > b ? a - b : 0;
}

void jobs_init(struct jobs *j, unsigned most)
{
        *j = (struct jobs){.most = most ? most : JOBS_TOKENS_MAX, .falls_at = JOBS_NEVER};
}

/* Those that have no use for an equal part leave the rest to the others, whose part grows by that. */
unsigned jobs_fair(unsigned n_cpus, const unsigned *of_use, unsigned n)
{
        unsigned part = 0, before;

        if (n == 0)
                return n_cpus;
        do {
                unsigned rest = n_cpus, parties = 1;

                before = part;
                for (unsigned i = 0; i < n; i++) {
                        if (of_use[i] <= before)
                                rest = less(rest, of_use[i]);
                        else
                                parties++;
                }
                part = rest / parties;
        } while (part > before);
        return n_cpus > 1 ? largest_of(part, 1) : 0;
}

static void begin_dwelling(struct jobs *j, uint64_t now)
{
        j->peak = j->in_use;
        j->falls_at = j->wish > j->in_use ? now + JOBS_DWELL_US : JOBS_NEVER;
}

static void follow_use(struct jobs *j, uint64_t now)
{
        j->peak = largest_of(j->peak, j->in_use);
        if (j->in_use >= j->wish) {
                j->wish = j->in_use;
                j->falls_at = JOBS_NEVER;
        } else if (j->falls_at == JOBS_NEVER) {
                begin_dwelling(j, now);
        } else if (now >= j->falls_at) {
                j->wish = j->peak;
                begin_dwelling(j, now);
        }
}

static unsigned count_out(struct jobs *j, unsigned lying)
{
        j->issued = largest_of(j->issued, lying); /* somebody wrote more than there were */
        return j->issued - lying;
}

/* A suite's process was a job until then. */
static void follow_suites(struct jobs *j, unsigned n_suites)
{
        unsigned n = less(n_suites, j->n_suites);

        j->wish = less(j->wish, n);
        j->peak = less(j->peak, n);
        j->n_suites = n_suites;
}

/* Tokens that there should be. */
static unsigned wanted_tokens(const struct jobs *j, const struct jobs_facts *f)
{
        unsigned jobs = f->n_suites ? least_of(largest_of(j->wish, j->in_use + 1), f->fair) : f->n_cpus;

        return least_of(less(jobs + f->n_suites, 1), least_of(j->most - 1, JOBS_TOKENS_MAX));
}

struct jobs_plan jobs_step(struct jobs *j, const struct jobs_facts *f)
{
        struct jobs_plan plan = {0};
        unsigned wanted, out = count_out(j, f->lying);

        j->doubtful = least_of(j->doubtful, out);
        j->in_use = less(out + 1, f->n_suites);
        follow_suites(j, f->n_suites);
        follow_use(j, f->now);
        wanted = wanted_tokens(j, f);
        plan.put = less(wanted, j->issued);
        plan.take = least_of(less(j->issued, wanted), f->lying);
        plan.owed = less(j->issued, wanted + plan.take);
        plan.min = least_of(j->in_use, less(f->n_cpus, f->n_suites));
        plan.max = largest_of(plan.min, least_of(j->wish, f->fair));
        return plan;
}

void jobs_put(struct jobs *j, unsigned n)
{
        j->issued += n;
}

void jobs_took(struct jobs *j, unsigned n)
{
        j->issued = less(j->issued, n);
}

void jobs_recount(struct jobs *j, unsigned lying, unsigned capacity)
{
        unsigned doubtful = less(count_out(j, lying), capacity), lost = least_of(doubtful, j->doubtful);

        j->issued -= lost;
        j->n_lost += lost;
        j->doubtful = doubtful - lost;
}
