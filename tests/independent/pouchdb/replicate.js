// Replicates documents from a PouchDB on this machine to a PouchDB server, for
// tests/benches/pouchdb.rs, which starts it, tells it when to begin and counts the bytes.
//
//   NODE_PATH=.../node_modules node replicate.js RECORDS PHOTOS FOLDER URL BATCH
//
// RECORDS has one document a line; PHOTOS a line for each document with an attachment,
// {"doc": ..., "photo": PATH}. Both are written to a database in FOLDER first. Then, for each
// line on standard input, one replication goes to URL: the records, then what has attachments.
// After each step a line of JSON on standard output says what was done.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const readline = require("node:readline");
const PouchDB = require("pouchdb");

const [records, photos, folder, url, batch] = process.argv.slice(2);
const lines = (file) => fs.readFileSync(file, "utf8").split("\n").filter(Boolean).map(JSON.parse);
const say = (what) => console.log(JSON.stringify(what));

async function put(db, docs) {
  for (let at = 0; at < docs.length; at += 500) {
    const results = await db.bulkDocs(docs.slice(at, at + 500));
    const failed = results.find((result) => result.error);
    if (failed) throw new Error(JSON.stringify(failed));
  }
}

async function replicate(db, name) {
  const began = process.hrtime.bigint();
  const done = await db.replicate.to(new PouchDB(url), { batch_size: Number(batch) });
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  if (!done.ok || done.doc_write_failures) throw new Error(JSON.stringify(done));
  say({ phase: name, seconds, written: done.docs_written });
}

async function main() {
  const db = new PouchDB(path.join(folder, "handheld"));
  await put(db, lines(records));
  const turns = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  say({ phase: "ready", seconds: 0, written: 0 });
  await turns.next();
  await replicate(db, "records");
  const withPhotos = lines(photos).map(({ doc, photo }) => {
    const data = fs.readFileSync(photo);
    return { ...doc, _attachments: { photo: { content_type: "image/jpeg", data } } };
  });
  for (const doc of withPhotos) await db.put(doc);
  await turns.next();
  await replicate(db, "photos");
  const server = await new PouchDB(url).info();
  say({ phase: "held", seconds: 0, written: server.doc_count });
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
