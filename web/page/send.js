// From the browser to a peer: what is dropped or picked goes to the node's outbox, and from there on its way.

import { ask, put } from './link.js';

export const uploads = new Map(); // by id: {what, peer, bytes, total}

// send sends what a drop or the picker gave. told(text, bad) tells how it ends.
export async function send(peer, name, list, told) {
  if (!list.length) return told('There is nothing in it.', true);
  const what = list.length === 1 ? list[0].path : `${list[0].path.split('/')[0]} and more (${list.length} files)`;
  const state = { what: list.length > 1 && list.every((f) => f.path.split('/')[0] === list[0].path.split('/')[0]) ? list[0].path.split('/')[0] : what,
    peer: name, bytes: 0, total: list.reduce((n, f) => n + f.file.size, 0) };
  let id = '';
  try {
    id = (await ask('POST', 'api/outbox', { peer, what: state.what })).id;
    uploads.set(id, state);
    let before = 0;
    for (const f of list) {
      await put(`api/outbox/${id}?path=${encodeURIComponent(f.path)}`, f.file, (n) => { state.bytes = before + n; });
      before += f.file.size;
    }
    await ask('POST', `api/outbox/${id}`);
  } catch (e) {
    told(`${state.what} was not sent: ${e.message}`, true);
  }
  uploads.delete(id);
}

// picked are the files of an input.
export const picked = (input) => [...input.files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));

// dropped are the files of a drop, folders taken apart. What is asked of it must be asked before anything is awaited.
export async function dropped(transfer) {
  const entries = [...transfer.items].filter((i) => i.kind === 'file').map((i) => i.webkitGetAsEntry && i.webkitGetAsEntry());
  const plain = [...transfer.files];
  if (!entries.some((e) => e && e.isDirectory)) return plain.map((file) => ({ path: file.name, file }));
  const list = [];
  for (const e of entries) if (e) await walk(e, '', list);
  return list;
}

async function walk(entry, under, list) {
  const path = under + entry.name;
  if (entry.isFile) {
    list.push({ path, file: await new Promise((ok, no) => entry.file(ok, no)) });
    return;
  }
  const reader = entry.createReader();
  for (;;) { // a reader gives some at a time
    const some = await new Promise((ok, no) => reader.readEntries(ok, no));
    if (!some.length) return;
    for (const e of some) await walk(e, path + '/', list);
  }
}
