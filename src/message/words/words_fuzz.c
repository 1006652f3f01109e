/* message/words/words_fuzz.c - a string that stands in a text of a message is found by its words.
 *
 * The first octet of the input says where the string begins: at a whole character, as in every
 * search. It is taken out of the folded body of what follows, which is made the body of a message.
 * Every word of it that is whole must be among the message's terms, listed, in pairs or in the
 * sieve. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"
#include "message/coding/charset.h"
#include "message/words/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take_term(void *ctx, struct str term)
{
    struct buf *terms = ctx;

    BUG_ON(term.len == 0 || term.len > WORD_TERM_BYTES_MAX);
    BUG_ON(str_find_char(term, '\0') != STR_NOT_FOUND);
    buf_add_char(terms, '\0');
    buf_add(terms, term);
    buf_add_char(terms, '\0');
}

static bool has_term(const struct buf *terms, char letter, struct str word)
{
    struct buf term = { 0 };
    bool found;

    buf_add_char(&term, '\0');
    buf_add_char(&term, letter);
    buf_add(&term, word);
    buf_add_char(&term, '\0');
    found = str_find(buf_str(terms), buf_str(&term)) != STR_NOT_FOUND;
    buf_deinit(&term);
    return found;
}

static void check_part(struct str text, size_t at, size_t len, const struct buf *terms)
{
    while (at < text.len && ((unsigned char)text.at[at] & 0xC0) == 0x80)
        at++;
    struct str needle = str_sub(text, at, len);
    struct token_reader r = token_reader_of(needle);
    struct token t;

    while (token_next(&r, &t)) {
        bool whole = t.text.at != needle.at && r.at < needle.len;

        if (t.kind == TOKEN_WORD && whole && word_is_listed(TEXT_BODY, &t))
            BUG_ON(!has_term(terms, 'X', t.text));
        if (t.kind == TOKEN_WORD && whole && !word_is_listed(TEXT_BODY, &t))
            BUG_ON(!has_term(terms, sieve_letter(TEXT_BODY), STR_EMPTY));
        if (t.kind == TOKEN_RUN && t.characters <= 2)
            BUG_ON(t.characters == 2 && !has_term(terms, 'X', t.text));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;
    struct arena *mem = arena_new(0);
    struct buf message = { 0 }, octets = { 0 }, terms = { 0 };
    struct record r;

    if (size > 1 && size < 4096) {
        struct str body = str_from(data + 1, size - 1), text, folded;

        BUF_ADD(&message, "Content-Type: text/plain; charset=utf-8\r\n\r\n");
        buf_add(&message, body);
        record_build(buf_str(&message), &limits, &octets);
        BUG_ON(record_open(buf_str(&octets), &r) != OK);
        BUG_ON(!words_of_message(&r, buf_str(&message), take_term, &terms));
        BUG_ON(charset_to_utf8(mem, STR("utf-8"), body, &text) != OK);
        folded = text_fold_case(mem, text);
        check_part(folded, data[0] % (folded.len + 1), folded.len, &terms);
        /* Any octets at all as a message. */
        octets.len = 0;
        record_build(str_from(data, size), &limits, &octets);
        BUG_ON(record_open(buf_str(&octets), &r) != OK);
        (void)words_of_message(&r, str_from(data, size), take_term, &terms);
    }
    buf_deinit(&message);
    buf_deinit(&octets);
    buf_deinit(&terms);
    arena_free(mem);
    return 0;
}
