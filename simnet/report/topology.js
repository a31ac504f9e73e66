// The map: nodes and links as they are at one step.
const SVG = "http://www.w3.org/2000/svg";

function make(tag, attributes, parent) {
  const e = document.createElementNS(SVG, tag);
  for (const k in attributes) e.setAttribute(k, attributes[k]);
  if (parent) parent.append(e);
  return e;
}

const LOSS = ["--l0", "--l1", "--l2", "--l3", "--l3", "--l4", "--l4", "--l4", "--l4", "--l4"];

class Topology {
  constructor(box, d, pick) {
    this.d = d; this.pick = pick; this.chosen = -1;
    this.back = Math.max(1, Math.min(40, Math.ceil(9 / d.step_s)));
    this.byLink = d.links.map(() => []);
    d.ways.forEach((w, i) => this.byLink[w.link].push(i));
    this.fit(box.clientWidth || 820, box.clientHeight || 470);
    this.svg = make("svg", { viewBox: this.view.join(" "), role: "img", "aria-label": "topology" }, box);
    this.draw();
  }

  // fit chooses the part of the plane that is shown: all places that ever are.
  // Lines and letters are as large as they would be on paper, whatever the screen.
  fit(width, height) {
    const d = this.d, xs = [], ys = [];
    for (const s of d.spots.concat(d.hubs)) { xs.push(s.x); ys.push(s.y); }
    if (d.moving) for (const f of d.frames) (f.places || []).forEach((v, i) => (i % 2 ? ys : xs).push(v));
    const min = a => a.reduce((m, v) => Math.min(m, v), Infinity), max = a => a.reduce((m, v) => Math.max(m, v), -Infinity);
    let x = min(xs), y = min(ys), w = max(xs) - x, h = max(ys) - y;
    const size = Math.max(w, h, 1e-6), pad = size * 0.07;
    w = Math.max(w, size * 0.12); h = Math.max(h, size * 0.12);
    this.view = [x - pad, y - pad, w + 2 * pad, h + 2 * pad];
    this.unit = Math.max(this.view[2] / width, this.view[3] / height);
    this.labels = d.nodes.length <= 44 * width / 820;
    this.radius = this.unit * Math.max(3, Math.min(10, 120 / Math.sqrt(d.nodes.length + 30)));
  }

  draw() {
    const d = this.d, u = this.unit;
    this.range = make("circle", { r: 0, fill: "var(--accent)", "fill-opacity": .08, stroke: "var(--accent)", "stroke-opacity": .4, "stroke-width": u }, this.svg);
    const under = make("g", { fill: "none", "stroke-linecap": "round" }, this.svg);
    this.lines = [];
    d.links.forEach((l, i) => {
      if (l.air) { for (const w of this.byLink[i]) this.line(under, d.ways[w].a, d.ways[w].b, null, i, [w], true); return; }
      const hub = d.hubs.find(h => h.link === i);
      if (!hub) { this.line(under, l.nodes[0], l.nodes[1], null, i, this.byLink[i], false); return; }
      for (const n of l.nodes) this.line(under, n, -1, hub, i, this.byLink[i].filter(w => d.ways[w].a === n || d.ways[w].b === n), false);
      const box = make("rect", { x: hub.x - this.radius * .7, y: hub.y - this.radius * .7, width: this.radius * 1.4, height: this.radius * 1.4, rx: u * 1.5, fill: "var(--soft)" }, this.svg);
      make("title", {}, box).textContent = l.name + " (" + l.kind + ", " + l.nodes.length + " nodes)";
      this.label(hub.x, hub.y + this.radius * .7 + u * 12, l.name, "var(--soft)");
    });
    this.dots = d.nodes.map((n, i) => {
      const g = make("g", { style: "cursor:pointer" }, this.svg);
      const shape = n.role ? make("rect", { x: -this.radius, y: -this.radius, width: 2 * this.radius, height: 2 * this.radius, transform: "rotate(45) scale(.85)" }, g)
        : make("circle", { r: n.leaf ? this.radius * .75 : this.radius }, g);
      shape.setAttribute("stroke-width", u * 1.6);
      make("title", {}, g).textContent = n.name + (n.role ? " — hostile: " + n.role : "");
      const text = !this.labels ? null : make("text", { y: -this.radius - 4 * u, "text-anchor": "middle", "font-size": 11.5 * u, fill: "var(--ink)" }, g);
      if (text) text.textContent = n.name;
      g.addEventListener("click", () => this.choose(this.chosen === i ? -1 : i));
      return { g, shape };
    });
  }

