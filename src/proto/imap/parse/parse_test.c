/* proto/imap/parse/parse_test.c - what each command becomes, and what is refused. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/describe.h"
#include "proto/imap/machine.h"

#include "testing.h"

enum { ALL_FACTS = IMAP_AUTHED | IMAP_SELECTED, BEFORE = IMAP_LOGIN_OK | IMAP_TLS_READY };

/* The answer to one command text (without CRLF): its description or the refusal. */
static void parse(struct buf *out, struct str text, uint32_t facts)
{
    SCRATCH(mem, NULL);
    struct scan s = { .mem = mem, .limits = &imap_limits_default.scan, .rest = text };
    struct imap_command c = { 0 };

    s.utf8 = (facts & IMAP_UTF8) != 0;
    s.uid_only = (facts & IMAP_UIDONLY) != 0;
    c.tag = scan_tag(&s);
    scan_space(&s);
    if (command_begin(&s, facts, &c))
        command_args(&s, &c);
    if (scan_ok(&s))
        imap_describe(out, &c);
    else
        buf_printf(out, "%s %s", s.refused ? "NO" : "BAD", s.error);
}

struct row {
    struct str text, want;
    uint32_t facts;
};

#define ROW(text, want, facts)                                                                     \
    {                                                                                              \
        STR_INIT(text), STR_INIT(want), facts                                                      \
    }

