/* cli/move/maildir_fuzz.c - lists and names of any octets; what is written is read back. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/move/maildir.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *mem = arena_new(0);
    struct str text = str_from(data, size), name, again;
    struct maildir_uidlist list;
    struct maildir_keywords words;
    struct buf b = { 0 };

    if (maildir_uidlist_parse(mem, text, &list))
        for (size_t i = 0; i < list.count; i++)
            BUG_ON(maildir_uidlist_find(&list, list.rows[i].base) == NULL);
    maildir_keywords_parse(text, &words);
    struct maildir_file f = maildir_file_parse(text);
    maildir_suffix(&b, f.flags, f.keywords);
    BUG_ON(maildir_file_parse(buf_str(&b)).flags != f.flags);
    if (maildir_folder_parse(mem, text, &name)) {
        buf_clear(&b);
        BUF_ADD(&b, ".");
        maildir_folder_format(&b, name);
        BUG_ON(!maildir_folder_parse(mem, buf_str(&b), &again));
    }
    buf_deinit(&b);
    arena_free(mem);
    return 0;
}