  label(x, y, text, fill) {
    make("text", { x, y, "text-anchor": "middle", "font-size": 11.5 * this.unit, fill }, this.svg).textContent = text;
  }

  line(parent, a, b, hub, link, ways, air) {
    this.lines.push({ e: make("line", {}, parent), a, b, hub, link, ways, air });
  }

  choose(i) { this.chosen = i; this.show(this.at); this.pick(i); }

  spot(i, f) { return this.d.moving && f.places ? { x: f.places[2 * i], y: f.places[2 * i + 1] } : this.d.spots[i]; }

  // lossOf is the worst recent loss of some ways, in tenths; -1 = nothing was sent.
  lossOf(ways, at) {
    let worst = -1;
    for (const w of ways) {
      for (let k = at; k >= 0 && k > at - this.back; k--) {
        const c = this.d.frames[k].loss[w];
        if (c !== undefined && c !== "-") { worst = Math.max(worst, +c); break; }
      }
    }
    return worst;
  }

  show(at) {
    this.at = at;
    const f = this.d.frames[at];
    if (!f) return;
    const top = Math.max(1, ...f.rates);
    for (const l of this.lines) this.showLine(l, f, at);
    this.dots.forEach((dot, i) => {
      const p = this.spot(i, f), state = f.states[i], n = this.d.nodes[i];
      dot.g.setAttribute("transform", `translate(${p.x} ${p.y})`);
      const colour = n.role ? "var(--foe)" : "var(--accent)";
      dot.shape.setAttribute("fill", state === "1" ? colour : "var(--panel)");
      dot.shape.setAttribute("fill-opacity", state === "1" ? .35 + .65 * Math.sqrt(f.rates[i] / top) : 1);
      dot.shape.setAttribute("stroke", this.chosen === i ? "var(--warn)" : state === "1" ? colour : "var(--dead)");
      dot.shape.setAttribute("stroke-dasharray", state === "1" ? "" : 3 * this.unit + " " + 2 * this.unit);
    });
    this.showRange(f);
  }

  showLine(l, f, at) {
    const p = this.spot(l.a, f), q = l.hub || this.spot(l.b, f), up = f.up[l.link], loss = this.lossOf(l.ways, at), e = l.e, u = this.unit;
    const dead = up === "0" || f.states[l.a] !== "1" || (l.b >= 0 && f.states[l.b] !== "1");
    const gone = l.air && (loss < 0 || dead);
    e.setAttribute("visibility", gone ? "hidden" : "visible");
    if (gone) return;
    for (const [k, v] of [["x1", p.x], ["y1", p.y], ["x2", q.x], ["y2", q.y]]) e.setAttribute(k, v);
    e.setAttribute("stroke", up === "0" ? "var(--bad)" : dead ? "var(--dead)" : up === "<" ? "var(--warn)" : loss < 0 ? "var(--dead)" : `var(${LOSS[loss]})`);
    e.setAttribute("stroke-width", u * (loss < 0 || dead ? 1.2 : 2.2));
    e.setAttribute("stroke-opacity", dead && up !== "0" ? .35 : loss < 0 ? .6 : .9);
    e.setAttribute("stroke-dasharray", up === "1" ? "" : 5 * u + " " + 5 * u);
  }

  showRange(f) {
    const l = this.d.links.find(l => l.range && l.nodes.includes(this.chosen));
    if (!l) { this.range.setAttribute("r", 0); return; }
    const p = this.spot(this.chosen, f);
    this.range.setAttribute("cx", p.x); this.range.setAttribute("cy", p.y); this.range.setAttribute("r", l.range);
  }

  // picture is the map as SVG text with its colours written out.
  picture() {
    const copy = this.svg.cloneNode(true), css = getComputedStyle(document.documentElement);
    copy.setAttribute("xmlns", SVG); copy.setAttribute("width", 1640); copy.setAttribute("height", Math.round(1640 * this.view[3] / this.view[2]));
    const back = make("rect", { x: this.view[0], y: this.view[1], width: this.view[2], height: this.view[3], fill: css.getPropertyValue("--panel") });
    copy.prepend(back);
    copy.setAttribute("font-family", "system-ui, sans-serif");
    return new XMLSerializer().serializeToString(copy).replace(/var\((--[a-z0-9]+)\)/g, (_, v) => css.getPropertyValue(v).trim());
  }
}
