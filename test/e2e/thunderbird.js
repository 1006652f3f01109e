// SPDX-License-Identifier: Apache-2.0
// Runs inside Thunderbird (test_thunderbird.py): opens INBOX, reads a message, marks one, moves one to
// Archive, deletes one and expunges. Gives what it saw, or "error" and why.
const [password] = arguments;
const done = arguments[arguments.length - 1];

async function round() {
  const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
  const server = MailServices.accounts.accounts
    .map(account => account.incomingServer).find(found => found.type == "imap");
  server.password = password;

  // Each call of Thunderbird's takes a listener of its own kind; the promise ends with it.
  const url = start => new Promise((ok, bad) => start({
    OnStartRunningUrl() {},
    OnStopRunningUrl(_, code) { code ? bad(`a URL: ${code.toString(16)}`) : ok(); },
    QueryInterface: ChromeUtils.generateQI(["nsIUrlListener"]),
  }));
  const copied = start => new Promise((ok, bad) => start({
    onStartCopy() {}, onProgress() {}, setMessageKey() {}, getMessageId() { return null; },
    onStopCopy(code) { code ? bad(`a copy: ${code.toString(16)}`) : ok(); },
    QueryInterface: ChromeUtils.generateQI(["nsIMsgCopyServiceListener"]),
  }));
  const text = (folder, header) => new Promise((ok, bad) => {
    let whole = "";
    const uri = folder.getUriForMsg(header);
    MailServices.messageServiceFromURI(uri).streamMessage(uri, {
      onStartRequest() {},
      onDataAvailable(_, stream, offset, count) {
        const reader = Cc["@mozilla.org/scriptableinputstream;1"].createInstance(Ci.nsIScriptableInputStream);
        reader.init(stream);
        whole += reader.read(count);
      },
      onStopRequest(_, code) { code ? bad(`a message: ${code.toString(16)}`) : ok(whole); },
      QueryInterface: ChromeUtils.generateQI(["nsIStreamListener"]),
    }, null, null, false, "");
  });
  const find = (folder, subject) =>
    [...folder.messages].find(header => header.mime2DecodedSubject == subject);

  server.performExpand(null);
  let inbox, archive;
  for (let n = 0; n < 200 && !(inbox && archive); n++) {
    await new Promise(ok => setTimeout(ok, 50));
    inbox = server.rootFolder.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox);
    archive = server.rootFolder.getFolderWithFlags(Ci.nsMsgFolderFlags.Archive);
  }
  inbox.QueryInterface(Ci.nsIMsgImapMailFolder);
  await url(listener => inbox.updateFolderWithListener(null, listener));
  const seen = {
    count: [...inbox.messages].length,
    folders: server.rootFolder.subFolders.map(folder => folder.name).sort(),
    text: await text(inbox, find(inbox, "letter 0")),
  };
  inbox.markMessagesRead([find(inbox, "letter 0")], true);
  inbox.markMessagesFlagged([find(inbox, "letter 1")], true);
  await copied(listener => MailServices.copy.copyMessages(
    inbox, [find(inbox, "letter 2")], archive, true, listener, null, false));
  await copied(listener => inbox.deleteMessages(
    [find(inbox, "letter 3")], null, true, false, listener, false));
  await url(listener => inbox.updateFolderWithListener(null, listener));
  await url(listener => inbox.compact(listener, null));
  seen.left = [...inbox.messages].length;
  return seen;
}

round().then(done, why => done({ error: `${why} ${why?.stack ?? ""}` }));
