#include "daemon/token.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/types.h>

#include <sha2.h>

static void format_hex(const unsigned char *bytes, size_t n, char *digits)
{
        static const char hex[] = "0123456789abcdef";

        for (size_t i = 0; i < n; i++) {
                digits[2 * i] = hex[bytes[i] >> 4];
                digits[2 * i + 1] = hex[bytes[i] & 15];
        }
        digits[2 * n] = '\0';
}

static int hex_value(char digit)
{
        if (digit >= '0' && digit <= '9')
                return digit - '0';
        if (digit >= 'a' && digit <= 'f')
                return digit - 'a' + 10;
        return -EINVAL;
}

int token_new(struct token *ret_token)
{
        unsigned char bytes[TOKEN_BYTES];
        ssize_t n;

        do
                n = getrandom(bytes, sizeof(bytes), 0);
        while (n < 0 && errno == EINTR);
        if (n != sizeof(bytes))
                return n < 0 ? -errno : -EIO;
        format_hex(bytes, sizeof(bytes), ret_token->digits);
        explicit_bzero(bytes, sizeof(bytes));
        return 0;
}

struct token_hash token_hash_of(const char *text)
{
        struct token_hash hash;
        SHA2_CTX context;

        SHA256Init(&context);
        SHA256Update(&context, (const uint8_t *)text, strlen(text));
        SHA256Final(hash.bytes, &context);
        explicit_bzero(&context, sizeof(context));
        return hash;
}

bool token_hash_equal(const struct token_hash *a, const struct token_hash *b)
{
        return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

void token_hash_format(const struct token_hash *hash, char ret_digits[static TOKEN_HASH_DIGITS + 1])
{
        format_hex(hash->bytes, sizeof(hash->bytes), ret_digits);
}

int token_hash_parse(const char *digits, struct token_hash *ret_hash)
{
        struct token_hash hash;

        if (strlen(digits) != TOKEN_HASH_DIGITS)
                return -EINVAL;
        for (size_t i = 0; i < sizeof(hash.bytes); i++) {
                int high = hex_value(digits[2 * i]), low = hex_value(digits[2 * i + 1]);

                if (high < 0 || low < 0)
                        return -EINVAL;
                hash.bytes[i] = (unsigned char)(high << 4 | low);
        }
        *ret_hash = hash;
        return 0;
}

uint64_t token_group(uint32_t uid, const char *cgroup)
{
        unsigned char bytes[TOKEN_HASH_BYTES];
        SHA2_CTX context;
        uint64_t group;

        SHA256Init(&context);
        SHA256Update(&context, (const uint8_t *)&uid, sizeof(uid));
        SHA256Update(&context, (const uint8_t *)cgroup, strlen(cgroup));
        SHA256Final(bytes, &context);
        memcpy(&group, bytes, sizeof(group));
        return group >> 1; /* JSON's integers are signed */
}
