"""Tables: as text for a terminal, as markdown for docs/performance.md."""

FIGURES = (  # name, heading, format
    ("per_second", "per second", "{:,.0f}"),
    ("items_per_second", "items/s", "{:,.0f}"),
    ("p50_ms", "p50 ms", "{:.2f}"),
    ("p99_ms", "p99 ms", "{:.2f}"),
    ("p999_ms", "p99.9 ms", "{:.2f}"),
    ("stall_ms", "longest stall ms", "{:.0f}"),
    ("ms", "ms", "{:,.1f}"),
    ("us", "µs", "{:,.2f}"),
    ("seconds", "seconds", "{:.2f}"),
    ("mib", "MiB", "{:,.1f}"),
    ("kib", "KiB", "{:,.1f}"),
    ("bytes", "bytes", "{:,.0f}"),
    ("server_cpu", "server cores", "{:.2f}"),
    ("cpu", "generator cores", "{:.2f}"),
)
# Shown only where it says something: `seconds` of a load is what was asked for.
IMPLIED = {"per_second": {"seconds", "bytes"}, "ms": {"seconds"}}


def shown(figures):
    hidden = set().union(*(IMPLIED[name] for name in figures if name in IMPLIED))
    return [(heading, form.format(figures[name])) for name, heading, form in FIGURES
            if figures.get(name) is not None and name not in hidden
            and not (name == "items_per_second" and figures.get("items_per_answer", 1) <= 1)]


def text(rows, bars):
    lines = []
    part = None
    for row in rows:
        if row["part"] != part:
            part = row["part"]
            lines.append(f"\n{part}")
        values = ", ".join(f"{heading} {value}" for heading, value in shown(row["figures"]))
        note = f" ({row['note']})" if row["note"] else ""
        lines.append(f"  {row['what']:<58} {values}{note}")
    if bars:
        lines.append(f"\n{'the bar':<86} {'measured':>9} {'at least':>9} {'stretch':>8}")
    for bar in bars:
        sign = "≥" if bar["better"] == "more" else "≤"
        lines.append(f"  {bar['what']:<84} {number(bar['value']):>9} {sign + number(bar['at_least']):>9} "
                     f"{sign + number(bar['stretch']):>8}  {bar['verdict']}")
        if bar.get("missed") and bar["verdict"] != "stretch":
            lines.append(f"      listed as missed: {bar['missed']}")
    return "\n".join(lines)


def number(value):
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def markdown(document):
    lines = ["| what | measured | at least | stretch | |", "|---|---|---|---|---|"]
    for bar in document["bars"]:
        sign = "" if bar["better"] == "more" else "≤ "
        unit = f" {bar['unit']}" if bar.get("unit") else ""
        lines.append(f"| {bar['what']} | {number(bar['value'])}{unit} | {sign}{number(bar['at_least'])}{unit} "
                     f"| {sign}{number(bar['stretch'])}{unit} | {bar['verdict'].lower()} |")
    part = None
    for row in document["rows"]:
        if row["part"] != part:
            part = row["part"]
            lines += ["", f"**{part}**", "", "| what | figures |", "|---|---|"]
        values = ", ".join(f"{heading} {value}" for heading, value in shown(row["figures"]))
        note = f" ({row['note']})" if row["note"] else ""
        lines.append(f"| {row['what']} | {values}{note} |")
    return "\n".join(lines)
