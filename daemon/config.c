#include "daemon/config.h"

#include <errno.h>
#include <string.h>

#include "core/alloc.h"
#include "daemon/config_files.h"
#include "daemon/config_ini.h"
#include "hw/root.h"
#include "lib/text.h"

void config_init(struct config *config)
{
        *config = (struct config){0};
        for (unsigned i = 0; i < CONFIG_KEYS; i++)
                config_key_set(config, (enum config_key)i, "");
}

void config_finish(struct config *config)
{
        for (size_t i = 0; i < config->n_users; i++)
                free(config->users[i].origin);
        for (unsigned i = 0; i < CONFIG_KEYS; i++)
                free(config->origins[i]);
        for (size_t i = 0; i < config->n_problems; i++)
                free(config->problems[i]);
        free(config->users);
        free(config->problems);
        *config = (struct config){0};
}

unsigned config_weight(const struct config *config, uint32_t uid)
{
        for (size_t i = 0; i < config->n_users; i++)
                if (config->users[i].uid == uid)
                        return config->users[i].weight;
        return ALLOC_WEIGHT_DEFAULT;
}

/* Problems. */

static void format_in_force(const struct config *config, const struct config_fault *fault,
                            char value[static CONFIG_VALUE_MAX])
{
        if (fault->of_user)
                snprintf(value, CONFIG_VALUE_MAX, "%u", config_weight(config, fault->uid));
        else if (fault->key < CONFIG_KEYS)
                config_key_format(config, fault->key, value);
        else
                value[0] = '\0';
}

static char *problem_text(const struct config *config, const struct config_fault *fault)
{
        CLEANUP_FREE char *text = NULL;
        char value[CONFIG_VALUE_MAX];
        int n;

        format_in_force(config, fault, value);
        n = *value ? asprintf(&text, "%s; %s is in force", fault->text, value)
                   : asprintf(&text, "%s; ignored", fault->text);
        return n < 0 ? NULL : text_escape(text);
}

static int tell_problems(const struct config_reading *reading)
{
        struct config *config = reading->config;

        if (reading->n_faults == 0)
                return 0;
        config->problems = calloc(reading->n_faults, sizeof(*config->problems));
        if (!config->problems)
                return -ENOMEM;
        for (; config->n_problems < reading->n_faults; config->n_problems++) {
                char *text = problem_text(config, &reading->faults[config->n_problems]);

                if (!text)
                        return -ENOMEM;
                config->problems[config->n_problems] = text;
        }
        return 0;
}

/* Loading. */

/* What cannot be read, and why. */
static char *describe(const char *path, int error)
{
        CLEANUP_FREE char *escaped = path ? text_escape(path) : NULL;
        char *text;

        if (!escaped || asprintf(&text, "%s: %s", escaped, error == -EBADMSG ? "not a text" : strerror(-error)) < 0)
                return NULL;
        return text;
}

static int load_file(const char *root, const char *path, struct config_reading *reading)
{
        CLEANUP_FREE char *text = NULL;
        size_t len;
        int r = hw_root_read(root, path, &text, &len);

        if (r < 0)
                return r;
        return strlen(text) < len ? -EBADMSG : config_ini_read(reading, path, text);
}

/* Of the usual places none need be there. */
static int load_usual(const char *root, struct config_reading *reading, char **ret_path)
{
        CLEANUP(config_files_finish) struct config_files files = {0};
        int r = config_files_list(root, &files, ret_path);

        for (size_t i = 0; i < files.n && r == 0; i++) {
                r = load_file(root, files.paths[i], reading);
                if (r == -ENOENT || r == -ENOTDIR)
                        r = 0;
                if (r < 0)
                        *ret_path = TAKE(files.paths[i]);
        }
        return r;
}

static int load(const char *root, const char *file, struct config_reading *reading, char **ret_path)
{
        int r;

        if (!file)
                r = load_usual(root, reading, ret_path);
        else if ((r = load_file("", file, reading)) < 0)
                *ret_path = strdup(file);
        return r < 0 ? r : tell_problems(reading);
}

int config_load(const char *root, const char *file, struct config *ret_config, char **ret_problem)
{
        struct config config;
        struct config_reading reading = {.config = &config};
        CLEANUP_FREE char *path = NULL;

        config_init(&config);
        int r = load(root, file, &reading, &path);
        config_reading_finish(&reading);
        if (r < 0) {
                config_finish(&config);
                *ret_problem = describe(path, r);
                return r;
        }
        *ret_config = config;
        return 0;
}

/* Printing. */

static void print_setting(FILE *to, const char *name, const char *value, const char *origin)
{
        CLEANUP_FREE char *from = origin ? text_escape(origin) : NULL;

        fprintf(to, "%s=%s ; %s\n", name, value, origin ? from ? from : "?" : "built in");
}

void config_print(const struct config *config, FILE *to)
{
        const char *section = "";
        char value[CONFIG_VALUE_MAX], name[16];

        for (unsigned i = 0; i < CONFIG_KEYS; i++) {
                enum config_key key = (enum config_key)i;

                if (strcmp(section, config_key_section(key)) != 0)
                        fprintf(to, "%s[%s]\n", *section ? "\n" : "", config_key_section(key));
                section = config_key_section(key);
                config_key_format(config, key, value);
                print_setting(to, config_key_name(key), value, config->origins[i]);
        }
        if (config->n_users > 0)
                fprintf(to, "\n[" CONFIG_USERS "]\n");
        for (size_t i = 0; i < config->n_users; i++) {
                snprintf(name, sizeof(name), "%u", config->users[i].uid);
                snprintf(value, sizeof(value), "%u", config->users[i].weight);
                print_setting(to, name, value, config->users[i].origin);
        }
}
