/* Broken sensors through to the decision: trees of files with some of them spoilt, read and judged.
 *
 * usage: test-headroom-fuzz [FIRST [N]]: N cases from number FIRST on; a case depends on its number alone.
 *
 * Whatever the files are: reading never fails, blocks or crashes; what is not spoilt is read as before; the governor
 * lends at least one PU and no more than there are, and names every temperature that is of no use.
 */
#include <errno.h>
#include <math.h>

#include "core/governor.h"
#include "lib/util.h"
#include "tests/unit/sensor-sample.h"

enum {
        CASES = 10000,
        SPOILT_MAX = 6, /* files of one case */
        STEPS_MAX = 4,
        PATH_SIZE = 160,
};

/* A tree that stays: what a case spoils is mended after it. */
struct model {
        const struct tree_file *files;
        size_t n_files;
        struct tree tree;
        struct machine machine;
        struct {
                char name[READINGS_NAME_MAX];
                char folder[PATH_SIZE];
        } zones[READINGS_ZONES_MAX]; /* of the tree as it should be */
        unsigned n_zones;
};

struct scene {
        unsigned long number;
        uint64_t random;
        struct model *model;
        char spoilt[SPOILT_MAX][PATH_SIZE];
        unsigned n_spoilt;
        uint64_t now;
};

