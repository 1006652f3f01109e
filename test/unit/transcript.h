/* test/unit/transcript.h - sessions written down as dialogues, run against a machine in memory.
 *
 * A transcript is a text file in test/session/, named <protocol>_<what>.txt:
 *
 *   # a remark
 *   !word argument     an instruction to the driver (before the first C: or S:, or in between)
 *   C: text            the client sends the text and CRLF
 *   C- text            the client sends the text alone
 *   S: text            the server sends exactly this line
 *   S~ text            the server sends a line that begins so
 *   E: text            the driver noted this about an event (what was committed, who logged in)
 *   @+90s              so much time passes (ms, s, m or h)
 *   !closed            the server has closed the connection
 *
 * In C lines \r \n \t \\ and \xNN stand for octets, and \*N(text) for N times the text. All that a
 * client sends up to the next "!" or "@" line is one segment. Every transcript is run with its
 * segments whole, octet by octet and in other pieces; what the server sends, and what the driver
 * notes, must be the same. Tests of a room give their driver to transcript_run_all. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_TEST_TRANSCRIPT_H
#define POSTERN_TEST_TRANSCRIPT_H

#include "base/buf.h"

/* Joins a machine to canned answers. `sent` collects the server's octets, `notes` lines. */
struct transcript_driver {
    const char *protocol; /* the beginning of the file names */
    void *(*open)(struct buf *sent, struct buf *notes);
    void (*feed)(void *session, struct str bytes);
    void (*tick)(void *session, uint64_t now_ms);
    bool (*instruct)(void *session, struct str word, struct str arg); /* false: unknown word */
    bool (*is_closed)(void *session);
    void (*close)(void *session);
};

/* Fails the test at the first difference, and when there is no transcript at all. */
void transcript_run_all(const struct transcript_driver *driver);

/* True when fuzz/dict/<protocol>.dict has the word: the fuzzers' dictionaries are written by hand
 * and kept in step with the tables of commands by their tests. */
bool dictionary_has(const char *protocol, const char *word);

#endif
