/* message/words/html_text_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"
#include "message/words/html_text.h"
#include "testing.h"

static const struct {
    struct str in, want;
} rows[] = {
    { STR_INIT("plain"), STR_INIT("plain") },
    { STR_INIT(""), STR_INIT("") },
    { STR_INIT("  two \r\n\t words  "), STR_INIT("two words") },
    { STR_INIT("<p>one</p><p>two</p>"), STR_INIT("one\ntwo") },
    { STR_INIT("<b>w</b>ord <i>x</i>"), STR_INIT("word x") },
    { STR_INIT("a<br>b<BR/>c"), STR_INIT("a\nb\nc") },
    { STR_INIT("a<td>b"), STR_INIT("a\nb") },
    { STR_INIT("<style>p { color: red }</style>seen"), STR_INIT("seen") },
    { STR_INIT("<SCRIPT src=a.js>if (a </b) x()</script >seen"), STR_INIT("a.js seen") },
    { STR_INIT("<script>never closed"), STR_INIT("") },
    { STR_INIT("a<!-- b > c -->d"), STR_INIT("ad") },
    { STR_INIT("a<!-- never closed"), STR_INIT("a") },
    { STR_INIT("<!DOCTYPE html><?xml?>a"), STR_INIT("a") },
    { STR_INIT("1 < 2 <3 a<"), STR_INIT("1 < 2 <3 a<") },
    { STR_INIT("caf&eacute; &amp; cr&#234;pe &#xEA;"),
      STR_INIT("caf\303\251 & cr\303\252pe \303\252") },
    { STR_INIT("a&nbsp;b &copy c &unknown; &; &#; &#x;"),
      STR_INIT("a b \302\251 c &unknown; &; &#; &#x;") },
    { STR_INIT("so&shy;ft&#8203;ly"), STR_INIT("softly") },
    { STR_INIT("&#99999999; &#xD800;"), STR_INIT("\357\277\2759; \357\277\275") },
    { STR_INIT("<a href=\"http://crepes.fr/?a=1&amp;b\">here</a> now"),
      STR_INIT("http://crepes.fr/?a=1&b here now") },
    { STR_INIT("<img alt='a >b' src=x.png title=\"t\" class=\"hidden\">"),
      STR_INIT("a >b x.png t") },
    { STR_INIT("<img alt=\"never closed> seen"), STR_INIT("\"never seen") },
    { STR_INIT("<a href = x / y == z>w"), STR_INIT("x w") },
    { STR_INIT("\303\251<b>\303\252</b>"), STR_INIT("\303\251\303\252") },
};

TEST(html_becomes_what_is_seen)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out = { .at = NULL };

        html_text(rows[i].in, &out);
        CHECK_STR(buf_str(&out), rows[i].want, "%.*s", STR_ARG(rows[i].in));
        buf_deinit(&out);
    }
}

TEST(html_cut_anywhere_is_read)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t cut = 0; cut <= rows[i].in.len; cut++) {
            char *exact = malloc(cut + 1);
            struct buf out = { .at = NULL };

            memcpy(exact + 1, rows[i].in.at, cut);
            html_text(str_from(exact + 1, cut), &out);
            CHECK(out.len <= cut + 4, "row %zu cut %zu", i, cut);
            buf_deinit(&out);
            free(exact);
        }
}

TEST(text_is_added_behind_what_is_there)
{
    struct buf out = { .at = NULL };

    BUF_ADD(&out, "x");
    html_text(STR(" <p>a"), &out);
    CHECK_STR(buf_str(&out), STR("xa"), "nothing is put between");
    buf_deinit(&out);
}
