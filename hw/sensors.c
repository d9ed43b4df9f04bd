#include "hw/sensors.h"

#include <stdlib.h>
#include <string.h>

#include "hw/cgroup.h"
#include "hw/frequency.h"
#include "hw/memory.h"
#include "hw/packages.h"
#include "hw/pressure.h"
#include "hw/rapl.h"
#include "hw/root.h"
#include "hw/supply.h"
#include "hw/temperature.h"
#include "hw/throttle.h"
#include "lib/util.h"

struct hw_sensors {
        char *root;
        struct hw_packages packages;
        struct hw_temperatures temperatures;
        struct hw_throttle *throttle;
        struct hw_frequency *frequency;
        struct hw_rapl rapl;
        struct hw_supplies supplies;
        struct hw_cgroup_place memory;
};

static int find(struct hw_sensors *sensors, const struct machine *machine, struct hw_notes *notes)
{
        const char *root = sensors->root;
        int r;

        hw_packages_find(root, machine, &sensors->packages);
        hw_supplies_find(root, &sensors->supplies, notes);
        r = hw_temperatures_find(root, &sensors->packages, &sensors->temperatures, notes);
        if (r >= 0)
                r = hw_rapl_find(root, &sensors->packages, &sensors->rapl, notes);
        if (r >= 0)
                r = hw_throttle_open(root, machine, &sensors->throttle);
        if (r >= 0)
                r = hw_frequency_open(root, machine, &sensors->frequency);
        if (r >= 0)
                r = hw_cgroup_find(root, "self", "memory", &sensors->memory);
        /* Runs are not in the service's own group, but in those above it: all that is in a container, or of a user. */
        if (r >= 0)
                (void)hw_cgroup_up(&sensors->memory);
        return r;
}

int hw_sensors_open(const char *root, const struct machine *machine, struct hw_sensors **ret_sensors,
                    struct hw_notes *notes)
{
        struct hw_sensors *sensors = calloc(1, sizeof(*sensors));
        int r;

        if (!sensors)
                return -ENOMEM;
        sensors->root = strdup(root);
        r = sensors->root ? find(sensors, machine, notes) : -ENOMEM;
        if (r < 0) {
                hw_sensors_close(sensors);
                return r;
        }
        *ret_sensors = sensors;
        return 0;
}

void hw_sensors_close(struct hw_sensors *sensors)
{
        if (!sensors)
                return;
        hw_throttle_close(sensors->throttle);
        hw_frequency_close(sensors->frequency);
        free(sensors->root);
        free(sensors);
}

static int read_memory(const struct hw_sensors *sensors, struct readings *readings)
{
        uint64_t limit, left = hw_cgroup_memory_left(sensors->root, &sensors->memory, &limit);
        int r = hw_meminfo_read(sensors->root, &readings->memory_available, &readings->memory_total);

        if (r == -ENOMEM)
                return r;
        if (r >= 0 && (readings->memory_available == UINT64_MAX || readings->memory_total == UINT64_MAX))
                r = -ENODATA;
        if (left < readings->memory_available)
                readings->memory_available = left;
        if (limit < readings->memory_total)
                readings->memory_total = limit;
        if (r < 0)
                readings->memory_available = readings->memory_total = 0;
        readings->memory_error = r;
        return 0;
}

int hw_sensors_read(struct hw_sensors *sensors, const struct cpuset *lent, uint64_t now, struct readings *ret_readings)
{
        const char *root = sensors->root;
        struct readings *readings = ret_readings;
        int r;

        *readings = (struct readings){.now = now, .profile_error = -ENOENT, .n_packages = sensors->packages.n};
        for (unsigned i = 0; i < readings->n_packages; i++)
                readings->packages[i].package = i;
        hw_temperatures_read(root, &sensors->temperatures, now, readings);
        hw_throttle_read(root, sensors->throttle, readings);
        hw_frequency_read(root, sensors->frequency, lent, readings);
        hw_rapl_read(root, &sensors->rapl, readings);
        hw_supplies_read(root, &sensors->supplies, readings);
        r = hw_pressure_read(root, HW_PRESSURE_CPU, &readings->cpu);
        if (r >= 0)
                r = hw_pressure_read(root, HW_PRESSURE_MEMORY, &readings->memory);
        return r < 0 ? r : read_memory(sensors, readings);
}

int hw_online(const char *root, struct cpuset *ret_online)
{
        struct cpuset online;
        int r = hw_root_read_cpuset(root, "/sys/devices/system/cpu/online", &online);

        if (r < 0)
                return r;
        if (cpuset_is_empty(&online))
                return -ENODATA;
        *ret_online = online;
        return 0;
}