#define FUZZ_CHECK(scene, condition)                                                                                   \
        do {                                                                                                           \
                if (!(condition))                                                                                      \
                        fail(scene, __LINE__, #condition);                                                             \
        } while (0)

static _Noreturn void fail(const struct scene *s, int line, const char *condition)
{
        fprintf(stderr, "%s:%d: failed: %s\nagain: test-headroom-fuzz %lu 1; spoilt:\n", __FILE__, line, condition,
                s->number);
        for (unsigned i = 0; i < s->n_spoilt; i++)
                fprintf(stderr, "  %s\n", s->spoilt[i]);
        exit(1);
}

/* Vigna's splitmix64. */
static uint64_t next_random(struct scene *s)
{
        uint64_t z = s->random += UINT64_C(0x9e3779b97f4a7c15);

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return z ^ (z >> 31);
}

static unsigned below(struct scene *s, unsigned n)
{
        return (unsigned)(next_random(s) % n);
}

static void folder_of(const char *path, char folder[PATH_SIZE])
{
        (void)snprintf(folder, PATH_SIZE, "%.*s", (int)(strrchr(path, '/') - path), path);
}

/* Which folder a zone is read from: its temperature changes with the file's. */
static void find_folder(struct model *model, const struct tree_file *file)
{
        struct readings readings;

        tree_write(&model->tree, file->path, "12345\n");
        readings = sample_once(&model->tree, &model->machine);
        tree_write(&model->tree, file->path, file->text);
        for (unsigned i = 0; i < readings.n_zones; i++)
                if (readings.zones[i].millicelsius == 12345) {
                        memcpy(model->zones[model->n_zones].name, readings.zones[i].name, READINGS_NAME_MAX);
                        folder_of(file->path, model->zones[model->n_zones].folder);
                        model->n_zones++;
                }
}

static bool ends_with(const char *text, const char *end)
{
        return strlen(text) >= strlen(end) && strcmp(text + strlen(text) - strlen(end), end) == 0;
}

static void model_begin(struct model *model, enum tree_model which)
{
        *model = (struct model){.machine = tree_model_machine(which)};
        model->files = tree_model_files(which, &model->n_files);
        tree_make(&model->tree);
        tree_write_all(&model->tree, model->files, model->n_files);
        for (size_t i = 0; i < model->n_files; i++)
                if (ends_with(model->files[i].path, "_input") || ends_with(model->files[i].path, "/temp"))
                        find_folder(model, &model->files[i]);
        CHECK_INT(model->n_zones, sample_once(&model->tree, &model->machine).n_zones);
}

static void model_end(struct model *model)
{
        tree_finish(&model->tree);
        machine_finish(&model->machine);
}

static void write_noise(struct scene *s, const char *path, unsigned most)
{
        char bytes[256];
        unsigned n = below(s, most);

        for (unsigned i = 0; i < n; i++)
                bytes[i] = (char)next_random(s);
        tree_write_bytes(&s->model->tree, path, bytes, n);
}

/* The file's own text with one byte changed, or cut. */
static void write_damaged(struct scene *s, const char *path, const char *text)
{
        char damaged[256];
        size_t n = strnlen(text, sizeof(damaged));

        memcpy(damaged, text, n);
        if (below(s, 2))
                damaged[below(s, (unsigned)n)] ^= (char)(1u << below(s, 8));
        else
                n = below(s, (unsigned)n);
        tree_write_bytes(&s->model->tree, path, damaged, n);
}

/* A number of any size, with or without what belongs around it. */
static void write_number(struct scene *s, const char *path)
{
        static const char *const formats[] = {"%lld\n",  "%lld",     "%lld\r\n", " %lld \n",
                                              "-%lld\n", "%lld.5\n", "%lld\n1\n"};
        char text[64];
        long long number = (long long)(next_random(s) >> (1 + below(s, 63)));
        const char *format = formats[below(s, ELEMENTSOF(formats))];
        const char *at = strstr(format, "%lld");

        (void)snprintf(text, sizeof(text), "%.*s%lld%s", (int)(at - format), format, number, at + 4);
        tree_write(&s->model->tree, path, text);
}

static void write_text(struct scene *s, const char *path)
{
        static const char *const texts[] = {
                "",
                "\n",
                "0\n",
                "-1\n",
                "nan\n",
                "inf\n",
                "1e9\n",
                "0x7f\n",
                "4294967296\n",
                "-274000\n",
                "18446744073709551616\n",
                "<unknown>\n",
                "disabled\n",
                "9223372036854775807\n",
                "-9223372036854775808\n",
                "Package id 99999999999\n",
                "some avg10=\n",
                "MemTotal: 5 kB\nMemAvailable: 99999999999999999999 kB\n",
        };

        tree_write(&s->model->tree, path, texts[below(s, ELEMENTSOF(texts))]);
}

static void write_long(struct scene *s, const char *path)
{
        char digits[5000];
        unsigned n = below(s, 2) ? 400 : sizeof(digits);

        memset(digits, '0' + (int)below(s, 10), n);
        tree_write_bytes(&s->model->tree, path, digits, n);
}

static void spoil_path(struct scene *s, const char *path, const char *text)
{
        const struct tree *tree = &s->model->tree;

        switch (below(s, 16)) {
        case 0:
                tree_remove(tree, path);
                break;
        case 1:
                tree_folder(tree, path);
                break;
        case 2:
                tree_fifo(tree, path);
                break;
        case 3:
                tree_link(tree, path, strrchr(path, '/') + 1); /* to itself */
                break;
        case 4:
                tree_link(tree, path, "/proc/self/mem"); /* reads as EIO */
                break;
        case 5:
                tree_link(tree, path, "/dev/zero");
                break;
        case 6:
                write_noise(s, path, 256);
                break;
        case 7:
                write_noise(s, path, 8);
                break;
        case 8:
                write_long(s, path);
                break;
        case 9:
        case 10:
                write_text(s, path);
                break;
        case 11:
        case 12:
                write_damaged(s, path, text);
                break;
        default:
                write_number(s, path);
                break;
        }
}

/* One file, or now and then all of a sensor. */
static void spoil(struct scene *s)
{
        const struct tree_file *file = &s->model->files[below(s, (unsigned)s->model->n_files)];
        char *path = s->spoilt[s->n_spoilt];

        if (s->n_spoilt == SPOILT_MAX)
                return;
        if (below(s, 16) == 0)
                folder_of(file->path, path);
        else
                (void)snprintf(path, PATH_SIZE, "%s", file->path);
        /* Not below something that is spoilt already. */
        for (unsigned i = 0; i < s->n_spoilt; i++)
                if (strncmp(path, s->spoilt[i], strlen(s->spoilt[i])) == 0)
                        return;
        s->n_spoilt++;
        spoil_path(s, path, file->text);
}

static bool is_at_or_below(const char *path, const char *folder)
{
        size_t n = strlen(folder);

        return strncmp(path, folder, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static void mend(struct scene *s)
{
        for (unsigned i = 0; i < s->n_spoilt; i++)
                tree_remove(&s->model->tree, s->spoilt[i]);
        for (unsigned i = 0; i < s->n_spoilt; i++) {
                for (size_t k = 0; k < s->model->n_files; k++)
                        if (is_at_or_below(s->model->files[k].path, s->spoilt[i]))
                                tree_write(&s->model->tree, s->model->files[k].path, s->model->files[k].text);
        }
}

/* Sensors of folders that were left alone say what they should. */
static void check_readings(const struct scene *s, const struct readings *r)
{
        for (unsigned i = 0; i < s->model->n_zones; i++) {
                const struct readings_zone *zone = sample_zone(r, s->model->zones[i].name);
                bool spoilt = false;

                for (unsigned k = 0; k < s->n_spoilt; k++)
                        spoilt = spoilt || is_at_or_below(s->spoilt[k], s->model->zones[i].folder);
                FUZZ_CHECK(s, spoilt || (zone && zone->error == 0 && zone->millicelsius > 0));
        }
        FUZZ_CHECK(s, !sample_judge(r));
}

static bool is_ignored(const struct governor_decision *decision, const char *name)
{
        for (unsigned i = 0; i < decision->n_ignored; i++)
                if (strcmp(decision->ignored[i].name, name) == 0)
                        return decision->ignored[i].why && *decision->ignored[i].why;
        return false;
}

static bool is_text(const char *text, size_t size)
{
        return strnlen(text, size) < size && *text;
}

static void check_decision(const struct scene *s, const struct readings *r, const struct governor_situation *situation,
                           const struct governor_decision *d)
{
        unsigned usable = cpuset_count(situation->usable), runs = situation->n_runs > 0 ? situation->n_runs : 1;

        FUZZ_CHECK(s, d->usable == usable);
        FUZZ_CHECK(s, d->budget >= 1 && d->budget >= (runs < usable ? runs : usable) && d->budget <= usable);
        FUZZ_CHECK(s, isfinite(d->level));
        FUZZ_CHECK(s, d->nice >= 0 && d->nice <= 19);
        FUZZ_CHECK(s, d->cause < GOVERNOR_CAUSES);
        FUZZ_CHECK(s, d->n_limits <= GOVERNOR_CAUSES && d->n_ignored <= GOVERNOR_IGNORED_MAX);
        FUZZ_CHECK(s, is_text(d->text, sizeof(d->text)));
        for (unsigned i = 0; i < d->n_limits; i++) {
                FUZZ_CHECK(s, d->limits[i].pus >= 1 && d->limits[i].pus <= usable);
                FUZZ_CHECK(s, is_text(d->limits[i].what, sizeof(d->limits[i].what)));
        }
        for (unsigned i = 0; i < r->n_zones; i++) {
                const struct readings_zone *zone = &r->zones[i];

                if (zone->error || zone->millicelsius < -40000 || zone->millicelsius > 150000)
                        FUZZ_CHECK(s, is_ignored(d, zone->name));
        }
}

/* Mostly a second later; at times at once, after hours, or before. */
static void advance(struct scene *s)
{
        static const int64_t steps[] = {1000000, 1000000, 1000000, 1000000, 0, 7200000000, -500000};

        s->now += (uint64_t)steps[below(s, ELEMENTSOF(steps))];
}

static struct cpuset some_of(struct scene *s, const struct cpuset *pus)
{
        struct cpuset some = {0};

        CPUSET_FOREACH (pu, pus)
                if (below(s, 4))
                        cpuset_add(&some, pu);
        return some;
}

static void step(struct scene *s, struct hw_sensors *sensors, struct governor *governor)
{
        struct cpuset all = machine_cpuset(&s->model->machine), lent = some_of(s, &all);
        struct governor_situation situation = {
                .machine = &s->model->machine,
                .usable = &all,
                .lent = &lent,
                .n_runs = below(s, 4),
                .work_rate = below(s, 2) ? -1 : (double)below(s, 100) / 10,
                .worker_memory = below(s, 2) ? 0 : next_random(s) >> below(s, 64),
                .desktop = below(s, 2),
        };
        struct governor_decision decision;
        struct readings readings;

        advance(s);
        FUZZ_CHECK(s, hw_sensors_read(sensors, &lent, s->now, &readings) == 0);
        check_readings(s, &readings);
        governor_step(governor, &readings, &situation, &decision);
        check_decision(s, &readings, &situation, &decision);
}

static void run_case(struct model *models, unsigned long number)
{
        struct scene s = {.number = number, .random = number, .now = UINT64_C(1) << 40};
        struct governor_settings settings = {.reserve = -1};
        struct governor *governor;
        struct hw_sensors *sensors;
        struct hw_notes notes = {0};

        s.model = &models[below(&s, TREE_MODELS)];
        settings.policy = (enum governor_policy)below(&s, GOVERNOR_POLICIES);
        for (unsigned n = below(&s, 4); n > 0; n--)
                spoil(&s);
        CHECK_INT(governor_create(&settings, &governor), 0);
        FUZZ_CHECK(&s, hw_sensors_open(s.model->tree.root, &s.model->machine, &sensors, &notes) == 0);
        for (unsigned n = 1 + below(&s, STEPS_MAX); n > 0; n--) {
                step(&s, sensors, governor);
                if (below(&s, 2))
                        spoil(&s); /* while it is read */
        }
        step(&s, sensors, governor);
        hw_sensors_close(sensors);
        governor_destroy(governor);
        mend(&s);
}

int main(int argc, char **argv)
{
        unsigned long first = argc > 1 ? strtoul(argv[1], NULL, 10) : 0,
                      n = argc > 2 ? strtoul(argv[2], NULL, 10) : CASES;
        struct model models[TREE_MODELS];

        for (unsigned i = 0; i < TREE_MODELS; i++)
                model_begin(&models[i], (enum tree_model)i);
        for (unsigned long i = 0; i < n; i++)
                run_case(models, first + i);
        for (unsigned i = 0; i < TREE_MODELS; i++)
                model_end(&models[i]);
        return 0;
}
