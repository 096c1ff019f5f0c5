# SPDX-License-Identifier: MIT
"""10,000 people come by Socket.IO into rooms of 10 and say nothing more: CPU of each who comes, memory
of each who is there, and whether all are kept for minutes. Against socket.io."""

from harness import Failed, Table, interleave, median, ratio, spread
from competitors import SocketIo
from room_chat import cpu_of, ours_for
from tracker_memory import fresh

PEOPLE, ROOM = 10000, 10
HOLD_S, PING_S = 120, 25


def run(bench):
    servers = [ours_for(bench, PEOPLE), SocketIo()]
    ours, node = (server.name for server in servers)

    def measure(server, _):
        with fresh(bench, server) as (running, growth):
            before = cpu_of(running)
            with bench.people(n=PEOPLE, r=PEOPLE // ROOM).open(running.port) as people:
                came = cpu_of(running)
                got = people.work(f"hold {HOLD_S}")
                if got["pings"] < PEOPLE * (HOLD_S // PING_S):
                    raise Failed(f"only {got['pings']} pings in {HOLD_S} s")
                return {"connect_us": (came - before) * 1e6 / PEOPLE,
                        "kib": growth() / 1024 / PEOPLE,
                        "minute_us": (cpu_of(running) - came) * 1e6 / PEOPLE / HOLD_S * 60,
                        "pings": got["pings"] / PEOPLE}

    results = interleave(servers, bench.rounds, measure, bench.say)
    table = Table(f"{PEOPLE} people who come, join rooms of {ROOM} and stay {HOLD_S} s: median (range)",
                  "", "CPU µs to come", "KiB of each", "CPU µs of each in a minute",
                  "pings answered by each")
    for name in (ours, node):
        table.row(name, *(spread(results[name], key)
                          for key in ("connect_us", "kib", "minute_us", "pings")))
    connect, memory = ([median(results[name], key) for name in (ours, node)]
                       for key in ("connect_us", "kib"))
    table.verdict("CPU to come, ours to socket.io", ratio(*connect), "at most 0.30",
                  lambda value: value <= 0.3)
    table.verdict("KiB of each", memory[0], "at most 12", lambda value: value <= 12)
    table.verdict("memory, ours to socket.io", ratio(*memory), "at most 0.60",
                  lambda value: value <= 0.6)
    return [table]
