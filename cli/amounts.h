/* Amounts as people read them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
        AMOUNT_MAX = 32, /* bytes of any of these texts */
};

/* "14s", "2m05s", "1h03m". */
void amount_time(uint64_t ms, char ret_text[static AMOUNT_MAX]);
/* A reading's value with its unit, "94 °C", "42.0 W", "5.2 GiB", "85 %"; "-" for NaN. */
void amount_value(double value, const char *unit, char ret_text[static AMOUNT_MAX]);
/* A work rate, "3.2x"; "-" below 0. */
void amount_rate(double rate, char ret_text[static AMOUNT_MAX]);
