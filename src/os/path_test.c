/* os/path_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "os/machine.h"
#include "os/os_test.h"
#include "os/path.h"

TEST(one_file_is_written_and_read_by_its_path)
{
    SCRATCH(mem, NULL);
    char at[64];
    struct str folder = folder_new(at), path = arena_join(mem, folder, STR("/postern.conf")), got;
    struct errinfo why = { 0 };

    CHECK(!path_exists(path), "not yet");
    CHECK_OK(path_write(path, STR("one"), &why), "%s", why.text);
    CHECK_OK(path_write(path, STR("two"), &why), "%s", why.text);
    CHECK(path_exists(path), "now");
    CHECK_OK(path_read(mem, path, 3, &got, &why), "%s", why.text);
    CHECK_STR(got, STR("two"), "the second replaced the first");
    folder_remove(folder);
}

TEST(what_cannot_be_read_or_written_is_named)
{
    SCRATCH(mem, NULL);
    char at[64];
    struct str folder = folder_new(at), path = arena_join(mem, folder, STR("/x")), got;
    struct errinfo why = { 0 };

    CHECK_EQ(path_read(mem, path, 100, &got, &why), ERR_NOT_FOUND, "missing file");
    CHECK(str_find(str_from_z(why.text), path) != STR_NOT_FOUND, "%s", why.text);
    CHECK_EQ(path_read(mem, STR("/nowhere/at/all"), 100, &got, &why), ERR_NOT_FOUND, "no folder");
    CHECK(path_write(STR("/nowhere/at/all"), STR(""), &why) != OK, "no folder");
    CHECK_EQ(path_read(mem, folder, 0, &got, NULL) == OK, false, "a folder is no file");
    CHECK_EQ(path_read(mem, arena_join(mem, folder, STR("/")), 9, &got, &why), ERR_SYNTAX,
             "no name");
    CHECK_OK(path_write(path, STR("four"), &why), "%s", why.text);
    CHECK_EQ(path_read(mem, path, 3, &got, &why), ERR_LIMIT, "too large");
    folder_remove(folder);
}

TEST(a_look_says_what_stands_there_and_when_it_was_changed)
{
    SCRATCH(mem, NULL);
    char at[64];
    struct str folder = folder_new(at), path = arena_join(mem, folder, STR("/x"));
    struct path_look look;
    struct errinfo why = { 0 };

    CHECK_EQ(path_look(path, &look), ERR_NOT_FOUND, "nothing");
    CHECK_EQ(path_set_modified(path, 5, &why), ERR_IO, "nothing");
    CHECK(str_find(str_from_z(why.text), path) != STR_NOT_FOUND, "%s", why.text);
    CHECK_OK(path_write(path, STR("four"), &why), "%s", why.text);
    CHECK_OK(path_set_modified(path, 1000000000, &why), "%s", why.text);
    CHECK_OK(path_look(path, &look), "look");
    CHECK_EQ(look.kind, PATH_FILE, "a file");
    CHECK_EQ(look.bytes, 4, "octets");
    CHECK_EQ(look.modified_s, 1000000000, "time");
    CHECK_OK(path_look(folder, &look), "look");
    CHECK_EQ(look.kind, PATH_FOLDER, "a folder");
    CHECK_OK(path_look(STR("/dev/null"), &look), "look");
    CHECK_EQ(look.kind, PATH_OTHER, "neither");
    CHECK_EQ(path_look(arena_join(mem, path, STR("/below")), &look), ERR_NOT_FOUND, "below a file");
    folder_remove(folder);
}

TEST(the_machine_has_cores_and_a_name)
{
    SCRATCH(mem, NULL);

    CHECK(machine_cores() >= 1, "cores");
    CHECK(machine_name(mem).len > 0, "name");
    CHECK(!machine_is_terminal(-1), "nobody sees it");
}

TEST(names_and_addresses_become_addresses)
{
    struct errinfo why = { 0 };
    struct address a;

    CHECK_OK(machine_find_address(STR("::1"), 7, &a, &why), "%s", why.text);
    CHECK(address_is_loopback(&a) && a.port == 7, "an address");
    CHECK_OK(machine_find_address(STR("localhost"), 7, &a, &why), "%s", why.text);
    CHECK(address_is_loopback(&a) && a.port == 7, "a name");
    CHECK_EQ(machine_find_address(STR("no such name"), 7, &a, &why), ERR_NOT_FOUND, "neither");
    CHECK(str_find(str_from_z(why.text), STR("no such name")) != STR_NOT_FOUND, "%s", why.text);
}
