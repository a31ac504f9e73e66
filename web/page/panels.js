// All that is not the picture and not a chart.

import { ask } from './link.js';
import * as shelf from './files.js';
import { callIt, count, el, eventText, grade, hops, keyed, ms, percent, say, short, size, span, visible } from './text.js';

const $ = (id) => document.getElementById(id);
const maxEvents = 300;
let hands, selected = '';

export function begin(h) {
  hands = h;
  shelf.begin(h);
  $('why-close').addEventListener('click', close);
  $('why').addEventListener('keydown', (e) => { if (e.key === 'Escape') close(); });
  $('show-log').addEventListener('change', () => $('event-list').querySelectorAll('.k-log').forEach((li) => { li.hidden = !$('show-log').checked; }));
  $('examine').addEventListener('click', examine);
}

export function show(doc) {
  const st = doc.status, self = st.self;
  say($('self-name'), callIt(self.name, self.sid));
  document.title = callIt(self.name, self.sid) + ' · Caracal';
  say($('self'), `${short(self.sid)} · up ${span(self.uptime_s)} · ${self.version}` + (self.network === 'private' ? ' · private network' : ''));
  const direct = st.peers.filter((p) => p.state === 'direct').length, far = st.peers.filter((p) => p.state === 'mesh').length;
  say($('health'), `${direct} direct` + (far ? `, ${far} through others` : ''));
  say($('mesh-count'), doc.topology ? `${doc.topology.nodes.length} nodes, ${doc.topology.links.length} links` : '');
  say($('files-where'), 'received in ' + visible(self.files));
  $('peers-hint').hidden = doc.read_only;
  peers(st.peers, doc.read_only);
  shelf.show(doc);
  streams(doc.streams ? doc.streams.streams : []);
}

function peers(list, readOnly) {
  const names = Object.fromEntries(list.map((p) => [p.sid, callIt(p.name, p.sid)]));
  keyed($('peer-list'), list.length ? list : [{ none: true }], (p) => p.sid || 'none', makePeer, (li, p) => {
    if (p.none) return;
    li.className = p.sid === selected ? 'chosen' : '';
    li.querySelector('.dot').className = 'dot ' + p.state;
    say(li.querySelector('b'), callIt(p.name, p.sid));
    const parts = p.state === 'direct' ? [`direct on ${visible(p.link)}`, p.rtt_ms && ms(p.rtt_ms), p.loss >= 0.01 && percent(p.loss) + ' lost']
      : p.state === 'mesh' ? [hops(p.hops) + ' via ' + (names[p.via] || short(p.via))] : ['cannot be reached', p.last_s >= 0 && 'heard ' + span(p.last_s) + ' ago'];
    if (p.contact) parts.push('contact');
    say(li.querySelector('small'), parts.filter(Boolean).join(' · '));
    li.querySelector('.send').hidden = readOnly || p.state === 'unreachable';
  });
}

function makePeer(p) {
  if (p.none) return el('li', { class: 'empty' }, 'Nobody is in sight yet. Another node on this network shows up by itself.');
  const li = el('li', null, el('i', { class: 'dot' }),
    el('button', { type: 'button', class: 'who', title: 'Why packets go there as they do', onclick: () => hands.why(p.sid) }, el('b'), el('small')),
    el('button', { type: 'button', class: 'send', 'aria-label': 'Send files to ' + callIt(p.name, p.sid), onclick: () => hands.pick(p.sid) }, 'Send…'));
  li.addEventListener('dragover', (e) => { e.preventDefault(); li.classList.add('target'); });
  li.addEventListener('dragleave', () => li.classList.remove('target'));
  li.addEventListener('drop', (e) => { e.preventDefault(); li.classList.remove('target'); hands.drop(p.sid, e.dataTransfer); });
  return li;
}

const maxStreams = 60;
function streams(list) {
  say($('stream-count'), list.length > maxStreams ? `${maxStreams} of ${list.length}` : list.length ? String(list.length) : '');
  const cells = (s) => [['', callIt(s.name, s.sid)], ['', visible(s.service || s.protocol) || 'port ' + s.port], ['', s.link], ['sent', size(s.acked)], ['received', size(s.received)], ['RTT', ms(s.rtt_ms)], ['loss', percent(s.loss)]];
  keyed($('stream-table').tBodies[0], list.slice(0, maxStreams), (s) => `${s.sid}/${s.local}/${s.ours}/${s.id}`, (s) => el('tr', null, ...cells(s).map(([label], n) => el('td', { 'data-label': label || null, class: n > 2 ? 'num' : null }))),
    (tr, s) => cells(s).forEach(([, text], n) => say(tr.cells[n], text)));
  $('stream-table').hidden = !list.length;
  $('no-streams').hidden = list.length > 0;
}

export function event(e) {
  const [text, bad] = eventText(e);
  const li = el('li', { class: `k-${e.kind}` + (bad ? ' warn' : ''), title: e.kind }, el('time', { datetime: e.time }, new Date(e.time).toLocaleTimeString([], { hour12: false })), el('span', null, text));
  li.hidden = e.kind === 'log' && !$('show-log').checked;
  const list = $('event-list');
  const last = list.firstElementChild;
  if (e.kind === 'transfer' && e.event === 'progress' && last && last.dataset.progress === e.id) last.replaceWith(li);
  else list.prepend(li);
  if (e.event === 'progress') li.dataset.progress = e.id;
  while (list.children.length > maxEvents) list.lastElementChild.remove();
  if (!li.hidden) $('no-events').hidden = true;
}

function close() {
  $('why').hidden = true;
  selected = '';
  hands.closed();
}

