#include "cli/run_scope.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "cli/run_dir.h"
#include "cli/run_engine.h"
#include "cli/run_scope_leave.h"
#include "cli/run_scope_slice.h"
#include "hw/cgroup.h"
#include "hw/group.h"
#include "hw/memory.h"
#include "lib/client.h"
#include "lib/util.h"

/* Finding a manager. */

static void copy_plain(const char *text, char *to, size_t size)
{
        size_t n = strnlen(text, size - 1);

        for (size_t i = 0; i < n; i++)
                to[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
        to[n] = '\0';
}

/* The label, else COMMAND's first words. Plain characters: D-Bus takes nothing but UTF-8. */
static void describe(const struct run_options *options, char ret_text[static RUN_SCOPE_DESCRIPTION_MAX])
{
        char text[RUN_SCOPE_DESCRIPTION_MAX];
        size_t used = (size_t)snprintf(text, sizeof(text), "schedctl run:");

        for (char *const *word = options->command; !options->label && *word && used < sizeof(text); word++)
                used += (size_t)snprintf(text + used, sizeof(text) - used, " %s", *word);
        if (options->label)
                (void)snprintf(text + used, sizeof(text) - used, " %s", options->label);
        copy_plain(text, ret_text, RUN_SCOPE_DESCRIPTION_MAX);
}

void run_scope_find(const struct run_options *options, struct run_scope *ret_scope)
{
        *ret_scope = (struct run_scope){.state = RUN_SCOPE_NONE, .bounds = RUN_SCOPE_NO_BOUNDS};
        if (options->scope == RUN_SCOPE_NO)
                return;
        run_manager_find(ret_scope->socket, ret_scope->why);
        describe(options, ret_scope->description);
}

/* Getting into it. */

static bool has_file(const char *directory, const char *name)
{
        char path[HW_PATH_MAX + 64];

        (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
        return hw_root_has("", path);
}

/* Its cgroup, where this process is in it as far as can be seen. */
static void look_at_group(struct run_scope *s)
{
        struct hw_cgroup_place place;
        const char *slash;

        if (hw_cgroup_find("", "self", "", &place) < 0)
                return;
        slash = strrchr(place.directory + place.mount_length, '/');
        if (!slash || strcmp(slash + 1, s->unit) != 0)
                return;
        memcpy(s->directory, place.directory, sizeof(s->directory));
        s->has_memory = has_file(s->directory, "memory.high");
        s->has_weight = has_file(s->directory, "cpu.weight");
        s->has_cpuset = has_file(s->directory, "cpuset.cpus");
}

static void on_settled(void *context, const char *why)
{
        struct run *run = context;
        struct run_scope *s = &run->scope;

        if (s->state != RUN_SCOPE_ASKED)
                return;
        s->state = why ? RUN_SCOPE_NONE : RUN_SCOPE_THERE;
        (void)snprintf(s->why, sizeof(s->why), "%s", why ? why : "");
        if (!why)
                look_at_group(s);
}

static void on_time(uv_timer_t *timer)
{
        struct run *run = timer->data;
        char why[RUN_MANAGER_WHY_MAX];

        (void)snprintf(why, sizeof(why), "the manager at %.150s does not answer", run->scope.socket);
        on_settled(run, why);
}

static const struct run_manager_events manager_events = {.settled = on_settled};

static struct run_scope_bounds bounds_now(const struct run_scope *s)
{
        struct run_scope_memory memory = {.available = UINT64_MAX, .total = UINT64_MAX};
        struct hw_group group = {.memory = UINT64_MAX};

        if (hw_meminfo_read("", &memory.available, &memory.total) < 0)
                memory.available = UINT64_MAX;
        memory.swap_free = hw_swap_free("");
        if (*s->directory)
                hw_group_read("", s->directory, &group);
        if (group.memory != UINT64_MAX)
                memory.used = group.memory - (group.droppable < group.memory ? group.droppable : 0);
        return run_scope_bounds(&memory, &s->bounds);
}

/* Said of every run: the slice would keep the weight of a batch run that has ended for those of which nothing is. */
static unsigned weight_of(const struct run *run)
{
        return run_scope_weight(run->lease.nice);
}

/* The characters that mkdtemp() chose: no other run of this user has them. */
static const char *id_of(const struct run *run)
{
        size_t length = strlen(run->dir);

        return run->dir + (length > 6 ? length - 6 : 0);
}

static struct run_manager_limits first_limits(const struct run *run)
{
        const struct run_scope_bounds *bounds = &run->scope.bounds;
        struct run_manager_limits limits = {.memory_high = bounds->high,
                                            .memory_max = bounds->max,
                                            .swap_max = bounds->swap_max,
                                            .weight = weight_of(run)};

        if (!run->options->no_pin)
                limits.pus = run->lease.kept;
        return limits;
}

static void tell(struct run_scope *s, const struct run_manager_limits *limits)
{
        if (run_manager_change(s->manager, s->unit, &s->told, limits) == 0)
                s->told = *limits;
}

static void follow_weight(struct run *run)
{
        struct run_scope *s = &run->scope;
        struct run_manager_limits limits = s->told;

        if (!s->has_weight)
                return;
        limits.weight = weight_of(run);
        if (limits.weight != s->told.weight)
                tell(s, &limits);
        run_scope_slice_follow(s);
}

/* Where the scope's group is not to be seen from here, what was set would stay as it is whatever comes. */
static void lift_limits(struct run_scope *s)
{
        const struct run_manager_limits none = {
                .memory_high = UINT64_MAX, .memory_max = UINT64_MAX, .swap_max = UINT64_MAX, .weight = s->told.weight};

        tell(s, &none);
}

void run_scope_begin(struct run *run)
{
        struct run_scope *s = &run->scope;
        char why[RUN_MANAGER_WHY_MAX];
        pid_t pid;
        int r;

        if (!*s->socket)
                return;
        (void)snprintf(s->held, sizeof(s->held), "%s/" RUN_DIR_HELD, run->dir);
        s->bounds = bounds_now(s);
        s->told = first_limits(run);
        s->request = (struct run_manager_request){
                .id = id_of(run), .description = s->description, .held = s->held, .limits = s->told};
        run_manager_unit(s->request.id, s->unit);
        s->state = RUN_SCOPE_ASKED;
        r = run_manager_open(&run->loop, s->socket, &manager_events, run, &s->manager);
        if (r == 0)
                r = run_manager_peer(s->manager, &pid);
        if (r == 0 && run_scope_leaves_for(pid, sizeof(why), why)) {
                on_settled(run, why);
                return;
        }
        if (r == 0)
                r = run_manager_start_scope(s->manager, &s->request);
        if (r < 0)
                on_settled(run, strerror(-r));
}

void run_scope_wait(struct run *run)
{
        struct run_scope *s = &run->scope;

        if (s->state == RUN_SCOPE_ASKED) {
                uv_timer_init(&run->loop, &s->timer);
                s->timer.data = run;
                uv_timer_start(&s->timer, on_time, RUN_SCOPE_WAIT_MS, 0);
                while (s->state == RUN_SCOPE_ASKED && !run->ended)
                        uv_run(&run->loop, UV_RUN_ONCE);
                uv_close((uv_handle_t *)&s->timer, NULL);
                uv_run(&run->loop, UV_RUN_NOWAIT); /* a signal that came with it */
        }
        if (s->state != RUN_SCOPE_THERE) {
                run_scope_close(run);
                return;
        }
        (void)run_lease_set_unit(&run->lease, s->unit);
        follow_weight(run); /* the slice may still have that of runs before */
        if (!*s->directory)
                lift_limits(s);
}

void run_scope_close(struct run *run)
{
        run_manager_close(TAKE(run->scope.manager));
}

/* Changing it. */

bool run_scope_weighs(const struct run_scope *s)
{
        return s->state == RUN_SCOPE_THERE && s->has_weight;
}

static void follow_memory(struct run_scope *s)
{
        struct run_scope_bounds now = bounds_now(s);
        struct run_manager_limits limits = s->told;

        if (!s->has_memory || !run_scope_bounds_differ(&s->bounds, &now))
                return;
        s->bounds = now;
        limits.memory_high = now.high;
        limits.memory_max = now.max;
        tell(s, &limits);
}

static void sample_memory(struct run_scope *s)
{
        struct hw_group group;

        hw_group_read("", s->directory, &group);
        if (group.memory != UINT64_MAX && group.memory > s->memory_most)
                s->memory_most = group.memory;
}

void run_scope_follow(struct run *run)
{
        struct run_scope *s = &run->scope;

        if (s->state != RUN_SCOPE_THERE || !*s->directory)
                return;
        follow_weight(run);
        follow_memory(s);
        sample_memory(s);
}

/* A process can be moved to a PU only when its cgroup has it, so that the file is written here and now; the manager,
 * which would write what it knows when it comes by, hears of it too. */
static void allow(struct run *run, const struct cpuset *pus)
{
        struct run_scope *s = &run->scope;
        struct run_manager_limits limits = s->told;
        char path[HW_PATH_MAX + 64], list[CPUSET_TEXT_MAX];
        CLEANUP_CLOSE int fd = -1;

        if (s->state != RUN_SCOPE_THERE || !s->has_cpuset || run->options->no_pin || cpuset_is_empty(pus) ||
            cpuset_equal(pus, &s->told.pus) || cpuset_format(pus, list, sizeof(list)) < 0)
                return;
        (void)snprintf(path, sizeof(path), "%s/cpuset.cpus", s->directory);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, list, strlen(list)) < 0)
                return;
        limits.pus = *pus;
        tell(s, &limits);
}

