/* store/table/rows_test.c - the octets of keys and rows, as doc/formats/tables.md has them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/table/rows.h"
#include "testing.h"

TEST(keys_are_what_the_format_says_and_sort_by_number)
{
    struct key a, b;

    key_of_membership(&a, 1, 2, 3);
    CHECK_STR(key_str(&a), STR("r\0\0\0\1\0\0\0\2\0\0\0\3"), "membership");
    key_of_membership(&b, 1, 2, 256);
    CHECK(str_cmp(key_str(&a), key_str(&b)) < 0, "3 before 256");
    key_of_due(&a, -1, 9);
    CHECK_STR(key_str(&a), STR("Q\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\x09"), "due");
    key_of_due(&b, 1, 1);
    CHECK(str_cmp(key_str(&a), key_str(&b)) < 0, "negative times first");

    struct reader r = key_reader(key_str(&a));

    CHECK_EQ(key_get_i64(&r), -1, "time");
    CHECK_EQ(get_u64(&r), 9, "entry");
    key_of_name(&a, TABLE_NAME, 7, STR("INBOX"));
    CHECK_STR(key_str(&a), STR("i\0\0\0\7INBOX"), "name");
    key_of_acl(&a, 1, 2, 3);
    CHECK_STR(key_str(&a), STR("c\0\0\0\1\0\0\0\2\0\0\0\3"), "access");
    key_of_granted(&a, 3, 1, 2);
    CHECK_STR(key_str(&a), STR("C\0\0\0\3\0\0\0\1\0\0\0\2"), "grantee");
    key_of_metadata(&a, 1, 2, 3, STR("/private/x"));
    CHECK_STR(key_str(&a), STR("y\0\0\0\1\0\0\0\2\0\0\0\3/private/x"), "metadata");
    key_of_email(&a, TABLE_RECORD, 1, 2);
    CHECK_STR(key_str(&a), STR("E\0\0\0\1\0\0\0\0\0\0\0\2"), "record");
}

TEST(the_end_of_a_prefix_is_behind_all_its_keys)
{
    struct key from, to, inside;

    key_of_account(&from, TABLE_MAILBOX, 0xffffffff);
    to = from;
    key_end(&to);
    CHECK_STR(key_str(&to), STR("n"), "carried into the letter");
    key_of_mailbox(&inside, TABLE_MAILBOX, 0xffffffff, 0xffffffff);
    CHECK(str_cmp(key_str(&inside), key_str(&to)) < 0, "inside");
}

#define CHECK_ROW(type, value, octets)                                                             \
    do {                                                                                           \
        struct arena *mem = arena_new(0);                                                          \
        struct type in = value, out;                                                               \
        struct buf first = { 0 }, second = { 0 };                                                  \
        type##_put(&first, &in);                                                                   \
        CHECK_STR(buf_str(&first), octets, #type);                                                 \
        CHECK_OK(type##_get(mem, buf_str(&first), &out), #type);                                   \
        type##_put(&second, &out);                                                                 \
        CHECK_STR(buf_str(&second), octets, #type " again");                                       \
        for (size_t cut = 0; cut < first.len; cut++)                                               \
            CHECK_EQ(type##_get(mem, str_take(buf_str(&first), cut), &out), ERR_CORRUPT,           \
                     #type " cut at %zu", cut);                                                    \
        put_u8(&first, 0);                                                                         \
        CHECK_EQ(type##_get(mem, buf_str(&first), &out), ERR_CORRUPT, #type " with a tail");       \
        first.len--;                                                                               \
        first.at[0] = 3;                                                                           \
        CHECK_EQ(type##_get(mem, buf_str(&first), &out), ERR_CORRUPT, #type " of version 3");      \
        buf_deinit(&first);                                                                        \
        buf_deinit(&second);                                                                       \
        arena_free(mem);                                                                           \
    } while (0)

#define VALUE(type, ...) ((struct type){ __VA_ARGS__ })

TEST(rows_are_what_the_format_says)
{
    struct str words[] = { STR("work") };
    struct queue_rcpt rcpt = { .address = STR("a@b"),
                               .orcpt = STR(""),
                               .notify = 2,
                               .state = 1,
                               .attempts = 3,
                               .next_try = -1,
                               .delay_reported = true,
                               .last_reply = STR("r"),
                               .last_host = STR("h") };

    CHECK_ROW(account,
              VALUE(account, .address = STR("a@b"), .password = STR("p"), .enabled = true,
                    .quota_bytes = 300, .created = 1, .quota_mailboxes = 5, .roles = 1),
              STR("\2\3a@b\1p\1\0\xac\2\0\2\5\1"));
    CHECK_ROW(counters,
              VALUE(counters, .modseq = 1, .mailbox_last = 2, .email_last = 3, .uidvalidity = 4,
                    .bytes = 5, .messages = 6),
              STR("\1\1\2\3\4\5\6"));
    CHECK_ROW(mbox,
              VALUE(mbox, .name = STR("x"), .uidvalidity = 1, .uidnext = 2, .recent_from = 3,
                    .special_use = 4, .object = 5, .modseq = 6, .messages = 7, .unseen = 8,
                    .deleted = 9, .size = 10, .keywords = words, .keywords_count = 1),
              STR("\1\1x\0\1\2\3\4\5\6\7\x08\x09\x0a\1\4work"));
    CHECK_ROW(membership,
              VALUE(membership, .email = 1, .thread = 2, .flags = 3, .modseq = 4, .created = 5,
                    .internal_date = 6, .save_date = -7, .size = 8, .internal_zone = -480),
              STR("\2\1\2\3\4\5\x0c\x0d\x08\xbf\7"));
    CHECK_ROW(grave,
              VALUE(grave, .email = 1, .thread = 2, .flags = 3, .internal_date = 6,
                    .internal_zone = -1, .save_date = -7, .size = 8, .name = STR("x"),
                    .keywords = words, .keywords_count = 1, .uidl = STR("u")),
              STR("\1\1\2\3\x0c\1\x0d\x08\1x\1\4work\1u"));
    CHECK_ROW(email,
              VALUE(email, .body = 1, .refs = 2, .size = 3, .thread = 4, .hash = 5, .root_hash = 6),
              STR("\1\1\2\3\4\5\6"));
    CHECK_ROW(acl, VALUE(acl, .rights = 0x7ff, .negative = 1), STR("\1\xff\x0f\1"));
    CHECK_ROW(metadata, VALUE(metadata, .modseq = 300, .value = STR("v")), STR("\1\xac\2\1v"));
    CHECK_ROW(credentials,
              VALUE(credentials, .iterations = 300, .salt = STR("s"), .stored_sha1 = STR("a"),
                    .server_sha1 = STR("b"), .stored_sha256 = STR("c"), .server_sha256 = STR("d")),
              STR("\1\xac\2\1s\1a\1b\1c\1d"));
    CHECK_ROW(access_token,
              VALUE(access_token, .scope = 5, .created = 1, .expires = -1, .note = STR("n")),
              STR("\1\5\2\1\1n"));
    CHECK_ROW(queue_entry,
              VALUE(queue_entry, .body = 1, .reverse_path = STR("r"), .envid = STR("e"), .ret = 2,
                    .smtputf8 = true, .body_kind = 1, .size = 5, .arrived = 6, .held = false,
                    .due = 7, .message_id = STR("m"), .rcpts = &rcpt, .rcpts_count = 1),
              STR("\1\1\1r\1e\2\1\1\5\x0c\0\x0e\1m\1\3a@b\0\2\1\3\1\1\1r\1h"));
}

TEST(an_account_of_version_1_is_read_without_limit_of_mailboxes_and_role)
{
    static const struct str octets = STR_INIT("\1\3a@b\1p\1\0\xac\2\0\2");
    struct account out;

    CHECK_OK(account_get(NULL, octets, &out), "read");
    CHECK_EQ(out.quota_bytes, 300, "a field of old");
    CHECK_EQ(out.created, 1, "the last field of old");
    CHECK(out.quota_mailboxes == 0 && out.roles == 0, "the new ones");
    for (size_t cut = 0; cut < octets.len; cut++)
        CHECK_EQ(account_get(NULL, str_take(octets, cut), &out), ERR_CORRUPT, "cut at %zu", cut);
}

TEST(a_membership_of_version_1_is_read_with_its_date_in_utc)
{
    static const struct str octets = STR_INIT("\1\1\2\3\4\5\x0c\x0d\x08");
    struct membership out;

    CHECK_OK(membership_get(NULL, octets, &out), "read");
    CHECK_EQ(out.size, 8, "the last field of old");
    CHECK_EQ(out.internal_zone, 0, "UTC");
    for (size_t cut = 0; cut < octets.len; cut++)
        CHECK_EQ(membership_get(NULL, str_take(octets, cut), &out), ERR_CORRUPT, "cut at %zu", cut);
}
