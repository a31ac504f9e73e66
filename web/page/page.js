// The page: takes what the server tells, and shows it.

import { live } from './link.js';
import * as mesh from './mesh.js';
import * as charts from './charts.js';
import * as panels from './panels.js';
import { act } from './files.js';
import { send, picked, dropped } from './send.js';
import { callIt, el, visible } from './text.js';

const $ = (id) => document.getElementById(id);
const look = { peers: [], readOnly: true };
let pickFor = '', began = false;

// toast says something for a while.
function toast(text, bad) {
  const t = el('div', { class: bad ? 'toast bad' : 'toast' }, text);
  $('toasts').append(t);
  while ($('toasts').children.length > 3) $('toasts').firstElementChild.remove();
  setTimeout(() => t.remove(), bad ? 9000 : 5000);
}

function banner(text) {
  $('banner').hidden = !text;
  $('banner').textContent = text || '';
  $('health').className = 'pill ' + (text ? 'bad' : 'good');
  if (text) $('health').textContent = 'not connected';
}

const nameOf = (sid) => callIt((look.peers.find((p) => p.sid === sid) || {}).name, sid);
const miss = () => toast('Drop files on a peer: its circle, or its line in the list.');

function sendTo(sid, list) {
  if (look.readOnly) return toast('This page only shows. To send from it: caracal web --write', true);
  send(sid, nameOf(sid), list, toast);
}

const hands = {
  async why(sid) {
    panels.chosen(sid, look);
    mesh.mark(sid);
    const way = await panels.why(sid, look);
    if (way) mesh.mark(sid, way);
  },
  closed() { mesh.mark(''); },
  pick(sid) { pickFor = sid; $('picker').value = ''; $('picker').click(); },
  async drop(sid, transfer) { sendTo(sid, await dropped(transfer)); },
  async decide(id, accept, from) {
    if (await act('api/inbox', { id, accept }, toast) && !accept) toast(`Rejected. ${from} is told.`);
  },
  async rename(sid, name) {
    if (await act('api/name', { peer: sid, name }, toast)) toast(`From now on called ${name}: a contact, whose files are taken.`);
  },
  control(id, verb) { return act(`api/transfers/${encodeURIComponent(id)}/${verb}`, {}, toast); },
  async unshare(name) { if (await act('api/unshare', { name }, toast)) toast(`${visible(name)} is not shared any more.`); },
  async get(peer, name) { if (await act('api/get', { peer, name }, toast)) toast(`${visible(name)} is being fetched.`); },
};

function begin() {
  began = true;
  document.querySelector('main').hidden = false;
  mesh.begin((sid) => hands.why(sid), (sid, t) => hands.drop(sid, t), miss);
  panels.begin(hands);
}

function shown(doc) {
  if (!began) begin();
  if (doc.error) return banner(doc.error);
  banner('');
  look.peers = doc.status.peers;
  look.self = doc.status.self;
  look.readOnly = doc.read_only;
  if (doc.topology) mesh.show(doc.topology);
  charts.show(doc.status.links, Date.parse(doc.status.time) / 1000);
  panels.show(doc);
}

function happened(e) {
  panels.event(e);
  const who = callIt(e.name, e.sid), what = visible(e.what);
  if (e.kind !== 'transfer' || Date.now() - Date.parse(e.time) > 5000) return; // told again to a page just opened
  if (e.event === 'failed') toast(e.text, true);
  else if (e.event === 'done') toast(e.direction === 'out' ? `${what} has arrived at ${who}.` : `${what} from ${who} has arrived.`);
  else if (e.event === 'waiting' && e.direction === 'in') toast(`${who} wants to send you ${what}.`);
}

const themes = ['', 'light', 'dark'];
const faces = { '': ['◐', 'as the system'], light: ['☀', 'light'], dark: ['☾', 'dark'] };
function theme(name) {
  if (name) document.documentElement.dataset.theme = name; else delete document.documentElement.dataset.theme;
  localStorage.setItem('caracal-theme', name);
  $('theme').textContent = faces[name][0];
  $('theme').setAttribute('aria-label', 'Colours: ' + faces[name][1]);
  $('theme').title = 'Colours: ' + faces[name][1];
  mesh.repaint();
  charts.repaint();
}
let current = localStorage.getItem('caracal-theme') || '';
if (!themes.includes(current)) current = '';
$('theme').addEventListener('click', () => theme(current = themes[(themes.indexOf(current) + 1) % 3]));
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => theme(current));
theme(current);

$('picker').addEventListener('change', () => { if ($('picker').files.length) sendTo(pickFor, picked($('picker'))); });
for (const kind of ['dragover', 'drop']) { // what is dropped elsewhere must not take the page's place
  addEventListener(kind, (e) => { e.preventDefault(); if (kind === 'drop' && !e.target.closest('#graph, #peer-list')) miss(); });
}

live((event, doc) => (event === 'look' ? shown(doc) : happened(doc)), (text) => banner(text));
globalThis.caracal = { drawn: mesh.drawn }; // for tests
