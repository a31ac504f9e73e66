// The page: puts the recording's parts together and moves the cursor.
const d = JSON.parse(document.getElementById("data").textContent), r = d.result;
const $ = id => document.getElementById(id);
const last = d.frames.length - 1;
const cursor = { step: 0, go(i) { this.step = Math.max(0, Math.min(last, i)); show(); } };
const put = (parent, tag, text, cls) => { const e = document.createElement(tag); e.textContent = text; if (cls) e.className = cls; parent.append(e); return e; };

// Light or dark: what the reader's system says, until told otherwise.
const root = document.documentElement;
root.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
$("theme").onclick = () => { root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark"; };

// The head.
const failed = r.expect.filter(f => !f.ok).length, badge = $("badge");
badge.textContent = !r.expect.length ? "no expectations" : failed ? `✗ ${failed} of ${r.expect.length} failed` : `✓ all ${r.expect.length} met`;
if (failed) badge.classList.add("bad");
if (!r.expect.length) badge.classList.add("none");
$("name").textContent = r.name;
$("about").textContent = d.about;
const plural = (n, what) => n + " " + what + (n === 1 ? "" : "s");
$("meta").textContent = [plural(r.nodes, "node"), plural(r.links, "link"), clock(r.duration_s) + " simulated", "seed " + r.seed].join(" · ");
$("replay").textContent = d.replay;
if (!d.replay) $("replay").parentNode.remove();
$("copy").onclick = () => navigator.clipboard && navigator.clipboard.writeText(d.replay);
$("digest").textContent = r.digest;
const got = f => f.got === null ? "not measured" : f.unit === "share" ? (100 * f.got).toFixed(1) + " %" :
  f.unit === "s" ? (f.got < 1 ? Math.round(1000 * f.got) + " ms" : f.got.toFixed(1) + " s") : si(f.got, f.unit);
for (const f of r.expect) {
  const c = put($("expect"), "div", "", f.ok ? "card" : "card bad");
  put(c, "small", (f.ok ? "✓ " : "✗ ") + f.metric.replace(/_/g, " "));
  put(c, "b", got(f));
  put(c, "small", "wanted " + f.want);
}

// The map, its legend and what is known of one node.
const map = new Topology($("map"), d, detail);
for (const [colour, text] of [["--l0", "carries packets"], ["--l2", "loses 15 % or more"], ["--l3", "loses 25 % or more"], ["--l4", "loses half or more"], ["--dead", "quiet"]]) {
  const row = put($("legend"), "div", "");
  put(row, "i", "").style.color = `var(${colour})`;
  put(row, "span", text);
}
for (const [colour, text, yes] of [["--accent", "node; the fuller, the more it sends", true], ["--dead", "stopped or asleep", true], ["--foe", "hostile", d.nodes.some(n => n.role)]]) {
  if (!yes) continue;
  const row = put($("legend"), "div", ""), dot = put(row, "i", "", "dot");
  dot.style.color = `var(${colour})`;
  if (colour !== "--dead") dot.style.background = `var(${colour})`;
  put(row, "span", text);
}
function detail(i) {
  const box = $("detail"), f = d.frames[cursor.step];
  box.replaceChildren();
  if (!f) return;
  const row = (k, v) => { const tr = put(t, "tr", ""); put(tr, "td", k); put(tr, "td", v); };
  put(box, "h3", i < 0 ? "All nodes" : d.nodes[i].name);
  if (i >= 0) put(box, "div", d.nodes[i].sid + (d.nodes[i].role ? " · hostile: " + d.nodes[i].role : ""), "meta");
  const t = put(box, "table", "");
  if (i < 0) {
    const up = [...f.states].filter(s => s === "1").length;
    row("running", up + " of " + d.nodes.length);
    row("routes", f.routes ? "complete" : "incomplete");
    row("sent per node", si(f.rates.reduce((a, b) => a + b, 0) / Math.max(1, f.rates.length), "B/s"));
    row("most of one", si(Math.max(0, ...f.rates), "B/s"));
    row("waiting", si(f.queue, "B"));
    put(box, "p", "Click a node to see its own.", "meta");
    return;
  }
  row("state", { 1: "runs", 0: "stopped", z: "asleep" }[f.states[i]]);
  row("sends", si(f.rates[i], "B/s"));
  if (d.moving || d.nodes[i].placed) { const p = map.spot(i, f); row("place", Math.round(p.x) + ", " + Math.round(p.y) + " m"); }
  d.links.forEach((l, k) => { if (l.nodes.includes(i)) row(l.name.length > 16 ? l.name.slice(0, 15) + "…" : l.name, { 1: "up", 0: "down", "<": "one way" }[f.up[k]]); });
}

// Time.
const slider = $("time");
slider.max = last;
slider.oninput = () => cursor.go(+slider.value);
let timer = 0;
function play() {
  if (timer) { clearInterval(timer); timer = 0; }
  else {
    if (cursor.step === last) cursor.go(0);
    timer = setInterval(() => { cursor.go(cursor.step + 1); if (cursor.step === last) play(); }, Math.max(60, 12000 / d.frames.length));
  }
  $("play").textContent = timer ? "❚❚" : "▶";
}
$("play").onclick = play;
addEventListener("keydown", e => {
  if (e.target.tagName === "BUTTON") return;
  if (e.key === " ") { e.preventDefault(); play(); }
  if (e.target !== slider && e.key === "ArrowRight") cursor.go(cursor.step + 1);
  if (e.target !== slider && e.key === "ArrowLeft") cursor.go(cursor.step - 1);
});
function show() {
  slider.value = cursor.step;
  $("clock").textContent = clock(cursor.step * d.step_s) + " / " + clock(r.duration_s);
  map.show(cursor.step);
  detail(map.chosen);
  for (const p of plotList) p.at(cursor.step);
  if (strip.cursor) strip.at();
}

// The strip under the map: where routes were complete, and what the script did.
const strip = {
  draw(width) {
    $("strip").replaceChildren();
    const svg = make("svg", { viewBox: `0 0 ${width} 34`, height: 34 }, $("strip")), x = this.x = s => s / r.duration_s * width;
    d.frames.forEach((f, i) => make("rect", { x: x(i * d.step_s), y: 12, width: x(d.step_s) + .6, height: 8, fill: f.routes ? "var(--good)" : "var(--bad)", opacity: f.routes ? .55 : .85 }, svg));
    for (const m of d.moments) if (m.kind === "script") {
      const g = make("g", { style: "cursor:pointer" }, svg);
      make("path", { d: `M${x(m.at_s)} 21 l5 9 h-10 z`, fill: "var(--warn)" }, g);
      make("title", {}, g).textContent = clock(m.at_s) + "  " + m.text;
      g.onclick = () => cursor.go(Math.floor(m.at_s / d.step_s));
    }
    make("text", { x: 0, y: 9, "font-size": 11, fill: "var(--soft)" }, svg).textContent = "routes complete" + (d.moments.some(m => m.kind === "script") ? " · ▲ what the script did" : "");
    this.cursor = make("line", { y1: 11, y2: 32, stroke: "var(--ink)", "stroke-width": 1.5 }, svg);
    this.at();
  },
  at() { const px = this.x((cursor.step + .5) * d.step_s); this.cursor.setAttribute("x1", px); this.cursor.setAttribute("x2", px); },
};

// A flat world needs no high stage.
if (map.view[2] > 3 * map.view[3] && innerWidth > 760) $("map").style.height = "300px";

// The plots.
const of = f => d.frames.map(f), some = values => values.some(v => v);
const add = (title, unit, series, options) => { if (series.some(s => some(s.values))) new Plot($("plots"), d, title, unit, series, options); };
add("Delivery", "%", [{ name: "arrived of what was sent", colour: "var(--good)", fill: true, values: of(f => f.sent ? 100 * f.came / f.sent : null) }], { most: 105, format: v => (v > 99 && v < 100 ? v.toFixed(1) : Math.round(v)) + " %" });
add("Time on the way", "ms", [
  { name: "p50", colour: "var(--accent)", fill: true, values: of(f => f.p50_ms) },
  { name: "p95", colour: "var(--warn)", values: of(f => f.p95_ms) }], { format: v => v >= 1000 ? (v / 1000).toFixed(1) + " s" : v.toFixed(v < 10 ? 1 : 0) + " ms" });
add("Sent per node", "B/s", [
  { name: "mean", colour: "var(--accent)", fill: true, values: of(f => f.rates.reduce((a, b) => a + b, 0) / Math.max(1, f.rates.length)) },
  { name: "busiest", colour: "var(--warn)", values: of(f => Math.max(0, ...f.rates)) }]);
add("Streams", "B/s", [{ name: "arrived", colour: "var(--good)", fill: true, values: of(f => f.stream) }]);
add("Waiting to be sent", "B", [
  { name: "all queues", colour: "var(--accent)", fill: true, values: of(f => f.queue) },
  { name: "fullest", colour: "var(--warn)", values: of(f => f.most) }]);
const colours = { loss: "#e8710a", burst: "#d6336c", collision: "#ae3ec9", deaf: "#7048e8", range: "#4c6ef5", queue: "#c92a2a", down: "#868e96", stopped: "#adb5bd", partition: "#495057", unplugged: "#ced4da", "too-long": "#0b7285", "no-address": "#5c940d" };
add("Packets dropped per second", "", d.reasons.map((name, i) => ({ name, colour: colours[name] || "var(--soft)", stack: true, values: of(f => f.dropped[i] / d.step_s) })).filter(s => some(s.values)));
function resize() {
  for (const p of plotList) p.draw(Math.max(280, p.panel.clientWidth - 28));
  strip.draw(Math.max(280, $("strip").clientWidth));
}
addEventListener("resize", resize);

// Figures, drops, and the log.
const lines = d.summary.split("\n").slice(2).filter(l => l.startsWith("  ") && l.trim());
for (const l of lines) {
  const tr = put($("figures"), "tr", "");
  const gap = l.slice(2).search(/ {2,}/); // names may be longer than their column
  put(tr, "td", l.slice(2, 2 + gap));
  put(tr, "td", l.slice(2 + gap).trim());
}
const drops = [...r.packets.dropped].sort((a, b) => b.count - a.count);
for (const x of drops) {
  const row = put($("drops"), "div", "", "bar");
  put(row, "span", x.reason);
  const bar = put(row, "i", "");
  bar.style.width = 100 * x.count / drops[0].count + "%";
  bar.style.background = colours[x.reason] || "var(--soft)";
  put(row, "span", x.count.toLocaleString("en"));
}
if (!drops.length) put($("drops"), "p", "None.");
const kinds = [["script", "script, routes and direct paths", ["script", "routes", "direct"], true], ["neighbours", "neighbours", ["neighbour-up", "neighbour-down"], false]];
for (const [, label, names, on] of kinds) {
  const l = put($("filter"), "label", ""), box = put(l, "input", "");
  box.type = "checkbox"; box.checked = on;
  l.append(" " + label);
  box.onchange = () => { for (const k of names) on_(k, box.checked); log(); };
}
const shown = new Set(["script", "routes", "direct"]);
function on_(k, yes) { if (yes) shown.add(k); else shown.delete(k); }
function log() {
  $("log").replaceChildren();
  for (const m of d.moments) {
    if (!shown.has(m.kind)) continue;
    const tr = put($("log"), "tr", "");
    put(tr, "td", clock(m.at_s), "num");
    put(tr, "td", ["script", "routes", "direct"].includes(m.kind) ? m.text : `${m.node}: ${m.kind} ${m.text}`);
    tr.onclick = () => cursor.go(Math.floor(m.at_s / d.step_s));
  }
  if (d.moments_lost) put(put($("log"), "tr", ""), "td", `and ${d.moments_lost} more`);
}

// Pictures of the map.
function save(href, name) { const a = document.createElement("a"); a.href = href; a.download = name; a.click(); }
$("svg").onclick = () => save("data:image/svg+xml;charset=utf-8," + encodeURIComponent(map.picture()), r.name + ".svg");
$("png").onclick = () => {
  const image = new Image();
  image.onload = () => {
    const c = document.createElement("canvas");
    c.width = image.width; c.height = image.height;
    c.getContext("2d").drawImage(image, 0, 0);
    save(c.toDataURL("image/png"), r.name + ".png");
  };
  image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(map.picture());
};

log();
resize();
cursor.go(Number(location.hash.slice(1)) >= 0 && location.hash ? Math.floor(Number(location.hash.slice(1)) / d.step_s) : last);
