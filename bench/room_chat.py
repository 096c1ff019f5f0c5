# SPDX-License-Identifier: MIT
"""1,000 people in rooms of 10, 100 and 1,000 who chat by Socket.IO: CPU of the server for each
message that somebody hears; then how late the messages are in one room of 100. Against socket.io."""

from competitors import Ours, SocketIo
from harness import Failed, Table, interleave, median, ratio, spread

PEOPLE, SECONDS = 1000, 5
HEARD_PER_S = 8000  # in all rooms; everybody says less than one line a second, which is what ours lets
SIZES = {10: 0.8, 100: 0.6, 1000: 0.6}  # of the rooms: what is wanted
LATE_SIZE, LATE_PER_S, LATE_SECONDS = 100, 50, 10


def ours_for(bench, people):
    return Ours(bench.programs, {"max_clients": 2 * people}, room_settings={"max_members": 1000})


def cpu_of(server):
    """Of ours both processes that what is said passes through; what else is there sleeps."""
    if server.process.name == "sharestreamd":
        return server.process.cpu_s("http-svc") + server.process.cpu_s("room-svc")
    return server.process.cpu_s()


def chat(people, per_s, seconds):
    got = people.work(f"chat {per_s} {seconds}")
    if got["missing"] != 0:
        raise Failed(f"{got['missing']} of {got['heard'] + got['missing']} messages are missing")
    return got


def run(bench):
    servers = [ours_for(bench, PEOPLE), SocketIo()]
    ours, node = (server.name for server in servers)

    def measure(server, _):
        figures = {}
        with server.start(bench.folder()) as running:
            running.settle()
            for size in SIZES:
                with bench.people(n=PEOPLE, r=PEOPLE // size).open(running.port) as people:
                    chat(people, HEARD_PER_S / size, 1)  # Node compiles what is used often
                    before = cpu_of(running)
                    got = chat(people, HEARD_PER_S / size, SECONDS)
                    figures[f"cpu_us_{size}"] = (cpu_of(running) - before) * 1e6 / got["heard"]
                    figures[f"client_us_{size}"] = got["cpu_s"] * 1e6 / got["heard"]
            with bench.people(n=LATE_SIZE, r=1).open(running.port) as people:
                got = chat(people, LATE_PER_S, LATE_SECONDS)
        return {**figures, "p50_ms": got["p50_ms"], "p99_ms": got["p99_ms"]}

    results = interleave(servers, bench.short_rounds, measure, bench.say)
    cpu = Table("CPU µs of a message of chat for each who hears it: median (range)", "room of",
                ours, node, "ratio", "client of ours", "client of the other")
    for size, wanted in SIZES.items():
        both = [median(results[name], f"cpu_us_{size}") for name in (ours, node)]
        cpu.row(str(size), *(spread(results[name], f"{what}_us_{size}")
                             for what in ("cpu",) for name in (ours, node)), ratio(*both),
                *(spread(results[name], f"client_us_{size}") for name in (ours, node)))
        cpu.verdict(f"room of {size}: CPU, ours to socket.io", ratio(*both),
                    f"at most {wanted}", lambda value, wanted=wanted: value <= wanted)
    late = Table(f"Messages in a room of {LATE_SIZE}, {LATE_PER_S} a second: median (range)", "",
                 "p50 ms", "p99 ms")
    for name in (ours, node):
        late.row(name, spread(results[name], "p50_ms"), spread(results[name], "p99_ms"))
    late.verdict("p99, ours to socket.io", ratio(*(median(results[name], "p99_ms")
                                                   for name in (ours, node))),
                 "no worse", lambda value: value <= 1)
    return [cpu, late]
