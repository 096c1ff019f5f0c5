# SPDX-License-Identifier: MIT
"""Rooms on one, two and four seats, each held by a room-svc, behind one http-svc, on an encrypted bus
over tcp and with one Redis: CPU of all of them for each who hears a line of chat. With as many people
for each seat, as nobody needs four for the load of one; and with the same for all of them."""

import contextlib
import os
import pathlib

from harness import Process, Table, free_port, interleave, median, spread, wait_for_port
from room_chat import chat
from tracker_scaleout import All

SEATS = (1, 2, 4)
SIZE, PEOPLE = 10, 600  # of a room; for each seat, of whom nobody may say more than a line a second
LINES_PER_S, SECONDS = 300, 5  # for each seat
WANTED = 1 / 0.9


class Cluster:
    def __init__(self, programs, seats):
        self.name, self._programs, self._seats = str(seats), pathlib.Path(programs), seats

    def start(self, scratch):
        return Running(self._programs, pathlib.Path(scratch), self._seats)


class Running:
    def __init__(self, programs, scratch, seats):
        self._programs, self._scratch, self.seats = programs, scratch, seats

    def _start(self, stack, number, program, at, settings):
        home = self._scratch / f"{program}-{number}"
        names = {"COMMON_RUN_DIR": home / "run", "COMMON_DATA_DIR": home / "data",
                 "BUS_SECRET": "the same for all of them", "BUS_NODE": f"node-{number}",
                 "BUS_PEERS": self._peers, "BUS_LISTEN": at, **settings}
        return stack.enter_context(Process(
            [self._programs / program], self._scratch / "log", program, env={
                **os.environ, **{f"SHARESTREAM_{key}": str(value) for key, value in names.items()}}))

    def __enter__(self):
        self.port, redis_port, bus = free_port(), free_port(), free_port()
        at = [f"tcp://127.0.0.{10 + i}:{bus}" for i in range(self.seats)]
        self._peers = ",".join(f"room={address}" for address in at)
        with contextlib.ExitStack() as stack:
            self.redis = stack.enter_context(Process(
                ["redis-server", "--port", str(redis_port), "--bind", "127.0.0.1", "--save", "",
                 "--dir", str(self._scratch)], self._scratch / "log", "redis-server"))
            wait_for_port(redis_port, self.redis)
            self.rooms = [self._start(stack, i, "room-svc", address, {
                "ROOM_REDIS_URL": f"redis://127.0.0.1:{redis_port}", "ROOM_SEATS": self.seats,
                "ROOM_REDIS_LEASE": "5s"}) for i, address in enumerate(at)]
            self.http = self._start(stack, self.seats, "http-svc", f"tcp://127.0.0.9:{bus}", {
                "HTTP_LISTEN": f"127.0.0.1:{self.port}", "HTTP_REQUESTS_PER_S": 0,
                "HTTP_MAX_CLIENTS": 2 * PEOPLE * SEATS[-1], "HTTP_MAX_CLIENTS_PER_ADDRESS": 0})
            wait_for_port(self.port, self.http)
            self.process = All([self.redis, *self.rooms, self.http])
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()


def measure(bench, cluster, fold):
    with cluster.start(bench.folder()) as at:
        count, lines_per_s = PEOPLE * fold, LINES_PER_S * fold
        with bench.people(n=count, r=count // SIZE).open(at.port) as people:
            parts = {"redis": [at.redis], "room-svc": at.rooms, "http-svc": [at.http]}
            chat(people, lines_per_s, 2)
            before = {name: All(part).cpu_s() for name, part in parts.items()}
            got = chat(people, lines_per_s, SECONDS)
            figures = {name: (All(part).cpu_s() - before[name]) * 1e6 / got["heard"]
                       for name, part in parts.items()}
    return {**figures, "all": sum(figures.values()), "heard_per_s": got["heard"] / SECONDS,
            "p99_ms": got["p99_ms"]}


def run(bench):
    clusters = [Cluster(bench.programs, seats) for seats in SEATS]
    table = Table(f"Chat in rooms of {SIZE}, for each who hears a line: median (range)", "people",
                  "seats", "heard a second", "CPU µs of all", "room-svc", "http-svc", "Redis",
                  "p99 ms")
    for case, fold_of in (("for each seat", lambda seats: seats), ("for all", lambda _: SEATS[-1])):
        bench.say(f"  {case}")
        results = interleave(
            clusters, bench.short_rounds,
            lambda cluster, _: measure(bench, cluster, fold_of(int(cluster.name))), bench.say)
        for name, mine in results.items():
            people = PEOPLE * fold_of(int(name))
            table.row(str(people), name,
                      *(spread(mine, key) for key in ("heard_per_s", "all", "room-svc", "http-svc",
                                                      "redis", "p99_ms")))
        alone = median(results["1"], "all")
        for name in ("2", "4"):
            value = median(results[name], "all") / alone
            table.verdict(f"as many people {case}: CPU of a line that is heard, {name} seats to one",
                          value, f"at most {WANTED:.2f}", lambda value: value <= WANTED)
    return [table]
