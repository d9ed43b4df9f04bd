/* The settings that have a key of their own: their names, and their values as text. */
#pragma once

#include "daemon/config.h"

enum {
        CONFIG_VALUE_MAX = 32, /* bytes of any key's value, its NUL included */
};

#define CONFIG_USERS "Users" /* the section whose keys are users */

/* The key of that section and name; CONFIG_KEYS where there is none. */
enum config_key config_key_find(const char *section, const char *name);
/* Whether there is such a section at all, [Users] included. */
bool config_section_exists(const char *section);

const char *config_key_section(enum config_key key);
const char *config_key_name(enum config_key key);
/* What its value may be, to follow "is not ". */
const char *config_key_expects(enum config_key key);

/* Takes a value; "" is the built-in one. -EINVAL where it is none. */
int config_key_set(struct config *config, enum config_key key, const char *value);
void config_key_format(const struct config *config, enum config_key key, char ret_value[static CONFIG_VALUE_MAX]);

/* A whole number in decimal digits and nothing else. -EINVAL. */
int config_parse_number(const char *text, unsigned least, unsigned most, unsigned *ret_number);
