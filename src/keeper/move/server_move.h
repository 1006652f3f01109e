/* keeper/move/server_move.h - the handlers of this folder, and what is kept of expunged messages.
 *
 * Inside keeper only. Tests: server_import_test.c, server_graves_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_KEEPER_SERVER_MOVE_H
#define POSTERN_KEEPER_SERVER_MOVE_H

#include "keeper/server_job.h"

enum err read_account_open(struct request *j); /* server_import.c */
void start_import(struct request *j);
enum err read_import_marks(struct request *j);
enum err read_graves(struct request *j); /* server_graves.c */
void start_undelete(struct request *j);
/* What an account may keep of expunged messages; 0: they go at once. */
uint64_t keeper_keeps_bytes(const struct keeper *k);

#endif
