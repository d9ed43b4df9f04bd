/* The configuration: one file, then drop-ins, between lines of %%. No text makes it unreadable; what is in force can be
 * printed, and reading that gives the same. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>

#include "core/alloc.h"
#include "daemon/config.h"
#include "tests/fuzz/input.h"
#include "tests/unit/sensor-tree.h"

enum { REPLACED = 1, REPLACING = 3, N_PATHS = 5 };

static const char *const paths[N_PATHS] = {
        "/etc/schedd.conf",
        [REPLACED] = "/usr/lib/schedd.conf.d/10-a.conf",
        "/run/schedd.conf.d/20-b.conf",
        [REPLACING] = "/etc/schedd.conf.d/10-a.conf",
        "/etc/schedd.conf.d/30-c.conf",
};

static void check_problem(const char *problem)
{
        FUZZ_CHECK(strncmp(problem, "/", 1) == 0 && strchr(problem, ':'));
        for (const char *c = problem; *c; c++)
                FUZZ_CHECK((unsigned char)*c >= ' ' && *c != 0x7f);
}

static void check_values(const struct config *config)
{
        FUZZ_CHECK(config->headroom.policy < GOVERNOR_POLICIES);
        FUZZ_CHECK(config->headroom.reserve >= -1);
        FUZZ_CHECK(config->log_level >= LOG_LEVEL_ERROR && config->log_level <= LOG_LEVEL_DEBUG);
        for (size_t i = 0; i < config->n_users; i++) {
                const struct config_user *user = &config->users[i];

                FUZZ_CHECK(user->weight >= ALLOC_WEIGHT_MIN && user->weight <= ALLOC_WEIGHT_MAX && user->origin);
                FUZZ_CHECK(config_weight(config, user->uid) == user->weight);
                for (size_t k = 0; k < i; k++)
                        FUZZ_CHECK(config->users[k].uid != user->uid);
        }
}

/* Only a NUL makes it unreadable; then the configuration stays as built in. */
static bool load(const struct tree *tree, const char *file, bool has_nul, struct config *ret_config)
{
        char *problem = NULL;
        int r;

        config_init(ret_config);
        r = config_load(tree->root, file, ret_config, &problem);
        FUZZ_CHECK(r == (has_nul ? -EBADMSG : 0));
        FUZZ_CHECK(!problem == !has_nul);
        if (has_nul)
                check_problem(problem);
        free(problem);
        for (size_t i = 0; i < ret_config->n_problems; i++)
                check_problem(ret_config->problems[i]);
        check_values(ret_config);
        return r == 0;
}

static void check_printed(const struct tree *tree, const struct config *config)
{
        struct config again;
        char *text = NULL, path[128];
        size_t size;
        FILE *f = open_memstream(&text, &size);

        FUZZ_CHECK(f);
        config_print(config, f);
        FUZZ_CHECK(fclose(f) == 0);
        tree_write(tree, "/printed.conf", text);
        free(text);
        (void)snprintf(path, sizeof(path), "%s/printed.conf", tree->root);
        load(tree, path, false, &again);
        FUZZ_CHECK(again.n_problems == 0);
        FUZZ_CHECK(again.headroom.policy == config->headroom.policy);
        FUZZ_CHECK(again.headroom.reserve == config->headroom.reserve);
        FUZZ_CHECK(again.log_level == config->log_level);
        FUZZ_CHECK(again.n_users == config->n_users);
        for (size_t i = 0; i < config->n_users; i++)
                FUZZ_CHECK(config_weight(&again, config->users[i].uid) == config->users[i].weight);
        config_finish(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct tree tree;
        struct input in = {data, size};
        struct config config;
        bool has_nul = false, is_bad[N_PATHS] = {false}, is_there[N_PATHS];
        const uint8_t *part;
        size_t len;

        if (!*tree.root) {
                unsetenv("XDG_CONFIG_HOME");
                unsetenv("HOME");
                tree_make(&tree);
        }
        for (size_t i = 0; i < N_PATHS; i++)
                if (input_part(&in, "%%", &part, &len)) {
                        is_there[i] = true;
                        tree_write_bytes(&tree, paths[i], part, len);
                        is_bad[i] = len > 0 && memchr(part, 0, len);
                } else {
                        tree_remove(&tree, paths[i]);
                        is_there[i] = false;
                }
        is_bad[REPLACED] &= !is_there[REPLACING];
        for (size_t i = 0; i < N_PATHS; i++)
                has_nul |= is_bad[i];
        if (load(&tree, NULL, has_nul, &config))
                check_printed(&tree, &config);
        config_finish(&config);
        return 0;
}
