#include "hw/cgroup.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/util.h"

/* Part of a text; next_part() cuts the first part off a rest. */
struct part {
        const char *text;
        size_t length;
};

static bool next_part(struct part *rest, char separator, struct part *ret_part)
{
        const char *end;

        if (!rest->text)
                return false;
        end = memchr(rest->text, separator, rest->length);
        if (end) {
                size_t length = (size_t)(end - rest->text);

                *ret_part = (struct part){rest->text, length};
                *rest = (struct part){end + 1, rest->length - length - 1};
        } else {
                *ret_part = *rest;
                *rest = (struct part){0};
        }
        return true;
}

static bool part_is(const struct part *part, const char *text)
{
        return part->length == strlen(text) && memcmp(part->text, text, part->length) == 0;
}

static bool list_has(struct part list, const char *name)
{
        struct part entry;

        while (next_part(&list, ',', &entry))
                if (part_is(&entry, name))
                        return true;
        return false;
}

/* The process's group in the hierarchy that has the controller: a version 1 one that names it, else version 2. */
static bool find_group(const char *membership, const char *controller, struct part *ret_path, bool *ret_v2)
{
        struct part rest = {membership, strlen(membership)}, line, id, controllers;
        bool found = false;

        while (next_part(&rest, '\n', &line)) {
                if (!next_part(&line, ':', &id) || !next_part(&line, ':', &controllers) || line.length == 0)
                        continue;
                if (*controller && list_has(controllers, controller)) {
                        *ret_path = line;
                        *ret_v2 = false;
                        return true;
                }
                if (part_is(&id, "0") && controllers.length == 0) {
                        *ret_path = line;
                        *ret_v2 = true;
                        found = true;
                }
        }
        return found;
}

struct mount {
        struct part root, point;
};

/* One line of mountinfo (proc_pid_mountinfo(5)), if it mounts the hierarchy looked for. */
static bool parse_mount(struct part line, const char *controller, bool v2, struct mount *ret_mount)
{
        struct part field, type, source;
        struct mount mount = {0};

        for (unsigned i = 0; next_part(&line, ' ', &field) && !part_is(&field, "-"); i++) {
                if (i == 3)
                        mount.root = field;
                else if (i == 4)
                        mount.point = field;
        }
        if (!mount.point.text || !next_part(&line, ' ', &type) || !next_part(&line, ' ', &source))
                return false;
        if (!(v2 ? part_is(&type, "cgroup2") : part_is(&type, "cgroup") && list_has(line, controller)))
                return false;
        *ret_mount = mount;
        return true;
}

/* What follows the mount's root in the group's path; false where the group is outside of it. */
static bool path_below(const struct part *path, const struct part *root, struct part *ret_below)
{
        size_t skip = part_is(root, "/") ? 0 : root->length;

        if (path->length < skip || memcmp(path->text, root->text, skip) != 0)
                return false;
        *ret_below = (struct part){path->text + skip, path->length - skip};
        if (part_is(ret_below, "/"))
                ret_below->length = 0;
        return ret_below->length == 0 || ret_below->text[0] == '/';
}

static bool is_octal(const char *text)
{
        for (unsigned i = 0; i < 3; i++)
                if (text[i] < '0' || text[i] > '7')
                        return false;
        return true;
}

/* Appends a part to a path, whole or not at all; mountinfo writes white space and backslashes as \ooo. */
static bool append(char path[HW_PATH_MAX], struct part part)
{
        size_t length = strlen(path), used = length;

        for (size_t i = 0; i < part.length; i++) {
                const char *p = part.text + i;
                unsigned c = (unsigned char)*p;

                if (c == '\\' && part.length - i > 3 && is_octal(p + 1)) {
                        c = (unsigned)((p[1] - '0') * 64 + (p[2] - '0') * 8 + (p[3] - '0')) & 0xff;
                        i += 3;
                }
                if (used + 1 == HW_PATH_MAX || c == '\0') {
                        path[length] = '\0';
                        return false;
                }
                path[used++] = (char)c;
        }
        path[used] = '\0';
        return true;
}

