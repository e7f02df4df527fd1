"""What is measured."""

import dataclasses

KB = 1024
MB = 1024 * KB


@dataclasses.dataclass(frozen=True)
class Scenario:
    """One kind of traffic.

    body_bytes: of each POST. verdict: `204` (the server may say that it has nothing to change), `echo` (it has to send the whole
    message back) or `block` (it answers with a page). connections: of the clients. workers: of the proxy. delay_ms: added to each
    direction of the way to the ICAP server. files: the body is a form with this many files. tls: the way to the ICAP server is icaps.
    """

    body_bytes: int
    verdict: str = "204"
    connections: int = 16
    workers: int = 1
    delay_ms: int = 0
    files: int = 0
    tls: bool = False

    @property
    def service(self):
        """The service of c-icap that gives the verdict."""
        return "url_check" if self.verdict == "block" else "echo"

    @property
    def is_large(self):
        """The application has to read the body: it would answer while the client still sends, and Squid then close the connection."""
        return self.body_bytes >= 100 * KB

    @property
    def name(self):
        size = f"{self.body_bytes // MB}MB" if self.body_bytes >= MB else f"{self.body_bytes // KB}KB"
        parts = [size, self.verdict, f"c{self.connections}"]
        parts += [f"w{self.workers}"] * (self.workers != 1)
        parts += [f"delay{self.delay_ms}ms"] * bool(self.delay_ms)
        parts += [f"form{self.files}"] * bool(self.files)
        parts += ["icaps"] * self.tls
        return "-".join(parts)


SCENARIOS = [
    *(Scenario(1 * KB, connections=connections) for connections in (1, 16, 64, 256)),
    *(Scenario(100 * KB, connections=connections) for connections in (1, 16, 64)),
    Scenario(0),
    Scenario(1 * MB),
    Scenario(10 * MB, connections=4),
    Scenario(1 * KB, verdict="echo"),
    Scenario(100 * KB, verdict="echo"),
    Scenario(1 * KB, verdict="block"),
    Scenario(100 * KB, verdict="block"),
    Scenario(1 * KB, workers=2),
    Scenario(100 * KB, workers=2),
    Scenario(1 * KB, connections=1, delay_ms=1),
    Scenario(1 * KB, connections=1, delay_ms=20),
    Scenario(100 * KB, files=4),
    Scenario(1 * KB, tls=True),
    Scenario(100 * KB, tls=True),
]
