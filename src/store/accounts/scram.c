/* store/accounts/scram.c - the messages of RFC 5802 7 and the arithmetic of its 3. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/accounts/scram.h"

#include "base/base64.h"
#include "base/utf8.h"

/* ---- arithmetic ---- */

void scram_keys_make(enum digest_kind hash, struct str password, struct str salt,
                     uint32_t iterations, struct scram_keys *ret)
{
    uint8_t salted[DIGEST_BYTES_MAX], client[DIGEST_BYTES_MAX];

    *ret = (struct scram_keys){ 0 };
    digest_pbkdf2(hash, password, salt, iterations, salted);
    digest_hmac(hash, salted, STR("Client Key"), client);
    digest_of(hash, str_from(client, digest_bytes(hash)), ret->stored);
    digest_hmac(hash, salted, STR("Server Key"), ret->server);
    explicit_bzero(salted, sizeof salted);
    explicit_bzero(client, sizeof client);
}

/* ---- grammar ---- */

bool scram_mechanism(struct str name, enum digest_kind *ret_hash, bool *ret_plus)
{
    static const struct str plus = STR_INIT("-PLUS");
    static const struct str names[] = {
        [DIGEST_SHA_1] = STR_INIT("SCRAM-SHA-1"), [DIGEST_SHA_256] = STR_INIT("SCRAM-SHA-256")
    };
    bool bound = name.len > plus.len && str_eq_nocase(str_skip(name, name.len - plus.len), plus);

    if (bound)
        name.len -= plus.len;
    for (int i = 0; i < DIGEST_KINDS; i++)
        if (str_eq_nocase(name, names[i])) {
            *ret_hash = (enum digest_kind)i;
            *ret_plus = bound;
            return true;
        }
    return false;
}

/* printable = %x21-2B / %x2D-7E */
static bool is_printable(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] < 0x21 || s.at[i] > 0x7e || s.at[i] == ',')
            return false;
    return s.len > 0;
}

/* attr "=" value up to the next comma; false when another attribute stands there. */
static bool take_attribute(struct str *rest, char name, struct str *ret)
{
    struct str left = *rest, value;

    if (left.len < 2 || left.at[0] != name || left.at[1] != '=')
        return false;
    value = str_split(&left, ',');
    *ret = str_skip(value, 2);
    *rest = left;
    return true;
}

/* Attributes that nobody has defined yet are passed over: attr-val = ALPHA "=" value. */
static bool are_extensions(struct str rest)
{
    while (rest.len > 0) {
        struct str each = str_split(&rest, ',');

        if (each.len < 3 || !ascii_is_alpha(each.at[0]) || each.at[1] != '=')
            return false;
    }
    return true;
}

/* saslname = 1*(value-safe-char / "=2C" / "=3D") */
static enum err unescape(struct arena *mem, struct str in, struct str *ret)
{
    char *out = arena_alloc(mem, in.len + 1);
    size_t len = 0;

    if (in.len == 0 || !utf8_valid(in) || str_find_char(in, '\0') != STR_NOT_FOUND)
        return ERR_SYNTAX;
    for (size_t i = 0; i < in.len; i++) {
        if (in.at[i] != '=') {
            out[len++] = in.at[i];
            continue;
        }
        if (str_starts(str_skip(in, i), STR("=2C")))
            out[len++] = ',';
        else if (str_starts(str_skip(in, i), STR("=3D")))
            out[len++] = '=';
        else
            return ERR_SYNTAX;
        i += 2;
    }
    *ret = str_from(out, len);
    return OK;
}

static struct str binding_named(const struct scram_bindings *have, struct str name)
{
    if (str_eq(name, STR("tls-exporter")))
        return have->tls_exporter;
    if (str_eq(name, STR("tls-server-end-point")))
        return have->tls_server_end_point;
    if (str_eq(name, STR("tls-unique")))
        return have->tls_unique;
    return STR_EMPTY;
}

static bool can_bind(const struct scram_bindings *have)
{
    return have->tls_exporter.len > 0 || have->tls_server_end_point.len > 0 ||
           have->tls_unique.len > 0;
}

/* gs2-cbind-flag = ("p=" cb-name) / "n" / "y" (RFC 5802 6) */
static enum err take_flag(struct arena *mem, struct str flag, bool plus,
                          const struct scram_bindings *have, struct scram *s)
{
    if (str_starts(flag, STR("p="))) {
        s->binding = arena_copy(mem, binding_named(have, str_skip(flag, 2)));
        if (!plus)
            return ERR_SYNTAX;
        return s->binding.len > 0 ? OK : ERR_UNSUPPORTED;
    }
    if (plus)
        return ERR_SYNTAX;
    if (str_eq(flag, STR("y")))
        return can_bind(have) ? ERR_AUTH : OK;
    return str_eq(flag, STR("n")) ? OK : ERR_SYNTAX;
}

