/* message/words/html_text.h - what a reader of HTML sees, as text.
 *
 * Pure. A tolerant scanner, no parser: it knows tags, comments, declarations and character
 * references, and takes whatever is malformed for text. One pass, no recursion, memory in
 * proportion to the input. What is given is what people search for: the text itself, with a line
 * end for each element that begins a block and nothing for one that does not ("<b>w</b>ord" is one
 * word), and the texts that stand in attributes (alt, title, and the targets href and src).
 * Scripts, styles, comments and all other markup are left out. Blanks and line ends in a row become
 * one blank. Input and output are UTF-8; the scanner never splits a character, and what is not
 * UTF-8 in the input passes as it is. Spec: HTML 4.01 3.2, 5.3, 24. Tests: html_text_test.c. Fuzz:
 * html_text_fuzz.c.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_HTML_TEXT_H
#define POSTERN_MESSAGE_HTML_TEXT_H

#include "base/buf.h"

/* Appends the text of `html`. */
void html_text(struct str html, struct buf *out);

#endif
