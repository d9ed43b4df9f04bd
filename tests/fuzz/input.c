#include "tests/fuzz/input.h"

#include <stdlib.h>
#include <string.h>

uint8_t input_byte(struct input *in)
{
        if (in->left == 0)
                return 0;
        in->left--;
        return *in->at++;
}

uint32_t input_u32(struct input *in)
{
        uint32_t n = 0;

        for (unsigned i = 0; i < 4; i++)
                n |= (uint32_t)input_byte(in) << 8 * i;
        return n;
}

uint64_t input_u64(struct input *in)
{
        uint64_t low = input_u32(in);

        return low | (uint64_t)input_u32(in) << 32;
}

unsigned input_below(struct input *in, unsigned n)
{
        unsigned byte = input_byte(in);

        return (n > 256 ? byte | (unsigned)input_byte(in) << 8 : byte) % n;
}

size_t input_bytes(struct input *in, size_t most, const uint8_t **ret_bytes)
{
        size_t len = input_byte(in);

        if (most > 255)
                len |= (size_t)input_byte(in) << 8;
        if (len > most)
                len = most;
        if (len > in->left)
                len = in->left;
        *ret_bytes = in->at;
        in->at += len;
        in->left -= len;
        return len;
}

bool input_part(struct input *in, const char *separator, const uint8_t **ret_part, size_t *ret_len)
{
        size_t n = strlen(separator);
        const uint8_t *end = NULL;

        if (in->left == 0)
                return false;
        for (size_t i = 0; !end && i + n < in->left; i++)
                if ((i == 0 || in->at[i - 1] == '\n') && memcmp(in->at + i, separator, n) == 0 && in->at[i + n] == '\n')
                        end = in->at + i;
        *ret_part = in->at;
        *ret_len = end ? (size_t)(end - in->at) : in->left;
        in->left -= end ? *ret_len + n + 1 : in->left;
        in->at += end ? *ret_len + n + 1 : *ret_len;
        return true;
}

bool input_line(struct input *in, const uint8_t **ret_line, size_t *ret_len)
{
        const uint8_t *end = in->left > 0 ? memchr(in->at, '\n', in->left) : NULL;

        if (in->left == 0)
                return false;
        *ret_line = in->at;
        *ret_len = end ? (size_t)(end - in->at) : in->left;
        in->at += *ret_len + (end != NULL);
        in->left -= *ret_len + (end != NULL);
        return true;
}

char *input_copy(const uint8_t *bytes, size_t len)
{
        char *text = malloc(len + 1);

        if (!text)
                abort();
        if (len > 0)
                memcpy(text, bytes, len);
        text[len] = '\0';
        return text;
}
