"""Measures this module beside its peers: Envoy alone, the module without a scan, the module scanning, Squid, and any further
module that speaks ICAP, in one run. Rounds are interleaved, so that what disturbs the machine disturbs all alike.

Usage: python3 -m bench.peers --out DIRECTORY [--rounds N] [--seconds S] [--only SCENARIO] ...
The programs come from the environment: see `make bench-peers`.
"""

import argparse
import json
import pathlib
import statistics
import sys
import tempfile

from . import load, report
from .peers import PEERS, RAW_CLIENT, Ground
from .scenarios import SCENARIOS


def arguments():
    parser = argparse.ArgumentParser(prog="bench-peers", description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=pathlib.Path, required=True, help="where the results go")
    parser.add_argument("--rounds", type=int, default=5, help="how often each pair is measured")
    parser.add_argument("--seconds", type=int, default=4, help="how long each measurement takes")
    parser.add_argument("--only", action="append", default=[], help="a scenario by its name; may be repeated")
    parser.add_argument("--peer", action="append", default=[], help="a peer by its name; may be repeated")
    return parser.parse_args()


def measure(asked, ground):
    """One row a scenario and peer: {figure: {median, min, max}}."""
    rows = []
    scenarios = [it for it in SCENARIOS if not asked.only or it.name in asked.only]
    peers = [it for it in PEERS if (not asked.peer or it.name in asked.peer) and it.is_there()]
    for scenario in scenarios:
        samples = {peer.name: [] for peer in peers if peer.can(scenario)}
        running = {peer.name: ground.start(peer, scenario) for peer in peers if peer.can(scenario)}
        for peer in running.values():
            load.warm_up(peer, scenario)
        has_floor = RAW_CLIENT and scenario.connections == 1 and not scenario.delay_ms and not scenario.tls
        for number in range(asked.rounds):
            if has_floor:
                samples.setdefault("raw", []).append(load.raw(RAW_CLIENT, ground.icap, scenario, asked.seconds))
            for name, peer in running.items():
                samples[name].append(load.measure(peer, scenario, asked.seconds))
                print(f"{scenario.name}: {name}: round {number + 1}: {samples[name][-1]}", file=sys.stderr, flush=True)
        ground.stop_peers()
        for name, taken in samples.items():
            rows.append({"scenario": scenario.name, "peer": name, **spread(taken)})
    return rows


def spread(samples):
    """The median, the least and the most of each figure."""
    figures = samples[0].keys()
    values = {figure: [sample[figure] for sample in samples if sample[figure] is not None] for figure in figures}
    return {
        figure: {"median": statistics.median(of), "min": min(of), "max": max(of)}
        for figure, of in values.items()
        if of
    }


def main():
    asked = arguments()
    asked.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-peers-") as directory, Ground(pathlib.Path(directory)) as ground:
        rows = measure(asked, ground)
    (asked.out / "results.json").write_text(json.dumps(rows, indent=1) + "\n")
    table = report.table(rows)
    (asked.out / "results.md").write_text(table)
    report.plots(rows, asked.out)
    print(table)


main()
