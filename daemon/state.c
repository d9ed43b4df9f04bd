#include "daemon/state.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#include "lib/params.h"
#include "lib/util.h"

#define FORMAT 1

enum {
        FILE_GROWTH = 256 * 1024,    /* and as much again as it was when it was written anew: then that is done again */
        FILE_MAX = 64 * 1024 * 1024, /* read at most: every lease's largest record and a rewrite's delay */
};

#define COUNT_MAX (UINT64_C(1) << 62) /* of what is counted on from what was read, and stays an integer of JSON's */

struct state {
        char *path;
        char *boot_id;
        int fd;
        size_t size;  /* of the file */
        size_t base;  /* the same when it was last written anew */
        bool partial; /* a line or the last commit failed: what is missing is made good by writing everything */
        char *lines;  /* to be written by the next commit */
        size_t len, allocated;
        bool rewriting;
};

static void lease_finish(struct state_lease *lease)
{
        free(lease->label);
        free(lease->unit);
}

void state_leases_finish(struct state_leases *leases)
{
        for (size_t i = 0; i < leases->n; i++)
                lease_finish(&leases->items[i]);
        free(leases->items);
        *leases = (struct state_leases){0};
}

/* Writing. */

static int add_text(struct state *s, const char *text)
{
        size_t len = strlen(text);

        if (s->len + len + 1 > s->allocated) {
                size_t allocated = 2 * s->allocated > s->len + len + 1 ? 2 * s->allocated : s->len + len + 1;
                char *lines = realloc(s->lines, allocated);

                if (!lines)
                        return -ENOMEM;
                s->lines = lines;
                s->allocated = allocated;
        }
        memcpy(s->lines + s->len, text, len);
        s->lines[s->len + len] = '\n';
        s->len += len + 1;
        return 0;
}

/* Takes over `line`, NULL for want of memory. What could not be added is made good as after a failed commit. */
static int add_line(struct state *s, json_t *line)
{
        CLEANUP_FREE char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
        int r = text ? add_text(s, text) : -ENOMEM;

        json_decref(line);
        s->partial |= r < 0;
        return r;
}

static int add_header(struct state *s)
{
        return add_line(s, json_pack("{s:i, s:s}", "schedd", FORMAT, "boot", s->boot_id));
}

static json_t *cpulist(const struct cpuset *set)
{
        char text[CPUSET_TEXT_MAX];

        return cpuset_format(set, text, sizeof(text)) < 0 ? NULL : json_string(text);
}

int state_put(struct state *s, const struct state_record *record)
{
        const struct alloc_request *q = record->request;
        char hash[TOKEN_HASH_DIGITS + 1];

        token_hash_format(&record->hash, hash);
        json_t *line = json_pack("{s:I, s:I, s:s, s:s*, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:b, s:i}", "lease",
                                 (json_int_t)record->id, "uid", (json_int_t)q->uid, "token", hash, "label",
                                 record->label, "min", (json_int_t)q->min, "max", (json_int_t)q->max, "weight",
                                 (json_int_t)q->weight, "userWeight", (json_int_t)q->user_weight, "slotsWanted",
                                 (json_int_t)q->slots, "memory", (json_int_t)q->memory_per_worker, "priority",
                                 alloc_priority_text(q->priority), "paused", (int)q->paused, "nice", record->nice);
        json_t *held =
                json_pack("{s:o, s:f, s:I, s:I, s:o, s:o}", "allowed", cpulist(&q->allowed), "quota", q->quota, "group",
                          (json_int_t)q->quota_group, "generation", (json_int_t)record->grant->generation, "pus",
                          cpulist(&record->grant->pus), "slots", cpulist(&record->grant->slots));
        if (line && (!held || json_object_update(line, held) < 0)) {
                json_decref(line);
                line = NULL;
        }
        json_decref(held);
        if (line && record->unit && json_object_set_new(line, "unit", json_string(record->unit)) < 0) {
                json_decref(line);
                line = NULL;
        }
        return add_line(s, line);
}

int state_forget(struct state *s, alloc_id id)
{
        return add_line(s, json_pack("{s:I}", "forget", (json_int_t)id));
}