static const struct row good[] = {
    ROW("a CAPABILITY", "a CAPABILITY", 0),
    ROW("a noop", "a NOOP", 0),
    ROW("A.1]x STARTTLS", "A.1]x STARTTLS", BEFORE),
    ROW("a LOGIN alice hungry", "a LOGIN <alice><hungry>", BEFORE),
    ROW("a LOGIN \"alice\" \"hun\\\"gry\\\\\"", "a LOGIN <alice><hun\"gry\\>", BEFORE),
    ROW("a LOGIN {5}\r\nalice {6+}\r\nhu\r\nry", "a LOGIN <alice><hu\r\nry>", BEFORE),
    ROW("a LOGIN \"\" \"\"", "a LOGIN <><>", BEFORE),
    ROW("a AUTHENTICATE PLAIN", "a AUTHENTICATE PLAIN", BEFORE),
    ROW("a AUTHENTICATE PLAIN =", "a AUTHENTICATE PLAIN initial=", BEFORE),
    ROW("a AUTHENTICATE PLAIN AGE+/w==", "a AUTHENTICATE PLAIN initial=AGE+/w==", BEFORE),
    ROW("a ID NIL", "a ID ()", 0),
    ROW("a ID (\"name\" \"x\" \"os\" NIL)", "a ID (name|x|os|)", 0),
    ROW("a COMPRESS deflate", "a COMPRESS", IMAP_AUTHED),
    ROW("a ENABLE CONDSTORE QRESYNC", "a ENABLE (CONDSTORE|QRESYNC)", IMAP_AUTHED),
    ROW("a SELECT inbox", "a SELECT <INBOX>", IMAP_AUTHED),
    ROW("a SELECT inBox/x", "a SELECT <INBOX/x>", IMAP_AUTHED),
    ROW("a SELECT inboxes", "a SELECT <inboxes>", IMAP_AUTHED),
    ROW("a EXAMINE \"a b\"", "a EXAMINE <a b>", IMAP_AUTHED),
    ROW("a SELECT Entw&APw-rfe", "a SELECT <Entw\xc3\xbcrfe>", IMAP_AUTHED),
    ROW("a SELECT \"Entw\xc3\xbcrfe\"", "a SELECT <Entw\xc3\xbcrfe>", IMAP_AUTHED | IMAP_UTF8),
    ROW("a SELECT x (CONDSTORE)", "a SELECT <x> condstore", IMAP_AUTHED),
    ROW("a SELECT x (QRESYNC (67 90060115205 41:211 (1:29 41:69)))",
        "a SELECT <x> qresync 67 90060115205 41:211/1:29/41:69", IMAP_AUTHED),
    ROW("a SELECT x (QRESYNC (67 9))", "a SELECT <x> qresync 67 9 //", IMAP_AUTHED),
    ROW("a CREATE owatagusiam/", "a CREATE <owatagusiam>()", IMAP_AUTHED),
    ROW("a CREATE x (USE (\\Sent \\Drafts))", "a CREATE <x>(\\Sent|\\Drafts)", IMAP_AUTHED),
    ROW("a DELETE x", "a DELETE <x>", IMAP_AUTHED),
    ROW("a RENAME x {1}\r\ny", "a RENAME <x><y>", IMAP_AUTHED),
    ROW("a SUBSCRIBE #news.comp", "a SUBSCRIBE <#news.comp>", IMAP_AUTHED),
    ROW("a LIST \"\" *", "a LIST <>(*) 0/0", IMAP_AUTHED),
    ROW("a LIST \"\" \"\"", "a LIST <>() 0/0", IMAP_AUTHED),
    ROW("a LIST a/ %x]", "a LIST <a/>(%x]) 0/0", IMAP_AUTHED),
    ROW("a LSUB \"\" %", "a LSUB <>(%) 0/0", IMAP_AUTHED),
    ROW("a LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (a b/%) RETURN (CHILDREN STATUS (MESSAGES "
        "UNSEEN))",
        "a LIST <>(a|b/%) a5/11 extended", IMAP_AUTHED),
    ROW("a LIST () \"\" * RETURN ()", "a LIST <>(*) 0/0 extended", IMAP_AUTHED),
    ROW("a STATUS blurdybloop (UIDNEXT MESSAGES)", "a STATUS <blurdybloop> 5", IMAP_AUTHED),
    ROW("a IDLE", "a IDLE", IMAP_AUTHED),
    ROW("a UNSELECT", "a UNSELECT", ALL_FACTS),
    ROW("a EXPUNGE", "a EXPUNGE", ALL_FACTS),
    ROW("a UID EXPUNGE 3000:3002", "a UID EXPUNGE 3000:3002", ALL_FACTS),
    ROW("a FETCH 2:4 (FLAGS BODY[HEADER.FIELDS (DATE FROM)])",
        "a FETCH 2:4 FLAGS SECTION[HEADER.FIELDS(DATE|FROM)]!", ALL_FACTS),
    ROW("a FETCH 1,3:*,*:4 ALL", "a FETCH 1,3:0,0:4 FLAGS DATE SIZE ENVELOPE", ALL_FACTS),
    ROW("a FETCH 1 FAST", "a FETCH 1 FLAGS DATE SIZE", ALL_FACTS),
    ROW("a FETCH 1 full", "a FETCH 1 FLAGS DATE SIZE ENVELOPE BODY", ALL_FACTS),
    ROW("a UID FETCH $ (uid RFC822.SIZE)", "a UID FETCH $ UID SIZE", ALL_FACTS),
    ROW("a UID FETCH 1 BODY.PEEK[]<0.2048>", "a UID FETCH 1 SECTION[]<0.2048> UID", ALL_FACTS),
    ROW("a FETCH 1 BODY[4.2.2.1.HEADER.FIELDS.NOT (\"X\")]",
        "a FETCH 1 SECTION[4.2.2.1.HEADER.FIELDS.NOT(X)]!", ALL_FACTS),
    ROW("a FETCH 1 (BODY BODYSTRUCTURE RFC822 RFC822.HEADER RFC822.TEXT)",
        "a FETCH 1 BODY BODYSTRUCTURE RFC822! RFC822.HEADER RFC822.TEXT!", ALL_FACTS),
    ROW("a FETCH 1 (BODY[1.MIME] BODY[TEXT] BODY[HEADER] BODY[3])",
        "a FETCH 1 SECTION[1.MIME]! SECTION[TEXT]! SECTION[HEADER]! SECTION[3]!", ALL_FACTS),
    ROW("a UID FETCH 1:* FLAGS (CHANGEDSINCE 12 VANISHED)",
        "a UID FETCH 1:0 FLAGS UID MODSEQ since=12 vanished", ALL_FACTS),
    ROW("a FETCH 1 (PREVIEW (LAZY) EMAILID THREADID SAVEDATE MODSEQ)",
        "a FETCH 1 PREVIEW EMAILID THREADID SAVEDATE MODSEQ", ALL_FACTS),
    ROW("a FETCH 1 (BINARY[1.2] BINARY.PEEK[]<5.10> BINARY.SIZE[3])",
        "a FETCH 1 BINARY[1.2]! BINARY[]<5.10> BINARY.SIZE[3]", ALL_FACTS),
    ROW("a STORE 2:4 +FLAGS (\\Deleted)", "a STORE 2:4 + flags=8()", ALL_FACTS),
    ROW("a STORE 1 FLAGS.SILENT \\Seen Work", "a STORE 1 =silent flags=1(Work)", ALL_FACTS),
    ROW("a STORE 1 -FLAGS ()", "a STORE 1 - flags=0()", ALL_FACTS),
    ROW("a UID STORE 7 (UNCHANGEDSINCE 9) FLAGS ($Junk)", "a UID STORE 7 = unchanged=9 flags=400()",
        ALL_FACTS),
    ROW("a SEARCH ALL", "a SEARCH 0 n2 sets", ALL_FACTS),
    ROW("a SEARCH FLAGGED SINCE 1-Feb-1994 NOT FROM \"Smith\"", "a SEARCH 0 n5 sets", ALL_FACTS),
    ROW("a SEARCH CHARSET UTF-8 TEXT {2}\r\n\xc3\xbc", "a SEARCH 0 n2 sets", ALL_FACTS),
    ROW("a UID SEARCH RETURN (MIN COUNT) 1:3,5 OR UID 7:* (NEW UNDELETED)",
        "a UID SEARCH 29 n11 sets 1:3,5 U7:0", ALL_FACTS),
    ROW("a SORT (SUBJECT REVERSE DATE DISPLAYTO) UTF-8 SINCE 1-Feb-1994", "a SORT 5 -2 8 0 n2 sets",
        ALL_FACTS),
    ROW("a UID SORT RETURN (MIN PARTIAL 500:1) (REVERSE ARRIVAL) us-ascii ALL",
        "a UID SORT -0 500:1 61 n2 sets", ALL_FACTS),
    ROW("a UID THREAD REFERENCES UTF-8 1:* UNSEEN", "a UID THREAD threads1 0 n4 sets 1:0",
        ALL_FACTS),
    ROW("a THREAD refs \"utf-8\" ALL", "a THREAD threads2 0 n2 sets", ALL_FACTS),
    ROW("a THREAD ORDEREDSUBJECT UTF-8 ALL", "a THREAD 0 n2 sets", ALL_FACTS),
    ROW("a SEARCH RETURN (PARTIAL -1:-100 COUNT) ALL", "a SEARCH -1:100 68 n2 sets", ALL_FACTS),
    ROW("a SEARCH RETURN (UPDATE CONTEXT) ALL", "a SEARCH 1a0 n2 sets", ALL_FACTS),
    ROW("a CANCELUPDATE \"B01\" \"B02\"", "a CANCELUPDATE (B01|B02)", ALL_FACTS),
    ROW("a ESEARCH UNSEEN", "a ESEARCH 24 n3 sets", IMAP_AUTHED),
    ROW("a ESEARCH IN (mailboxes \"folder1\" subtree \"folder2\") unseen",
        "a ESEARCH in6(folder1) in5(folder2) 24 n3 sets", IMAP_AUTHED),
    ROW("a ESEARCH IN (selected subtree-one (a b) inboxes personal) RETURN (MIN) CHARSET UTF-8 "
        "UID 5:*",
        "a ESEARCH in0() in7(a|b) in2() in3() 21 n2 sets U5:0", IMAP_AUTHED),
    ROW("a SEARCH FUZZY SUBJECT crepe", "a SEARCH 0 n2 sets", ALL_FACTS),
    ROW("a SEARCH RETURN (RELEVANCY ALL) FUZZY (TEXT \"Helo\" NOT FROM bob)",
        "a SEARCH 224 n5 sets", ALL_FACTS),
    ROW("a SEARCH RETURN () UNSEEN", "a SEARCH 24 n3 sets", ALL_FACTS),
    ROW("a SEARCH KEYWORD $Junk UNKEYWORD Work HEADER X-Y \"\" MODSEQ \"/flags/\\\\seen\" all 9",
        "a SEARCH 0 n6 modseq sets", ALL_FACTS),
    ROW("a SEARCH BEFORE \"1-Feb-1994\" SENTON 29-Feb-2024 LARGER 0 YOUNGER 60 SAVEDATESUPPORTED",
        "a SEARCH 0 n6 sets", ALL_FACTS),
    ROW("a GETQUOTA \"\"", "a GETQUOTA <>", IMAP_AUTHED),
    ROW("a GETQUOTA \"!partition/sda4\"", "a GETQUOTA <!partition/sda4>", IMAP_AUTHED),
    ROW("a GETQUOTA", "BAD Missing argument", IMAP_AUTHED),
    ROW("a getquotaroot inbox", "a GETQUOTAROOT <INBOX>", IMAP_AUTHED),
    ROW("a SETQUOTA {1}\r\nx (storage 510 MAILBOX 0)", "a SETQUOTA <x> 0=510 2=0", IMAP_AUTHED),
    ROW("a SETQUOTA \"#user/alice\" (MESSAGE 9223372036854775807)",
        "a SETQUOTA <#user/alice> 1=9223372036854775807", IMAP_AUTHED),
    ROW("a SETQUOTA x ()", "a SETQUOTA <x>", IMAP_AUTHED),
    ROW("a SETQUOTA x (ANNOTATION-STORAGE 1)", "NO [CANNOT] That resource has no limit here",
        IMAP_AUTHED),
    ROW("a SETQUOTA x (STORAGE 1 storage 2)", "BAD A resource is named twice", IMAP_AUTHED),
    ROW("a STATUS x (DELETED DELETED-STORAGE)", "a STATUS <x> 600", IMAP_AUTHED),
    ROW("a SETACL INBOX bob@hamburger.edu +lrc", "a SETACL <INBOX><bob@hamburger.edu>+lrkxc",
        IMAP_AUTHED),
    ROW("a SETACL inbox \"-bob\" \"\"", "a SETACL <INBOX><-bob>=", IMAP_AUTHED),
    ROW("a SETACL INBOX bob lrX", "BAD Rights are of the letters lrswipkxteacd", IMAP_AUTHED),
    ROW("a DELETEACL INBOX bob", "a DELETEACL <INBOX><bob>=", IMAP_AUTHED),
    ROW("a DELETEACL INBOX \"\"", "BAD An identifier is not empty", IMAP_AUTHED),
    ROW("a LISTRIGHTS INBOX anyone", "a LISTRIGHTS <INBOX><anyone>=", IMAP_AUTHED),
    ROW("a GETACL &AOk-t&AOk-", "a GETACL <\xc3\xa9t\xc3\xa9>", IMAP_AUTHED),
    ROW("a MYRIGHTS inbox", "a MYRIGHTS <INBOX>", IMAP_AUTHED),
    ROW("a GETMETADATA \"\" /shared/comment", "a GETMETADATA <>(/shared/comment)", IMAP_AUTHED),
    ROW("a GETMETADATA INBOX (/Shared/comment /private/comment)",
        "a GETMETADATA <INBOX>(/shared/comment|/private/comment)", IMAP_AUTHED),
    ROW("a GETMETADATA \"INBOX\" (MAXSIZE 1024) (/shared/comment /private/comment)",
        "a GETMETADATA <INBOX>(/shared/comment|/private/comment) max=1024", IMAP_AUTHED),
    ROW("a GETMETADATA (DEPTH 1 MAXSIZE 0) INBOX (/private/filters/values)",
        "a GETMETADATA <INBOX>(/private/filters/values) depth=1 max=0", IMAP_AUTHED),
    ROW("a GETMETADATA INBOX (DEPTH infinity) /private", "a GETMETADATA <INBOX>(/private) depth=-1",
        IMAP_AUTHED),
    ROW("a GETMETADATA INBOX /private/comment /shared/comment",
        "a GETMETADATA <INBOX>(/private/comment|/shared/comment)", IMAP_AUTHED),
    ROW("a SETMETADATA INBOX (/private/comment {4}\r\na\r\nb /shared/comment NIL)",
        "a SETMETADATA <INBOX> /private/comment=a\r\nb /shared/comment-", IMAP_AUTHED),
    ROW("a SETMETADATA \"\" (/private/x \"NIL\" /private/y ~{3+}\r\na\0b)",
        "a SETMETADATA <> /private/x=NIL /private/y=a\0b", IMAP_AUTHED),
    ROW("a SEARCH UID 300:900 FILTER on-the-road SINCE \"3-Dec-2002\"",
        "a SEARCH 0 n4 sets U300:900 filters(on-the-road)", ALL_FACTS),
    ROW("a SEARCH OR FILTER a NOT FILTER B FILTER A", "a SEARCH 0 n6 sets filters(a|B)", ALL_FACTS),
    ROW("a NOTIFY NONE", "a NOTIFY none", IMAP_AUTHED),
    ROW("a notify set status (selected MessageNew (uid body.peek[header.fields (from to subject)]) "
        "MessageExpunge) (subtree Lists MessageNew MessageExpunge)",
        "a NOTIFY status 0:3(uid body.peek[header.fields (from to subject)]) 5:3(Lists)",
        IMAP_AUTHED),
    ROW("a notify set (mailboxes INBOX (Messagenew messageExpunge)) (personal "
        "(SubscriptionChange))",
        "a NOTIFY set 6:3(INBOX) 3:10", IMAP_AUTHED),
    ROW("a notify set (selected-delayed (Messagenew (uid flags) messageExpunge FlagChange)) "
        "(subscribed NONE) (inboxes (MailboxName ServerMetadataChange)) (mailboxes (a b) "
        "(MailboxMetadataChange))",
        "a NOTIFY set 1:7(uid flags) 4:0 2:48 6:20(a|b)", IMAP_AUTHED),
    ROW("a UID FETCH 1 FLAGS", "a UID FETCH 1 FLAGS", ALL_FACTS | IMAP_UIDONLY),
    ROW("a UID SEARCH $ UID 1:3", "a UID SEARCH 0 n3 sets $ U1:3", ALL_FACTS | IMAP_UIDONLY),
    ROW("a EXPUNGE", "a EXPUNGE", ALL_FACTS | IMAP_UIDONLY),
    ROW("a COPY 2:4 MEETING", "a COPY 2:4 <MEETING>", ALL_FACTS),
    ROW("a UID MOVE 42:69 foo", "a UID MOVE 42:69 <foo>", ALL_FACTS),
};

