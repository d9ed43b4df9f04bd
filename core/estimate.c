#include "core/estimate.h"

static double median_of_three(double a, double b, double c)
{
        double low = a < b ? a : b, high = a < b ? b : a;

        return c < low ? low : c > high ? high : c;
}

static double distance(double a, double b)
{
        return a < b ? b - a : a - b;
}

double estimate_on_fast_core(double wall, double cpu, double speed)
{
        /* Threads and children can use more CPU seconds than pass. */
        double busy = cpu < wall ? cpu : wall;

        return wall - busy + busy * speed;
}

double estimate_alone(double wall, double cpu, double stretch)
{
        double busy = cpu < wall ? cpu : wall, elsewhere = wall - busy * stretch;

        return busy + (elsewhere > 0 ? elsewhere : 0);
}

/* Memory that was needed once may be needed again: an eighth of the way down a run. */
static void update_rss(struct estimate *e, uint64_t rss)
{
        if (rss >= e->rss)
                e->rss = rss;
        else if (rss > 0)
                e->rss -= (e->rss - rss) / 8;
}

bool estimate_is_stale(const struct estimate *e, uint64_t source)
{
        return e->n_samples > 0 && e->source != 0 && source != 0 && e->source != source;
}

double estimate_spread(const struct estimate *e, uint64_t source)
{
        /* Most changes leave most tests of a file as they were; half its time is what a changed one may well differ. */
        double least = estimate_is_stale(e, source) ? e->wall / 2 : 0;

        return e->spread > least ? e->spread : least;
}

double estimate_waits(const struct estimate *e)
{
        if (!(e->wall > 0) || e->cpu < 0 || e->cpu >= e->wall)
                return 0;
        return 1 - e->cpu / e->wall;
}

/* More than the usual spread of such a test: twice its own, and a quarter of its time. */
static bool differs(const struct estimate *e, double wall)
{
        double off = distance(wall, e->wall);

        return off > 2 * e->spread && off > e->wall / 4;
}

static void begin_anew(struct estimate *e, double wall, double cpu)
{
        e->n_samples = 0;
        e->wall = wall;
        e->cpu = cpu;
        e->spread = 0;
}

static void blend(struct estimate *e, double wall, double cpu)
{
        double last_cpu = e->last_speed > 0 ? e->last_cpu * e->last_speed : e->cpu;

        if (e->n_samples == 1) {
                e->spread = distance(wall, e->wall) / 2;
                e->wall = wall < e->wall ? wall : e->wall;
                e->cpu = cpu < e->cpu ? cpu : e->cpu;
                return;
        }
        e->spread += (distance(wall, e->wall) - e->spread) / 4;
        e->wall += (median_of_three(e->wall, e->last, wall) - e->wall) / 2;
        e->cpu += (median_of_three(e->cpu, last_cpu, cpu) - e->cpu) / 2;
}

void estimate_update(struct estimate *e, const struct estimate_sample *sample)
{
        double wall, cpu;

        e->outcome = sample->outcome;
        if (sample->outcome == ESTIMATE_LOST || !(sample->wall >= 0) || !(sample->cpu >= 0) || !(sample->speed > 0))
                return;
        wall = estimate_on_fast_core(sample->wall, sample->cpu, sample->speed);
        cpu = sample->cpu * sample->speed;
        update_rss(e, sample->rss);

        if (e->n_samples == 0 || e->cpu < 0 || (estimate_is_stale(e, sample->source) && differs(e, wall)))
                begin_anew(e, wall, cpu);
        else
                blend(e, wall, cpu);
        e->last = wall;
        e->last_cpu = sample->cpu;
        e->last_speed = sample->speed;
        e->last_class = sample->class;
        if (sample->source)
                e->source = sample->source;
        if (e->n_samples < ESTIMATE_SAMPLES_MAX)
                e->n_samples++;
}
