"""Bar charts as SVG."""
import os

folder = None  # where they go; None: nowhere


def bars(name, title, values):
    """Writes NAME.svg: one bar for each (label, value, ours)."""
    if not folder or not values:
        return
    os.makedirs(folder, exist_ok=True)
    left, width, height, top = 120, 420, 22, 34
    most = max(v for _, v, _ in values) or 1
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">'
           % (left + width + 80, top + height * len(values) + 8),
           '<rect width="100%" height="100%" fill="#fff"/>',
           '<text x="8" y="20" font-size="14" font-weight="bold">%s</text>' % title]
    for i, (label, value, ours) in enumerate(values):
        y, w = top + i * height, max(1, value / most * width)
        out.append('<text x="%d" y="%d" text-anchor="end">%s</text>' % (left - 8, y + 14, label))
        out.append('<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>'
                   % (left, y + 2, w, height - 6, "#0a7d5a" if ours else "#9aa5ab"))
        out.append('<text x="%.1f" y="%d">%s</text>' % (left + w + 6, y + 14, ("%.0f" if value >= 20 else "%.1f") % value))
    out.append("</svg>\n")
    with open(os.path.join(folder, name + ".svg"), "w") as f:
        f.write("\n".join(out))
