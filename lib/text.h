/* Text that is made, and text that came from elsewhere, made safe to print. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* What a format makes of its arguments; malloc'ed, NULL for want of memory. */
char *text_format(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

bool text_is_utf8(const char *text);

/* The text with control characters (ASCII's and C1), and those that turn the direction of writing, as \xNN or
 * \uNNNN; malloc'ed, NULL for want of memory. Bytes that are not UTF-8 come out as \xNN. */
char *text_escape(const char *text);

/* Copies as much of the text as there is room for, in whole characters; bytes that are not UTF-8 become '?'. */
void text_fit(const char *text, char *buf, size_t size);
