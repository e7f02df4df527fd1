"""Puts the ratios of a run into a page, between two marks.

Usage: python3 -m bench.peers.page RESULTS.json PAGE.md
"""

import json
import pathlib
import sys

from .report import added_latency, quotient, scenarios_of

BEGIN, END = "<!-- bench-peers -->\n", "<!-- end of bench-peers -->\n"
COLUMNS = {
    "requests/s": lambda it: median(it, "requests_per_second"),
    "CPU, µs": lambda it: median(it, "cpu_us"),
    "requests/s, over Squid's": lambda it: ratio(quotient(it, "scanning", "squid", "requests_per_second")),
    "CPU over Squid's": lambda it: ratio(quotient(it, "scanning", "squid", "cpu_us")),
    "median latency over Squid's": lambda it: ratio(quotient(it, "scanning", "squid", "p50_us")),
    "CPU over Envoy's alone": lambda it: ratio(quotient(it, "scanning", "envoy", "cpu_us")),
    "CPU of bypassing over Envoy's alone": lambda it: ratio(quotient(it, "bypassing", "envoy", "cpu_us")),
    "added latency over the round trip": lambda it: ratio(added_latency(it)),
}


def median(by_peer, figure):
    found = by_peer.get("scanning", {}).get(figure)
    return f"{found['median']:,.0f}" if found else ""


def ratio(number):
    return f"{number:.2f}" if number else ""


def table(rows):
    lines = ["", "| scenario | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for scenario in scenarios_of(rows):
        by_peer = {row["peer"]: row for row in rows if row["scenario"] == scenario}
        lines.append(f"| {scenario} | " + " | ".join(cell(by_peer) for cell in COLUMNS.values()) + " |")
    return "\n".join([*lines, "", ""])


def main(results, page):
    rows = json.loads(pathlib.Path(results).read_text())
    text = pathlib.Path(page).read_text()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    pathlib.Path(page).write_text(before + BEGIN + table(rows) + END + after)


if __name__ == "__main__":
    main(*sys.argv[1:])
