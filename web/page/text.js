// How things are put into words and elements. Nothing from the network becomes markup: texts are text nodes.

// el makes an element: el('li', {class: 'x', onclick: f}, 'text', child, …).
export function el(tag, attrs, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attrs || {})) {
    if (name.startsWith('on')) e.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== null && value !== false) e.setAttribute(name, value === true ? '' : value);
  }
  e.append(...children.filter((c) => c !== null && c !== undefined && c !== false));
  return e;
}

// keyed makes the children of a list those of items, keeping what is there: so the focus stays where it is.
export function keyed(list, items, key, make, update) {
  const old = new Map([...list.children].map((c) => [c.dataset.key, c]));
  let before = list.firstElementChild;
  for (const item of items) {
    const k = key(item);
    let c = old.get(k);
    if (!c) { c = make(item); c.dataset.key = k; }
    old.delete(k);
    update(c, item);
    if (c === before) before = before.nextElementSibling;
    else list.insertBefore(c, before);
  }
  old.forEach((c) => c.remove());
}

// say changes a text only if it is another one.
export function say(e, text) { if (e.textContent !== text) e.textContent = text; }

// visible shows what a name from the network would otherwise hide or turn around.
export function visible(s) {
  return String(s || '').replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (c) => '\\u' + c.codePointAt(0).toString(16).padStart(4, '0'));
}

export const short = (sid) => (sid || '').slice(0, 8);
export const callIt = (name, sid) => visible(name) || short(sid);

// size is a number of bytes in SI.
export function size(n) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let u = 0;
  for (; n >= 1000 && u < 4; u++) n /= 1000;
  return (u === 0 ? Math.round(n) : n.toFixed(1)) + ' ' + units[u];
}

export function span(s) {
  if (s < 0) return 'never';
  const d = Math.floor(s / 86400), h = Math.floor(s / 3600) % 24, m = Math.floor(s / 60) % 60;
  if (d > 1) return `${d} d ${h} h`;
  if (s >= 3600) return `${Math.floor(s / 3600)} h ${m} min`;
  if (s >= 60) return `${m} min`;
  return `${Math.floor(s)} s`;
}

export const ms = (x) => (x ? (x < 10 ? x.toFixed(1) : Math.round(x)) + ' ms' : '–');
export const count = (n, what) => n + ' ' + what + (n === 1 ? '' : 's');
export const percent = (x) => (x > 0 && x < 0.01 ? '<1' : Math.round(x * 100)) + ' %';
export const hops = (n) => (n === 1 ? '1 hop' : n + ' hops');
export const files = (n) => (n === 1 ? '1 file' : n + ' files');

// grade is how good a loss is.
export const grade = (loss) => (loss < 0.02 ? 'good' : loss < 0.1 ? 'fair' : 'bad');

const words = (s) => visible(s).replaceAll('-', ' ');
const way = (e) => (e.via === e.sid ? hops(e.hops) : `${hops(e.hops)} via ${callIt(e.via_name, e.via)}`);

// eventText tells an event in a line; bad says whether it is bad news.
export function eventText(e) {
  const who = callIt(e.name, e.sid);
  const at = [visible(e.link), visible(e.addr)].filter(Boolean).join(' ');
  switch (e.kind + ' ' + e.event) {
    case 'peer up': return [`${who} is a neighbour on ${at}`];
    case 'peer suspect': return [`${who} does not answer on ${at}`, true];
    case 'peer down': return [`${who} is no neighbour any more (${words(e.reason)})`, true];
    case 'peer path': return [`${who} is now reached over ${at} (${words(e.reason)})`];
    case 'peer appeared': return [`${who} is there, ${way(e)}`];
    case 'peer left': return [`${who} has left, or cannot be reached`, true];
    case 'route gone': return [`no route to ${who}`, true];
    case 'watch lost': return [`${e.lost} events were lost here`, true];
  }
  switch (e.kind) {
    case 'route': return [`route to ${who}: ` + (e.hops_before && e.hops_before !== e.hops ? e.hops_before + ' → ' : '') + way(e)];
    case 'link': return [`${visible(e.link)} is ${e.event}`, e.event === 'down'];
    case 'transfer': return [transferText(e, who), e.event === 'failed'];
  }
  return [visible(e.text || e.event), e.event === 'error' || e.event === 'warn'];
}

export function transferText(e, who) {
  const what = visible(e.what) || 'files';
  const more = e.text ? ': ' + visible(e.text) : '';
  const out = e.direction === 'out';
  switch (e.event) {
    case 'progress': return `${what} ${out ? 'to' : 'from'} ${who}: ${Math.floor(100 * (e.bytes || 0) / (e.total || 1))} %`;
    case 'offer': return out ? `${what} is offered to ${who} (${size(e.total || 0)})` : `${what} is fetched from ${who} (${size(e.total || 0)})`;
    case 'waiting': return out ? `${who} is asked about ${what}` : `${who} wants to send you ${what} (${size(e.total || 0)})`;
    case 'accepted': if (!out && e.text === 'shared') return `${who} gives ${what}`; return out ? `${who} takes ${what}` : `${what} from ${who} is accepted`;
    case 'receiving': return `${what} comes in from ${who}`;
    case 'done': return out ? `${what} has arrived at ${who}` : `${what} from ${who} has arrived`;
    case 'failed': return `${what} ${out ? 'to' : 'from'} ${who} failed${more}`;
  }
  return `${what} ${out ? 'to' : 'from'} ${who}: ${words(e.event)}${more}`;
}
