#include "cli/run_settings.h"

#include <stdio.h>
#include <string.h>

#include "lib/util.h"

typedef bool (*setting_reader)(const json_t *value, struct run_settings *settings);

static bool read_number(const json_t *value, unsigned most, unsigned *ret_number)
{
        json_int_t number = json_integer_value(value);

        if (!json_is_integer(value) || number < 1 || number > (json_int_t)most)
                return false;
        *ret_number = (unsigned)number;
        return true;
}

static bool read_workers(const json_t *value, struct run_settings *settings)
{
        return read_number(value, RUN_COUNT_MAX, &settings->workers);
}

static bool read_max_workers(const json_t *value, struct run_settings *settings)
{
        return read_number(value, RUN_COUNT_MAX, &settings->max_workers);
}

static bool read_max_items(const json_t *value, struct run_settings *settings)
{
        return read_number(value, RUN_TURNS_MAX, &settings->max_items);
}

static bool read_max_worker_memory(const json_t *value, struct run_settings *settings)
{
        return read_number(value, RUN_MEMORY_MAX, &settings->max_worker_memory);
}

static bool read_start(const json_t *value, struct run_settings *settings)
{
        const char *text = json_string_value(value);

        return text && run_start_parse(text, &settings->start);
}

static bool read_item_timeout(const json_t *value, struct run_settings *settings)
{
        double seconds = json_number_value(value);

        if (!json_is_number(value) || !(seconds >= 0 && seconds <= RUN_ITEM_TIMEOUT_MAX))
                return false;
        settings->item_timeout = seconds;
        return true;
}

static bool read_confirm_failures(const json_t *value, struct run_settings *settings)
{
        settings->confirm_failures = json_is_true(value);
        return json_is_boolean(value);
}

static bool workers_given(const struct run_options *o)
{
        return o->workers > 0;
}

static bool max_workers_given(const struct run_options *o)
{
        return o->max_workers > 0;
}

static bool max_items_given(const struct run_options *o)
{
        return o->max_items_given;
}

static bool max_worker_memory_given(const struct run_options *o)
{
        return o->max_worker_memory_given;
}

static bool start_given(const struct run_options *o)
{
        return o->start_given;
}

static bool item_timeout_given(const struct run_options *o)
{
        return o->item_timeout_given;
}

static bool confirm_failures_given(const struct run_options *o)
{
        return o->confirm_failures_given;
}

static const struct {
        const char *field, *key, *wanted; /* of hello; in the project's file; what it takes */
        setting_reader read;
        bool (*given)(const struct run_options *options); /* on the command line or in the environment */
} readers[] = {
        {"workers", "workers", "a number from 1 to 4096", read_workers, workers_given},
        {"max_workers", "max-workers", "a number from 1 to 4096", read_max_workers, max_workers_given},
        {"max_items_per_worker", "max-items-per-worker", "a number from 1 to 1000000000", read_max_items,
         max_items_given},
        {"max_worker_memory", "max-worker-memory", "MiB from 1 to 1073741824", read_max_worker_memory,
         max_worker_memory_given},
        {"start", "start", "\"auto\", \"fork\" or \"spawn\"", read_start, start_given},
        {"item_timeout", "item-timeout", "a number of seconds from 0 to 604800", read_item_timeout, item_timeout_given},
        {"confirm_failures", "confirm-failures", "true or false", read_confirm_failures, confirm_failures_given},
};

/* Names one more setting, as far as there is room. */
static void complain(const char *key, const json_t *value, const char *wanted, char *complaint)
{
        CLEANUP_FREE char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
        size_t used = strlen(complaint);

        snprintf(complaint + used, RUN_SETTINGS_COMPLAINT_MAX - used, "%s%s is %.64s, which has to be %s",
                 used ? "; " : "", key, text ? text : "?", wanted);
}

void run_settings_weigh(const struct run_options *o, const json_t *file, struct run_settings *ret_settings,
                        char ret_complaint[static RUN_SETTINGS_COMPLAINT_MAX])
{
        struct run_settings s = {
                .workers = o->workers,
                .max_workers = o->max_workers,
                .max_items = o->max_items,
                .max_worker_memory = o->max_worker_memory,
                .start = o->start,
                .item_timeout = o->item_timeout,
                .confirm_failures = o->confirm_failures,
                .of_file = json_object(),
        };

        *ret_complaint = '\0';
        for (size_t i = 0; i < ELEMENTSOF(readers); i++) {
                json_t *value = json_object_get(file, readers[i].field);
                struct run_settings read = s;

                if (!value)
                        continue;
                if (!readers[i].read(value, &read)) {
                        complain(readers[i].key, value, readers[i].wanted, ret_complaint);
                } else if (!readers[i].given(o)) {
                        s = read;
                        json_object_set(s.of_file, readers[i].key, value);
                }
        }
        if (s.max_workers && s.workers > s.max_workers) /* one of the two is the file's, or both are */
                s.workers = s.max_workers;
        *ret_settings = s;
}

void run_settings_finish(struct run_settings *s)
{
        json_decref(s->of_file);
        *s = (struct run_settings){0};
}
