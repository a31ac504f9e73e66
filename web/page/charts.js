// One chart for each interface: bytes per second in the last two minutes.

import { el, size, visible } from './text.js';

const keep = 120;
const charts = new Map();
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();

function make(name) {
  const up = el('span', { class: 'up' }), down = el('span', { class: 'down' }), about = el('span');
  const plot = el('div');
  const box = el('div', { class: 'chart' }, el('h3', null, el('b', null, visible(name)), about, el('span', null, up, ' ', down)), plot);
  document.getElementById('charts').append(box);
  const c = { box, up, down, about, plot, times: [], tx: [], rx: [], last: null, u: null };
  charts.set(name, c);
  draw(c);
  new ResizeObserver(() => c.u.setSize({ width: plot.clientWidth, height: 96 })).observe(plot);
  return c;
}

function draw(c) {
  if (c.u) c.u.destroy();
  const axis = { stroke: colour('soft'), grid: { stroke: colour('line'), width: 1 }, ticks: { show: false }, font: '11px system-ui, sans-serif' };
  const line = (name) => ({ stroke: colour(name), fill: colour(name) + '22', width: 1.6, points: { show: false } });
  c.u = new uPlot({
    width: c.plot.clientWidth || 300, height: 96, cursor: { show: false }, legend: { show: false }, padding: [8, 0, 7, 0],
    scales: { x: { time: true, range: (u, min, max) => [max - keep, max] }, y: { range: (u, min, max) => [0, Math.max(1000, (max || 0) * 1.15)] } },
    axes: [{ ...axis, show: false }, { ...axis, size: 62, space: 34, values: (u, v) => v.map((x) => (x ? size(x) : '0')) }],
    series: [{}, line('up'), line('down')],
  }, [c.times, c.tx, c.rx], c.plot);
}

// repaint takes the colours anew.
export const repaint = () => charts.forEach(draw);

// show adds what the links have carried until now, in seconds.
export function show(links, now) {
  const present = new Set();
  for (const l of links) {
    if (!l.index && !(l.tx_packets + l.rx_packets)) continue; // nobody beyond the LAN is spoken to
    present.add(l.name);
    const c = charts.get(l.name) || make(l.name);
    c.about.textContent = (l.addrs || []).filter((a) => !a.startsWith('fe80'))[0] || '';
    if (c.last && now > c.last.now) {
      const s = now - c.last.now;
      const tx = Math.max(0, l.tx_bytes - c.last.tx) / s, rx = Math.max(0, l.rx_bytes - c.last.rx) / s;
      c.times.push(now); c.tx.push(tx); c.rx.push(rx);
      if (c.times.length > keep) { c.times.shift(); c.tx.shift(); c.rx.shift(); }
      c.up.textContent = '↑ ' + size(tx) + '/s';
      c.down.textContent = '↓ ' + size(rx) + '/s';
      c.u.setData([c.times, c.tx, c.rx]);
    }
    c.last = { now, tx: l.tx_bytes, rx: l.rx_bytes };
  }
  for (const [name, c] of charts) {
    if (!present.has(name)) { c.u.destroy(); c.box.remove(); charts.delete(name); }
  }
}