/* A namespace shows a group outside of it as "/../other". */
static bool is_outside_namespace(struct part path)
{
        struct part component;

        while (next_part(&path, '/', &component))
                if (part_is(&component, ".."))
                        return true;
        return false;
}

/* A mount that shows the group, or else any of the hierarchy: then its mount point stands for the group. */
static bool find_mount(const char *mounts, const char *controller, bool v2, const struct part *path,
                       struct mount *ret_mount, struct part *ret_below)
{
        struct part rest = {mounts, strlen(mounts)}, line;
        bool found = false;

        while (next_part(&rest, '\n', &line)) {
                struct mount mount;
                struct part below = {"", 0};

                if (!parse_mount(line, controller, v2, &mount))
                        continue;

                bool shown = !is_outside_namespace(*path) && path_below(path, &mount.root, &below);

                if (!found || shown) {
                        *ret_mount = mount;
                        *ret_below = shown ? below : (struct part){"", 0};
                        found = true;
                }
                if (shown)
                        break;
        }
        return found;
}

static bool find_place(const char *membership, const char *mounts, const char *controller,
                       struct hw_cgroup_place *ret_place)
{
        struct hw_cgroup_place place = {0};
        struct mount mount;
        struct part path, below;

        if (!find_group(membership, controller, &path, &place.v2) ||
            !find_mount(mounts, controller, place.v2, &path, &mount, &below) || !append(place.directory, mount.point))
                return false;
        place.mount_length = strlen(place.directory);
        if (!append(place.directory, below))
                return false;
        *ret_place = place;
        return true;
}

bool hw_cgroup_up(struct hw_cgroup_place *place)
{
        char *slash = strrchr(place->directory + place->mount_length, '/');

        if (!slash)
                return false;
        *slash = '\0';
        return true;
}

static int read_file(const char *root, const struct hw_cgroup_place *place, const char *name, char *buf, size_t size)
{
        char path[HW_PATH_MAX + 64];

        (void)snprintf(path, sizeof(path), "%s/%s", place->directory, name);
        return hw_root_read_line(root, path, buf, size);
}

/* The PUs that two numbers in a group's files are worth; 0 unlimited. */
static int parse_quota(const char *quota, const char *period, double *ret_pus)
{
        char *end;
        long long q, p;

        while (isspace((unsigned char)*period))
                period++;
        p = strtoll(period, &end, 10);
        if (end == period || *end != '\0' || p <= 0)
                return -EINVAL;
        if (strncmp(quota, "max", 3) == 0 || strcmp(quota, "-1") == 0) {
                *ret_pus = 0;
                return 0;
        }
        q = strtoll(quota, &end, 10);
        if (end == quota || (*end != '\0' && *end != ' ') || q <= 0)
                return -EINVAL;
        *ret_pus = (double)q / (double)p;
        return 0;
}

static int read_quota_v2(const char *root, const struct hw_cgroup_place *place, double *ret_pus)
{
        char line[64];
        int r = read_file(root, place, "cpu.max", line, sizeof(line));
        const char *period;

        if (r < 0)
                return r;
        period = strchr(line, ' ');
        return period ? parse_quota(line, period, ret_pus) : -EINVAL;
}

static int read_quota_v1(const char *root, const struct hw_cgroup_place *place, double *ret_pus)
{
        char quota[32], period[32];
        int r = read_file(root, place, "cpu.cfs_quota_us", quota, sizeof(quota));

        if (r >= 0)
                r = read_file(root, place, "cpu.cfs_period_us", period, sizeof(period));
        return r < 0 ? r : parse_quota(quota, period, ret_pus);
}

static uint64_t inode_of(const char *root, const char *path)
{
        char full[HW_PATH_MAX];
        struct stat st;
        int n = snprintf(full, sizeof(full), "%s%s", root, path);

        return n > 0 && (size_t)n < sizeof(full) && stat(full, &st) == 0 ? st.st_ino : 0;
}

