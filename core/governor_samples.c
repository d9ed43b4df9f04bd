#include "core/governor_state.h"

#include <string.h>

/* A median's standard error over a mean's, and a normal distribution's deviation over its median absolute deviation
 * (Rousseeuw and Croux, Alternatives to the median absolute deviation, JASA 88, 1993). */
#define MEDIAN_TO_MEAN 1.2533
#define SIGMA_PER_MAD  1.4826
/* Neighbouring samples resemble each other, since a rate is reported of the last seconds and tests of one file are
 * alike. Their means in batches of this many do so less, and how much they still do is measured (batch means: Law and
 * Carson, A sequential procedure for determining the length of a steady-state simulation, Operations Research 27,
 * 1979). */
enum { BATCH = 5 };
/* A correlation above this is not measured but a trend. */
#define ALIKE_MOST 0.8

double governor_median(double *items, unsigned n)
{
        for (unsigned i = 1; i < n; i++) {
                double value = items[i];
                unsigned j = i;

                for (; j > 0 && items[j - 1] > value; j--)
                        items[j] = items[j - 1];
                items[j] = value;
        }
        if (n == 0)
                return 0;
        return n % 2 ? items[n / 2] : (items[n / 2 - 1] + items[n / 2]) / 2;
}

void governor_sample(struct governor_samples *samples, double value)
{
        if (samples->n == GOVERNOR_SAMPLES_MAX)
                governor_samples_drop(samples, BATCH);
        samples->items[samples->n++] = value;
}

void governor_samples_drop(struct governor_samples *samples, unsigned n)
{
        if (n > samples->n)
                n = samples->n;
        samples->n -= n;
        memmove(samples->items, samples->items + n, samples->n * sizeof(samples->items[0]));
}

static unsigned batch_means(const struct governor_samples *samples, unsigned from, unsigned to, double *means)
{
        unsigned n = (to - from) / BATCH;

        for (unsigned i = 0; i < n; i++) {
                means[i] = 0;
                for (unsigned j = 0; j < BATCH; j++)
                        means[i] += samples->items[from + i * BATCH + j] / BATCH;
        }
        return n;
}

/* Of each mean with the next one, 0 .. ALIKE_MOST. */
static double correlation(const double *means, unsigned n, double middle)
{
        double together = 0, alone = 0;

        for (unsigned i = 0; i < n; i++) {
                alone += (means[i] - middle) * (means[i] - middle);
                if (i > 0)
                        together += (means[i] - middle) * (means[i - 1] - middle);
        }
        return alone > 0 ? fmax(0, fmin(together / alone, ALIKE_MOST)) : 0;
}

static struct governor_rate rate_of(const struct governor_samples *samples, unsigned from, unsigned to)
{
        double means[GOVERNOR_SAMPLES_MAX / BATCH], sorted[GOVERNOR_SAMPLES_MAX / BATCH], sigma, alike;
        unsigned n = batch_means(samples, from, to, means);
        struct governor_rate rate;

        memcpy(sorted, means, n * sizeof(means[0]));
        rate.median = governor_median(sorted, n);
        rate.error = GOVERNOR_ENDLESS;
        if (n < 3)
                return rate;
        for (unsigned i = 0; i < n; i++)
                sorted[i] = fabs(means[i] - rate.median);
        sigma = SIGMA_PER_MAD * governor_median(sorted, n);
        alike = correlation(means, n, rate.median);
        rate.error = MEDIAN_TO_MEAN * sigma * sqrt((1 + alike) / (1 - alike) / n);
        return rate;
}

struct governor_rate governor_rate(const struct governor_samples *samples)
{
        return rate_of(samples, 0, samples->n);
}

bool governor_is_steady(const struct governor_samples *samples, double tolerance)
{
        struct governor_rate first = rate_of(samples, 0, samples->n / 2);
        struct governor_rate second = rate_of(samples, samples->n / 2, samples->n);

        return fabs(first.median - second.median) <=
               fmax(tolerance * first.median, 2 * hypot(first.error, second.error));
}
