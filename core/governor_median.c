#include "core/governor_state.h"

#include <math.h>
#include <string.h>

/* Of a normal distribution: its standard deviation over its median absolute deviation, and the median's standard error
 * over the mean's (Rousseeuw and Croux, Alternatives to the median absolute deviation, JASA 88, 1993). */
#define SIGMA_PER_MAD  1.4826
#define MEDIAN_TO_MEAN 1.2533
/* Reports are averages over a few seconds and resemble their neighbours: so many of them are worth one. */
#define ALIKE          3.0

static double median_of(double *items, unsigned n)
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

double governor_median(const struct governor_samples *samples)
{
        double items[GOVERNOR_SAMPLES_MAX];

        memcpy(items, samples->items, samples->n * sizeof(items[0]));
        return median_of(items, samples->n);
}

double governor_median_error(const struct governor_samples *samples)
{
        double items[GOVERNOR_SAMPLES_MAX], median = governor_median(samples);

        if (samples->n < 2)
                return GOVERNOR_ENDLESS;
        for (unsigned i = 0; i < samples->n; i++)
                items[i] = fabs(samples->items[i] - median);
        return MEDIAN_TO_MEAN * SIGMA_PER_MAD * median_of(items, samples->n) / sqrt(samples->n / ALIKE);
}

void governor_sample(struct governor_samples *samples, double value)
{
        if (samples->n == GOVERNOR_SAMPLES_MAX) {
                memmove(samples->items, samples->items + 1, (GOVERNOR_SAMPLES_MAX - 1) * sizeof(samples->items[0]));
                samples->n--;
        }
        samples->items[samples->n++] = value;
}