/* gs2-header = gs2-cbind-flag "," [ "a=" saslname ] "," */
static enum err take_header(struct arena *mem, struct str *rest, bool plus,
                            const struct scram_bindings *have, struct scram *s)
{
    struct str flag = str_split(rest, ','), authzid = STR_EMPTY;
    enum err e = take_flag(mem, flag, plus, have, s);

    if (e != OK)
        return e;
    if (take_attribute(rest, 'a', &authzid))
        return unescape(mem, authzid, &s->authzid);
    if (rest->len == 0 || rest->at[0] != ',')
        return ERR_SYNTAX;
    *rest = str_skip(*rest, 1);
    return OK;
}

enum err scram_first(struct arena *mem, struct str mechanism, struct str message,
                     const struct scram_bindings *bindings, struct scram *ret)
{
    struct scram s = { 0 };
    struct str rest, name, nonce;
    bool plus;
    enum err e;

    if (!scram_mechanism(mechanism, &s.hash, &plus))
        return ERR_UNSUPPORTED;
    if (message.len > SCRAM_MESSAGE_BYTES_MAX || str_ends(message, STR(",")))
        return ERR_SYNTAX;
    message = arena_copy(mem, message);
    rest = message;
    if ((e = take_header(mem, &rest, plus, bindings, &s)) != OK)
        return e;
    s.gs2_header = str_take(message, message.len - rest.len);
    s.first_bare = rest;
    if (str_starts(rest, STR("m="))) /* an extension that must be understood */
        return ERR_UNSUPPORTED;
    if (!take_attribute(&rest, 'n', &name) || !take_attribute(&rest, 'r', &nonce) ||
        !is_printable(nonce) || !are_extensions(rest))
        return ERR_SYNTAX;
    if ((e = unescape(mem, name, &s.username)) != OK)
        return e;
    s.nonce = nonce;
    *ret = s;
    return OK;
}

struct str scram_challenge(struct arena *mem, struct scram *s, struct str nonce, struct str salt,
                           uint32_t iterations)
{
    s->nonce = arena_join(mem, s->nonce, nonce);
    s->server_first = arena_printf(mem, "r=%.*s,s=%.*s,i=%u", STR_ARG(s->nonce),
                                   STR_ARG(base64_encode(mem, salt)), iterations);
    return s->server_first;
}

/* client-final-message = "c=" base64 "," "r=" nonce ["," extensions] "," "p=" base64 */
struct final {
    struct str binding, nonce, without_proof, proof;
};

static enum err read_final(struct arena *mem, struct str message, struct final *ret)
{
    size_t comma = str_find_char_last(message, ',');
    struct str rest, proof, binding;

    if (message.len > SCRAM_MESSAGE_BYTES_MAX || comma == STR_NOT_FOUND)
        return ERR_SYNTAX;
    ret->without_proof = rest = str_take(message, comma);
    proof = str_skip(message, comma + 1);
    if (!str_starts(proof, STR("p=")) ||
        base64_decode(mem, str_skip(proof, 2), &ret->proof) != OK ||
        !take_attribute(&rest, 'c', &binding) || base64_decode(mem, binding, &ret->binding) != OK ||
        !take_attribute(&rest, 'r', &ret->nonce) || !are_extensions(rest) ||
        str_ends(ret->without_proof, STR(",")))
        return ERR_SYNTAX;
    return OK;
}

/* The client proves that it has ClientKey: its proof is that key under a mask which only who has
 * StoredKey can lift, and what is under it must hash to StoredKey (RFC 5802 3). */
static bool proof_is_right(enum digest_kind hash, const struct scram_keys *keys, struct str text,
                           struct str proof)
{
    uint8_t mask[DIGEST_BYTES_MAX], found[DIGEST_BYTES_MAX];
    size_t bytes = digest_bytes(hash);

    if (proof.len != bytes)
        return false;
    digest_hmac(hash, keys->stored, text, mask);
    for (size_t i = 0; i < bytes; i++)
        mask[i] ^= (uint8_t)proof.at[i];
    digest_of(hash, str_from(mask, bytes), found);
    explicit_bzero(mask, sizeof mask);
    return digest_eq(found, keys->stored, bytes);
}

enum err scram_last(struct arena *mem, const struct scram *s, struct str message,
                    const struct scram_keys *keys, struct str *ret)
{
    struct str want = arena_join(mem, s->gs2_header, s->binding), text;
    uint8_t signature[DIGEST_BYTES_MAX];
    struct final f;
    enum err e = read_final(mem, message, &f);

    if (e != OK)
        return e;
    text = arena_printf(mem, "%.*s,%.*s,%.*s", STR_ARG(s->first_bare), STR_ARG(s->server_first),
                        STR_ARG(f.without_proof));
    if (!proof_is_right(s->hash, keys, text, f.proof) || !str_eq(f.nonce, s->nonce) ||
        !str_eq(f.binding, want))
        return ERR_AUTH;
    digest_hmac(s->hash, keys->server, text, signature);
    *ret =
        arena_join(mem, STR("v="), base64_encode(mem, str_from(signature, digest_bytes(s->hash))));
    return OK;
}