static void set_quota(const char *root, const struct hw_cgroup_place *place, double pus, struct hw_allowance *allowance)
{
        const char *path = place->directory + place->mount_length;

        allowance->quota = pus;
        (void)snprintf(allowance->group, sizeof(allowance->group), "%.*s#%" PRIu64, HW_GROUP_MAX - 32,
                       *path ? path : "/", inode_of(root, place->directory));
}

static void note(struct hw_notes *notes, const struct hw_cgroup_place *place, const char *what, int error)
{
        if (error < 0 && error != -ENOENT)
                hw_note(notes, "%s: %s: %s; taken as unlimited", place->directory, what, strerror(-error));
}

/* The least of the group's own and its ancestors'; the nearest group where several are equal. */
static void read_quota(const char *root, struct hw_cgroup_place place, struct hw_allowance *allowance,
                       struct hw_notes *notes)
{
        do {
                double pus = 0;
                int r = place.v2 ? read_quota_v2(root, &place, &pus) : read_quota_v1(root, &place, &pus);

                note(notes, &place, place.v2 ? "cpu.max" : "cpu.cfs_quota_us", r);
                if (r >= 0 && pus > 0 && (!(allowance->quota > 0) || pus < allowance->quota))
                        set_quota(root, &place, pus, allowance);
        } while (hw_cgroup_up(&place));
}

/* "Effective" is what the ancestors leave, so the nearest group that has the file says it all. Version 1's
 * cpuset.cpus is that too, before Linux 3.17 had both. An empty list is a group that was never set up. */
static bool read_cpuset_of(const char *root, const struct hw_cgroup_place *place, struct cpuset *cpuset,
                           struct hw_notes *notes)
{
        static const char *const names[] = {"cpuset.cpus.effective", "cpuset.effective_cpus", "cpuset.cpus"};

        for (unsigned i = place->v2 ? 0 : 1; i < (place->v2 ? 1 : ELEMENTSOF(names)); i++) {
                char path[HW_PATH_MAX + 64];
                struct cpuset set;

                (void)snprintf(path, sizeof(path), "%s/%s", place->directory, names[i]);
                int r = hw_root_read_cpuset(root, path, &set);

                note(notes, place, names[i], r);
                if (r >= 0 && !cpuset_is_empty(&set)) {
                        *cpuset = set;
                        return true;
                }
        }
        return false;
}

static void read_cpuset(const char *root, struct hw_cgroup_place place, struct cpuset *cpuset, struct hw_notes *notes)
{
        while (!read_cpuset_of(root, &place, cpuset, notes))
                if (!hw_cgroup_up(&place))
                        break;
}

/* /proc/PID/cgroup and mountinfo. 1, 0 where there are none, with a note where that is odd, or -ENOMEM. */
static int read_texts(const char *root, const char *process, char **ret_membership, char **ret_mounts,
                      struct hw_notes *notes)
{
        CLEANUP_FREE char *membership = NULL, *mounts = NULL;
        char path[64];
        int r;

        (void)snprintf(path, sizeof(path), "/proc/%s/cgroup", process);
        r = hw_root_read(root, path, &membership, NULL);
        if (r >= 0) {
                (void)snprintf(path, sizeof(path), "/proc/%s/mountinfo", process);
                r = hw_root_read(root, path, &mounts, NULL);
        }
        if (r < 0) {
                if (r != -ENOENT && r != -ENOMEM)
                        hw_note(notes, "%s%s: %s; no cgroup limits are known", root, path, strerror(-r));
                return r == -ENOMEM ? r : 0;
        }
        *ret_membership = TAKE(membership);
        *ret_mounts = TAKE(mounts);
        return 1;
}

int hw_cgroup_read(const char *root, const char *process, struct cpuset *cpuset, struct hw_allowance *allowance,
                   struct hw_notes *notes)
{
        CLEANUP_FREE char *membership = NULL, *mounts = NULL;
        struct hw_cgroup_place place;
        int r = read_texts(root, process, &membership, &mounts, notes);

