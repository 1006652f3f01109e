/* message/order/thread_tree.h - messages joined to threads.
 *
 * Pure (memory only). Nothing recurses: chains of any depth and references that lie (loops, ids of
 * strangers, hundreds of them) cost time in proportion to the messages and their references. Where
 * a link might close a loop the ancestors are walked; all walks together have a limit of
 * THREAD_STEPS_PER_MESSAGE steps a message, past which a link that might close a loop is not made.
 * The result is a stream of varints: 0 opens a parenthesis, 1 closes one, anything else is a UID +
 * 1, so that whoever writes the response needs no tree.
 *
 * ORDEREDSUBJECT and REFERENCES: RFC 5256 3. REFS (draft-ietf-morg-inthread) is REFERENCES without
 * its steps 4 and 5: subjects join nothing, and threads stand in the order of the most recent sent
 * date in each, the most recent last, so that a thread moves when an answer comes.
 * Tests: thread_tree_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_THREAD_TREE_H
#define POSTERN_MESSAGE_THREAD_TREE_H

#include "base/buf.h"

enum { THREAD_STEPS_PER_MESSAGE = 200 };

enum thread_algorithm {
    THREAD_ORDEREDSUBJECT,
    THREAD_REFERENCES,
    THREAD_REFS,
    THREAD_ALGORITHM_COUNT
};

enum thread_token { THREAD_OPEN, THREAD_CLOSE, THREAD_UID }; /* from THREAD_UID on: UID + 1 */

struct thread_message {
    uint32_t uid;
    uint32_t subject; /* equal for equal base subjects, smaller for smaller ones */
    bool subject_empty, is_reply;
    int64_t sent_s;
    uint64_t id; /* hash of the Message-ID, 0: none */
    const uint64_t *references;
    uint32_t reference_count;
};

/* Messages in mailbox order. `seed` is a number that no sender of mail can know. */
void thread_messages(enum thread_algorithm algorithm, const struct thread_message *messages,
                     uint32_t count, uint64_t seed, struct buf *out);

#endif
