"""The peers, each with its configuration, and what they all stand on: an application, an ICAP server, a slow way to it."""

import dataclasses
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

from . import configurations as conf
from .scenarios import Scenario

MODULE = os.environ.get("ICAP_FILTER_WASM", "")
SPIKE = os.environ.get("SPIKE_WASM", "")
ENVOY = os.environ.get("ENVOY_BIN", "envoy")
RAW_CLIENT = os.environ.get("RAW_ICAP_CLIENT", "")


@dataclasses.dataclass(frozen=True)
class Peer:
    """A proxy that is measured. `kind`: `envoy` or `squid`."""

    name: str
    kind: str
    variant: str = ""

    def is_there(self):
        if self.kind == "squid":
            return shutil.which("squid") is not None
        return self.variant != "spike" or bool(SPIKE)

    def can(self, scenario: Scenario):
        """The spike reads no body that is empty, and knows no answer but 204. Only forms are shown in several ways."""
        if self.variant == "whole":
            return scenario.files > 0
        return self.variant != "spike" or (scenario.verdict == "204" and 0 < scenario.body_bytes < 1024 * 1024)


PEERS = [
    Peer("envoy", "envoy", "bare"),
    Peer("bypassing", "envoy", "bypassing"),
    Peer("scanning", "envoy", "scanning"),
    Peer("scanning forms as whole", "envoy", "whole"),
    Peer("spike", "envoy", "spike"),
    Peer("squid", "squid", "quiet"),
    Peer("squid with access log", "squid", "logging"),
]


def free_port():
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return it.getsockname()[1]


def wait_for(port, process, directory):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            log = (directory / "log").read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{process.args[0]} ended with {process.returncode}: {log}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"{process.args[0]} does not listen on {port}")


@dataclasses.dataclass
class Running:
    """A peer that runs."""

    directory: pathlib.Path
    url: str
    body: pathlib.Path
    content_type: str
    process: subprocess.Popen

    def pids(self):
        """The process, and those that it started."""
        found = [self.process.pid]
        for pid in found:
            children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            found += [int(child) for child in children]
        return found


class Ground:
    """Everything that runs for a benchmark; ends with it."""

    def __init__(self, directory):
        self.directory = directory
        # Squid that is started as root writes as another user.
        directory.chmod(0o777)
        self.lasting = []
        self.of_scenario = []

    def __enter__(self):
        self.application = free_port()
        self.spawn(self.lasting, "nginx", conf.nginx(self.directory, self.application), self.application, ["nginx", "-c"])
        self.icap = free_port()
        self.spawn(self.lasting, "c-icap", conf.c_icap(self.directory, self.icap), self.icap, ["c-icap", "-N", "-f"])
        return self

    def __exit__(self, *_):
        self.stop_peers()
        end(self.lasting)

    def stop_peers(self):
        end(self.of_scenario)

    def spawn(self, among, name, text, port, command):
        directory = self.directory / f"{name}-{port}"
        directory.mkdir(exist_ok=True)
        file = directory / "configuration.json"  # Envoy goes by the ending.
        file.write_text(text)
        log = (directory / "log").open("wb")
        process = subprocess.Popen([*command, str(file)], stdout=log, stderr=log, cwd=directory, start_new_session=True)
        among.append(process)
        wait_for(port, process, directory)
        return directory, process

    def start(self, peer, scenario):
        port = free_port()
        icap = self.icap
        if scenario.delay_ms:
            icap = free_port()
            script = pathlib.Path(__file__).with_name("delay.py")
            command = [sys.executable, str(script), str(icap), str(self.icap), str(scenario.delay_ms)]
            log = (self.directory / "log").open("wb")
            process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
            self.of_scenario.append(process)
            wait_for(icap, process, self.directory)
        if peer.kind == "squid":
            text = conf.squid(self.directory, port, self.application, icap, scenario, peer.variant == "logging")
            directory, process = self.spawn(self.of_scenario, "squid", text, port, ["squid", "-N", "-f"])
        else:
            module = SPIKE if peer.variant == "spike" else MODULE
            text = conf.envoy(peer.variant, port, self.application, icap, scenario, module)
            command = [ENVOY, "--concurrency", str(scenario.workers), "--use-dynamic-base-id", "--log-level", "error", "-c"]
            directory, process = self.spawn(self.of_scenario, "envoy", text, port, command)
        body, content_type = conf.body(directory, scenario)
        running = Running(directory, f"http://127.0.0.1:{port}/upload", body, content_type, process)
        until_it_answers(running)
        return running


def until_it_answers(running):
    """The first connections to the ICAP server and its OPTIONS are there."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        request = urllib.request.Request(running.url, data=b"x" * 2000, headers={"content-type": "text/plain"})
        try:
            urllib.request.urlopen(request, timeout=10).read()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"{running.url} gives no answer")


def end(processes):
    for process in reversed(processes):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
    for process in processes:
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    processes.clear()