        if (r <= 0)
                return r;
        if (find_place(membership, mounts, "cpuset", &place))
                read_cpuset(root, place, cpuset, notes);
        if (find_place(membership, mounts, "cpu", &place))
                read_quota(root, place, allowance, notes);
        return 0;
}

/* Bytes; "max", of version 2, is no limit. */
static bool read_bytes(const char *root, const struct hw_cgroup_place *place, const char *name, uint64_t *ret_bytes)
{
        char line[32], *end;
        unsigned long long bytes;

        if (read_file(root, place, name, line, sizeof(line)) < 0)
                return false;
        bytes = strtoull(line, &end, 10);
        if (!isdigit((unsigned char)*line) || *end != '\0')
                return false;
        *ret_bytes = bytes;
        return true;
}

/* The cache of files that were not used lately: charged to the group, and dropped before anything of it fails. */
static uint64_t read_droppable(const char *root, const struct hw_cgroup_place *place)
{
        const char *key = place->v2 ? "inactive_file " : "total_inactive_file ";
        CLEANUP_FREE char *text = NULL;
        char path[HW_PATH_MAX + 64];
        struct part rest = {0}, line;

        (void)snprintf(path, sizeof(path), "%s/memory.stat", place->directory);
        if (hw_root_read(root, path, &text, NULL) < 0)
                return 0;
        rest = (struct part){text, strlen(text)};
        while (next_part(&rest, '\n', &line))
                if (line.length > strlen(key) && memcmp(line.text, key, strlen(key)) == 0)
                        return strtoull(line.text + strlen(key), NULL, 10);
        return 0;
}

/* What the group may still take, and of how much; UINT64_MAX where it has no limit. */
static uint64_t read_memory_left(const char *root, const struct hw_cgroup_place *place, uint64_t *ret_limit)
{
        uint64_t limit = UINT64_MAX, high, used, droppable;

        *ret_limit = UINT64_MAX;
        (void)read_bytes(root, place, place->v2 ? "memory.max" : "memory.limit_in_bytes", &limit);
        if (place->v2 && read_bytes(root, place, "memory.high", &high) && high < limit)
                limit = high;
        if (limit == UINT64_MAX ||
            !read_bytes(root, place, place->v2 ? "memory.current" : "memory.usage_in_bytes", &used))
                return UINT64_MAX;
        *ret_limit = limit;
        droppable = read_droppable(root, place);
        used -= droppable < used ? droppable : used;
        return used < limit ? limit - used : 0;
}

int hw_cgroup_find(const char *root, const char *process, const char *controller, struct hw_cgroup_place *ret_place)
{
        CLEANUP_FREE char *membership = NULL, *mounts = NULL;
        struct hw_cgroup_place place = {0};
        int r = read_texts(root, process, &membership, &mounts, NULL);

        if (r < 0)
                return r;
        if (r == 0 || !find_place(membership, mounts, controller, &place))
                place.directory[0] = '\0';
        *ret_place = place;
        return 0;
}

int hw_cgroup_cpuset_around(const char *root, const char *name, struct cpuset *cpuset)
{
        struct hw_cgroup_place place;
        const char *slash;
        int r = hw_cgroup_find(root, "self", "cpuset", &place);

        if (r < 0 || !*place.directory)
                return r;
        slash = strrchr(place.directory + place.mount_length, '/');
        if (slash && strcmp(slash + 1, name) == 0)
                (void)hw_cgroup_up(&place);
        read_cpuset(root, place, cpuset, NULL);
        return 0;
}

uint64_t hw_cgroup_memory_left(const char *root, const struct hw_cgroup_place *place, uint64_t *ret_limit)
{
        struct hw_cgroup_place group = *place;
        uint64_t least = UINT64_MAX;

        *ret_limit = UINT64_MAX;
        if (!*group.directory)
                return least;
        do {
                uint64_t limit, left = read_memory_left(root, &group, &limit);

                least = left < least ? left : least;
                *ret_limit = limit < *ret_limit ? limit : *ret_limit;
        } while (hw_cgroup_up(&group));
        return least;
}
