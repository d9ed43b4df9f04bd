/* schedd: lends the machine's CPUs to runs. schedd(8) describes it. */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <string.h>

#include "daemon/config.h"
#include "daemon/log.h"
#include "daemon/server.h"
#include "daemon/status.h"
#include "lib/util.h"

enum {
        EXIT_USAGE = 2,
        LARGE_BYTES = 16 * 1024,
        OPTION_SOCKET = 256,
        OPTION_IDLE_EXIT,
        OPTION_DEFER_TO,
        OPTION_CONFIG,
        OPTION_ROOT,
        OPTION_SAMPLE_MS,
        OPTION_LOG_LEVEL,
        OPTION_CHECK_CONFIG,
        OPTION_SHOW_MACHINE,
        OPTION_VERSION,
};

static const char usage[] =
        "Usage: schedd [OPTION]...\n"
        "Lends CPUs to runs. Listens on the socket that systemd passes, or on --socket.\n"
        "\n"
        "  --socket PATH        listen on PATH, and remove it when leaving\n"
        "  --idle-exit SECONDS  leave after so long without leases and connections; 0 never (default)\n"
        "  --defer-to PATH      lend nothing while a service answers on PATH\n"
        "  --config FILE        read the configuration from FILE alone\n"
        "  --root DIR           read the machine and its configuration below DIR\n"
        "  --sample-ms MS       read the sensors every MS milliseconds, and take it for a second (for testing)\n"
        "  --log-level LEVEL    error, warning, notice, info or debug; otherwise the configuration's\n"
        "  --check-config       print the configuration, or what is wrong with it, and leave\n"
        "  --show-machine       print the machine as GetMachine answers it, and leave\n"
        "  --help, --version\n";

static int parse_seconds(const char *text, double *ret_seconds)
{
        char *end;

        errno = 0;
        double seconds = strtod(text, &end);
        if (end == text || *end || errno || !(seconds >= 0 && seconds <= 1e9))
                return -EINVAL;
        *ret_seconds = seconds;
        return 0;
}

static int parse_sample(const char *text, unsigned *ret_ms)
{
        double ms;

        if (parse_seconds(text, &ms) < 0 || ms < 1 || ms > SERVER_SAMPLE_MS)
                return -EINVAL;
        *ret_ms = (unsigned)ms;
        return 0;
}

/* What to do in place of serving. */
struct instead {
        bool show_machine;
        bool check_config;
};

/* 0 to go on, else the exit status + 1. */
static int parse_options(int argc, char **argv, struct server_settings *settings, struct instead *instead)
{
        static const struct option options[] = {
                {"socket", required_argument, NULL, OPTION_SOCKET},
                {"idle-exit", required_argument, NULL, OPTION_IDLE_EXIT},
                {"defer-to", required_argument, NULL, OPTION_DEFER_TO},
                {"config", required_argument, NULL, OPTION_CONFIG},
                {"root", required_argument, NULL, OPTION_ROOT},
                {"sample-ms", required_argument, NULL, OPTION_SAMPLE_MS},
                {"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
                {"check-config", no_argument, NULL, OPTION_CHECK_CONFIG},
                {"show-machine", no_argument, NULL, OPTION_SHOW_MACHINE},
                {"help", no_argument, NULL, 'h'},
                {"version", no_argument, NULL, OPTION_VERSION},
                {0},
        };
        int option, r = 0;

        while (r == 0 && (option = getopt_long(argc, argv, "h", options, NULL)) >= 0)
                switch (option) {
                case OPTION_SOCKET:
                        settings->socket = optarg;
                        r = optarg[0] == '/' ? 0 : -EINVAL;
                        break;
                case OPTION_IDLE_EXIT:
                        r = parse_seconds(optarg, &settings->idle_exit);
                        break;
                case OPTION_DEFER_TO:
                        settings->defer_to = optarg;
                        break;
                case OPTION_CONFIG:
                        settings->config = optarg;
                        break;
                case OPTION_ROOT:
                        settings->root = optarg;
                        break;
                case OPTION_SAMPLE_MS:
                        r = parse_sample(optarg, &settings->sample_ms);
                        break;
                case OPTION_LOG_LEVEL:
                        r = log_level_parse(optarg, &settings->log_level);
                        break;
                case OPTION_CHECK_CONFIG:
                        instead->check_config = true;
                        break;
                case OPTION_SHOW_MACHINE:
                        instead->show_machine = true;
                        break;
                case OPTION_VERSION:
                        puts("schedd " SCHEDCTL_VERSION);
                        return EXIT_SUCCESS + 1;
                case 'h':
                        fputs(usage, stdout);
                        return EXIT_SUCCESS + 1;
                default:
                        return EXIT_USAGE + 1;
                }
        if (r == 0 && optind == argc)
                return 0;
        fprintf(stderr, "schedd: %s: not understood; see schedd --help\n", r < 0 ? optarg : argv[optind]);
        return EXIT_USAGE + 1;
}

/* GetMachine's reply, without a service. */
static int show_machine(const char *root)
{
        struct machine machine;
        struct cpuset usable;
        int r = server_discover(root, &machine, &usable);

        if (r < 0)
                return r;
        json_t *reply = status_machine(&machine, &usable);
        r = reply && json_dumpf(reply, stdout, JSON_COMPACT) == 0 && puts("") >= 0 && fflush(stdout) == 0 ? 0 : -EIO;
        json_decref(reply);
        machine_finish(&machine);
        return r;
}

/* The configuration as it is merged; or everything that is wrong with it. */
static int check_config(const struct server_settings *settings)
{
        CLEANUP_FREE char *problem = NULL;
        CLEANUP(config_finish) struct config config;
        int r;

        config_init(&config);
        r = config_load(settings->root, settings->config, &config, &problem);
        if (r < 0) {
                fprintf(stderr, "schedd: %s\n", problem ? problem : strerror(-r));
                return r;
        }
        for (size_t i = 0; i < config.n_problems; i++)
                fprintf(stderr, "schedd: %s\n", config.problems[i]);
        if (config.n_problems > 0)
                return -EINVAL;
        config_print(&config, stdout);
        return fflush(stdout) == 0 ? 0 : -EIO;
}

int main(int argc, char **argv)
{
        struct server_settings settings = {.root = "", .sample_ms = SERVER_SAMPLE_MS};
        struct instead instead = {0};
        int r = parse_options(argc, argv, &settings, &instead);

        if (r != 0)
                return r - 1;
        /* What large messages took is given back to the system when they are gone. */
        mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
        if (settings.log_level)
                log_set_level(settings.log_level);
        if (instead.check_config)
                r = check_config(&settings);
        else
                r = instead.show_machine ? show_machine(settings.root) : server_run(&settings);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
