#include "core/estimate.h"

#include <math.h>

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

static void blend_cpu(struct estimate *e, double cpu)
{
        double last = e->last_speed > 0 ? e->last_cpu * e->last_speed : e->cpu;

        if (e->n_samples == 1)
                e->cpu = cpu < e->cpu ? cpu : e->cpu;
        else
                e->cpu += (median_of_three(e->cpu, last, cpu) - e->cpu) / 2;
}

static void blend(struct estimate *e, double wall, double cpu)
{
        if (cpu >= 0)
                blend_cpu(e, cpu);
        if (e->n_samples == 1) {
                e->spread = distance(wall, e->wall) / 2;
                e->wall = wall < e->wall ? wall : e->wall;
                return;
        }
        e->spread += (distance(wall, e->wall) - e->spread) / 4;
        e->wall += (median_of_three(e->wall, e->last, wall) - e->wall) / 2;
}

/* CPU seconds of a measurement; of wall time alone as large a part as ever. < 0: nothing is known of it. */
static double cpu_of(const struct estimate *e, const struct estimate_sample *sample)
{
        if (sample->cpu >= 0)
                return sample->cpu;
        if (e->n_samples == 0 || e->cpu < 0)
                return -1;
        return e->wall > 0 ? sample->wall * e->cpu / e->wall : sample->wall;
}

bool estimate_is_measured(const struct estimate *e)
{
        return e->n_samples > 0 && (e->cpu >= 0 || e->last_speed > 0);
}

/* Whether what is known is no measurement, or one of less. */
static bool is_better(const struct estimate *e, double cpu)
{
        return !estimate_is_measured(e) || (e->cpu < 0 && cpu >= 0);
}

void estimate_update(struct estimate *e, const struct estimate_sample *sample)
{
        double wall, used = cpu_of(e, sample), cpu;

        e->outcome = sample->outcome;
        if (sample->outcome == ESTIMATE_LOST || !(sample->wall >= 0) || isnan(sample->cpu) || !(sample->speed > 0))
                return;
        wall = estimate_on_fast_core(sample->wall, used < 0 ? sample->wall : used, sample->speed);
        cpu = used < 0 ? -1 : used * sample->speed;
        update_rss(e, sample->rss);

        if (is_better(e, cpu) || (estimate_is_stale(e, sample->source) && differs(e, wall)))
                begin_anew(e, wall, cpu);
        else
                blend(e, wall, cpu);
        e->last = wall;
        e->last_cpu = used < 0 ? 0 : used;
        e->last_speed = sample->speed;
        e->last_class = sample->class;
        if (sample->source)
                e->source = sample->source;
        if (e->n_samples < ESTIMATE_SAMPLES_MAX)
                e->n_samples++;
}
