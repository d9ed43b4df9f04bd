/* Lease tokens: 128 random bits as 32 hexadecimal digits, and the SHA-256 hash that is kept of them.
 *
 * Random bits need no salt and no slow hash. Hashes are compared as wholes: how long that takes says nothing about
 * the token. The hash function is libmd's, which every Debian system has (dpkg itself needs it).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
        TOKEN_BYTES = 16,
        TOKEN_DIGITS = 2 * TOKEN_BYTES,
        TOKEN_HASH_BYTES = 32,
        TOKEN_HASH_DIGITS = 2 * TOKEN_HASH_BYTES,
};

struct token {
        char digits[TOKEN_DIGITS + 1]; /* "" none */
};

struct token_hash {
        unsigned char bytes[TOKEN_HASH_BYTES];
};

/* A new random token; negative errno where the kernel has no randomness to give. */
int token_new(struct token *ret_token);

struct token_hash token_hash_of(const char *text);
bool token_hash_equal(const struct token_hash *a, const struct token_hash *b);

void token_hash_format(const struct token_hash *hash, char ret_digits[static TOKEN_HASH_DIGITS + 1]);
/* -EINVAL where it is no hash. */
int token_hash_parse(const char *digits, struct token_hash *ret_hash);

/* A number for a cgroup of a user, such that nobody can hit another's number on purpose. */
uint64_t token_group(uint32_t uid, const char *cgroup);
