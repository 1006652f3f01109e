/* test/unit/transcript.c - reading transcripts and comparing them with what happens. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "transcript.h"

#include <dirent.h>

#include "base/arena.h"
#include "testing.h"

enum { FILE_BYTES_MAX = 1 << 20, REPEAT_MAX = 1 << 20 };

struct run {
    const struct transcript_driver *driver;
    void *session;
    const char *file;
    size_t step; /* octets a piece; 0 for the whole segment */
    uint64_t now_ms;
    struct buf sent, notes, segment;
    size_t sent_seen, notes_seen;
};

static int hex_value(char c)
{
    if (ascii_is_digit(c))
        return c - '0';
    return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'f' ? ascii_lower(c) - 'a' + 10 : 0;
}

/* "\*N(text)", the backslash and star being read already. */
static struct str add_repeated(struct buf *out, struct str rest)
{
    uint64_t count = 0;
    struct str number = str_split(&rest, '('), text = str_split(&rest, ')');

    CHECK(str_to_u64(number, REPEAT_MAX, &count), "repetition %.*s", STR_ARG(number));
    for (uint64_t i = 0; i < count; i++)
        buf_add(out, text);
    return rest;
}

static void add_unescaped(struct buf *out, struct str text)
{
    while (text.len > 0) {
        char c = text.at[0];

        if (c != '\\' || text.len == 1) {
            buf_add_char(out, c);
            text = str_skip(text, 1);
            continue;
        }
        c = text.at[1];
        text = str_skip(text, 2);
        if (c == '*') {
            text = add_repeated(out, text);
        } else if (c == 'x' && text.len >= 2) {
            buf_add_char(out, (char)(hex_value(text.at[0]) * 16 + hex_value(text.at[1])));
            text = str_skip(text, 2);
        } else {
            buf_add_char(out, c == 'r' ? '\r' : c == 'n' ? '\n' : c == 't' ? '\t' : c);
        }
    }
}

static void send_segment(struct run *r)
{
    struct str rest = buf_str(&r->segment);

    while (rest.len > 0) {
        struct str piece = str_take(rest, r->step == 0 ? rest.len : r->step);

        r->driver->feed(r->session, piece);
        rest = str_skip(rest, piece.len);
    }
    buf_clear(&r->segment);
}

/* The next line of `b` behind *seen; an unfinished one counts as a line without its end. */
static struct str next_line(const struct buf *b, size_t *seen)
{
    struct str rest = str_skip(buf_str(b), *seen), line;

    line = str_split(&rest, '\n');
    *seen = b->len - rest.len;
    if (str_ends(line, STR("\r")))
        line.len--;
    return line;
}

static void expect(struct run *r, size_t number, struct str got, struct str want, bool prefix)
{
    CHECK_STR(prefix ? str_take(got, want.len) : got, want, "%s:%zu, pieces of %zu", r->file,
              number, r->step);
}

static uint64_t duration_ms(struct str text)
{
    static const struct {
        struct str unit;
        uint64_t ms;
    } units[] = { { STR_INIT("ms"), 1 },
                  { STR_INIT("s"), 1000 },
                  { STR_INIT("m"), 60000 },
                  { STR_INIT("h"), 3600000 } };

    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        uint64_t count;

        if (str_ends(text, units[i].unit) &&
            str_to_u64(str_take(text, text.len - units[i].unit.len), UINT32_MAX, &count))
            return count * units[i].ms;
    }
    CHECK(false, "no duration: %.*s", STR_ARG(text));
    return 0;
}

static void instruct(struct run *r, size_t number, struct str line)
{
    struct str arg = line, word = str_split(&arg, ' ');

    if (str_eq(word, STR("closed")))
        CHECK(r->driver->is_closed(r->session), "%s:%zu: still open", r->file, number);
    else
        CHECK(r->driver->instruct(r->session, word, str_trim(arg)), "%s:%zu: !%.*s is unknown",
              r->file, number, STR_ARG(word));
}

/* First pass: what the client does. The second pass, over the finished run, compares; so the same
 * code serves pipelined and polite clients. */
