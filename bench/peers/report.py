"""The results as a table and as plots."""

from .scenarios import SCENARIOS

FIGURES = {
    "requests_per_second": ("requests/s", "{:,.0f}"),
    "cpu_us": ("CPU of the proxy, µs a request", "{:,.0f}"),
    "p50_us": ("median latency, µs", "{:,.0f}"),
    "p99_us": ("99th percentile, µs", "{:,.0f}"),
    "errors": ("errors", "{:,.0f}"),
}


def scenarios_of(rows):
    measured = {row["scenario"] for row in rows}
    return [it.name for it in SCENARIOS if it.name in measured]


def cell(row, figure, form):
    found = row.get(figure)
    if found is None:
        return ""
    median = form.format(found["median"])
    if found["max"] == found["min"]:
        return median
    return f"{median} ({form.format(found['min'])} to {form.format(found['max'])})"


def table(rows):
    """Markdown: a table a scenario; medians, and the spread in parentheses."""
    lines = ["# Results", "", "Medians; in parentheses the least and the most of the rounds.", ""]
    for scenario in scenarios_of(rows):
        lines += [f"## {scenario}", "", "| | " + " | ".join(title for title, _ in FIGURES.values()) + " |"]
        lines.append("|---" * (len(FIGURES) + 1) + "|")
        for row in rows:
            if row["scenario"] == scenario:
                cells = [cell(row, figure, form) for figure, (_, form) in FIGURES.items()]
                lines.append(f"| {row['peer']} | " + " | ".join(cells) + " |")
        lines += ["", *ratios([row for row in rows if row["scenario"] == scenario]), ""]
    return "\n".join(lines)


def ratios(rows):
    """What the module's figures are beside those of its peers."""
    by_peer = {row["peer"]: row for row in rows}
    ours = by_peer.get("scanning")
    for peer in ("squid", "spike", "envoy", "raw", "scanning forms as whole"):
        theirs = by_peer.get(peer)
        if not ours or not theirs or not is_sound(theirs):
            continue
        parts = [
            f"{FIGURES[figure][0]} {ours[figure]['median'] / theirs[figure]['median']:.2f}"
            for figure in ("requests_per_second", "cpu_us", "p50_us")
            if figure in ours and figure in theirs and theirs[figure]["median"]
        ]
        yield f"- scanning / {peer}: " + ", ".join(parts)
    bypassing = quotient(by_peer, "bypassing", "envoy", "cpu_us")
    if bypassing:
        yield f"- bypassing / envoy: {FIGURES['cpu_us'][0]} {bypassing:.2f}"
    added = added_latency(by_peer)
    if added:
        yield f"- what scanning adds to the median latency / the round trip to the ICAP server: {added:.2f}"


def quotient(by_peer, one, other, figure):
    """The median of a figure of one peer over that of another, where both have it and did what they were to do."""
    if not all(is_sound(by_peer.get(peer, {})) for peer in (one, other)):
        return None
    medians = [by_peer.get(peer, {}).get(figure, {}).get("median") for peer in (one, other)]
    return medians[0] / medians[1] if all(medians) else None


def is_sound(row):
    """Whether next to no request ended in an error: a peer that closes connections is measured opening them."""
    found = {figure: row.get(figure, {}).get("median", 0) for figure in ("errors", "requests_per_second")}
    return found["errors"] <= found["requests_per_second"] / 100


def added_latency(by_peer):
    """What scanning adds to the median latency of Envoy alone, over a round trip to the ICAP server: of a client of its own, or of
    what was added to the way."""
    medians = [by_peer.get(peer, {}).get("p50_us", {}).get("median") for peer in ("scanning", "envoy", "raw")]
    if not medians[0] or not medians[1]:
        return None
    delay_ms = next(it.delay_ms for it in SCENARIOS if it.name == by_peer["scanning"]["scenario"])
    round_trip = 2_000 * delay_ms or medians[2]
    return (medians[0] - medians[1]) / round_trip if round_trip else None


def plots(rows, out):
    """One SVG a figure: a group of bars a scenario."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "bench-peers"
    from matplotlib import pyplot

    peers = list(dict.fromkeys(row["peer"] for row in rows))
    scenarios = scenarios_of(rows)
    for figure, (title, _) in FIGURES.items():
        if figure == "errors":
            continue
        fig, axes = pyplot.subplots(figsize=(max(8, 1.1 * len(scenarios)), 4.5))
        width = 0.8 / len(peers)
        for n, peer in enumerate(peers):
            found = {row["scenario"]: row.get(figure) for row in rows if row["peer"] == peer}
            places = [i for i, scenario in enumerate(scenarios) if found.get(scenario)]
            medians = [found[scenarios[i]]["median"] for i in places]
            low = [found[scenarios[i]]["median"] - found[scenarios[i]]["min"] for i in places]
            high = [found[scenarios[i]]["max"] - found[scenarios[i]]["median"] for i in places]
            axes.bar([i + n * width for i in places], medians, width, yerr=[low, high], label=peer)
        axes.set_xticks([i + 0.4 - width / 2 for i in range(len(scenarios))], scenarios, rotation=30, ha="right")
        axes.set_yscale("log")
        axes.set_ylabel(title)
        axes.legend()
        fig.tight_layout()
        fig.savefig(out / f"{figure}.svg", metadata={"Date": None})
        pyplot.close(fig)