static const struct row bad[] = {
    ROW("a", "BAD Missing argument", 0),
    ROW(" a NOOP", "BAD Missing tag", 0),
    ROW("a+b NOOP", "BAD Expected a space", 0),
    ROW("a NOOP x", "BAD Unexpected characters after the command's arguments", 0),
    ROW("a NOOP ", "BAD Unexpected characters after the command's arguments", 0),
    ROW("a FROBNICATE", "BAD Unknown command", 0),
    ROW("a UID NOOP", "BAD Unknown command", ALL_FACTS),
    ROW("a LOGIN alice hungry", "NO [PRIVACYREQUIRED] Start TLS before you log in", 0),
    ROW("a LOGIN alice hungry", "BAD Already logged in", IMAP_LOGIN_OK | IMAP_AUTHED),
    ROW("a LOGIN alice", "BAD Missing argument", BEFORE),
    ROW("a LOGIN al(ice hungry", "BAD Expected a space", BEFORE),
    ROW("a LOGIN \"alice hungry", "BAD Quoted string without its end", BEFORE),
    ROW("a LOGIN \"al\\ice\" x", "BAD Bad escape in a quoted string", BEFORE),
    ROW("a LOGIN \"al\xc3\xa9\" x", "BAD 8-bit characters in a quoted string", BEFORE),
    ROW("a LOGIN {1}\r\n\0 x", "BAD NUL in a literal", BEFORE),
    ROW("a STARTTLS", "BAD TLS is not available", 0),
    ROW("a STARTTLS", "BAD Too late", BEFORE | IMAP_SECURE),
    ROW("a SELECT x", "BAD Log in first", 0),
    ROW("a FETCH 1 ALL", "BAD No mailbox is selected", IMAP_AUTHED),
    ROW("a STORE 1 FLAGS ()", "NO [READ-ONLY] The mailbox is open read-only",
        ALL_FACTS | IMAP_READ_ONLY),
    ROW("a GETMETADATA INBOX /comment", "BAD That is not the name of an annotation", IMAP_AUTHED),
    ROW("a GETMETADATA INBOX \"/private/a*\"", "BAD That is not the name of an annotation",
        IMAP_AUTHED),
    ROW("a GETMETADATA INBOX (DEPTH 2) /private/a", "BAD DEPTH is 0, 1 or infinity", IMAP_AUTHED),
    ROW("a GETMETADATA INBOX (SIZE 2) /private/a", "BAD Unknown GETMETADATA option", IMAP_AUTHED),
    ROW("a GETMETADATA INBOX", "BAD Missing argument", IMAP_AUTHED),
    ROW("a GETMETADATA INBOX /private/a", "BAD Log in first", 0),
    ROW("a SETMETADATA INBOX ()", "BAD Expected a string", IMAP_AUTHED),
    ROW("a SETMETADATA INBOX (/private/a)", "BAD Expected a space", IMAP_AUTHED),
    ROW("a SETMETADATA INBOX (/private/a b)", "BAD Expected a string", IMAP_AUTHED),
    ROW("a SETMETADATA INBOX (/private/vendor/x NIL)", "BAD That is not the name of an annotation",
        IMAP_AUTHED),
    ROW("a SETMETADATA INBOX (/private/a {1}\r\n\0)", "BAD NUL in a literal", IMAP_AUTHED),
    ROW("a SEARCH FILTER a/b", "BAD That is not the name of a filter", ALL_FACTS),
    ROW("a SEARCH FILTER \"a\"", "BAD Expected an atom", ALL_FACTS),
    ROW("a NOTIFY", "BAD Missing argument", IMAP_AUTHED),
    ROW("a NOTIFY SOME", "BAD Expected SET or NONE", IMAP_AUTHED),
    ROW("a NOTIFY SET", "BAD Missing argument", IMAP_AUTHED),
    ROW("a NOTIFY SET (selected (MessageNew))",
        "BAD MessageNew and MessageExpunge go together, and with FlagChange", IMAP_AUTHED),
    ROW("a NOTIFY SET (selected (FlagChange))",
        "BAD MessageNew and MessageExpunge go together, and with FlagChange", IMAP_AUTHED),
    ROW("a NOTIFY SET (selected (MailboxName))",
        "BAD The selected mailbox has message events alone", IMAP_AUTHED),
    ROW("a NOTIFY SET (selected NONE) (selected-delayed NONE)",
        "BAD The selected mailbox is specified twice", IMAP_AUTHED),
    ROW("a NOTIFY SET (personal (MessageNew (uid) MessageExpunge))",
        "BAD What to fetch is said for the selected mailbox alone", IMAP_AUTHED),
    ROW("a NOTIFY SET (personal (AnnotationChange))",
        "NO [BADEVENT (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange "
        "MailboxMetadataChange ServerMetadataChange)] Unknown event",
        IMAP_AUTHED),
    ROW("a NOTIFY SET (everywhere NONE)", "BAD Unknown mailbox specifier", IMAP_AUTHED),
    ROW("a FETCH 1 FLAGS", "BAD " IMAP_UID_REQUIRED, ALL_FACTS | IMAP_UIDONLY),
    ROW("a STORE 1 FLAGS ()", "BAD " IMAP_UID_REQUIRED, ALL_FACTS | IMAP_UIDONLY),
    ROW("a SEARCH ALL", "BAD " IMAP_UID_REQUIRED, ALL_FACTS | IMAP_UIDONLY),
    ROW("a COPY 1 x", "BAD " IMAP_UID_REQUIRED, ALL_FACTS | IMAP_UIDONLY),
    ROW("a MOVE 1 x", "BAD " IMAP_UID_REQUIRED, ALL_FACTS | IMAP_UIDONLY),
    ROW("a UID SEARCH 1:3", "BAD " IMAP_UID_REQUIRED, ALL_FACTS | IMAP_UIDONLY),
    ROW("a SELECT x (QRESYNC (1 2 3 (4 5)))", "BAD " IMAP_UID_REQUIRED, ALL_FACTS | IMAP_UIDONLY),
    ROW("a SELECT &", "NO [CANNOT] Mailbox name is not valid modified UTF-7", IMAP_AUTHED),
    ROW("a FETCH 0 ALL", "BAD Zero is not allowed here", ALL_FACTS),
    ROW("a FETCH 4294967296 ALL", "BAD Number too large", ALL_FACTS),
    ROW("a FETCH 1, ALL", "BAD Expected a number", ALL_FACTS),
    ROW("a FETCH 1 (ALL)", "BAD Unknown FETCH item", ALL_FACTS),
    ROW("a FETCH 1 ()", "BAD Unknown FETCH item", ALL_FACTS),
    ROW("a FETCH 1 BODY[MIME]", "BAD MIME needs a part number", ALL_FACTS),
    ROW("a FETCH 1 BODY[0]", "BAD Zero is not allowed here", ALL_FACTS),
    ROW("a FETCH 1 BODY[HEADER.FIELDS ()]", "BAD Expected a string", ALL_FACTS),
    ROW("a FETCH 1 BODY[]<0.0>", "BAD Zero is not allowed here", ALL_FACTS),
    ROW("a FETCH 1 BODY[", "BAD Syntax error", ALL_FACTS),
    ROW("a FETCH 1 BINARY[HEADER]", "BAD BINARY takes a part number, or nothing", ALL_FACTS),
    ROW("a FETCH 1 BINARY[1.MIME]", "BAD BINARY takes a part number, or nothing", ALL_FACTS),
    ROW("a FETCH 1 BINARY.SIZE[1]<0.1>", "BAD BINARY.SIZE is that of the whole part", ALL_FACTS),
    ROW("a FETCH 1 BINARY", "BAD Syntax error", ALL_FACTS),
    ROW("a FETCH 1 FLAGS (VANISHED)", "BAD VANISHED needs UID FETCH and CHANGEDSINCE", ALL_FACTS),
    ROW("a STORE 1 FLAGS (\\Recent)", "BAD Only the server sets \\Recent", ALL_FACTS),
    ROW("a STORE 1 FLAGS (\\Nonsense)", "NO [CANNOT] Unknown system flag", ALL_FACTS),
    ROW("a STORE 1 LABELS (x)", "BAD STORE changes FLAGS only", ALL_FACTS),
    ROW("a SEARCH", "BAD Missing argument", ALL_FACTS),
    ROW("a SEARCH RETURN (RELEVANCY ALL) TEXT a", "BAD RELEVANCY needs a FUZZY key", ALL_FACTS),
    ROW("a SEARCH FUZZY", "BAD Missing argument", ALL_FACTS),
    ROW("a SEARCH ()", "BAD Unknown search key", ALL_FACTS),
    ROW("a SEARCH (ALL", "BAD Expected a closing parenthesis", ALL_FACTS),
    ROW("a SEARCH OR SEEN", "BAD Missing argument", ALL_FACTS),
    ROW("a SEARCH ON 30-Feb-2024", "BAD Bad date", ALL_FACTS),
    ROW("a SEARCH YOUNGER 0", "BAD Zero is not allowed here", ALL_FACTS),
    ROW("a SEARCH CHARSET KOI8-R ALL", "NO [BADCHARSET (US-ASCII UTF-8)] Unknown charset",
        ALL_FACTS),
    ROW("a SEARCH TEXT {1}\r\n\xff",
        "NO [BADCHARSET (US-ASCII UTF-8)] The text is not in that charset", ALL_FACTS),
    ROW("a ESEARCH IN () ALL", "BAD Unknown mailbox specifier", IMAP_AUTHED),
    ROW("a ESEARCH IN (selected-delayed) ALL", "BAD SELECTED-DELAYED is not for searches",
        IMAP_AUTHED),
    ROW("a ESEARCH IN (personal) 1:5", "BAD ESEARCH knows messages by UID alone", IMAP_AUTHED),
    ROW("a ESEARCH IN (personal) $", "BAD ESEARCH knows messages by UID alone", IMAP_AUTHED),
    ROW("a SORT () UTF-8 ALL", "BAD Unknown sort criterion", ALL_FACTS),
    ROW("a SORT (SUBJECT) UTF-8", "BAD Missing argument", ALL_FACTS),
    ROW("a SORT (REVERSE REVERSE DATE) UTF-8 ALL", "BAD Unknown sort criterion", ALL_FACTS),
    ROW("a SORT (DATE) KOI8-R ALL", "NO [BADCHARSET (US-ASCII UTF-8)] Unknown charset", ALL_FACTS),
    ROW("a SORT (DATE DATE DATE DATE DATE DATE DATE DATE DATE DATE DATE DATE DATE DATE DATE DATE "
        "DATE DATE DATE DATE DATE) UTF-8 ALL",
        "NO [LIMIT] Too many sort criteria", ALL_FACTS),
    ROW("a THREAD JWZ UTF-8 ALL", "BAD Unknown threading algorithm", ALL_FACTS),
    ROW("a SEARCH RETURN (PARTIAL 1:5 ALL) ALL", "BAD PARTIAL and ALL exclude each other",
        ALL_FACTS),
    ROW("a SEARCH RETURN (PARTIAL 1:5 PARTIAL 1:2) ALL", "BAD Unknown or repeated RETURN option",
        ALL_FACTS),
    ROW("a SEARCH RETURN (PARTIAL -1:5) ALL", "BAD Syntax error", ALL_FACTS),
    ROW("a SEARCH RETURN (PARTIAL 0:5) ALL", "BAD Zero is not allowed here", ALL_FACTS),
    ROW("a FETCH 1:* FLAGS (PARTIAL 1:5)", "BAD Unknown FETCH modifier", ALL_FACTS),
    ROW("a CANCELUPDATE B01", "BAD Expected a string", ALL_FACTS),
    ROW("a SEARCH RETURN (MIN MIN) ALL", "BAD Unknown or repeated RETURN option", ALL_FACTS),
    ROW("a STATUS x ()", "BAD Unknown item or option", IMAP_AUTHED),
    ROW("a LIST (RECURSIVEMATCH) \"\" *", "BAD RECURSIVEMATCH needs another selection option",
        IMAP_AUTHED),
    ROW("a ENABLE", "BAD Missing argument", IMAP_AUTHED),
    ROW("a COMPRESS", "BAD Missing argument", IMAP_AUTHED),
    ROW("a COMPRESS LZ4", "BAD Only DEFLATE is known", IMAP_AUTHED),
    ROW("a COMPRESS DEFLATE", "BAD Log in first", 0),
    ROW("a APPEND", "BAD Missing argument", IMAP_AUTHED),
};

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct buf out = { 0 };

        parse(&out, rows[i].text, rows[i].facts);
        CHECK_STR(buf_str(&out), rows[i].want, "%s", rows[i].text.at);
        buf_deinit(&out);
    }
}

