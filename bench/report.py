"""Turns the raw lines of bench.sh, paths.sh and relay.sh into tables, plots, and the ratios that count.

report.py WHAT RAW: WHAT is tables, ratios, paths or relay. With DOC, the tables go between their marks in that file, too, and
the plots beside it."""
import collections
import json
import os
import re
import statistics
import sys

import plot

FIGURES = [  # name, title, format
    ("mbit_s", "Mbit/s", "%.0f"),
    ("cpu_gb", "CPU s/GB", "%.2f"),
    ("ping_us", "ping p50 µs", "%.0f"),
    ("ping_p99_us", "p99 µs", "%.0f"),
    ("requests_s", "requests/s", "%.0f"),
    ("first_ms", "first contact ms", "%.2f"),
    ("again_us", "new stream µs", "%.0f"),
    ("rss_mb", "client MB", "%.0f"),
]
RATIOS = [  # mode, hops, figure, against, at least or at most, bound
    ("wire", "1", "mbit_s", "quic", ">=", 2.0),
    ("wire", "1", "mbit_s", "tls", ">=", 0.9),
    ("direct", "1", "mbit_s", "quic", ">=", 2.5),
    ("direct", "1", "mbit_s", "tls", ">=", 0.8),
    ("jumbo", "1", "mbit_s", "quic", ">=", 2.0),
    ("jumbo", "1", "mbit_s", "tls", ">=", 0.9),
    ("wire", "1", "cpu_gb", "quic", "<=", 0.5),
    ("wire", "1", "cpu_gb", "tls", "<=", 1.2),
    ("direct", "1", "cpu_gb", "quic", "<=", 0.5),
    ("direct", "1", "cpu_gb", "tls", "<=", 1.2),
    ("wire", "1", "ping_us", "quic", "<=", 0.9),
    ("direct", "1", "ping_us", "quic", "<=", 0.9),
    ("wire", "1", "requests_s", "quic", ">=", 2.0),
    ("direct", "1", "requests_s", "quic", ">=", 2.0),
    ("wire", "1", "first_ms", "quic", "<=", 1.0),
    ("wire", "1", "first_ms", "tls", "<=", 1.0),
    ("wire", "1", "again_us", "quic", "<=", 1.0),
    ("wire", "1", "mbit_s", "wireguard", ">=", 2.0),
    ("wire", "1", "mbit_s", "yggdrasil", ">=", 4.0),
    ("wire", "2", "mbit_s", "yggdrasil", ">=", 3.0),
]

what, raw = sys.argv[1:3]
doc = os.environ.get("DOC")
lines = [json.loads(line) for line in open(raw)]
runs = collections.defaultdict(lambda: collections.defaultdict(list))  # of mode, hops, proto
for line in lines:
    for name, value in line.items():
        if isinstance(value, (int, float)):
            runs[line["mode"], line["hops"], line["proto"]][name].append(value)


def values(mode, hops, proto, name):
    return runs[mode, hops, proto][name] if (mode, hops, proto) in runs else []


def figure(mode, hops, proto, name):
    v = values(mode, hops, proto, name)
    return statistics.median(v) if v else None


def ratio(ours, theirs):
    """The median over rounds of the ratio within a round: rounds are interleaved, the machine's pace changes."""
    pairs = [a / b for a, b in zip(ours, theirs) if b]
    return statistics.median(pairs) if pairs else None


def shown(v, form):
    return "–" if v is None else form % v


def table(head, rows):
    print("| " + " | ".join(head) + " |\n" + "|---" * len(head) + "|")
    for r in rows:
        print("| " + " | ".join(r) + " |")
    print()


def named(proto):
    return "**Caracal**" if proto == "caracal" else "Caracal, ChaCha20" if proto == "chacha" else proto


def judge(name, v, sense, bound):
    if v is not None:
        ok = v >= bound if sense == ">=" else v <= bound
        print("RATIO %s %.2f %s%.2f %s" % (name, v, sense, bound, "ok" if ok else "short"))


def ratios():
    for mode, hops, name, proto, sense, bound in RATIOS:
        v = ratio(values(mode, hops, "caracal", name), values(mode, hops, proto, name))
        judge("%s-%shop-%s-%s" % (mode, hops, name, proto), v, sense, bound)
    for mode in ("direct", "wire"):
        v = ratio(values(mode, "1", "chacha", "mbit_s"), values(mode, "1", "wireguard", "mbit_s"))
        judge("%s-1hop-chacha-wireguard" % mode, v, ">=", 0.8)


def tables():
    table(["veth", "hops", "transport"] + [t for _, t, _ in FIGURES], [
        [mode, hops, named(proto)] + [shown(figure(mode, hops, proto, n), f) for n, _, f in FIGURES]
        for mode, hops, proto in runs])
    for mode, hops in dict.fromkeys((m, h) for m, h, _ in runs):
        protos = [p for m, h, p in runs if (m, h) == (mode, hops)]
        plot.bars("bench-%s-%s" % (mode, hops), "One stream, %s, %s: Mbit/s" % (mode, "one hop" if hops == "1" else "over a relay"), [
            (p, figure(mode, hops, p, "mbit_s") or 0, p in ("caracal", "chacha")) for p in protos])