static int write_all(int fd, const char *bytes, size_t len)
{
        while (len > 0) {
                ssize_t n = write(fd, bytes, len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                bytes += n;
                len -= (size_t)n;
        }
        return 0;
}

/* Writes the lines to a new file and puts it in the old one's place. */
static int replace(struct state *s)
{
        CLEANUP_FREE char *path = NULL;
        int r;

        if (asprintf(&path, "%s.new", s->path) < 0)
                return -ENOMEM;
        if (unlink(path) < 0 && errno != ENOENT)
                return -errno;
        CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        r = write_all(fd, s->lines, s->len);
        if (r == 0 && rename(path, s->path) < 0)
                r = -errno;
        if (r < 0) {
                unlink(path);
                return r;
        }
        cleanup_closep(&s->fd);
        s->fd = TAKE_FD(fd);
        s->size = s->base = s->len;
        return 0;
}

/* Part of a line may have been written: what follows must not be joined to it. */
static int append_lines(struct state *s)
{
        int r = write_all(s->fd, s->lines, s->len);

        if (r == 0)
                s->size += s->len;
        else if (s->fd >= 0 && ftruncate(s->fd, (off_t)s->size) < 0)
                return -errno;
        return r;
}

int state_commit(struct state *s)
{
        int r = s->rewriting ? replace(s) : append_lines(s);

        s->rewriting = false;
        s->len = 0;
        s->partial = r < 0;
        return r;
}

bool state_is_sound(const struct state *s)
{
        struct stat own, there;

        return !state_is_large(s) && fstat(s->fd, &own) == 0 && lstat(s->path, &there) == 0 &&
               own.st_ino == there.st_ino && own.st_dev == there.st_dev;
}

bool state_is_large(const struct state *s)
{
        return s->partial || s->size > 2 * s->base + FILE_GROWTH;
}

void state_rewrite(struct state *s)
{
        s->len = 0;
        s->rewriting = add_header(s) == 0;
}

/* Reading. */

struct line {
        uint64_t forget;
        uint64_t lease;
        uint64_t uid;
        const char *token;
        const char *label, *unit;
        const char *priority;
        unsigned nice;
        uint64_t generation;
        struct alloc_request request;
        struct cpuset pus, slots;
};

/* The latest line of a lease replaces what was known of it. */
static struct state_lease *find_or_add(struct state_leases *leases, alloc_id id)
{
        for (size_t i = 0; i < leases->n; i++)
                if (leases->items[i].id == id)
                        return &leases->items[i];
        if (leases->n == leases->allocated) {
                size_t allocated = leases->allocated ? 2 * leases->allocated : 16;
                struct state_lease *items = reallocarray(leases->items, allocated, sizeof(*items));

                if (!items)
                        return NULL;
                leases->items = items;
                leases->allocated = allocated;
        }
        leases->items[leases->n] = (struct state_lease){.id = id};
        return &leases->items[leases->n++];
}

static void forget(struct state_leases *leases, alloc_id id)
{
        for (size_t i = 0; i < leases->n; i++)
                if (leases->items[i].id == id) {
                        lease_finish(&leases->items[i]);
                        leases->n--;
                        memmove(&leases->items[i], &leases->items[i + 1], (leases->n - i) * sizeof(leases->items[0]));
                        return;
                }
}

static int keep(struct state_leases *leases, const struct line *line)
{
        CLEANUP_FREE char *label = NULL, *unit = NULL;
        struct token_hash hash;

        if (!line->token || token_hash_parse(line->token, &hash) < 0)
                return -EBADMSG;
        if ((line->label && !(label = strdup(line->label))) || (line->unit && !(unit = strdup(line->unit))))
                return -ENOMEM;

        struct state_lease *lease = find_or_add(leases, line->lease);
        if (!lease)
                return -ENOMEM;
        lease_finish(lease);
        lease->label = TAKE(label);
        lease->unit = TAKE(unit);
        lease->hash = hash;
        lease->nice = (int)line->nice;
        lease->request = line->request;
        lease->request.uid = (uint32_t)line->uid;
        lease->generation = line->generation;
        lease->pus = line->pus;
        lease->slots = line->slots;
        return 0;
}

/* One that only a later version knows is as good as normal. */
static enum alloc_priority parse_priority(const char *text)
{
        for (unsigned i = 0; text && params_priorities[i]; i++)
                if (strcmp(params_priorities[i], text) == 0)
                        return (enum alloc_priority)i;
        return ALLOC_NORMAL;
}

static int read_record(json_t *json, struct state_leases *leases)
{
        static const struct param table[] = {
                {PARAM("forget", PARAM_U64, struct line, forget)},
                {PARAM("lease", PARAM_U64, struct line, lease), .most = COUNT_MAX},
                {PARAM("uid", PARAM_U64, struct line, uid), .most = UINT32_MAX},
                {PARAM("token", PARAM_STRING, struct line, token)},
                {PARAM("label", PARAM_STRING, struct line, label)},
                {PARAM("unit", PARAM_STRING, struct line, unit)},
                {PARAM("min", PARAM_UNSIGNED, struct line, request.min)},
                {PARAM("max", PARAM_UNSIGNED, struct line, request.max)},
                {PARAM("weight", PARAM_UNSIGNED, struct line, request.weight)},
                {PARAM("userWeight", PARAM_UNSIGNED, struct line, request.user_weight)},
                {PARAM("slotsWanted", PARAM_UNSIGNED, struct line, request.slots)},
                {PARAM("memory", PARAM_U64, struct line, request.memory_per_worker)},
                {PARAM("priority", PARAM_STRING, struct line, priority)},
                {PARAM("paused", PARAM_BOOL, struct line, request.paused)},
                {PARAM("nice", PARAM_UNSIGNED, struct line, nice), .most = 19},
                {PARAM("allowed", PARAM_CPULIST, struct line, request.allowed)},
                {PARAM("quota", PARAM_DOUBLE, struct line, request.quota)},
                {PARAM("group", PARAM_U64, struct line, request.quota_group)},
                {PARAM("generation", PARAM_U64, struct line, generation), .most = COUNT_MAX},
                {PARAM("pus", PARAM_CPULIST, struct line, pus)},
                {PARAM("slots", PARAM_CPULIST, struct line, slots)},
        };
        /* What an older version did not record is as if its client had not said it. */
        struct line line = {.request = alloc_request_any(0)};
        const char *bad;

        if (params_read(json, table, ELEMENTSOF(table), &line, &bad) < 0)
                return -EBADMSG;
        line.request.priority = parse_priority(line.priority);
        if (line.forget > 0)
                forget(leases, line.forget);
        else if (line.lease > 0)
                return keep(leases, &line);
        return 0; /* or it is of a kind that a later version has */
}

/* 0, 1 where the file is of another boot, -EBADMSG where it is none of ours. */
static int read_header(json_t *json, const char *boot_id)
{
        const char *boot = json_string_value(json_object_get(json, "boot"));

        if (json_integer_value(json_object_get(json, "schedd")) != FORMAT || !boot)
                return -EBADMSG;
        return strcmp(boot, boot_id) != 0;
}

static int read_line(const char *text, size_t len, const char *boot_id, bool first, struct state_leases *leases)
{
        json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
        int r = -EBADMSG;

        if (json_is_object(json))
                r = first ? read_header(json, boot_id) : read_record(json, leases);
        json_decref(json);
        return r;
}

static int read_lines(const char *text, size_t len, const char *boot_id, struct state_leases *leases)
{
        for (size_t at = 0; at < len;) {
                const char *end = memchr(text + at, '\n', len - at);

                if (!end)
                        return 0;
                size_t n = (size_t)(end - (text + at));
                int r = read_line(text + at, n, boot_id, at == 0, leases);
                if (r != 0)
                        return r > 0 ? 0 : r;
                at += n + 1;
        }
        return 0;
}

/* -ENOENT where there is no file; another errno but -ENOMEM where it is not to be had or not to be trusted. */
static int read_file(const char *path, char **ret_text, size_t *ret_len)
{
        struct stat st;
        CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

        if (fd < 0)
                return errno == ELOOP ? -EBADMSG : -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_size > FILE_MAX)
                return -EBADMSG;
        size_t size = (size_t)st.st_size, len = 0;
        CLEANUP_FREE char *text = malloc(size + 1);
        if (!text)
                return -ENOMEM;
        while (len < size) {
                ssize_t n = read(fd, text + len, size - len);

                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                len += (size_t)n;
        }
        *ret_text = TAKE(text);
        *ret_len = len;
        return 0;
}

