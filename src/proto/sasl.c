/* proto/sasl.c - PLAIN and LOGIN.
 *
 * A mechanism is one function that takes the peer's next decoded response and says how it goes
 * on. Adding one means adding a row. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/sasl.h"

#include "base/base64.h"

typedef enum sasl_status (*step_fn)(struct sasl *s, struct str response);

struct mechanism {
    struct str name;
    step_fn step;
    struct str first_challenge; /* sent when no initial response came; in base64 */
};

struct sasl {
    const struct mechanism *mechanism;
    struct str challenge;
    struct sasl_login login;
    struct arena *mem;
};

/* The words every client of LOGIN waits for: "Username:" and "Password:". */
#define LOGIN_ASK_NAME STR_INIT("VXNlcm5hbWU6")
#define LOGIN_ASK_PASSWORD STR("UGFzc3dvcmQ6")

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

static const struct mechanism mechanisms[] = {
    { STR_INIT("PLAIN"), step_plain, STR_INIT("") },
    { STR_INIT("LOGIN"), step_login, LOGIN_ASK_NAME },
};

struct sasl *sasl_new(struct str mechanism)
{
    for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++) {
        if (!str_eq_nocase(mechanism, mechanisms[i].name))
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
    return s->mechanism->step(s, response);
}

struct str sasl_challenge(const struct sasl *s)
{
    return s->challenge;
}

const struct sasl_login *sasl_login(const struct sasl *s)
{
    return &s->login;
}

void sasl_add_mechanisms(struct buf *out, struct str prefix)
{
    for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++) {
        buf_add(out, prefix);
        buf_add(out, mechanisms[i].name);
    }
}
