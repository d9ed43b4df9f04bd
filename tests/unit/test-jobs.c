/* Tokens of a jobserver: how many there are to be beside suites, what becomes of those that are lost or too many, and a
 * simulated machine on which builds and suites begin, end and are killed in any order. */
#include <stdbool.h>

#include "core/jobs.h"
#include "tests/unit/test.h"

enum { SUITES_MAX = 3, CPUS_MAX = 12, RUNS = 400, CHANGES = 30 };

/* Part of the pool's tokens, and the clients who hold the rest. */
struct pool {
        struct jobs jobs;
        unsigned lying;
        uint64_t now;
};

static struct jobs_plan look(struct pool *p, unsigned n_cpus, unsigned n_suites, unsigned fair)
{
        struct jobs_facts f = {.n_cpus = n_cpus, .n_suites = n_suites, .fair = fair, .lying = p->lying, .now = p->now};
        struct jobs_plan plan = jobs_step(&p->jobs, &f);

        CHECK(plan.put == 0 || plan.take == 0);
        CHECK(plan.take <= p->lying);
        p->lying += plan.put - plan.take;
        jobs_put(&p->jobs, plan.put);
        jobs_took(&p->jobs, plan.take);
        return plan;
}

static struct pool begin(unsigned most)
{
        struct pool p = {.now = 1000};

        jobs_init(&p.jobs, most);
        return p;
}

static void the_fair_share_is_what_is_left_over(void)
{
        CHECK_INT(jobs_fair(8, NULL, 0), 8);
        CHECK_INT(jobs_fair(8, (const unsigned[]){8}, 1), 4);
        CHECK_INT(jobs_fair(8, (const unsigned[]){8, 8}, 2), 2);
        CHECK_INT(jobs_fair(8, (const unsigned[]){2}, 1), 6);
        CHECK_INT(jobs_fair(8, (const unsigned[]){1, 8}, 2), 3);
        CHECK_INT(jobs_fair(8, (const unsigned[]){3, 1}, 2), 4);
        CHECK_INT(jobs_fair(2, (const unsigned[]){2, 2, 2}, 3), 1);
        CHECK_INT(jobs_fair(1, (const unsigned[]){1}, 1), 0);
        CHECK_INT(jobs_fair(1, NULL, 0), 1);
}

static void alone_all_cpus_have_a_job(void)
{
        struct pool p = begin(0);

        look(&p, 8, 0, 8);
        CHECK_INT(p.lying, 7);
        look(&p, 8, 0, 8);
        CHECK_INT(p.lying, 7);
        p = begin(4); /* make -j4 */
        look(&p, 8, 0, 8);
        CHECK_INT(p.lying, 3);
        p = begin(0);
        look(&p, 1, 0, 1);
        CHECK_INT(p.lying, 0);
}

/* make runs nothing but pytest; then a job beside it, two, and so on to its share. */
static void the_bell_is_heard(void)
{
        struct pool p = begin(0);
        struct jobs_plan plan;

        look(&p, 8, 0, 8);
        plan = look(&p, 8, 1, 4);
        CHECK_INT(plan.max, 0);
        CHECK_INT(p.lying, 1);
        for (unsigned jobs = 1; jobs <= 4; jobs++) {
                p.lying--;
                plan = look(&p, 8, 1, 4);
                CHECK_INT(plan.min, jobs);
                CHECK_INT(plan.max, jobs);
                CHECK_INT(p.lying, jobs < 4);
        }
        look(&p, 8, 0, 8); /* the suite ends */
        CHECK_INT(p.lying, 3);
}

static void a_wish_falls_after_a_while(void)
{
        struct pool p = begin(0);
        struct jobs_plan plan;

        look(&p, 8, 1, 4);
        for (unsigned i = 0; i < 3; i++) {
                p.lying--;
                look(&p, 8, 1, 4);
        }
        p.lying += 2;
        plan = look(&p, 8, 1, 4);
        CHECK_INT(plan.max, 3);
        p.now += JOBS_DWELL_US;
        p.lying--;
        look(&p, 8, 1, 4);
        p.lying++;
        plan = look(&p, 8, 1, 4);
        CHECK_INT(plan.max, 2); /* as many as there were meanwhile */
        p.now += JOBS_DWELL_US;
        plan = look(&p, 8, 1, 4);
        CHECK_INT(plan.max, 1);
        CHECK_INT(p.lying, 1);
}