static int load(const char *path, const char *boot_id, struct state_leases *leases)
{
        CLEANUP_FREE char *text = NULL;
        size_t len = 0;
        int r = read_file(path, &text, &len);

        if (r < 0)
                return r == -ENOENT ? 0 : r;
        return read_lines(text, len, boot_id, leases);
}

static int set_aside(const char *path)
{
        CLEANUP_FREE char *aside = NULL;

        if (asprintf(&aside, "%s.corrupt", path) < 0)
                return -ENOMEM;
        return rename(path, aside) < 0 ? -errno : 0;
}

static int state_new(const char *path, const char *boot_id, struct state **ret_state)
{
        struct state *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        s->fd = -1;
        s->path = strdup(path);
        s->boot_id = strdup(boot_id);
        if (!s->path || !s->boot_id) {
                state_close(s);
                return -ENOMEM;
        }
        *ret_state = s;
        return 0;
}

int state_open(const char *path, const char *boot_id, struct state **ret_state, struct state_leases *ret_leases)
{
        struct state_leases leases = {0};
        struct state *s = NULL;
        bool aside = false;
        int r = load(path, boot_id, &leases);

        if (r < 0 && r != -ENOMEM) {
                state_leases_finish(&leases);
                aside = true;
                set_aside(path); /* where that fails it is replaced */
                r = 0;
        }
        if (r == 0)
                r = state_new(path, boot_id, &s);
        if (r < 0) {
                state_leases_finish(&leases);
                return r;
        }
        *ret_state = s;
        *ret_leases = leases;
        return aside;
}

void state_close(struct state *s)
{
        if (!s)
                return;
        cleanup_closep(&s->fd);
        free(s->path);
        free(s->boot_id);
        free(s->lines);
        free(s);
}

void state_remove(struct state *s)
{
        unlink(s->path);
}
