#include "cli/run_nice.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hw/cgroup.h"
#include "hw/root.h"
#include "lib/util.h"

#define AUTOGROUP_SWITCH "/proc/sys/kernel/sched_autogroup_enabled"
#define AUTOGROUP        "/proc/self/autogroup"

static bool has_file(const char *root, const struct hw_cgroup_place *place, const char *name, char *path, size_t size)
{
        return (size_t)snprintf(path, size, "%s/%s", place->directory, name) < size && hw_root_has(root, path);
}

/* Whether an ancestor's tasks are one group to the scheduler. */
static bool is_grouped(const char *root, struct hw_cgroup_place place)
{
        char path[RUN_NICE_PATH_MAX];

        while (hw_cgroup_up(&place))
                if (has_file(root, &place, "cpu.weight", path, sizeof(path)))
                        return true;
        return false;
}

static bool autogroup_is_on(const char *root)
{
        int64_t on = 0;

        return hw_root_read_number(root, AUTOGROUP_SWITCH, &on) == 0 && on == 1 && hw_root_has(root, AUTOGROUP);
}

/* The file that says how nice this process's group of tasks is, below root. False where there is none. */
static bool find_group(const char *root, char path[static RUN_NICE_PATH_MAX])
{
        struct hw_cgroup_place place;

        if (hw_cgroup_find(root, "self", "cpu", &place) == 0 && *place.directory) {
                if (place.v2 && has_file(root, &place, "cpu.weight.nice", path, RUN_NICE_PATH_MAX))
                        return true;
                if (place.v2 ? is_grouped(root, place) : strlen(place.directory) > place.mount_length)
                        return false;
        }
        if (!autogroup_is_on(root))
                return false;
        snprintf(path, RUN_NICE_PATH_MAX, "%s", AUTOGROUP);
        return true;
}

/* "5", or an autogroup's "/autogroup-25 nice 5". */
static bool parse_nice(const char *text, int *ret_nice)
{
        static const char key[] = " nice ";
        const char *at = strstr(text, key);
        char *end;
        long nice;

        at = at ? at + strlen(key) : text;
        nice = strtol(at, &end, 10);
        if (end == at || (*end != '\0' && *end != '\n') || nice < -20 || nice > 19)
                return false;
        *ret_nice = (int)nice;
        return true;
}

static bool read_nice(const char *root, const char *path, int *ret_nice)
{
        char line[128];

        return hw_root_read_line(root, path, line, sizeof(line)) == 0 && parse_nice(line, ret_nice);
}

static bool write_nice(const char *path, int nice)
{
        CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_TRUNC);
        char text[16];
        int n = snprintf(text, sizeof(text), "%d\n", nice);

        return fd >= 0 && write(fd, text, (size_t)n) == n;
}

void run_nice_keep(const char *root, struct run_nice *n)
{
        char path[RUN_NICE_PATH_MAX], full[RUN_NICE_PATH_MAX];
        int now;

        if (n->wanted <= 0 || !find_group(root, path) || !read_nice(root, path, &now) || now >= n->wanted ||
            (size_t)snprintf(full, sizeof(full), "%s%s", root, path) >= sizeof(full) || !write_nice(full, n->wanted))
                return;
        n->before = now;
        memcpy(n->path, full, sizeof(full));
}

void run_nice_init(int nice, struct run_nice *ret_nice)
{
        int own = getpriority(PRIO_PROCESS, 0);

        *ret_nice = (struct run_nice){.wanted = nice > 0 ? nice : 0, .own = own > nice ? own : nice};
}

void run_nice_apply(const char *root, int nice, struct run_nice *ret_nice)
{
        run_nice_init(nice, ret_nice);
        run_nice_keep(root, ret_nice);
}

void run_nice_become(const struct run_nice *n)
{
        if (n->wanted > 0)
                (void)setpriority(PRIO_PROCESS, 0, n->own);
}

void run_nice_restore(struct run_nice *n)
{
        int now;

        if (*n->path && read_nice("", n->path, &now) && now == n->wanted)
                (void)write_nice(n->path, n->before);
        n->path[0] = '\0';
}
