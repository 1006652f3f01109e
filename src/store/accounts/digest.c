/* store/accounts/digest.c - libcrypto, by its one-call functions. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/accounts/digest.h"

/* OpenSSL has a type of the same name as one of our errors. */
#define ERR_STATE openssl_err_state
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#undef ERR_STATE

static const EVP_MD *method(enum digest_kind kind)
{
    return kind == DIGEST_SHA_1 ? EVP_sha1() : EVP_sha256();
}

size_t digest_bytes(enum digest_kind kind)
{
    return kind == DIGEST_SHA_1 ? 20 : SHA_256_BYTES;
}

void digest_of(enum digest_kind kind, struct str text, uint8_t *ret)
{
    if (EVP_Digest(text.at, text.len, ret, NULL, method(kind), NULL) != 1)
        BUG("libcrypto has no digest");
}

void digest_hmac(enum digest_kind kind, const uint8_t *key, struct str text, uint8_t *ret)
{
    if (HMAC(method(kind), key, (int)digest_bytes(kind), (const uint8_t *)text.at, text.len, ret,
             NULL) == NULL)
        BUG("libcrypto has no HMAC");
}

void digest_pbkdf2(enum digest_kind kind, struct str password, struct str salt, uint32_t iterations,
                   uint8_t *ret)
{
    BUG_ON(iterations == 0 || iterations > INT32_MAX || password.len > INT32_MAX);
    if (PKCS5_PBKDF2_HMAC(password.at, (int)password.len, (const uint8_t *)salt.at, (int)salt.len,
                          (int)iterations, method(kind), (int)digest_bytes(kind), ret) != 1)
        BUG("libcrypto has no PBKDF2");
}

bool digest_eq(const uint8_t *a, const uint8_t *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}
