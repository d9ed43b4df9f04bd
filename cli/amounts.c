#include "cli/amounts.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void amount_time(uint64_t ms, char ret_text[static AMOUNT_MAX])
{
        uint64_t s = ms / 1000;

        if (s < 60)
                (void)snprintf(ret_text, AMOUNT_MAX, "%" PRIu64 "s", s);
        else if (s < 3600)
                (void)snprintf(ret_text, AMOUNT_MAX, "%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
        else
                (void)snprintf(ret_text, AMOUNT_MAX, "%" PRIu64 "h%02" PRIu64 "m", s / 3600, s / 60 % 60);
}

static void amount_bytes(double bytes, char ret_text[static AMOUNT_MAX])
{
        static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
        size_t i = 0;

        for (; bytes >= 1024 && i + 1 < sizeof(units) / sizeof(units[0]); i++)
                bytes /= 1024;
        (void)snprintf(ret_text, AMOUNT_MAX, i > 0 && bytes < 100 ? "%.1f %s" : "%.0f %s", bytes, units[i]);
}

void amount_value(double value, const char *unit, char ret_text[static AMOUNT_MAX])
{
        if (!isfinite(value))
                (void)snprintf(ret_text, AMOUNT_MAX, "-");
        else if (strcmp(unit, "B") == 0)
                amount_bytes(value, ret_text);
        else if (strcmp(unit, "C") == 0)
                (void)snprintf(ret_text, AMOUNT_MAX, "%.0f °C", value);
        else if (strcmp(unit, "W") == 0)
                (void)snprintf(ret_text, AMOUNT_MAX, "%.1f W", value);
        else if (!*unit)
                (void)snprintf(ret_text, AMOUNT_MAX, "%.10g", value);
        else
                (void)snprintf(ret_text, AMOUNT_MAX,
                               fabs(value) < 10 && value != floor(value) ? "%.1f %.8s" : "%.0f %.8s", value, unit);
}

void amount_rate(double rate, char ret_text[static AMOUNT_MAX])
{
        if (rate < 0)
                (void)snprintf(ret_text, AMOUNT_MAX, "-");
        else
                (void)snprintf(ret_text, AMOUNT_MAX, rate < 99.95 ? "%.1fx" : "%.0fx", rate < 1e6 ? rate : 1e6);
}
