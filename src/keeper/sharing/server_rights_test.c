/* keeper/sharing/server_rights_test.c - RFC 4314's table of rights against ours. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/sharing/server_rights.h"

#include "testing.h"

/* The rights with which a call is just allowed, as the table in RFC 4314 4 has them; "" for a call
 * that needs an owner. */
static const struct {
    enum keep_call call;
    enum place_part part;
    const char *just_enough;
} cases[] = {
    { CALL_mailbox_list, PLACE_ITSELF, "l" },
    { CALL_mailbox_create, PLACE_ABOVE, "k" },
    { CALL_mailbox_delete, PLACE_ITSELF, "x" },
    { CALL_mailbox_rename, PLACE_ITSELF, "x" },
    { CALL_mailbox_rename, PLACE_ABOVE, "k" },
    { CALL_select, PLACE_ITSELF, "r" },
    { CALL_mailbox_status, PLACE_ITSELF, "r" },
    { CALL_quota, PLACE_ITSELF, "r" },
    { CALL_sync, PLACE_ITSELF, "r" },
    { CALL_fetch, PLACE_ITSELF, "r" },
    { CALL_search, PLACE_ITSELF, "r" },
    { CALL_sort, PLACE_ITSELF, "r" },
    { CALL_store, PLACE_ITSELF, "rs" },
    { CALL_store, PLACE_ITSELF, "rw" },
    { CALL_store, PLACE_ITSELF, "rt" },
    { CALL_expunge, PLACE_ITSELF, "re" },
    { CALL_copy, PLACE_ITSELF, "r" },
    { CALL_copy, PLACE_LEFT, "rte" },
    { CALL_copy, PLACE_TARGET, "i" },
    { CALL_append, PLACE_TARGET, "i" },
    { CALL_append, PLACE_LEFT, "rte" },
    { CALL_metadata_read, PLACE_ITSELF, "lr" },
    { CALL_metadata_read, PLACE_ITSELF, "lp" },
    { CALL_metadata_write, PLACE_ITSELF, "li" },
    { CALL_metadata_write, PLACE_ITSELF, "ls" },
    { CALL_acl_list, PLACE_ITSELF, "a" },
    { CALL_acl_set, PLACE_ITSELF, "a" },
    { CALL_acl_grantable, PLACE_ITSELF, "a" },
    { CALL_acl_mine, PLACE_ITSELF, "l" },
    { CALL_acl_mine, PLACE_ITSELF, "r" },
    { CALL_acl_mine, PLACE_ITSELF, "i" },
    { CALL_acl_mine, PLACE_ITSELF, "k" },
    { CALL_acl_mine, PLACE_ITSELF, "x" },
    { CALL_acl_mine, PLACE_ITSELF, "a" },
};

TEST(each_call_needs_just_the_rights_of_its_row)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct right_needs needs = rights_needed(cases[i].call, cases[i].part);
        uint32_t rights;

        CHECK_OK(rights_parse(str_from_z(cases[i].just_enough), &rights), "row %zu", i);
        CHECK(rights_suffice(needs, rights), "%s in part %u with %s", keep_call_name(cases[i].call),
              (unsigned)cases[i].part, cases[i].just_enough);
        for (uint32_t bit = 1; bit <= RIGHTS_ALL; bit <<= 1)
            CHECK(!(rights & bit) || !rights_suffice(needs, rights & ~bit),
                  "%s in part %u with %s less one", keep_call_name(cases[i].call),
                  (unsigned)cases[i].part, cases[i].just_enough);
        CHECK(rights_suffice(needs, RIGHTS_ALL), "with all");
        CHECK(!rights_suffice(needs, 0), "with none");
    }
}

TEST(what_has_no_row_is_for_owners_alone)
{
    static const enum keep_call calls[] = { CALL_quota_set, CALL_login, CALL_deliver,
                                            CALL_account_add };

    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        for (int part = 0; part < PLACE_PARTS; part++)
            CHECK(!rights_suffice(rights_needed(calls[i], (enum place_part)part), RIGHTS_ALL), "%s",
                  keep_call_name(calls[i]));
    CHECK(!rights_suffice(rights_needed(CALL_fetch, PLACE_TARGET), RIGHTS_ALL), "a wrong part");
}
