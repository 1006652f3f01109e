/* message/words/stems.c - Snowball, in all languages at once. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/words/stems.h"

#include <libstemmer.h>

#include "base/utf8.h"

enum { LANGUAGE_BYTES_MAX = 20, BEGINNING_CHARACTERS_MIN = 2 };

struct stems {
    struct sb_stemmer *languages[STEMS_LANGUAGES_MAX];
    unsigned count;
    char word[STEMS_WORD_BYTES_MAX];
    size_t len, beginning;
    char stems[STEMS_LANGUAGES_MAX][STEMS_WORD_BYTES_MAX];
    size_t lens[STEMS_LANGUAGES_MAX];
};

static struct str next_name(struct str *rest)
{
    size_t from = 0, len = 0;
    struct str name;

    while (from < rest->len && (rest->at[from] == ' ' || rest->at[from] == ','))
        from++;
    *rest = str_skip(*rest, from);
    while (len < rest->len && rest->at[len] != ' ' && rest->at[len] != ',')
        len++;
    name = str_take(*rest, len);
    *rest = str_skip(*rest, len);
    return name;
}

static struct sb_stemmer *open_language(struct str name)
{
    char z[LANGUAGE_BYTES_MAX + 1];

    if (name.len > LANGUAGE_BYTES_MAX)
        return NULL;
    memcpy(z, name.at, name.len);
    z[name.len] = '\0';
    return sb_stemmer_new(z, NULL);
}

enum err stems_new(struct str languages, struct stems **ret, struct errinfo *why)
{
    struct stems *s = calloc(1, sizeof *s);
    struct str name;

    if (s == NULL)
        BUG("out of memory");
    while ((name = next_name(&languages)).len > 0) {
        struct sb_stemmer *language = s->count == STEMS_LANGUAGES_MAX ? NULL : open_language(name);

        if (language == NULL) {
            stems_free(s);
            return err_set(why, ERR_SYNTAX, "no stems are known for the language '%.*s'",
                           STR_ARG(str_take(name, LANGUAGE_BYTES_MAX)));
        }
        s->languages[s->count++] = language;
    }
    *ret = s;
    return OK;
}

void stems_free(struct stems *s)
{
    if (s == NULL)
        return;
    for (unsigned i = 0; i < s->count; i++)
        sb_stemmer_delete(s->languages[i]);
    free(s);
}

/* The result lives until the next call for the same language. */
static struct str stem_of(struct stems *s, unsigned language, struct str word)
{
    const unsigned char *at;

    if (word.len > STEMS_WORD_BYTES_MAX)
        return word;
    at = sb_stemmer_stem(s->languages[language], (const unsigned char *)word.at, (int)word.len);
    if (at == NULL)
        return word;
    return str_from(at, (size_t)sb_stemmer_length(s->languages[language]));
}

static size_t common(struct str a, struct str b)
{
    size_t len = 0;

    while (len < a.len && len < b.len && a.at[len] == b.at[len])
        len++;
    return len;
}

/* Words of one stem share its beginning but for its last letter ("study", "studies": "studi"). */
void stems_ask(struct stems *s, struct str word)
{
    word = utf8_cut(word, STEMS_WORD_BYTES_MAX);
    memcpy(s->word, word.at, word.len);
    s->len = s->beginning = word.len;
    for (unsigned i = 0; i < s->count; i++) {
        struct str stem = str_take(stem_of(s, i, word), STEMS_WORD_BYTES_MAX);
        size_t shared = common(stem, word);

        memcpy(s->stems[i], stem.at, stem.len);
        s->lens[i] = stem.len;
        if (stem.len < word.len || shared < word.len)
            s->beginning = MIN(s->beginning, shared == 0 ? 0 : shared - 1);
    }
    /* The shortest words have no forms worth going through everything for. */
    while (s->beginning < s->len &&
           (utf8_length(str_from(s->word, s->beginning)) < BEGINNING_CHARACTERS_MIN ||
            (s->word[s->beginning] & 0xC0) == 0x80))
        s->beginning++;
}

struct str stems_beginning(const struct stems *s)
{
    return str_from(s->word, s->beginning);
}

unsigned stems_fit(struct stems *s, struct str word)
{
    struct str asked = str_from(s->word, s->len);

    if (str_eq(word, asked))
        return STEMS_SAME;
    if (!str_starts(word, stems_beginning(s)))
        return 0;
    for (unsigned i = 0; i < s->count; i++)
        if (str_eq(stem_of(s, i, word), str_from(s->stems[i], s->lens[i])))
            return STEMS_STEM;
    return str_starts(word, asked) ? STEMS_BEGINS : 0;
}
