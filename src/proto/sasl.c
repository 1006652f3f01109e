/* proto/sasl.c - the mechanisms.
 *
 * A mechanism is one function that takes the peer's next decoded response and says how it goes
 * on. Adding one means adding a row. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/sasl.h"

#include "base/base64.h"
#include "base/utf8.h"

typedef enum sasl_status (*step_fn)(struct sasl *s, struct str response);

struct mechanism {
    struct str name;
    unsigned offers; /* all of these are needed */
    step_fn step;
    struct str first_challenge; /* sent when no initial response came; in base64 */
    struct str failure;         /* octets that the peer hears before it fails */
};

struct sasl {
    const struct mechanism *mechanism;
    struct str challenge;
    struct sasl_login login;
    struct arena *mem;
    bool last; /* the peer has only to acknowledge */
};

/* The words every client of LOGIN waits for: "Username:" and "Password:". */
#define LOGIN_ASK_NAME STR_INIT("VXNlcm5hbWU6")
#define LOGIN_ASK_PASSWORD STR("UGFzc3dvcmQ6")

/* Separates what is sent in the two mechanisms of OAuth. */
#define KVSEP '\1'

static bool name_ok(struct str name)
{
    return name.len > 0 && name.len <= SASL_NAME_MAX && str_find_char(name, '\0') == STR_NOT_FOUND;
}

static bool password_ok(struct str password)
{
    return password.len > 0 && password.len <= SASL_PASSWORD_MAX &&
           str_find_char(password, '\0') == STR_NOT_FOUND;
}

/* RFC 4616 2: message = [authzid] UTF8NUL authcid UTF8NUL passwd */
static enum sasl_status step_plain(struct sasl *s, struct str response)
{
    struct str rest = response;

    s->login.authzid = str_split(&rest, '\0');
    s->login.authcid = str_split(&rest, '\0');
    s->login.password = rest;
    if (s->login.authzid.len > SASL_NAME_MAX || !name_ok(s->login.authcid) ||
        !password_ok(s->login.password))
        return SASL_MALFORMED;
    return SASL_LOGIN;
}

/* The name, then the password. */
static enum sasl_status step_login(struct sasl *s, struct str response)
{
    if (s->login.authcid.len == 0) {
        if (!name_ok(response))
            return SASL_MALFORMED;
        s->login.authcid = response;
        s->challenge = LOGIN_ASK_PASSWORD;
        return SASL_CHALLENGE;
    }
    s->login.password = response;
    return password_ok(response) ? SASL_LOGIN : SASL_MALFORMED;
}

/* Keeper reads it; the client speaks first (RFC 5802 5). */
static enum sasl_status step_scram(struct sasl *s, struct str response)
{
    if (response.len == 0)
        return SASL_MALFORMED;
    s->login.kind = SASL_MESSAGE;
    s->login.message = response;
    return SASL_LOGIN;
}

/* RFC 4422 A.1: the response is whom the client wants to act as, or empty. */
static enum sasl_status step_external(struct sasl *s, struct str response)
{
    if (response.len > 0 && (!name_ok(response) || !utf8_valid(response)))
        return SASL_MALFORMED;
    s->login.kind = SASL_CERTIFICATE;
    s->login.authcid = response;
    return SASL_LOGIN;
}

/* RFC 6750 2.1: "Bearer" 1*SP b64token */
static bool take_bearer(struct sasl *s, struct str value)
{
    struct str scheme = str_split(&value, ' ');
    struct str token = str_trim(value);

    for (size_t i = 0; i < token.len; i++)
        if (!ascii_is_alpha(token.at[i]) && !ascii_is_digit(token.at[i]) &&
            memchr("-._~+/=", token.at[i], 7) == NULL)
            return false;
    s->login.kind = SASL_TOKEN;
    s->login.password = token;
    return str_eq_nocase(scheme, STR("Bearer")) && token.len > 0;
}

/* "a=" saslname (RFC 5801 4); the escapes are "=2C" and "=3D". */
static bool take_authzid(struct sasl *s, struct str text)
{
    char *out = arena_alloc(s->mem, text.len + 1);
    size_t len = 0;

    if (text.len == 0)
        return true;
    if (!str_starts(text, STR("a=")))
        return false;
    text = str_skip(text, 2);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];

        if (c == '=') {
            struct str escape = str_sub(text, i, 3);

            if (!str_eq(escape, STR("=2C")) && !str_eq(escape, STR("=3D")))
                return false;
            c = escape.at[1] == '2' ? ',' : '=';
            i += 2;
        }
        out[len++] = c;
    }
    s->login.authcid = str_from(out, len);
    return name_ok(s->login.authcid) && utf8_valid(s->login.authcid);
}

/* client-resp = gs2-header kvsep *kvpair kvsep (RFC 7628 3.1). Pairs that we do not know are
 * passed over; of a token that is no digest of the request, host and port say nothing. */
static enum sasl_status step_bearer(struct sasl *s, struct str response)
{
    struct str rest = response, header = str_split(&rest, KVSEP);
    struct str flag = str_split(&header, ','), authzid = str_split(&header, ',');
    bool found = false;

    if ((!str_eq(flag, STR("n")) && !str_eq(flag, STR("y"))) || header.len > 0 ||
        !str_ends(response, STR("\1\1")) || !take_authzid(s, authzid))
        return SASL_MALFORMED;
    while (rest.len > 1) {
        struct str pair = str_split(&rest, KVSEP);

        if (!str_starts_nocase(pair, STR("auth=")))
            continue;
        if (found || !take_bearer(s, str_skip(pair, 5)))
            return SASL_MALFORMED;
        found = true;
    }
    return found ? SASL_LOGIN : SASL_MALFORMED;
}

