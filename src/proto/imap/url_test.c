/* proto/imap/url_test.c - which message a URL names, and what is no such URL. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/url.h"

#include "proto/imap/machine.h"
#include "testing.h"

/* What was read, as a line. */
static void parse(struct buf *out, struct str text)
{
    SCRATCH(mem, NULL);
    struct imap_url u;

    if (imap_url_parse(mem, &imap_limits_default.scan, text, &u) != OK) {
        BUF_ADD(out, "bad");
        return;
    }
    if (!u.here)
        buf_printf(out, "<%.*s>", STR_ARG(u.mailbox));
    if (u.uidvalidity != 0)
        buf_printf(out, " of %u", u.uidvalidity);
    buf_printf(out, " %u [", u.uid);
    section_format(&u.section, out);
    for (uint32_t i = 0; i < u.fields.count; i++)
        buf_printf(out, " %.*s", STR_ARG(u.fields.at[i]));
    BUF_ADD(out, "]");
    if (u.from != 0 || u.count != UINT64_MAX)
        buf_printf(out, " %llu", (unsigned long long)u.from);
    if (u.count != UINT64_MAX)
        buf_printf(out, ".%llu", (unsigned long long)u.count);
}

static const struct {
    struct str text, want;
} rows[] = {
    /* RFC 4469, appendix A; RFC 8508 4.2 */
    { STR_INIT("/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER"),
      STR_INIT("<Drafts> of 385759045 20 [HEADER]") },
    { STR_INIT("/Drafts;UIDVALIDITY=385759045/;UID=20/;section=1.MIME"),
      STR_INIT("<Drafts> of 385759045 20 [1.MIME]") },
    { STR_INIT("/Drafts;UIDVALIDITY=385759045/;UID=30"), STR_INIT("<Drafts> of 385759045 30 []") },
    { STR_INIT("/INBOX;UIDVALIDITY=785799047/;UID=113330;section=1.5.9"),
      STR_INIT("<INBOX> of 785799047 113330 [1.5.9]") },
    { STR_INIT("/Drafts/;UID=3002"), STR_INIT("<Drafts> 3002 []") },
    /* URL-PARTIAL */
    { STR_INIT("/inbox/;UID=1/;PARTIAL=0.1024"), STR_INIT("<INBOX> 1 [] 0.1024") },
    { STR_INIT("/Inbox/x/;uid=1/;section=TEXT/;partial=7"), STR_INIT("<INBOX/x> 1 [TEXT] 7") },
    { STR_INIT("/a%20%E2%82%AC%2fb/;UID=4294967295"),
      STR_INIT("<a \xe2\x82\xac/b> 4294967295 []") },
    { STR_INIT("/x/;UID=2/;SECTION=HEADER.FIELDS%20(Subject%20%22To%22)"),
      STR_INIT("<x> 2 [HEADER.FIELDS Subject To]") },
    /* relative to the open mailbox */
    { STR_INIT(";UID=5"), STR_INIT(" 5 []") },
    { STR_INIT(";UID=5/;SECTION=2"), STR_INIT(" 5 [2]") },
    { STR_INIT("other/;UID=5"), STR_INIT("<other> 5 []") },

    { STR_INIT(""), STR_INIT("bad") },
    { STR_INIT("/"), STR_INIT("bad") },
    { STR_INIT("/INBOX"), STR_INIT("bad") },
    { STR_INIT("/INBOX;UIDVALIDITY=1"), STR_INIT("bad") },
    { STR_INIT("/;UID=1"), STR_INIT("bad") },
    { STR_INIT("//server/INBOX/;UID=1"), STR_INIT("bad") },
    { STR_INIT("imap://alice@crepes.fr/INBOX/;UID=1"), STR_INIT("bad") },
    { STR_INIT("/INBOX/;UID=0"), STR_INIT("bad") },
    { STR_INIT("/INBOX/;UID=4294967296"), STR_INIT("bad") },
    { STR_INIT("/INBOX/;UID=1:2"), STR_INIT("bad") },
    { STR_INIT("/INBOX/;UID="), STR_INIT("bad") },
    { STR_INIT("/INBOX;UIDVALIDITY=0/;UID=1"), STR_INIT("bad") },
    { STR_INIT("/INBOX/;UID=1/;SECTION="), STR_INIT("<INBOX> 1 []") },
    { STR_INIT("/INBOX/;UID=1/;SECTION=1.x"), STR_INIT("bad") },
    { STR_INIT("/INBOX/;UID=1/;SECTION=0"), STR_INIT("bad") },
    { STR_INIT("/INBOX/;UID=1/;PARTIAL=0.0"), STR_INIT("bad") },
    { STR_INIT("/INBOX/;UID=1/;PARTIAL=.5"), STR_INIT("bad") },
    { STR_INIT("/INBOX/;UID=1/;PARTIAL=1."), STR_INIT("bad") },
    { STR_INIT("/INBOX/;UID=1/;PARTIAL=1/;SECTION=1"), STR_INIT("bad") },
    { STR_INIT("/INBOX/;UID=1;URLAUTH=anonymous"), STR_INIT("bad") },
    { STR_INIT("/INBOX/;UID=1?TEXT"), STR_INIT("bad") },
    { STR_INIT("/a b/;UID=1"), STR_INIT("bad") },
    { STR_INIT("/a%0/;UID=1"), STR_INIT("bad") },
    { STR_INIT("/a%zz/;UID=1"), STR_INIT("bad") },
    { STR_INIT("/a%00/;UID=1"), STR_INIT("bad") },
    { STR_INIT("/a%ff/;UID=1"), STR_INIT("bad") },
};

TEST(urls_name_messages_and_parts_of_them)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out = { 0 };

        parse(&out, rows[i].text);
        CHECK_STR(buf_str(&out), rows[i].want, "%.*s", STR_ARG(rows[i].text));
        buf_deinit(&out);
    }
}

/* The exact length is on the heap, so that reading past the end is found by the sanitizer. */
TEST(a_url_cut_anywhere_is_read_within_its_bounds)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t len = 0; len < rows[i].text.len; len++) {
            char *exact = malloc(len == 0 ? 1 : len);
            struct buf out = { 0 };

            CHECK(exact != NULL, "memory");
            memcpy(exact, rows[i].text.at, len);
            parse(&out, str_from(exact, len));
            CHECK(out.len > 0, "an answer");
            buf_deinit(&out);
            free(exact);
        }
}

TEST(a_mailbox_name_over_its_limit_is_refused)
{
    struct buf text = { 0 }, out = { 0 };

    BUF_ADD(&text, "/");
    for (unsigned i = 0; i <= imap_limits_default.scan.name_bytes_max; i++)
        BUF_ADD(&text, "%61");
    BUF_ADD(&text, "/;UID=1");
    parse(&out, buf_str(&text));
    CHECK_STR(buf_str(&out), STR("bad"), "too long");
    buf_deinit(&text);
    buf_deinit(&out);
}