def paths():
    all_ = list(dict.fromkeys((m, p) for m, _, p in runs))
    rows = []
    for mode, p in all_:
        rate, rtt, loss, _ = map(float, mode.split(":"))
        v = figure(mode, "routed", p, "goodput_mbit_s")
        if v is not None:
            rows.append(["%g Mbit/s, %g ms, %g %%" % (rate, rtt, loss), named(p), "%.1f" % v, "%.2f" % (v / rate),
                         shown(figure(mode, "routed", p, "first_ms"), "%.1f"),
                         shown((figure(mode, "routed", p, "again_us") or 0) / 1e3, "%.1f")])
    table(["path", "transport", "Mbit/s", "of the link", "first contact ms", "new stream ms"], rows)
    table(["path", "transport", "idle p99 ms", "beside p50 ms", "beside p99 ms"], [
        ["%s Mbit/s, %s ms" % tuple(mode.split(":")[:2]), named(p)] +
        [shown(figure(mode, "routed", p, n), "%.1f") for n in ("idle_p99_ms", "beside_p50_ms", "beside_p99_ms")]
        for mode, p in all_ if figure(mode, "routed", p, "beside_p99_ms")])
    goodputs = collections.defaultdict(list)
    for mode, p in all_:
        if v := figure(mode, "routed", p, "goodput_mbit_s"):
            goodputs[mode].append((p, v, p == "caracal"))
    for mode, bars in goodputs.items():
        rate, rtt, loss, _ = mode.split(":")
        plot.bars("path-%s-%s-%s" % (rate, rtt, loss), "%s Mbit/s, %s ms, %s %% lost: Mbit/s" % (rate, rtt, loss), bars)
    for mode in dict.fromkeys(m for m, _ in all_):
        path_ratios(mode)


def path_ratios(mode):
    rate, rtt, loss, _ = map(float, mode.split(":"))
    name = "path-%g-%g-%g" % (rate, rtt, loss)

    def of(proto, figure_):
        return values(mode, "routed", proto, figure_)

    ours = of("caracal", "goodput_mbit_s")
    if loss:
        judge(name + "-bbr", ratio(ours, of("bbr", "goodput_mbit_s")), ">=", 0.95)
    else:
        judge(name + "-link", ratio(ours, [rate] * len(ours)), ">=", 0.97)
        judge(name + "-first-rtt", ratio(of("caracal", "first_ms"), [rtt] * len(ours)), "<=", 1.2)
        judge(name + "-again-rtt", ratio(of("caracal", "again_us"), [rtt * 1e3] * len(ours)), "<=", 1.05)
    if loss == 1:
        judge(name + "-quic", ratio(ours, of("quic", "goodput_mbit_s")), ">=", 10)
    idle = of("caracal", "idle_p99_ms")
    judge(name + "-beside-p99", ratio(of("caracal", "beside_p99_ms"), [2 * v + 5 for v in idle]), "<=", 1)


def relay():
    modes = list(dict.fromkeys(m for m, _, _ in runs))
    rows = []
    for mode in modes:
        veth, size = mode.split("-")
        echo, ours = figure(mode, "1", "echo", "relay_us"), figure(mode, "2", "caracal", "relay_us")
        rows.append([veth, size, shown(echo, "%.2f"), shown(ours, "%.2f"),
                     shown(ratio(values(mode, "1", "echo", "relay_us"), values(mode, "2", "caracal", "relay_us")), "%.2f")])
    table(["veth", "bytes", "bare echo, CPU µs each", "relay, CPU µs each", "echo / relay"], rows)
    for mode in modes:
        v = ratio(values(mode, "1", "echo", "relay_us"), values(mode, "2", "caracal", "relay_us"))
        judge("relay-%s-echo" % mode, v, ">=", 0.7)


def into(path, name, text):
    """Puts the text between the marks of that name in the file."""
    whole = open(path).read()
    marks = "<!-- bench %s -->\n" % name, "<!-- end of bench %s -->" % name
    found = re.compile(re.escape(marks[0]) + ".*?" + re.escape(marks[1]), re.S)
    if not found.search(whole):
        sys.exit("%s has no marks %r" % (path, marks[0]))
    open(path, "w").write(found.sub(lambda _: marks[0] + "\n" + text + "\n" + marks[1], whole))


class Tee:
    """Standard output, kept."""

    def __init__(self):
        self.text = ""

    def write(self, s):
        self.text += s
        sys.__stdout__.write(s)

    def flush(self):
        sys.__stdout__.flush()


plot.folder = os.path.join(os.path.dirname(doc), "plots") if doc else None
sys.stdout = kept = Tee()
{"tables": tables, "ratios": ratios, "paths": paths, "relay": relay}[what]()
if doc:
    into(doc, what, kept.text.split("RATIO")[0].strip() + "\n")
if what == "tables":
    ratios()
