#include "daemon/config_keys.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

enum {
        NUMBER_DIGITS_MAX = 9,
};

int config_parse_number(const char *text, unsigned least, unsigned most, unsigned *ret_number)
{
        unsigned number = 0;
        size_t len = strlen(text);

        if (len == 0 || len > NUMBER_DIGITS_MAX)
                return -EINVAL;
        for (; *text; text++) {
                if (!isdigit((unsigned char)*text))
                        return -EINVAL;
                number = 10 * number + (unsigned)(*text - '0');
        }
        if (number < least || number > most)
                return -EINVAL;
        *ret_number = number;
        return 0;
}

static int set_policy(struct config *config, const char *value)
{
        if (!*value)
                config->headroom.policy = GOVERNOR_BALANCED;
        else if (!governor_policy_parse(value, &config->headroom.policy))
                return -EINVAL;
        return 0;
}

static void format_policy(const struct config *config, char value[static CONFIG_VALUE_MAX])
{
        snprintf(value, CONFIG_VALUE_MAX, "%s", governor_policy_text(config->headroom.policy));
}

static int set_reserve(struct config *config, const char *value)
{
        unsigned reserve;

        if (!*value || strcmp(value, "auto") == 0)
                config->headroom.reserve = -1;
        else if (config_parse_number(value, 0, CPUSET_MAX, &reserve) == 0)
                config->headroom.reserve = (int)reserve;
        else
                return -EINVAL;
        return 0;
}

static void format_reserve(const struct config *config, char value[static CONFIG_VALUE_MAX])
{
        if (config->headroom.reserve < 0)
                snprintf(value, CONFIG_VALUE_MAX, "auto");
        else
                snprintf(value, CONFIG_VALUE_MAX, "%d", config->headroom.reserve);
}

static int set_log_level(struct config *config, const char *value)
{
        if (*value)
                return log_level_parse(value, &config->log_level);
        config->log_level = log_level_default();
        return 0;
}

static void format_log_level(const struct config *config, char value[static CONFIG_VALUE_MAX])
{
        snprintf(value, CONFIG_VALUE_MAX, "%s", log_level_text(config->log_level));
}

static const struct {
        const char *section, *name, *expects;
        int (*set)(struct config *config, const char *value);
        void (*format)(const struct config *config, char value[static CONFIG_VALUE_MAX]);
} keys[CONFIG_KEYS] = {
        [CONFIG_POLICY] = {"Headroom", "Policy", "performance, balanced, quiet or battery", set_policy, format_policy},
        [CONFIG_RESERVE] = {"Headroom", "Reserve", "auto or a number of CPUs", set_reserve, format_reserve},
        [CONFIG_LOG_LEVEL] = {"Service", "LogLevel", "error, warning, notice, info or debug", set_log_level,
                              format_log_level},
};

enum config_key config_key_find(const char *section, const char *name)
{
        unsigned key = 0;

        while (key < CONFIG_KEYS && (strcmp(keys[key].section, section) != 0 || strcmp(keys[key].name, name) != 0))
                key++;
        return (enum config_key)key;
}

bool config_section_exists(const char *section)
{
        bool found = strcmp(section, CONFIG_USERS) == 0;

        for (unsigned key = 0; key < CONFIG_KEYS; key++)
                found |= strcmp(keys[key].section, section) == 0;
        return found;
}

const char *config_key_section(enum config_key key)
{
        return keys[key].section;
}

const char *config_key_name(enum config_key key)
{
        return keys[key].name;
}

const char *config_key_expects(enum config_key key)
{
        return keys[key].expects;
}

int config_key_set(struct config *config, enum config_key key, const char *value)
{
        return keys[key].set(config, value);
}

void config_key_format(const struct config *config, enum config_key key, char ret_value[static CONFIG_VALUE_MAX])
{
        keys[key].format(config, ret_value);
}
