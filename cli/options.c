#include "cli/options.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/verbs.h"

enum {
        FIRST_RULE = 256, /* getopt_long()'s numbers of the rules; below are letters */
};

int options_refuse(const char *verb, const char *format, ...)
{
        va_list args;

        fprintf(stderr, "schedctl %s: ", verb);
        va_start(args, format);
        vfprintf(stderr, format, args);
        va_end(args);
        fprintf(stderr, "; see schedctl %s --help\n", verb);
        return VERB_USAGE;
}

static int read_number(const char *verb, const struct option_rule *rule, const char *text)
{
        unsigned long value;
        char *end;

        errno = 0;
        value = strtoul(text, &end, 10);
        if (*text < '0' || *text > '9' || errno || *end || value < rule->least || value > rule->most) {
                fprintf(stderr, "schedctl %s: --%s takes a number from %u to %u\n", verb, rule->name, rule->least,
                        rule->most);
                return VERB_USAGE + 1;
        }
        *rule->number = (unsigned)value;
        return 0;
}

static int apply(const char *verb, const struct option_rule *rule, const char *argument)
{
        switch (rule->type) {
        case OPTION_IS_FLAG:
                *rule->flag = true;
                return 0;
        case OPTION_IS_TEXT:
                *rule->text = argument;
                return 0;
        case OPTION_IS_NUMBER:
                return read_number(verb, rule, argument);
        }
        return 0;
}

/* getopt_long()'s tables: `letters` has room for a colon, "h" and two a rule. */
static void make_tables(const struct option_rule *rules, size_t n, struct option *table, char *letters)
{
        *letters++ = ':';
        *letters++ = 'h';
        for (size_t i = 0; i < n; i++) {
                int takes = rules[i].type == OPTION_IS_FLAG ? no_argument : required_argument;

                table[i] = (struct option){rules[i].name, takes, NULL, FIRST_RULE + (int)i};
                if (rules[i].letter)
                        *letters++ = rules[i].letter;
                if (rules[i].letter && takes == required_argument)
                        *letters++ = ':';
        }
        table[n] = (struct option){"help", no_argument, NULL, 'h'};
        table[n + 1] = (struct option){0};
        *letters = '\0';
}

static const struct option_rule *find_rule(const struct option_rule *rules, size_t n, int option)
{
        if (option >= FIRST_RULE && (size_t)(option - FIRST_RULE) < n)
                return &rules[option - FIRST_RULE];
        for (size_t i = 0; i < n; i++)
                if (rules[i].letter && rules[i].letter == option)
                        return &rules[i];
        return NULL;
}

/* What getopt_long() stumbled over: a letter among others, or a word. */
static int refuse_option(char **argv, int option)
{
        const char *verb = argv[0];

        if (option == ':')
                return options_refuse(verb, "'%s' lacks its argument", argv[optind - 1]) + 1;
        if (optopt > 0 && optopt < FIRST_RULE)
                return options_refuse(verb, "'-%c' is not understood", optopt) + 1;
        return options_refuse(verb, "'%s' is not understood", argv[optind - 1]) + 1;
}

int options_read(int argc, char **argv, const char *usage, const struct option_rule *rules, size_t n,
                 int *ret_arguments)
{
        struct option table[OPTION_RULES_MAX + 2];
        char letters[2 * OPTION_RULES_MAX + 3];
        int option, r = 0;

        assert(n <= OPTION_RULES_MAX);
        make_tables(rules, n, table, letters);
        opterr = 0;
        while (r == 0 && (option = getopt_long(argc, argv, letters, table, NULL)) >= 0) {
                const struct option_rule *rule = find_rule(rules, n, option);

                if (option == 'h') {
                        fputs(usage, stdout);
                        return 0 + 1;
                }
                r = rule ? apply(argv[0], rule, optarg) : refuse_option(argv, option);
        }
        if (r != 0)
                return r;
        if (!ret_arguments && optind < argc)
                return options_refuse(argv[0], "'%s' is not understood", argv[optind]) + 1;
        if (ret_arguments)
                *ret_arguments = optind;
        return 0;
}
