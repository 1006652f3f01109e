// SPDX-License-Identifier: Apache-2.0
// A round of imapflow: append, fetch, flags, move, search. node client.mjs PORT USER PASSWORD
import { ImapFlow } from 'imapflow';

const [port, user, pass] = process.argv.slice(2);
const client = new ImapFlow({ host: '127.0.0.1', port: Number(port), secure: true, logger: false,
                              auth: { user, pass }, tls: { rejectUnauthorized: false } });
const seen = {};

await client.connect();
await client.mailboxCreate('Flow/Été');
seen.appended = (await client.append('INBOX', 'Subject: from imapflow\r\n\r\nHello\r\n',
                                     ['\\Flagged', 'work'], new Date(0))).uid;
const lock = await client.getMailboxLock('INBOX');
try {
    const all = [];
    for await (const m of client.fetch('1:*', { uid: true, flags: true, envelope: true, source: true,
                                                bodyStructure: true, internalDate: true }))
        all.push(m);
    const last = all[all.length - 1];
    seen.subject = last.envelope.subject;
    seen.flags = [...last.flags].filter((flag) => flag !== '\\Recent').sort();
    seen.source = last.source.toString();
    seen.date = last.internalDate.toISOString();
    await client.messageFlagsAdd({ uid: seen.appended }, ['\\Seen'], { uid: true });
    seen.found = await client.search({ subject: 'imapflow', seen: true }, { uid: true });
    await client.messageMove({ uid: seen.appended }, 'Flow/Été', { uid: true });
} finally {
    lock.release();
}
seen.status = (await client.status('Flow/Été', { messages: true })).messages;
seen.names = (await client.list()).map((box) => `${box.path} ${box.specialUse || ''}`.trim()).sort();
await client.logout();
console.log(JSON.stringify(seen));
