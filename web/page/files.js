// Files: what waits, what is on its way, what has come, what is shared, and what others share.

import { ask } from './link.js';
import { callIt, el, files, keyed, say, size, span, visible } from './text.js';
import { uploads } from './send.js';

const $ = (id) => document.getElementById(id);
let hands;

export function begin(h) { hands = h; }

export function show(doc) {
  waiting(doc);
  moving(doc);
  recent(doc);
  shared(doc);
  $('no-files').hidden = ['waiting', 'moving', 'recent', 'shared'].some((id) => $(id).children.length);
}

const items = (doc) => (doc.inbox ? doc.inbox.items : []);
const button = (text, label, onclick, look) => el('button', { type: 'button', class: look, 'aria-label': label, onclick }, text);

// waiting shows what waits for a decision.
function waiting(doc) {
  keyed($('waiting'), items(doc).filter((i) => i.state === 'waiting'), (i) => i.id, (i) => {
    const from = callIt(i.from_name, i.from);
    return el('li', null, el('div', { class: 'grow' }, el('b', null, visible(i.what)), el('small', null, `${from} wants to send you ${files(i.files)}, ${size(i.size)}`)),
      button('Accept', `Accept ${visible(i.what)} from ${from}`, () => hands.decide(i.id, true, from), 'main'),
      button('Reject', `Reject ${visible(i.what)} from ${from}`, () => hands.decide(i.id, false, from)));
  }, (li) => li.querySelectorAll('button').forEach((b) => { b.hidden = doc.read_only; }));
}

// moving shows what is on its way: first from the browser to the node, then between nodes.
function moving(doc) {
  const list = [...uploads].map(([id, u]) => ({ key: 'u' + id, mark: '↥', what: u.what, about: `to this machine’s node, for ${u.peer}`, bytes: u.bytes, total: u.total, rate: 0 }));
  for (const t of doc.transfers ? doc.transfers.transfers : []) {
    const who = callIt(t.peer_name, t.peer), out = t.direction === 'send', paused = t.state === 'paused';
    const about = { waiting: 'waits to be accepted by ', retrying: 'looks again for ', paused: out ? 'paused, to ' : 'paused, from ' }[t.state] || (out ? 'to ' : 'from ');
    list.push({ key: t.direction + t.id, id: t.id, mark: out ? '↑' : '↓', what: t.what || '…', about: about + who, paused, out, bytes: t.bytes, total: t.total, rate: paused ? 0 : t.rate });
  }
  keyed($('moving'), list, (t) => t.key, makeMoving, (li, t) => {
    say(li.querySelector('b'), visible(t.what));
    const known = t.total > 0;
    say(li.querySelector('small'), [t.about, known ? `${Math.floor(100 * t.bytes / t.total)} % of ${size(t.total)}` : size(t.total || 0), t.rate > 0 && size(t.rate) + '/s',
      t.rate > 0 && known && t.total > t.bytes && span((t.total - t.bytes) / t.rate) + ' left'].filter(Boolean).join(' · '));
    const bar = li.querySelector('progress');
    if (known) bar.value = t.bytes / t.total; else bar.removeAttribute('value');
    const acts = li.querySelector('.acts');
    if (!acts) return;
    acts.hidden = doc.read_only;
    const b = acts.firstElementChild;
    b.dataset.verb = t.paused ? 'resume' : 'pause';
    say(b, t.paused ? 'Go on' : 'Pause');
    b.setAttribute('aria-label', `${t.paused ? 'Go on with' : 'Pause'} ${visible(t.what)}`);
  });
}

function makeMoving(t) {
  const li = el('li', null, el('span', { class: 'mark' }, t.mark),
    el('div', { class: 'grow' }, el('b'), el('small'), el('progress', { max: 1, 'aria-label': 'How much of it has arrived' })));
  if (!t.id) return li; // on its way to our own node
  li.append(el('div', { class: 'acts' },
    button('Pause', '', (e) => hands.control(t.id, e.target.dataset.verb), 'small'),
    twice('Cancel', `Cancel ${visible(t.what)}`, () => hands.control(t.id, 'cancel'))));
  return li;
}

