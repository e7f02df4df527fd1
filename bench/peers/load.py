"""Sends the load with wrk, and reads what the proxy used of the processor."""

import os
import pathlib
import re
import subprocess

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
UNITS_US = {"us": 1, "ms": 1_000, "s": 1_000_000}

SCRIPT = """
wrk.method = "POST"
wrk.headers["content-type"] = "%(content_type)s"
local file = io.open("%(body)s", "rb")
wrk.body = file:read("*a")
file:close()
done = function(summary, latency)
  io.write(string.format("RESULT %%d %%d %%d %%d %%d %%d\\n", summary.requests, summary.duration, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


def processor_seconds(pids):
    """What these processes have used so far, in user and in system mode."""
    total = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS_A_SECOND


def run(peer, scenario, seconds):
    """Requests, seconds, errors, and the percentiles of the latency in microseconds."""
    script = peer.directory / "load.lua"
    script.write_text(SCRIPT % {"content_type": peer.content_type, "body": peer.body})
    threads = min(scenario.connections, 2)
    command = ["wrk", f"-t{threads}", f"-c{scenario.connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(script)]
    said = subprocess.run([*command, peer.url], capture_output=True, text=True, timeout=seconds + 60, check=True).stdout
    found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)", said)
    if not found:
        raise RuntimeError(f"wrk said: {said}")
    requests, duration_us, refused, failed, p50, p99 = (int(number) for number in found.groups())
    # What is to be blocked and is not has gone wrong.
    wrong = requests - refused if scenario.verdict == "block" else refused
    return requests, duration_us, wrong + failed, p50, p99


def raw(client, port, scenario, seconds):
    """The same figures of an ICAP client without a proxy, on one connection to the server itself."""
    command = [client, str(port), str(scenario.body_bytes), str(seconds)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=True).stdout
    requests, duration_us, p50, p99 = (int(number) for number in said.split())
    return {
        "requests_per_second": requests * 1_000_000 / duration_us,
        "cpu_us": None,
        "p50_us": p50,
        "p99_us": p99,
        "errors": 0,
    }


def warm_up(peer, scenario):
    run(peer, scenario, 1)


def measure(peer, scenario, seconds):
    """Requests a second, processor time of the proxy a request, and latency, all in microseconds but the first."""
    before = processor_seconds(peer.pids())
    requests, duration_us, errors, p50, p99 = run(peer, scenario, seconds)
    used = processor_seconds(peer.pids()) - before
    return {
        "requests_per_second": requests * 1_000_000 / duration_us,
        "cpu_us": used * 1_000_000 / requests if requests else None,
        "p50_us": p50,
        "p99_us": p99,
        "errors": errors,
    }
