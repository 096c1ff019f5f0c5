# SPDX-License-Identifier: MIT
"""What the questions about trackers share: the swarms that are announced, and looking whether a
tracker did answer. A tracker that errs, forgets or loses is not measured."""

import contextlib

from harness import Failed, ratio

HASHES, PEERS, WANT = 500, 512, 50
SECONDS = 2


@contextlib.contextmanager
def running(bench, trackers):
    """All of them, by name, idle until asked."""
    with contextlib.ExitStack() as stack:
        started = {tracker.name: stack.enter_context(tracker.start(bench.folder()))
                   for tracker in trackers}
        for tracker in started.values():
            tracker.settle()
        yield started


def fill(bench, tracker, hashes=HASHES, peers=PEERS):
    got = bench.load("udp", "fill", tracker.tracker_port, h=hashes, p=peers, w=1)
    if got["bad"] or got["answered"] != hashes * peers:
        raise Failed(f"{tracker.process.name} does not take announces: {got}")


def cost(tracker, ask, count):
    """CPU µs of all processes of the tracker for each of the `count` that `ask` says were done, and
    what it said besides."""
    cpu_s = tracker.process.cpu_s()
    got = ask()
    cpu_s = tracker.process.cpu_s() - cpu_s
    for fault in ("bad", "short", "lost", "late", "broken"):
        if got.get(fault, 0) > (0 if fault == "bad" else got[count] / 100):
            raise Failed(f"{tracker.process.name}: {got}")
    done = max(got[count], 1)
    return {"cpu_us": cpu_s * 1e6 / done, "per_s": done / got["seconds"],
            "client_us": got["cpu_s"] * 1e6 / done}, got


def ask_udp(bench, tracker, hashes=HASHES, peers=PEERS):
    return cost(tracker, lambda: bench.load("udp", "ask", tracker.tracker_port, h=hashes, p=peers,
                                            w=WANT, t=SECONDS), "answered")[0]


def verdict(table, what, mine, theirs, at_most):
    table.verdict(what, ratio(mine, theirs), f"at most {at_most:.2f}",
                  lambda value: value <= at_most)
