/* A fuzzer's bytes as numbers and texts. Where they have run out everything is 0 and empty, so that any prefix of an
 * input is an input. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct input {
        const uint8_t *at;
        size_t left;
};

uint8_t input_byte(struct input *in);
/* Little-endian. */
uint32_t input_u32(struct input *in);
uint64_t input_u64(struct input *in);
/* In [0, n); n > 0. */
unsigned input_below(struct input *in, unsigned n);
/* At most `most` bytes, as many as a length before them says; *ret_text points into the input. */
size_t input_bytes(struct input *in, size_t most, const uint8_t **ret_bytes);
/* Up to a line of `separator` alone (which is taken too), or the end. False where nothing is left. */
bool input_part(struct input *in, const char *separator, const uint8_t **ret_part, size_t *ret_len);
/* Up to a newline (which is taken too), or the end. False where nothing is left. */
bool input_line(struct input *in, const uint8_t **ret_line, size_t *ret_len);
/* A malloc'ed, NUL-terminated copy; cut at the first NUL by whoever takes it for text. */
char *input_copy(const uint8_t *bytes, size_t len);