/* A suite begins beside a job on every CPU: it gets them as they end. */
static void tokens_too_many_go_as_they_come_back(void)
{
        struct pool p = begin(0);
        struct jobs_plan plan;

        look(&p, 8, 0, 8);
        p.lying = 0;
        look(&p, 8, 0, 8);
        plan = look(&p, 8, 1, 4);
        CHECK_INT(plan.min, 7);
        for (unsigned jobs = 6; jobs >= 4; jobs--) {
                p.lying++;
                plan = look(&p, 8, 1, 4);
                CHECK_INT(p.lying, 0);
                CHECK_INT(plan.max, jobs);
        }
        p.lying++;
        look(&p, 8, 1, 4);
        CHECK_INT(p.lying, 1);
        look(&p, 2, 1, 1); /* most of the lease goes */
        CHECK_INT(p.lying, 0);
}

static void lost_tokens_are_put_back(void)
{
        struct pool p = begin(0);

        look(&p, 8, 0, 8);
        p.lying = 2; /* five are out, of which two can be held */
        jobs_recount(&p.jobs, p.lying, 2);
        look(&p, 8, 0, 8);
        CHECK_INT(p.lying, 2);
        jobs_recount(&p.jobs, p.lying, 3); /* one more was only about to be used */
        look(&p, 8, 0, 8);
        CHECK_INT(p.lying, 4);
        CHECK_INT(p.jobs.n_lost, 2);
        p.lying += 5; /* they were all there */
        look(&p, 8, 0, 8);
        CHECK_INT(p.lying, 7);
        CHECK_INT(p.jobs.issued, 7);
}

/* One was only about to be used; that it came back since is seen, and forgets the doubt. */
static void what_has_come_back_is_not_doubted(void)
{
        struct pool p = begin(0);

        look(&p, 8, 0, 8);
        p.lying = 6;
        jobs_recount(&p.jobs, p.lying, 0);
        p.lying = 7;
        look(&p, 8, 0, 8);
        p.lying = 6;
        look(&p, 8, 0, 8);
        jobs_recount(&p.jobs, p.lying, 0);
        look(&p, 8, 0, 8);
        CHECK_INT(p.jobs.n_lost, 0);
        CHECK_INT(p.lying, 6);
}

static void foreign_tokens_are_taken_out(void)
{
        struct pool p = begin(0);

        look(&p, 4, 0, 4);
        p.lying += 100;
        look(&p, 4, 0, 4);
        CHECK_INT(p.lying, 3);
        p.lying = 1;
        p.lying += 100;
        look(&p, 4, 0, 4);
        CHECK_INT(p.lying, 3);
        CHECK_INT(p.jobs.issued, 3);
}

/* The simulated machine */

struct machine {
        struct pool pool;
        unsigned n_cpus, n_suites, held[SUITES_MAX], workers[SUITES_MAX];
        unsigned tokens; /* held by clients that live */
        unsigned lost;   /* by such as are dead, and not yet put back */
        unsigned wish;   /* jobs that the build would run if it could, suites apart */
        uint32_t seed;
};

static unsigned any_of(struct machine *m, unsigned n)
{
        m->seed = m->seed * 1664525 + 1013904223;
        return (m->seed >> 8) % n;
}

static unsigned jobs_of(const struct machine *m)
{
        return m->tokens + 1 > m->n_suites ? m->tokens + 1 - m->n_suites : 0;
}

static unsigned running(const struct machine *m)
{
        unsigned n = jobs_of(m);

        for (unsigned i = 0; i < m->n_suites; i++)
                n += m->workers[i];
        return n;
}

/* Suites share what is not set apart; a worker begins where there is a CPU, and ends only behind an item. */
static void settle(struct machine *m)
{
        unsigned of_use[SUITES_MAX] = {CPUS_MAX, CPUS_MAX, CPUS_MAX}, left, issued;
        struct jobs_plan plan = look(&m->pool, m->n_cpus, m->n_suites, jobs_fair(m->n_cpus, of_use, m->n_suites));

        left = m->n_cpus - plan.max;
        for (unsigned i = 0; i < m->n_suites; i++) {
                m->held[i] = left / (m->n_suites - i);
                left -= m->held[i];
                m->held[i] += m->held[i] == 0;
                if (m->workers[i] < m->held[i])
                        m->workers[i] = m->held[i];
        }
        issued = m->pool.lying + m->tokens + m->lost;
        CHECK_INT(m->pool.jobs.issued, issued);
}

