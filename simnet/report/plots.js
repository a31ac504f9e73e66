// Plots over time. All share the page's cursor.
const plotList = [];

const si = (v, unit) => {
  const a = Math.abs(v);
  for (const [n, p] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) if (a >= n) return (v / n).toFixed(a / n < 10 ? 1 : 0) + " " + p + unit;
  return (a && a < 10 ? v.toFixed(1) : Math.round(v)) + " " + unit;
};
const clock = s => Math.floor(s / 60) + ":" + (s % 60 < 10 ? "0" : "") + (s % 60).toFixed(s % 1 > .05 && s % 1 < .95 ? 1 : 0);

// ticks are up to n round numbers from 0 to top.
function ticks(top, n, steps) {
  let step = 0;
  if (steps) step = steps.find(s => top / s <= n) || steps[steps.length - 1];
  else {
    const raw = top / n, power = 10 ** Math.floor(Math.log10(raw || 1));
    step = [1, 2, 5, 10].map(m => m * power).find(s => s >= raw);
  }
  const list = [];
  for (let v = 0; v <= top * 1.0001; v += step) list.push(v);
  return list;
}
const TIMES = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];

// A Plot draws series {name, colour, values, fill, stack} of one value per step; null is no value.
class Plot {
  constructor(box, d, title, unit, series, options = {}) {
    Object.assign(this, { d, unit, series, options });
    this.panel = document.createElement("div");
    this.panel.className = "panel plot";
    const head = document.createElement("h2");
    head.textContent = title;
    const key = document.createElement("span");
    key.className = "key";
    for (const s of series) {
      const i = document.createElement("i");
      i.style.background = s.colour;
      key.append(i, s.name);
    }
    if (series.length > 1) head.append(key);
    this.panel.append(head);
    box.append(this.panel);
    plotList.push(this);
  }

  draw(width) {
    const h = 168, left = 58, bottom = 20, top = 6, d = this.d, n = d.frames.length, end = d.result.duration_s;
    const old = this.panel.querySelector("svg");
    if (old) old.remove();
    const svg = this.svg = make("svg", { viewBox: `0 0 ${width} ${h}`, height: h });
    this.panel.append(svg);
    const stacked = this.series.some(s => s.stack), sums = Array(n).fill(0);
    let most = 0;
    for (const s of this.series) s.values.forEach((v, i) => { sums[i] = stacked ? sums[i] + (v || 0) : v || 0; most = Math.max(most, sums[i]); });
    most = this.options.most || most * 1.08 || 1;
    const x = s => left + (width - left - 8) * s / end, y = v => top + (h - top - bottom) * (1 - Math.min(v, most) / most);
    this.x = x; this.left = left; this.width = width;
    for (const v of ticks(most, 4)) {
      make("line", { x1: left, x2: width - 8, y1: y(v), y2: y(v), stroke: "var(--line)", "stroke-width": v ? .6 : 1.2 }, svg);
      make("text", { x: left - 7, y: y(v) + 4, "text-anchor": "end", "font-size": 11, fill: "var(--soft)" }, svg).textContent = this.options.format ? this.options.format(v) : si(v, this.unit);
    }
    for (const s of ticks(end, Math.max(2, width / 90), TIMES))
      make("text", { x: x(s), y: h - 5, "text-anchor": !s ? "start" : s > end * .97 ? "end" : "middle", "font-size": 11, fill: "var(--soft)" }, svg).textContent = clock(s);
    for (const m of d.moments) if (m.kind === "script")
      make("line", { x1: x(m.at_s), x2: x(m.at_s), y1: top, y2: h - bottom, stroke: "var(--warn)", "stroke-width": 1, "stroke-dasharray": "3 3", opacity: .8 }, svg);
    const base = Array(n).fill(0);
    for (const s of this.series) this.line(svg, s, x, y, base);
    this.cursor = make("line", { y1: top, y2: h - bottom, stroke: "var(--ink)", "stroke-width": 1, opacity: .55 }, svg);
    svg.addEventListener("pointermove", e => this.point(e, e.buttons > 0));
    svg.addEventListener("pointerdown", e => this.point(e, true));
    svg.addEventListener("pointerleave", () => tip());
    this.at(cursor.step);
  }

  line(svg, s, x, y, base) {
    const step = this.d.step_s, mid = i => x(Math.min((i + .5) * step, this.d.result.duration_s));
    if (s.stack) {
      const up = [], down = [];
      s.values.forEach((v, i) => { down.unshift(mid(i) + "," + y(base[i])); base[i] += v || 0; up.push(mid(i) + "," + y(base[i])); });
      make("polygon", { points: up.concat(down).join(" "), fill: s.colour, "fill-opacity": .85 }, svg);
      return;
    }
    let run = [];
    const flush = () => {
      if (run.length === 1) make("circle", { cx: run[0][0], cy: run[0][1], r: 2, fill: s.colour }, svg);
      if (run.length > 1) {
        const points = run.map(p => p.join(",")).join(" ");
        if (s.fill) make("polygon", { points: `${run[0][0]},${y(0)} ${points} ${run[run.length - 1][0]},${y(0)}`, fill: s.colour, "fill-opacity": .14 }, svg);
        make("polyline", { points, fill: "none", stroke: s.colour, "stroke-width": 1.8, "stroke-linejoin": "round" }, svg);
      }
      run = [];
    };
    const gap = Math.max(1, Math.ceil(3 / step)); // what is sent now and then is still one line
    let before = -1;
    s.values.forEach((v, i) => {
      if (v === null || v === undefined) return;
      if (i - before > gap) flush();
      run.push([mid(i), y(v)]);
      before = i;
    });
    flush();
  }

  point(e, go) {
    const box = this.svg.getBoundingClientRect(), px = (e.clientX - box.left) * this.width / box.width;
    const s = (px - this.left) / (this.width - this.left - 8) * this.d.result.duration_s;
    const i = Math.max(0, Math.min(this.d.frames.length - 1, Math.floor(s / this.d.step_s)));
    const show = v => v === null || v === undefined ? "–" : this.options.format ? this.options.format(v) : si(v, this.unit);
    tip(e, clock(i * this.d.step_s) + "\n" + this.series.filter(s => !s.stack || s.values[i]).map(s => s.name + "  " + show(s.values[i])).join("\n"));
    if (go) cursor.go(i);
  }

  at(i) {
    if (!this.cursor) return;
    const px = this.x(Math.min((i + .5) * this.d.step_s, this.d.result.duration_s));
    this.cursor.setAttribute("x1", px); this.cursor.setAttribute("x2", px);
  }
}

function tip(e, text) {
  const t = document.getElementById("tip");
  t.style.opacity = e ? 1 : 0;
  if (!e) return;
  t.textContent = text;
  t.style.left = Math.min(e.clientX + 14, innerWidth - t.offsetWidth - 8) + "px";
  t.style.top = Math.max(6, e.clientY - t.offsetHeight - 12) + "px";
}