TEST(commands_become_what_they_mean)
{
    check_rows(good, ARRAY_LEN(good));
}

TEST(wrong_commands_are_refused_with_the_reason)
{
    check_rows(bad, ARRAY_LEN(bad));
}

/* The exact length is on the heap, so that reading past the end is found by the sanitizer. */
TEST(a_command_cut_anywhere_is_read_within_its_bounds)
{
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        for (size_t len = 0; len < good[i].text.len; len++) {
            char *cut = malloc(len + 1);
            struct buf out = { 0 };

            CHECK(cut != NULL, "memory");
            memcpy(cut, good[i].text.at, len);
            char *exact = realloc(cut, len == 0 ? 1 : len);
            parse(&out, str_from(exact, len), good[i].facts);
            CHECK(out.len > 0, "%s, %zu", good[i].text.at, len);
            buf_deinit(&out);
            free(exact);
        }
}

TEST(searches_too_deep_or_too_long_are_refused)
{
    struct buf text = { 0 }, out = { 0 };

    BUF_ADD(&text, "a SEARCH ");
    for (unsigned i = 0; i < 10000; i++)
        BUF_ADD(&text, "NOT ");
    BUF_ADD(&text, "ALL");
    parse(&out, buf_str(&text), ALL_FACTS);
    CHECK_STR(buf_str(&out), STR("NO [LIMIT] The search has too many keys"), "depth");

    buf_clear(&text);
    buf_clear(&out);
    BUF_ADD(&text, "a SEARCH ALL");
    for (unsigned i = 0; i < imap_limits_default.scan.search_keys_max; i++)
        BUF_ADD(&text, " ALL");
    parse(&out, buf_str(&text), ALL_FACTS);
    CHECK_STR(buf_str(&out), STR("NO [LIMIT] The search has too many keys"), "keys");
    buf_deinit(&text);
    buf_deinit(&out);
}

