/* One sample of a made tree's sensors, for tests: everything lent unless said otherwise. */
#pragma once

#include "core/readings.h"
#include "hw/sensors.h"
#include "tests/unit/sensor-tree.h"
#include "tests/unit/test.h"
#include <stdio.h>
#include <stdlib.h>

static inline struct hw_sensors *sample_open(const struct tree *tree, const struct machine *machine)
{
        struct hw_sensors *sensors = NULL;

        CHECK_INT(hw_sensors_open(tree->root, machine, &sensors, NULL), 0);
        return sensors;
}

static inline void sample_read(struct hw_sensors *sensors, const struct machine *machine, uint64_t now,
                               struct readings *ret_readings)
{
        struct cpuset lent = machine_cpuset(machine);

        CHECK_INT(hw_sensors_read(sensors, &lent, now, ret_readings), 0);
}

/* Opened, read once and closed. */
static inline struct readings sample_once(const struct tree *tree, const struct machine *machine)
{
        struct hw_sensors *sensors = sample_open(tree, machine);
        struct readings readings;

        sample_read(sensors, machine, 0, &readings);
        hw_sensors_close(sensors);
        return readings;
}

static inline struct readings sample_model(enum tree_model model)
{
        struct machine machine = tree_model_machine(model);
        struct readings readings;
        struct tree tree;
        size_t n;
        const struct tree_file *files = tree_model_files(model, &n);

        tree_make(&tree);
        tree_write_all(&tree, files, n);
        readings = sample_once(&tree, &machine);
        tree_finish(&tree);
        machine_finish(&machine);
        return readings;
}

/* NULL where there is none of that name. */
static inline const struct readings_zone *sample_zone(const struct readings *readings, const char *name)
{
        for (unsigned i = 0; i < readings->n_zones; i++)
                if (strcmp(readings->zones[i].name, name) == 0)
                        return &readings->zones[i];
        return NULL;
}

/* One that has to be there. */
static inline const struct readings_zone *sample_the_zone(const struct readings *readings, const char *name)
{
        const struct readings_zone *zone = sample_zone(readings, name);

        if (!zone) {
                fprintf(stderr, "there is no zone '%s'\n", name);
                abort();
        }
        return zone;
}

/* Whatever the files say, a sample is one that can be counted with: NULL, or what is wrong with it. */
static inline const char *sample_judge(const struct readings *r)
{
        if (r->n_zones > READINGS_ZONES_MAX || r->n_packages > READINGS_PACKAGES_MAX)
                return "there are more sensors than there is room for";
        for (unsigned i = 0; i < r->n_zones; i++)
                for (unsigned k = 0; k < i; k++)
                        if (strcmp(r->zones[i].name, r->zones[k].name) == 0)
                                return "two sensors have the same name";
        if (r->battery_percent < -1 || r->battery_percent > 100)
                return "a battery's charge cannot be";
        if (r->cpu.some10 < 0 || r->cpu.some10 > 100 || r->memory.full10 < 0 || r->memory.full10 > 100)
                return "a pressure cannot be";
        for (unsigned i = 0; i < r->n_packages; i++)
                if (!r->packages[i].frequency_error && !(r->packages[i].cap > 0 && r->packages[i].cap <= 1))
                        return "a frequency's cap cannot be";
        return NULL;
}
