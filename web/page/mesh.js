// The picture of the mesh. Nodes keep their places; who comes finds one beside its neighbour, and all make room.

import { callIt, grade, hops, ms, percent } from './text.js';

let cy, chosen = '', choose = () => {}, shape = '';
const still = matchMedia('(prefers-reduced-motion: reduce)');
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();

// One pixel on the screen is so much in the picture: names stay readable when a large mesh is drawn small.
let scale = 1;
const small = () => document.getElementById('graph').clientWidth < 520;
const room = () => (small() ? 30 : 56);

function style() {
  const k = (n) => n * scale;
  const c = Object.fromEntries(['card', 'ink', 'soft', 'accent', 'good', 'fair', 'bad', 'far', 'none'].map((n) => [n, colour(n)]));
  const font = 'system-ui, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif';
  return [
    { selector: 'node', style: { width: k(30), height: k(30), 'background-color': c.card, 'border-width': k(3.5), 'border-color': c.far, label: 'data(label)', color: c.ink,
      'font-family': font, 'font-size': k(13), 'text-valign': 'bottom', 'text-margin-y': k(7), 'text-outline-width': k(3), 'text-outline-color': c.card, 'text-max-width': k(140), 'text-wrap': 'ellipsis', 'overlay-opacity': 0,
      'transition-property': 'opacity border-color width height', 'transition-duration': still.matches ? 0 : 300 } },
    { selector: 'node.direct', style: { 'border-color': c.good } },
    { selector: 'node.self', style: { width: k(40), height: k(40), 'background-color': c.accent, 'border-color': c.accent, 'font-weight': 600 } },
    { selector: 'node.unreachable', style: { 'border-color': c.none, 'border-style': 'dashed', opacity: 0.55 } },
    { selector: 'node.chosen', style: { 'underlay-color': c.accent, 'underlay-opacity': 0.18, 'underlay-padding': k(9), 'underlay-shape': 'ellipse' } },
    { selector: 'node.target', style: { 'underlay-color': c.accent, 'underlay-opacity': 0.45, 'underlay-padding': k(12), 'underlay-shape': 'ellipse' } },
    { selector: 'edge', style: { 'curve-style': 'straight', width: k(2.5), 'line-color': c.none, opacity: 0.9, 'overlay-opacity': 0, label: 'data(label)', color: c.soft, 'font-family': font, 'font-size': k(11), 'text-opacity': small() ? 0 : 1,
      'text-rotation': 'autorotate', 'text-margin-y': k(-9), 'text-outline-width': k(3), 'text-outline-color': c.card } },
    { selector: 'edge.good', style: { 'line-color': c.good } },
    { selector: 'edge.fair', style: { 'line-color': c.fair, width: k(3) } },
    { selector: 'edge.bad', style: { 'line-color': c.bad, width: k(3.5) } },
    { selector: 'edge.onway', style: { width: k(6), opacity: 1 } },
    { selector: 'edge.offway', style: { opacity: 0.35 } },
  ];
}

// begin makes the picture; onChoose(sid) is called when a node is chosen, onDrop(sid, transfer) when files are dropped on it.
export function begin(onChoose, onDrop, onMiss) {
  const box = document.getElementById('graph');
  choose = onChoose;
  cy = cytoscape({ container: box, style: style(), minZoom: 0.25, maxZoom: 2.2, boxSelectionEnabled: false, autounselectify: true });
  cy.on('tap', 'node', (e) => onChoose(e.target.id()));
  cy.on('mouseover', 'node', () => { box.style.cursor = 'pointer'; });
  cy.on('zoom', () => {
    const k = Math.min(3, Math.max(0.8, 1 / cy.zoom()));
    if (Math.abs(k / scale - 1) > 0.04) { scale = k; cy.style(style()); }
  });
  cy.on('mouseout', 'node', () => { box.style.cursor = ''; });
  box.addEventListener('keydown', keys);
  new ResizeObserver(() => { cy.resize(); cy.fit(undefined, room()); limit(); }).observe(box);
  dropping(box, onDrop, onMiss);
}

// repaint takes the colours anew.
export const repaint = () => cy && cy.style(style());

function keys(e) {
  const all = cy.nodes().sort((a, b) => a.data('label').localeCompare(b.data('label')));
  if (!all.length) return;
  const at = all.toArray().findIndex((n) => n.hasClass('at'));
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[e.key];
  if (step) {
    const next = all[(at + step + all.length + (at < 0 && step < 0 ? 1 : 0)) % all.length];
    cy.nodes().removeClass('at target');
    next.addClass('at target');
    document.getElementById('graph-said').textContent = next.data('said');
    e.preventDefault();
  } else if ((e.key === 'Enter' || e.key === ' ') && at >= 0) {
    choose(all[at].id());
    e.preventDefault();
  }
}

