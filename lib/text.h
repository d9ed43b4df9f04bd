/* Text that came from elsewhere, made safe to print. */
#pragma once

/* The text with control characters (ASCII's and C1), and those that turn the direction of writing, as \xNN or
 * \uNNNN; malloc'ed, NULL for want of memory. Bytes that are not UTF-8 come out as \xNN. */
char *text_escape(const char *text);
