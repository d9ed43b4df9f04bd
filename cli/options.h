/* The command line of a verb: getopt_long() by a table of what the verb takes.
 *
 *     struct option_rule rules[] = {OPTION_FLAG("json", 0, &json), OPTION_NUMBER("max", 0, &max, 1, CPUSET_MAX)};
 *     int r = options_read(argc, argv, usage, rules, ELEMENTSOF(rules), NULL);
 *
 * --help and -h are there in every verb.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
        OPTION_RULES_MAX = 15,
};

enum option_type {
        OPTION_IS_FLAG,
        OPTION_IS_TEXT,
        OPTION_IS_NUMBER,
};

/* Made by the macros below. letter: the short form, 0 none. */
struct option_rule {
        const char *name;
        enum option_type type;
        char letter;
        bool *flag;
        const char **text; /* points into argv */
        unsigned *number;
        unsigned least, most;
};

#define OPTION_FLAG(name_, letter_, flag_)                                                                             \
        {                                                                                                              \
                .name = (name_), .type = OPTION_IS_FLAG, .letter = (letter_), .flag = (flag_)                          \
        }
#define OPTION_TEXT(name_, letter_, text_)                                                                             \
        {                                                                                                              \
                .name = (name_), .type = OPTION_IS_TEXT, .letter = (letter_), .text = (text_)                          \
        }
#define OPTION_NUMBER(name_, letter_, number_, least_, most_)                                                          \
        {                                                                                                              \
                .name = (name_), .type = OPTION_IS_NUMBER, .letter = (letter_), .number = (number_),                   \
                .least = (least_), .most = (most_)                                                                     \
        }

/* argv[0] is the verb's name. Options may stand behind arguments; those are moved to the end, and *ret_arguments is the
 * index of the first; NULL where the verb takes none. 0 to go on, else the exit status + 1: the usage, or what is not
 * understood, has been printed. */
int options_read(int argc, char **argv, const char *usage, const struct option_rule *rules, size_t n,
                 int *ret_arguments);

/* "schedctl VERB: " and what is wrong with the command line, and where to read on; VERB_USAGE. */
int options_refuse(const char *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));
