/* Whether tests' files have changed. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/history.h"
#include "lib/util.h"

/* FNV-1a, 64 bits. */
#define HASH_BEGIN UINT64_C(14695981039346656037)

static uint64_t hash_bytes(uint64_t hash, const void *data, size_t size)
{
        const unsigned char *bytes = data;

        for (size_t i = 0; i < size; i++)
                hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
        return hash;
}

/* Length of the path in an id; 0 where it has none, or one that cannot be. */
static size_t path_length(const char *id)
{
        const char *end = strstr(id, "::");
        size_t length = end ? (size_t)(end - id) : 0;

        return length < PATH_MAX ? length : 0;
}

static uint64_t look_at(const char *root, const char *path, size_t length)
{
        char full[2 * PATH_MAX];
        int n = snprintf(full, sizeof(full), "%s/%.*s", root, (int)length, path);
        int64_t facts[3];
        uint64_t hash;
        struct stat st;

        if (n < 0 || (size_t)n >= sizeof(full) || stat(full, &st) < 0 || !S_ISREG(st.st_mode))
                return 0;
        facts[0] = st.st_mtim.tv_sec;
        facts[1] = st.st_mtim.tv_nsec;
        facts[2] = st.st_size;
        hash = hash_bytes(HASH_BEGIN, facts, sizeof(facts));
        return hash ? hash : 1;
}

/* `slots`: a table of item + 1 with open addressing; the first item of each file is in it. */
static void look_at_all(const char *root, const char *const *ids, uint32_t n, uint64_t *sources, uint32_t *slots,
                        size_t mask)
{
        for (uint32_t i = 0; i < n; i++) {
                size_t length = path_length(ids[i]), slot;

                sources[i] = 0;
                if (!length)
                        continue;
                slot = (size_t)hash_bytes(HASH_BEGIN, ids[i], length) & mask;
                while (slots[slot] &&
                       strncmp(ids[slots[slot] - 1], ids[i], length + 2) != 0) /* + 2: as far as the "::" */
                        slot = (slot + 1) & mask;
                if (slots[slot]) {
                        sources[i] = sources[slots[slot] - 1];
                } else {
                        slots[slot] = i + 1;
                        sources[i] = look_at(root, ids[i], length);
                }
        }
}

int history_sources(const char *root, const char *const *ids, uint32_t n, uint64_t *ret_sources)
{
        CLEANUP_FREE uint32_t *slots = NULL;
        size_t size = 16;

        while (size < 2 * (size_t)n)
                size *= 2;
        slots = calloc(size, sizeof(*slots));
        if (!slots)
                return -ENOMEM;
        look_at_all(root, ids, n, ret_sources, slots, size - 1);
        return 0;
}
