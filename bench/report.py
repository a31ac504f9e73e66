"""Turns the raw lines of bench.sh into tables, or into the ratios that count."""
import collections
import json
import statistics
import sys

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
    ("wire", 1, "mbit_s", "quic", ">=", 2.0),
    ("wire", 1, "mbit_s", "tls", ">=", 0.9),
    ("direct", 1, "mbit_s", "quic", ">=", 2.5),
    ("direct", 1, "mbit_s", "tls", ">=", 0.8),
    ("wire", 1, "cpu_gb", "quic", "<=", 0.5),
    ("wire", 1, "cpu_gb", "tls", "<=", 1.2),
    ("direct", 1, "cpu_gb", "quic", "<=", 0.5),
    ("direct", 1, "cpu_gb", "tls", "<=", 1.2),
    ("wire", 1, "ping_us", "quic", "<=", 0.9),
    ("wire", 1, "requests_s", "quic", ">=", 2.0),
    ("wire", 1, "first_ms", "quic", "<=", 1.0),
    ("wire", 1, "first_ms", "tls", "<=", 1.0),
    ("wire", 1, "again_us", "quic", "<=", 1.0),
    ("wire", 1, "mbit_s", "wireguard", ">=", 2.0),
    ("wire", 1, "mbit_s", "yggdrasil", ">=", 4.0),
    ("wire", 2, "mbit_s", "yggdrasil", ">=", 3.0),
]

runs = collections.defaultdict(lambda: collections.defaultdict(list))
for line in open(sys.argv[2]):
    r = json.loads(line)
    for name, _, _ in FIGURES:
        if name in r:
            runs[r["mode"], r["hops"], r["proto"]][name].append(r[name])


def figure(mode, hops, proto, name):
    values = runs[mode, hops, proto][name] if (mode, hops, proto) in runs else []
    return statistics.median(values) if values else None


def ratio(mode, hops, name, proto):
    """The median over rounds of the ratio within a round: rounds are interleaved, the machine's pace changes."""
    ours, theirs = (runs[mode, hops, p][name] if (mode, hops, p) in runs else [] for p in ("caracal", proto))
    pairs = [a / b for a, b in zip(ours, theirs) if b]
    return statistics.median(pairs) if pairs else None


def tables():
    print("| veth | hops | transport | " + " | ".join(t for _, t, _ in FIGURES) + " |")
    print("|---" * (3 + len(FIGURES)) + "|")
    for mode, hops, proto in runs:
        cells = [figure(mode, hops, proto, n) for n, _, _ in FIGURES]
        shown = ["–" if v is None else f % v for v, (_, _, f) in zip(cells, FIGURES)]
        print("| %s | %d | %s | " % (mode, hops, proto) + " | ".join(shown) + " |")
    for mode, hops in dict.fromkeys((m, h) for m, h, _ in runs):
        others = [p for m, h, p in runs if (m, h) == (mode, hops) and p != "caracal"]
        for p in others:
            all_ = ["%s %.2f" % (n, ratio(mode, hops, n, p)) for n, _, _ in FIGURES if ratio(mode, hops, n, p)]
            if all_:
                print("\n%s, %d hops, Caracal to %s: %s" % (mode, hops, p, ", ".join(all_)))


def ratios():
    for mode, hops, name, proto, sense, bound in RATIOS:
        v = ratio(mode, hops, name, proto)
        if v is not None:
            ok = v >= bound if sense == ">=" else v <= bound
            print("RATIO %s-%dhop-%s-%s %.2f %s%.2f %s" % (mode, hops, name, proto, v, sense, bound, "ok" if ok else "short"))


if sys.argv[1] == "tables":
    tables()
    print()
ratios()
