# SPDX-License-Identifier: MIT
"""People in rooms of 10, 100 and 1,000 who chat by Socket.IO: CPU of the server for each message that
somebody hears, when there is little to do and when there is more; then how late messages are in one
room of 100. Against socket.io."""

from competitors import Ours, SocketIo
from harness import Failed, Table, interleave, median, ratio, spread

SECONDS = 4
HEARD_PER_S = (8000, 24000)  # in all rooms
# Size of the rooms: people, of whom ours lets nobody say more than a line a second; and what is wanted.
SIZES = {10: (3000, 0.8), 100: (1000, 0.6), 1000: (1000, 0.6)}
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


def costs(server, people, size):
    """CPU µs of the server and of the client for each who heard a message, at each of the loads."""
    chat(people, HEARD_PER_S[0] / size, 1)  # Node compiles what is used often
    figures = {}
    for per_s in HEARD_PER_S:
        before = cpu_of(server)
        got = chat(people, per_s / size, SECONDS)
        figures[f"{size} {per_s}"] = (cpu_of(server) - before) * 1e6 / got["heard"]
        figures[f"client {size} {per_s}"] = got["cpu_s"] * 1e6 / got["heard"]
    return figures


def run(bench):
    most = max(people for people, _ in SIZES.values())
    servers = [ours_for(bench, most), SocketIo()]
    names = [server.name for server in servers]

    def measure(server, _):
        figures = {}
        with server.start(bench.folder()) as running:
            running.settle()
            for size, (count, _) in SIZES.items():
                with bench.people(n=count, r=count // size).open(running.port) as people:
                    figures.update(costs(running, people, size))
            with bench.people(n=LATE_SIZE, r=1).open(running.port) as people:
                chat(people, LATE_PER_S, 1)
                got = chat(people, LATE_PER_S, LATE_SECONDS)
        return {**figures, "p50_ms": got["p50_ms"], "p99_ms": got["p99_ms"]}

    results = interleave(servers, bench.short_rounds, measure, bench.say)
    cpu = Table("CPU µs of a message of chat for each who hears it: median (range)", "room of",
                "heard a second", *names, "ratio", *(f"client of {name}" for name in names))
    for size, (_, wanted) in SIZES.items():
        for per_s in HEARD_PER_S:
            key = f"{size} {per_s}"
            both = ratio(*(median(results[name], key) for name in names))
            cpu.row(str(size), str(per_s), *(spread(results[name], key) for name in names), both,
                    *(spread(results[name], f"client {key}") for name in names))
            cpu.verdict(f"room of {size}, {per_s} a second: CPU, ours to socket.io", both,
                        f"at most {wanted}", lambda value, wanted=wanted: value <= wanted)
    late = Table(f"Messages in a room of {LATE_SIZE}, {LATE_PER_S} a second: median (range)", "",
                 "p50 ms", "p99 ms")
    for name in names:
        late.row(name, spread(results[name], "p50_ms"), spread(results[name], "p99_ms"))
    late.verdict("p99, ours to socket.io", ratio(*(median(results[name], "p99_ms")
                                                   for name in names)),
                 "no worse", lambda value: value <= 1)
    return [cpu, late]