/* The build takes what it can use; after each token the engine has a look. */
static void build(struct machine *m)
{
        while (m->pool.lying > 0 && jobs_of(m) < m->wish) {
                m->pool.lying--;
                m->tokens++;
                settle(m);
        }
}

static void end_job(struct machine *m)
{
        if (m->tokens > 0 && jobs_of(m) > 0) {
                m->tokens--;
                m->pool.lying++;
                settle(m);
        }
        build(m);
}

/* All that runs ends once, jobs and items in turn. */
static void end_all_once(struct machine *m)
{
        for (unsigned n = jobs_of(m); n > 0; n--)
                end_job(m);
        for (unsigned i = 0; i < m->n_suites; i++)
                if (m->workers[i] > m->held[i])
                        m->workers[i] = m->held[i];
        m->pool.now += JOBS_DWELL_US;
        settle(m);
        build(m);
}

static void recount(struct machine *m)
{
        unsigned before = m->pool.jobs.n_lost;

        jobs_recount(&m->pool.jobs, m->pool.lying, m->tokens);
        m->lost -= m->pool.jobs.n_lost - before;
        settle(m);
}

static void begin_suite(struct machine *m)
{
        if (m->n_suites == SUITES_MAX || m->tokens + 1 <= m->n_suites)
                return; /* a job becomes one */
        m->workers[m->n_suites++] = 0;
}

/* Its process is a job again, which ends. */
static void end_suite(struct machine *m)
{
        if (m->n_suites > 0)
                m->n_suites--;
}

static void kill_client(struct machine *m)
{
        unsigned idle = m->n_suites > 0 ? m->n_suites - 1 : 0, n;

        if (m->tokens <= idle)
                return;
        n = 1 + any_of(m, m->tokens - idle);
        m->tokens -= n;
        m->lost += n;
}

static void change(struct machine *m)
{
        switch (any_of(m, 6)) {
        case 0:
                begin_suite(m);
                break;
        case 1:
                end_suite(m);
                break;
        case 2:
                m->n_cpus = 1 + any_of(m, CPUS_MAX);
                break;
        case 3:
                m->wish = any_of(m, 2 * CPUS_MAX);
                break;
        case 4:
                kill_client(m);
                break;
        default:
                end_job(m);
        }
        settle(m);
        build(m);
}

/* When nothing but ends has happened for a while everything is in use, once, and jobs have what they want or their
 * share. */
static void check_balance(struct machine *m)
{
        unsigned of_use[SUITES_MAX] = {CPUS_MAX, CPUS_MAX, CPUS_MAX}, fair, parties, most;

        fair = jobs_fair(m->n_cpus, of_use, m->n_suites);
        parties = m->n_suites + (fair > 0);
        most = m->n_cpus > parties ? m->n_cpus : parties;
        recount(m);
        recount(m);
        CHECK_INT(m->lost, 0);
        build(m);
        end_all_once(m);
        for (unsigned i = 0; i < 2 * CPUS_MAX; i++) {
                end_all_once(m);
                CHECK(running(m) <= most + 1); /* one that has taken the bell */
        }
        CHECK(running(m) <= most);
        if (m->wish > 0 && m->n_suites > 0)
                CHECK_INT(jobs_of(m), m->wish < fair ? m->wish : fair);
        for (unsigned i = 0; i < m->n_suites; i++)
                CHECK(m->workers[i] >= 1);
        if (m->n_suites > 0)
                CHECK(running(m) >= m->n_cpus);
}

static void cpus_are_used_once(void)
{
        for (unsigned run = 0; run < RUNS; run++) {
                struct machine m = {.pool = begin(0), .n_cpus = CPUS_MAX, .wish = CPUS_MAX, .seed = run};

                settle(&m);
                for (unsigned i = 0; i < CHANGES; i++) {
                        change(&m);
                        if (any_of(&m, 4) == 0)
                                check_balance(&m);
                }
                check_balance(&m);
        }
}

int main(void)
{
        the_fair_share_is_what_is_left_over();
        alone_all_cpus_have_a_job();
        the_bell_is_heard();
        a_wish_falls_after_a_while();
        tokens_too_many_go_as_they_come_back();
        lost_tokens_are_put_back();
        what_has_come_back_is_not_doubted();
        foreign_tokens_are_taken_out();
        cpus_are_used_once();
        return 0;
}
