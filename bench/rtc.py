# SPDX-License-Identifier: MIT
"""WebRTC's ends, ours and those of others, which do as they are told (rtc_peer.c,
peers/rtc/peer.mjs), and a long line to put between them."""

import contextlib
import json
import os
import pathlib
import queue
import subprocess
import threading

from harness import HERE, Failed, Process

OURS, NODE_DATACHANNEL, WRTC, CHROMIUM = "sharestream", "node-datachannel", "wrtc", "chromium"
TIMEOUT_S = 60
LOOPBACK = "127.0.0.1"


class Rtc(Process):
    """One process with ends, of which each has a number."""

    def __init__(self, bench, kind, place=None):
        self.kind = kind
        folder = bench.folder()
        address = place.address if place else LOOPBACK
        argv = ([bench.programs / "bench_rtc_peer"] if kind == OURS
                else ["node", HERE / "peers" / "rtc" / "peer.mjs", kind])
        super().__init__([*(place.prefix if place else []), *argv, address], folder / "log", kind,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder,
                         env={**os.environ, "NODE_ENV": "production"})
        self._said = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()
        self.wait("ready")

    def _listen(self):
        for line in self.stdout:
            self._said.put(json.loads(line))
        self._said.put(None)

    def tell(self, what, number, **more):
        self.stdin.write(json.dumps({"do": what, "id": number, **more}).encode() + b"\n")
        self.stdin.flush()

    def wait(self, what, timeout_s=TIMEOUT_S):
        """The next thing it says, which must be this; None: it says nothing."""
        try:
            said = self._said.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if said is None:
            raise Failed(f"{self.kind} ended: {self.last_words()}")
        if said["is"] != what:
            raise Failed(f"{self.kind} said {said}")
        return said

    def hear(self, what):
        said = self.wait(what)
        if said is None:
            raise Failed(f"{self.kind}: no {what} in {TIMEOUT_S} s")
        return said

    def count(self, number, wanted, timeout_s):
        """What it receives from now on, until so many bytes are there or it takes too long."""
        self.tell("receive", number, bytes=wanted)
        said = self.wait("received", timeout_s)
        if said is None:
            self.tell("count", number)
            said = self.hear("received")
        return said


def connect(offerer, answerer, numbers):
    """Opens a connection for each number, all at once."""
    for number in numbers:
        offerer.tell("offer", number)
    for _ in numbers:
        offer = offerer.hear("offer")
        answerer.tell("answer", offer["id"], sdp=offer["sdp"])
    for _ in numbers:
        answer = answerer.hear("answer")
        offerer.tell("accept", answer["id"], sdp=answer["sdp"])
    for end in (offerer, answerer):
        for _ in numbers:
            end.hear("open")


@contextlib.contextmanager
def pair(bench, offerer, answerer, places=(None, None)):
    with Rtc(bench, offerer, places[0]) as one, Rtc(bench, answerer, places[1]) as other:
        yield one, other


# ---- a long line


class Place:
    """A network namespace, which lives as long as a process in it."""

    def __init__(self, holder, address):
        self.path, self.address = f"/proc/{holder.pid}/ns/net", address
        self.prefix = ["nsenter", f"--net={self.path}"]


def _wait_for_line(process, line):
    if process.stdout.readline().strip() != line:
        raise Failed(f"{process.name}: {process.last_words()}")


@contextlib.contextmanager
def line(bench, **options):
    """Two places with tests/support/link.c between them, and its options: delay_ms=20."""
    log = bench.folder() / "log"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with contextlib.ExitStack() as stack:
        places = []
        for address in ("10.77.0.1", "10.77.0.2"):
            holder = stack.enter_context(
                Process(["unshare", "--net", "sh", "-c", "echo here; exec cat"], log, **pipes))
            _wait_for_line(holder, b"here")
            places.append(Place(holder, address))
        link = stack.enter_context(Process(
            [bench.programs / "link", "--a", places[0].path, "--b", places[1].path,
             *(word for name, value in options.items()
               for word in (f"--{name.replace('_', '-')}", value))], log, **pipes))
        _wait_for_line(link, b"ready")
        yield tuple(places)