function dropping(box, onDrop, onMiss) {
  const under = (e) => {
    const r = box.getBoundingClientRect();
    const x = e.clientX - r.left, y = e.clientY - r.top;
    return cy.nodes().filter((n) => !n.hasClass('self') && Math.hypot(n.renderedPosition('x') - x, n.renderedPosition('y') - y) < 34 * Math.max(1, cy.zoom()))[0];
  };
  const clear = () => cy.nodes().removeClass('target');
  box.addEventListener('dragover', (e) => {
    e.preventDefault();
    clear();
    const n = under(e);
    e.dataTransfer.dropEffect = n ? 'copy' : 'none';
    if (n) n.addClass('target');
  });
  box.addEventListener('dragleave', clear);
  box.addEventListener('drop', (e) => {
    e.preventDefault();
    clear();
    const n = under(e);
    if (n) onDrop(n.id(), e.dataTransfer); else onMiss();
  });
}

// show draws a topology.
export function show(t) {
  const gone = cy.nodes().filter((n) => !t.nodes.some((x) => x.sid === n.id()));
  gone.remove();
  for (const n of t.nodes) {
    const label = callIt(n.name, n.sid);
    const said = n.state === 'self' ? label + ', this node' : label + ', ' + (n.hops ? hops(n.hops) : 'cannot be reached');
    let e = cy.getElementById(n.sid);
    if (!e.length) e = cy.add({ group: 'nodes', data: { id: n.sid, label, said, born: true }, position: beside(n, t) });
    else e.data({ label, said });
    for (const c of ['self', 'direct', 'mesh', 'unreachable', 'chosen']) e.toggleClass(c, c === n.state || (c === 'chosen' && n.sid === chosen));
  }
  const present = new Set();
  for (const l of t.links) {
    const id = l.a + l.b;
    if (!cy.getElementById(l.a).length || !cy.getElementById(l.b).length) continue;
    present.add(id);
    let e = cy.getElementById(id);
    if (!e.length) e = cy.add({ group: 'edges', data: { id, source: l.a, target: l.b } });
    e.data('label', l.measured ? (l.loss >= 0.02 ? `${ms(l.rtt_ms)} · ${percent(l.loss)} lost` : l.rtt_ms >= 1 ? ms(l.rtt_ms) : '') : '');
    const g = l.measured ? grade(l.loss) : '';
    for (const c of ['good', 'fair', 'bad']) e.toggleClass(c, c === g);
  }
  cy.edges().filter((e) => !present.has(e.id())).remove();
  const now = t.nodes.map((n) => n.sid).sort().join() + '|' + [...present].sort().join();
  if (now !== shape) arrange(shape === '');
  shape = now;
}

// beside is a place for a newcomer.
function beside(n, t) {
  const friends = t.links.filter((l) => l.a === n.sid || l.b === n.sid).map((l) => cy.getElementById(l.a === n.sid ? l.b : l.a)).filter((x) => x.length);
  const turn = Math.random() * 2 * Math.PI;
  const from = friends.length ? friends[0].position() : { x: 0, y: 0 };
  return { x: from.x + 110 * Math.cos(turn), y: from.y + 110 * Math.sin(turn) };
}

// arrange finds places for all, starting from where they are.
function arrange(first) {
  const move = !first && !still.matches;
  const l = cy.layout({
    name: 'cose', randomize: first, animate: move ? 'end' : false, animationDuration: 900, animationEasing: 'ease-in-out-cubic',
    fit: false, nodeRepulsion: () => 18000, idealEdgeLength: () => 105, edgeElasticity: () => 90, gravity: 0.6, numIter: 900, nodeDimensionsIncludeLabels: true, componentSpacing: 90,
  });
  l.one('layoutstop', () => {
    if (move) cy.animate({ fit: { padding: room() }, duration: 500, complete: limit });
    else { cy.fit(undefined, room()); limit(); }
  });
  l.run();
}

// limit keeps a small mesh from being drawn large.
function limit() {
  if (cy.zoom() > 1.3) cy.zoom(1.3);
  if (cy.nodes().length) cy.center();
}

// mark shows which node is chosen, and the way there as SIDs, if known.
export function mark(sid, way) {
  chosen = sid;
  cy.nodes().forEach((n) => { n.toggleClass('chosen', n.id() === sid); });
  const on = new Set();
  for (let i = 1; way && i < way.length; i++) on.add(way[i - 1] < way[i] ? way[i - 1] + way[i] : way[i] + way[i - 1]);
  cy.edges().forEach((e) => { e.toggleClass('onway', on.has(e.id())); e.toggleClass('offway', on.size > 0 && !on.has(e.id())); });
}

// drawn is what the picture shows, for tests: names and states.
export const drawn = () => !cy ? [] : cy.nodes().map((n) => ({ id: n.id(), label: n.data('label'), classes: n.classes(), at: n.renderedPosition() }));