static void act(struct run *r, size_t number, struct str line)
{
    struct str text = str_skip(line, 3);

    if (str_starts(line, STR("C:")) || str_starts(line, STR("C-"))) {
        add_unescaped(&r->segment, text);
        if (line.at[1] == ':')
            BUF_ADD(&r->segment, "\r\n");
    } else if (str_starts(line, STR("@+"))) {
        send_segment(r);
        r->now_ms += duration_ms(str_skip(line, 2));
        r->driver->tick(r->session, r->now_ms);
    } else if (str_starts(line, STR("!"))) {
        send_segment(r);
        instruct(r, number, str_skip(line, 1));
    } else {
        CHECK(line.len == 0 || line.at[0] == '#' || str_starts(line, STR("S:")) ||
                  str_starts(line, STR("S~")) || str_starts(line, STR("E:")),
              "%s:%zu: what is this?", r->file, number);
    }
}

static void compare(struct run *r, size_t number, struct str line)
{
    struct str text = str_skip(line, 3);

    if (str_starts(line, STR("S:")) || str_starts(line, STR("S~")))
        expect(r, number, next_line(&r->sent, &r->sent_seen), text, line.at[1] == '~');
    else if (str_starts(line, STR("E:")))
        expect(r, number, next_line(&r->notes, &r->notes_seen), text, false);
}

static void each_line(struct run *r, struct str text, void (*use)(struct run *, size_t, struct str))
{
    for (size_t number = 1; text.len > 0; number++)
        use(r, number, str_split(&text, '\n'));
}

static void run_once(const struct transcript_driver *driver, const char *file, struct str text,
                     size_t step)
{
    struct run r = { .driver = driver, .file = file, .step = step };

    r.session = driver->open(&r.sent, &r.notes);
    each_line(&r, text, act);
    send_segment(&r);
    each_line(&r, text, compare);
    CHECK_STR(str_skip(buf_str(&r.sent), r.sent_seen), STR(""), "%s: sent more, pieces of %zu",
              file, step);
    CHECK_STR(str_skip(buf_str(&r.notes), r.notes_seen), STR(""), "%s: noted more, pieces of %zu",
              file, step);
    driver->close(r.session);
    buf_deinit(&r.sent);
    buf_deinit(&r.notes);
    buf_deinit(&r.segment);
}

static struct str read_file(struct arena *mem, const char *path)
{
    FILE *f = fopen(path, "rb");
    char *at = arena_alloc(mem, FILE_BYTES_MAX);

    CHECK(f != NULL, "cannot open %s", path);
    size_t len = fread(at, 1, FILE_BYTES_MAX, f);
    (void)fclose(f);
    return str_from(at, len);
}

void transcript_run_all(const struct transcript_driver *driver)
{
    static const size_t steps[] = { 0, 1, 2, 3, 7, 64, 1000 };
    DIR *dir = opendir(SESSION_DIR);
    struct dirent *entry;
    size_t count = 0;

    CHECK(dir != NULL, "cannot open %s", SESSION_DIR);
    while ((entry = readdir(dir)) != NULL) {
        SCRATCH(tmp, NULL);
        struct str name = str_from_z(entry->d_name), prefix = str_from_z(driver->protocol);

        if (!str_starts(name, prefix) || !str_starts(str_skip(name, prefix.len), STR("_")) ||
            !str_ends(name, STR(".txt")))
            continue;
        count++;

        struct str path = arena_printf(tmp, "%s/%s", SESSION_DIR, entry->d_name);
        struct arena *mem = arena_new(0);
        struct str text = read_file(mem, arena_copy_z(tmp, path));

        for (size_t i = 0; i < ARRAY_LEN(steps); i++)
            run_once(driver, entry->d_name, text, steps[i]);
        arena_free(mem);
    }
    (void)closedir(dir);
    CHECK(count > 0, "no transcript %s_*.txt", driver->protocol);
}

bool dictionary_has(const char *protocol, const char *word)
{
    struct arena *mem = arena_new(0);
    struct str path = arena_printf(mem, "%s/../../fuzz/dict/%s.dict", SESSION_DIR, protocol);
    struct str quoted = arena_printf(mem, "\"%s\"\n", word);
    bool found = str_find(read_file(mem, path.at), quoted) != STR_NOT_FOUND;

    arena_free(mem);
    return found;
}