TEST(lists_and_sets_over_their_limits_are_refused)
{
    struct buf text = { 0 }, out = { 0 };

    BUF_ADD(&text, "a FETCH 1");
    for (unsigned i = 0; i < imap_limits_default.scan.set_ranges_max; i++)
        BUF_ADD(&text, ",1");
    BUF_ADD(&text, " ALL");
    parse(&out, buf_str(&text), ALL_FACTS);
    CHECK_STR(buf_str(&out), STR("NO [LIMIT] Too many ranges in the sequence set"), "set");

    buf_clear(&text);
    buf_clear(&out);
    BUF_ADD(&text, "a FETCH 1 BODY[HEADER.FIELDS (x");
    for (unsigned i = 0; i < imap_limits_default.scan.list_max; i++)
        BUF_ADD(&text, " x");
    BUF_ADD(&text, ")]");
    parse(&out, buf_str(&text), ALL_FACTS);
    CHECK_STR(buf_str(&out), STR("NO [LIMIT] Too many items in a list"), "header names");
    buf_deinit(&text);
    buf_deinit(&out);
}

static void parse_with(struct buf *out, struct str text, const struct scan_filter *filters,
                       uint32_t count)
{
    SCRATCH(mem, NULL);
    struct scan s = { .mem = mem,
                      .limits = &imap_limits_default.scan,
                      .rest = text,
                      .filters = filters,
                      .filter_count = count };
    struct imap_command c = { 0 };

    c.tag = scan_tag(&s);
    scan_space(&s);
    if (command_begin(&s, ALL_FACTS, &c))
        command_args(&s, &c);
    if (scan_ok(&s))
        imap_describe(out, &c);
    else
        buf_printf(out, "%s %s", s.refused ? "NO" : "BAD", s.error);
}

