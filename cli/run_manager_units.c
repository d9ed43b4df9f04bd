#include "cli/run_manager_units.h"

#include <stdio.h>

/* A bit a PU, the least first, as AllowedCPUs has it. */
static int append_pus(sd_bus_message *m, const struct cpuset *pus)
{
        uint8_t mask[CPUSET_MAX / 8] = {0};
        size_t size = 0;

        CPUSET_FOREACH (pu, pus) {
                mask[pu / 8] |= (uint8_t)(1U << pu % 8);
                size = pu / 8 + 1;
        }
        int r = sd_bus_message_open_container(m, 'r', "sv");

        if (r < 0 || (r = sd_bus_message_append(m, "s", "AllowedCPUs")) < 0 ||
            (r = sd_bus_message_open_container(m, 'v', "ay")) < 0 ||
            (r = sd_bus_message_append_array(m, 'y', mask, size)) < 0 || (r = sd_bus_message_close_container(m)) < 0)
                return r;
        return sd_bus_message_close_container(m);
}

static int append_number(sd_bus_message *m, const char *name, uint64_t value)
{
        return sd_bus_message_append(m, "(sv)", name, "t", value);
}

/* What differs from `before`. */
static int append_limits(sd_bus_message *m, const struct run_manager_limits *before, const struct run_manager_limits *l)
{
        int r = 0;

        if (l->memory_high != before->memory_high)
                r = append_number(m, "MemoryHigh", l->memory_high);
        if (r >= 0 && l->memory_max != before->memory_max)
                r = append_number(m, "MemoryMax", l->memory_max);
        if (r >= 0 && l->swap_max != before->swap_max)
                r = append_number(m, "MemorySwapMax", l->swap_max);
        if (r >= 0 && l->weight != before->weight)
                r = append_number(m, "CPUWeight", l->weight ? l->weight : UINT64_MAX);
        if (r >= 0 && l->weight != before->weight)
                r = append_number(m, "IOWeight", l->weight ? l->weight : UINT64_MAX);
        if (r >= 0 && !cpuset_equal(&l->pus, &before->pus))
                r = append_pus(m, &l->pus);
        return r;
}

/* Without OOMPolicy= (253) a manager stops a whole scope in which the kernel has killed one process, and learns of that
 * by the accounting alone. */
static int append_out_of_memory(sd_bus_message *m, bool known)
{
        return known ? sd_bus_message_append(m, "(sv)(sv)", "MemoryAccounting", "b", 1, "OOMPolicy", "s", "continue")
                     : sd_bus_message_append(m, "(sv)", "MemoryAccounting", "b", 0);
}

/* PIDs: 0 is whoever sends this, in whatever namespace of processes. */
static int append_scope(sd_bus_message *m, const struct run_manager_request *request, const char *path,
                        unsigned dropped)
{
        const struct run_manager_limits none = {
                .memory_high = UINT64_MAX, .memory_max = UINT64_MAX, .swap_max = UINT64_MAX};
        struct run_manager_limits limits = request->limits;
        int r = sd_bus_message_open_container(m, 'a', "(sv)");

        if (dropped >= 2)
                limits.pus = (struct cpuset){0};
        if (r < 0 ||
            (r = sd_bus_message_append(m, "(sv)(sv)(sv)(sv)", "Description", "s", request->description, "Slice", "s",
                                       RUN_MANAGER_SLICE, "PIDs", "au", 1, UINT32_C(0), "CollectMode", "s",
                                       "inactive-or-failed")) < 0 ||
            (r = sd_bus_message_append(m, "(sv)(sv)(sv)(sv)", "Wants", "as", 1, path, "After", "as", 1, path,
                                       "TimeoutStopUSec", "t", (uint64_t)RUN_MANAGER_STOP_MS * 1000, "TasksMax", "t",
                                       UINT64_MAX)) < 0 ||
            (r = append_out_of_memory(m, dropped < 1)) < 0 || (r = append_limits(m, &none, &limits)) < 0)
                return r;
        return sd_bus_message_close_container(m);
}

/* Both are there for the scope, and leave when it does. A path unit starts the service of its name; that the scope is
 * to be stopped for it is part of the job, whatever the condition says then. */
static int append_helpers(sd_bus_message *m, const char *scope, const char *path, const char *end, const char *held)
{
        int r = sd_bus_message_open_container(m, 'a', "(sa(sv))");

        if (r < 0 ||
            (r = sd_bus_message_append(m, "(sa(sv))", path, 5, "Description", "s", "Whoever keeps a run together",
                                       "Paths", "a(ss)", 1, "PathChanged", held, "DefaultDependencies", "b", 0,
                                       "StopWhenUnneeded", "b", 1, "CollectMode", "s", "inactive-or-failed")) < 0 ||
            (r = sd_bus_message_append(m, "(sa(sv))", end, 6, "Description", "s", "End of a run", "Conflicts", "as", 1,
                                       scope, "Conditions", "a(sbbs)", 1, "ConditionPathExists", 0, 1, "/", "ExecStart",
                                       "a(sasb)", 1, "/bin/true", 1, "/bin/true", 0, "DefaultDependencies", "b", 0,
                                       "CollectMode", "s", "inactive-or-failed")) < 0)
                return r;
        return sd_bus_message_close_container(m);
}

static int new_call(sd_bus *bus, const char *method, sd_bus_message **ret_message)
{
        return sd_bus_message_new_method_call(bus, ret_message, RUN_MANAGER_NAME, RUN_MANAGER_OBJECT,
                                              RUN_MANAGER_INTERFACE, method);
}

int run_manager_scope_message(sd_bus *bus, const char *unit, const struct run_manager_request *request,
                              unsigned dropped, sd_bus_message **ret_message)
{
        char path[RUN_MANAGER_UNIT_MAX], end[RUN_MANAGER_UNIT_MAX];
        int r = new_call(bus, "StartTransientUnit", ret_message);

        (void)snprintf(path, sizeof(path), "schedctl-run-%.16s.path", request->id);
        (void)snprintf(end, sizeof(end), "schedctl-run-%.16s.service", request->id);
        if (r >= 0)
                r = sd_bus_message_append(*ret_message, "ss", unit, "fail");
        if (r >= 0)
                r = append_scope(*ret_message, request, path, dropped);
        return r < 0 ? r : append_helpers(*ret_message, unit, path, end, request->held);
}

int run_manager_change_message(sd_bus *bus, const char *unit, const struct run_manager_limits *before,
                               const struct run_manager_limits *limits, sd_bus_message **ret_message)
{
        int r = new_call(bus, "SetUnitProperties", ret_message);

        if (r < 0 || (r = sd_bus_message_append(*ret_message, "sb", unit, 1)) < 0 ||
            (r = sd_bus_message_open_container(*ret_message, 'a', "(sv)")) < 0 ||
            (r = append_limits(*ret_message, before, limits)) < 0)
                return r;
        return sd_bus_message_close_container(*ret_message);
}