// chosen opens the panel of a node.
export function chosen(sid, look) {
  selected = sid;
  const p = look.peers.find((x) => x.sid === sid);
  $('why').hidden = false;
  say($('why-title'), p ? callIt(p.name, sid) : callIt(look.self.name, look.self.sid));
  $('why-body').replaceChildren(el('p', { class: 'soft' }, 'asking the way …'));
  $('why').focus({ preventScroll: false });
  $('why').scrollIntoView({ block: 'nearest' });
}

// why tells why packets go to a node as they do, and gives the SIDs on the way, ourselves first.
export async function why(sid, look) {
  const body = $('why-body');
  const p = look.peers.find((x) => x.sid === sid);
  if (!p) {
    const s = look.self;
    body.replaceChildren(facts([['SID', s.sid], ['UDP port', s.port], ['takes files from', { contacts: 'contacts; others are asked about', all: 'everybody', ask: 'nobody without asking', never: 'nobody' }[s.accept] || s.accept], ['network', s.network]]));
    return null;
  }
  const away = p.state === 'unreachable' ? Promise.reject(new Error('there is no way to it now.')) : null;
  const [w, t, g] = await Promise.allSettled([ask('GET', 'api/why?peer=' + sid), away || ask('GET', 'api/trace?peer=' + sid), away || ask('GET', 'api/shares?peer=' + sid)]);
  if (selected !== sid) return null;
  const parts = [facts([['SID', sid], ['state', p.state === 'direct' ? `direct on ${visible(p.link)} (${visible(p.addr)})` : p.state === 'mesh' ? `${hops(p.hops)}, cost ${p.distance}` : 'cannot be reached'],
    ['keys', { classic: 'X25519', 'post-quantum': 'X25519 and ML-KEM-768' }[p.keys] || 'none yet']])];
  if (t.status === 'fulfilled') parts.push(el('h3', null, 'The way there'), trace(t.value));
  else parts.push(el('p', { class: 'soft' }, visible(t.reason.message)));
  if (w.status === 'fulfilled') parts.push(...reasons(w.value));
  if (g.status === 'fulfilled' && g.value.shares.length) parts.push(...shelf.offered(sid, callIt(p.name, sid), g.value.shares, look.readOnly));
  if (!p.contact && !look.readOnly) parts.push(naming(sid, p));
  body.replaceChildren(...parts);
  return t.status === 'fulfilled' ? [look.self.sid, ...t.value.hops.map((h) => h.sid)] : null;
}

function facts(list) {
  return el('dl', { class: 'facts' }, ...list.flatMap(([k, v]) => [el('dt', null, k), el('dd', k === 'SID' ? { class: 'mono' } : null, String(v))]));
}

function trace(t) {
  const list = el('ol', null, ...t.hops.map((h) => el('li', null, el('span', null, `${callIt(h.name, h.sid)} `, el('span', { class: 'soft' }, visible(h.link))),
    el('span', { class: 'num' }, h.rtt_ms ? ms(h.rtt_ms) + ' ' : 'no answer ', el('i', { class: 'bar ' + grade(h.loss), title: percent(h.loss) + ' lost' }), ' ' + percent(h.loss)))));
  return t.reason ? el('div', null, list, el('p', { class: 'soft' }, visible(t.reason))) : list;
}

// reasons puts the document of caracal why into words.
function reasons(w) {
  const parts = [];
  if (w.no_direct) parts.push(el('p', { class: 'soft' }, visible(w.no_direct)));
  if (w.change && w.change.ago_s >= 0) parts.push(el('p', { class: 'soft' }, `${visible(w.change.text || w.change.reason)}, ${span(w.change.ago_s)} ago`));
  if (!w.candidates || !w.candidates.length) return parts;
  parts.push(el('h3', null, 'What was weighed'), el('ol', null, ...w.candidates.slice(0, 12).map((c) => el('li', null,
    el('span', null, (c.via === w.sid ? 'direct' : `via ${callIt(c.via_name, c.via)}`) + (c.link ? ` on ${visible(c.link)} ` : ' '), el('small', { class: 'soft block' }, visible(c.reason))),
    el('span', { class: 'num' }, c.distance ? 'cost ' + c.distance : '')))));
  return parts;
}

function naming(sid, p) {
  const input = el('input', { type: 'text', maxlength: 63, 'aria-label': 'A name for it', value: visible(p.announced) });
  return el('form', { class: 'actions', onsubmit: (e) => { e.preventDefault(); hands.rename(sid, input.value); } }, input, el('button', { type: 'submit' }, 'Make a contact'));
}

async function examine() {
  const b = $('examine'), out = $('findings');
  b.disabled = true;
  out.replaceChildren(el('p', { class: 'empty' }, 'examining …'));
  try {
    const d = await ask('GET', 'api/doctor');
    const marks = { ok: ['✓', 'good'], hint: ['!', 'fair'], problem: ['✕', 'bad'], unknown: ['?', ''] };
    let section = '';
    const parts = [el('p', null, d.problems || d.hints ? count(d.problems, 'problem') + ', ' + count(d.hints, 'hint') : 'Nothing is wrong.')];
    for (const f of d.findings) {
      if (f.section !== section) parts.push(el('h3', null, section = f.section));
      const [mark, colour] = marks[f.level] || ['?', ''];
      parts.push(el('div', { class: 'finding' }, el('span', { class: 'mark ' + colour }, mark),
        el('div', { class: 'grow' }, f.text, f.why ? el('small', { class: 'soft' }, ' ' + f.why) : null, ...(f.commands || []).map((c) => el('code', null, c)))));
    }
    out.replaceChildren(...parts);
  } catch (e) {
    out.replaceChildren(el('p', { class: 'empty' }, e.message));
  }
  b.disabled = false;
}