/* RFC 5466 3.1: the same program as if the keys of the filters were written out. */
TEST(filters_stand_for_their_keys)
{
    static const struct scan_filter filters[] = {
        { STR_INIT("road"), STR_INIT("OR SMALLER 5000 FROM \"boss@example.com\""), true },
        { STR_INIT("two"), STR_INIT("FILTER road SEEN"), true },
        { STR_INIT("half"), STR_INIT("OR SMALLER"), true },
        { STR_INIT("more"), STR_INIT("SEEN)"), true },
        { STR_INIT("loop"), STR_INIT("NOT FILTER loop"), true },
        { STR_INIT("open"), STR_INIT("FILTER later"), true },
        { STR_INIT("gone"), STR_INIT(""), false },
    };
    static const struct row rows[] = {
        ROW("a SEARCH FILTER ROAD", "a SEARCH 0 n5 sets", 0),
        ROW("a SEARCH OR FILTER two SEEN", "a SEARCH 0 n9 sets", 0),
        ROW("a SEARCH FILTER open", "a SEARCH 0 n3 sets filters(later)", 0),
        ROW("a SEARCH FILTER gone", "NO [UNDEFINED-FILTER gone] There is no such filter", 0),
        ROW("a SEARCH FILTER loop", "NO [UNDEFINED-FILTER loop] There is no such filter", 0),
        ROW("a SEARCH FILTER half", "NO [CANNOT] A filter in the search is not a search", 0),
        ROW("a SEARCH (FILTER more", "NO [CANNOT] A filter in the search is not a search", 0),
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out = { 0 };

        parse_with(&out, rows[i].text, filters, ARRAY_LEN(filters));
        CHECK_STR(buf_str(&out), rows[i].want, "%s", rows[i].text.at);
        buf_deinit(&out);
    }
}

TEST(filters_are_bounded_in_number)
{
    struct buf text = { 0 }, out = { 0 };

    BUF_ADD(&text, "a SEARCH ALL");
    for (int i = 0; i <= FILTERS_MAX; i++)
        buf_printf(&text, " FILTER f%d", i);
    parse(&out, buf_str(&text), ALL_FACTS);
    CHECK_STR(buf_str(&out), STR("NO [LIMIT] Too many filters"), "names");
    buf_deinit(&text);
    buf_deinit(&out);
}