// twice is a button that asks before it does something.
function twice(text, label, then) {
  let asked = 0;
  const b = button(text, label, () => {
    if (asked) { clearTimeout(asked); asked = 0; reset(); return then(); }
    b.textContent = 'Sure?';
    b.setAttribute('aria-label', label + ': sure?');
    b.classList.add('sure');
    asked = setTimeout(() => { asked = 0; reset(); }, 4000);
  }, 'small');
  function reset() { b.textContent = text; b.setAttribute('aria-label', label); b.classList.remove('sure'); }
  return b;
}

const marks = { done: ['✓', 'good'], failed: ['✕', 'bad'], rejected: ['–', ''], interrupted: ['…', 'fair'], accepted: ['…', ''] };
const states = { done: 'arrived', failed: 'failed', rejected: 'rejected', interrupted: 'cut off, goes on when it is sent again', accepted: 'accepted, the sender is awaited' };

// recent shows what has come lately.
function recent(doc) {
  keyed($('recent'), items(doc).filter((i) => marks[i.state]).slice(-6).reverse(), (i) => i.id + i.state, (i) => el('li', null, el('span', { class: 'mark ' + marks[i.state][1] }, marks[i.state][0]),
    el('div', { class: 'grow' }, el('b', null, visible(i.what)), el('small'))), (li, i) => {
    const ago = (Date.parse(doc.status.time) - Date.parse(i.since)) / 1000;
    say(li.querySelector('small'), `from ${callIt(i.from_name, i.from)} · ${size(i.size)} · ${states[i.state]}${i.text ? ': ' + visible(i.text) : ''} · ${ago < 60 ? 'just now' : span(ago) + ' ago'}`);
  });
}

const nameOf = (s) => visible(s.name) + (s.folder ? '/' : '');

// shared shows what this node gives to others.
function shared(doc) {
  const list = doc.shares ? doc.shares.shares : [];
  $('shared-title').hidden = !list.length;
  keyed($('shared'), list, (s) => s.name, (s) => el('li', null, el('span', { class: 'mark' }, '⇄'), el('div', { class: 'grow' }, el('b', null, nameOf(s)), el('small')),
    el('div', { class: 'acts' }, twice('End', `Share ${visible(s.name)} no more`, () => hands.unshare(s.name)))), (li, s) => {
    const left = s.until ? (Date.parse(s.until) - Date.parse(doc.status.time)) / 1000 : 0;
    say(li.querySelector('small'), [s.folder && files(s.files), size(s.size), left > 0 && `for another ${span(left)}`, s.downloads_left !== null && `${s.downloads_left} downloads left`, s.downloads && `fetched by ${s.downloads}`,
      s.hidden ? 'for who has its ticket' : s.to && s.to.length ? `for ${s.to.length === 1 ? '1 node' : s.to.length + ' nodes'}` : 'for everybody'].filter(Boolean).join(' · '));
    li.querySelector('.acts').hidden = doc.read_only;
  });
}

// offered shows what a peer shares with us.
export function offered(sid, who, list, readOnly) {
  return [el('h3', null, 'What it shares'), el('ul', { class: 'rows' }, ...list.map((s) => el('li', null,
    el('div', { class: 'grow' }, el('b', null, nameOf(s)), el('small', null, [s.folder && files(s.files), size(s.size)].filter(Boolean).join(' · '))),
    readOnly ? null : button('Get', `Get ${visible(s.name)} from ${who}`, () => hands.get(sid, s.name), 'small'))))];
}

// act asks the server to do something, and tells what went wrong.
export async function act(path, doc, toast) {
  try {
    await ask('POST', path, doc);
    return true;
  } catch (e) {
    toast(e.message, true);
    return false;
  }
}