/* "user=" name ^A "auth=Bearer " token ^A ^A */
static enum sasl_status step_xoauth2(struct sasl *s, struct str response)
{
    struct str rest = response, user = str_split(&rest, KVSEP), auth = str_split(&rest, KVSEP);

    if (!str_starts(user, STR("user=")) || !str_starts(auth, STR("auth=")) ||
        !str_eq(rest, STR("\1")) || !take_bearer(s, str_skip(auth, 5)))
        return SASL_MALFORMED;
    s->login.authcid = str_skip(user, 5);
    return name_ok(s->login.authcid) ? SASL_LOGIN : SASL_MALFORMED;
}

#define BOUND (SASL_OFFER_SCRAM | SASL_OFFER_PLUS)
#define BEARER_FAILURE STR_INIT("{\"status\":\"invalid_token\",\"scope\":\"mail\"}")
#define XOAUTH2_FAILURE STR_INIT("{\"status\":\"401\",\"schemes\":\"bearer\",\"scope\":\"mail\"}")
#define NOTHING STR_INIT("")

/* What is better stands first, for clients that take the first one they know. */
static const struct mechanism mechanisms[] = {
    { STR_INIT("SCRAM-SHA-256-PLUS"), BOUND, step_scram, NOTHING, NOTHING },
    { STR_INIT("SCRAM-SHA-1-PLUS"), BOUND, step_scram, NOTHING, NOTHING },
    { STR_INIT("SCRAM-SHA-256"), SASL_OFFER_SCRAM, step_scram, NOTHING, NOTHING },
    { STR_INIT("SCRAM-SHA-1"), SASL_OFFER_SCRAM, step_scram, NOTHING, NOTHING },
    { STR_INIT("EXTERNAL"), SASL_OFFER_CERTIFICATE, step_external, NOTHING, NOTHING },
    { STR_INIT("PLAIN"), SASL_OFFER_PASSWORDS, step_plain, NOTHING, NOTHING },
    { STR_INIT("LOGIN"), SASL_OFFER_PASSWORDS, step_login, LOGIN_ASK_NAME, NOTHING },
    { STR_INIT("OAUTHBEARER"), SASL_OFFER_TOKENS, step_bearer, NOTHING, BEARER_FAILURE },
    { STR_INIT("XOAUTH2"), SASL_OFFER_TOKENS, step_xoauth2, NOTHING, XOAUTH2_FAILURE },
};

static bool is_offered(const struct mechanism *m, unsigned offers)
{
    return (offers & m->offers) == m->offers;
}

struct sasl *sasl_new(struct str mechanism, unsigned offers)
{
    for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++) {
        if (!str_eq_nocase(mechanism, mechanisms[i].name) || !is_offered(&mechanisms[i], offers))
            continue;

        struct arena *mem = arena_new(512);
        struct sasl *s = ARENA_NEW(mem, struct sasl);

        *s = (struct sasl){ .mechanism = &mechanisms[i], .mem = mem };
        s->login.mechanism = mechanisms[i].name;
        return s;
    }
    return NULL;
}

/* The strings lie in our own arena, so writing through them is allowed. */
static void wipe(struct str s)
{
    if (s.len > 0)
        explicit_bzero((char *)(uintptr_t)s.at, s.len);
}

void sasl_free(struct sasl *s)
{
    if (s == NULL)
        return;
    wipe(s->login.authzid);
    wipe(s->login.authcid);
    wipe(s->login.password);
    wipe(s->login.message);
    arena_free(s->mem);
}

enum sasl_status sasl_start(struct sasl *s, struct str initial)
{
    if (initial.len == 0) {
        s->challenge = s->mechanism->first_challenge;
        return SASL_CHALLENGE;
    }
    if (str_eq(initial, STR("=")))
        return s->mechanism->step(s, STR_EMPTY);
    return sasl_feed(s, initial);
}

enum sasl_status sasl_feed(struct sasl *s, struct str line)
{
    struct str response;

    if (str_eq(line, STR("*")))
        return SASL_CANCELLED;
    if (line.len > SASL_LINE_MAX || base64_decode(s->mem, line, &response) != OK)
        return SASL_MALFORMED;
    if (!s->last)
        return s->mechanism->step(s, response);
    s->login.kind = SASL_ACKNOWLEDGED;
    return SASL_LOGIN;
}

enum sasl_status sasl_reply(struct sasl *s, struct str octets, bool last)
{
    s->challenge = base64_encode(s->mem, octets);
    s->last = last;
    return SASL_CHALLENGE;
}

struct str sasl_challenge(const struct sasl *s)
{
    return s->challenge;
}

const struct sasl_login *sasl_login(const struct sasl *s)
{
    return &s->login;
}

struct str sasl_failure_words(const struct sasl_login *login)
{
    for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++)
        if (str_eq(login->mechanism, mechanisms[i].name))
            return mechanisms[i].failure;
    return STR_EMPTY;
}

void sasl_add_mechanisms(struct buf *out, unsigned offers, struct str prefix)
{
    for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++)
        if (is_offered(&mechanisms[i], offers)) {
            buf_add(out, prefix);
            buf_add(out, mechanisms[i].name);
        }
}