void run_scope_widen(struct run *run)
{
        struct cpuset pus = run->scope.told.pus;

        cpuset_merge(&pus, &run->lease.kept);
        allow(run, &pus);
}

void run_scope_narrow(struct run *run)
{
        allow(run, &run->lease.kept);
}

/* The end. */

static double seconds_of_children(void)
{
        struct rusage usage;

        if (getrusage(RUSAGE_CHILDREN, &usage) < 0)
                return 0;
        return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

void run_scope_usage(const struct run *run, struct run_usage *ret_usage)
{
        const struct run_scope *s = &run->scope;
        bool there = s->state == RUN_SCOPE_THERE;
        struct run_usage usage = {.cpu_seconds = seconds_of_children(),
                                  .memory_peak = s->memory_most > 0 ? s->memory_most : UINT64_MAX,
                                  .oom_kills = UINT64_MAX,
                                  .unit = there ? s->unit : NULL,
                                  .why_none = *s->why ? s->why : NULL};
        struct hw_group group;

        if (there && *s->directory) {
                hw_group_read("", s->directory, &group);
                if (group.cpu_us != UINT64_MAX)
                        usage.cpu_seconds = (double)group.cpu_us / 1e6;
                if (group.memory_peak != UINT64_MAX)
                        usage.memory_peak = group.memory_peak;
                usage.oom_kills = group.oom_kills;
        }
        *ret_usage = usage;
}
