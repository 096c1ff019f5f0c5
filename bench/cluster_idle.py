# SPDX-License-Identifier: MIT
"""What it costs to know each other, for processes that have nothing to do: http-svc beside 1 to 16
instances of tracker-svc or torrent-svc, tracker-svc among its kind and behind several http-svc, Redis
beside room-svc. The slope is what one more instance costs a process for ever."""

import http.client
import os
import pathlib
import re
import socket
import time

from announces import running
from cluster import Cluster
from harness import Failed, Process, Table, free_port, interleave, median, number, wait_for_port
from stack import memory_of, run_s_of

INSTANCES = (1, 2, 4, 8, 16)
ROOMS = (1, 2, 4, 8)
SETTINGS = {"torrent": {"TORRENT_DHT": "false", "TORRENT_LSD": "false", "TORRENT_UPNP": "false"},
            "http": {"HTTP_REQUESTS_PER_S": 0}}
WARM_S, IDLE_S = 5, 15
FRONTS = (1, 2, 4, 8)
QUESTIONS = 400
ROWS = [("ms_per_s", "CPU ms/s"), ("anon", "RssAnon MiB"), ("fds", "descriptors"),
        ("connections", "TCP connections")]
UNKNOWN = [("asked_us", "CPU µs of all, to say that nobody has a torrent"), ("asked_ms", "and ms")]


def connections_of(pid):
    """TCP, established, as /proc sees them."""
    inodes = set()
    for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        target = str(fd.readlink())
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    rows = [line.split() for table in ("tcp", "tcp6")
            for line in pathlib.Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
    return sum(row[3] == "01" and row[9] in inodes for row in rows)


def ask_for_unknown(at):
    """CPU µs of all processes, and ms until it is answered, for a torrent that nobody has: each
    instance of torrent-svc is asked for it, one after the other."""
    cpu_s, began = at.process.cpu_s(), time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", at.port, timeout=30)
    for _ in range(QUESTIONS):
        connection.request("GET", f"/api/v1/torrents/{os.urandom(20).hex()}")
        reply = connection.getresponse()
        reply.read()
        if reply.status != 404:
            raise Failed(f"{reply.status} for a torrent that nobody has")
    connection.close()
    return {"asked_us": (at.process.cpu_s() - cpu_s) * 1e6 / QUESTIONS,
            "asked_ms": (time.monotonic() - began) * 1000 / QUESTIONS}


def slope(points):
    """Of the line through them (least squares)."""
    middle_x = sum(x for x, _ in points) / len(points)
    middle_y = sum(y for _, y in points) / len(points)
    return (sum((x - middle_x) * (y - middle_y) for x, y in points)
            / sum((x - middle_x) ** 2 for x, _ in points))


def watch(process):
    """What it takes, after it has been left alone for a while."""
    time.sleep(WARM_S)
    before = run_s_of(process.pid)
    time.sleep(IDLE_S)
    return {"ms_per_s": (run_s_of(process.pid) - before) * 1000 / IDLE_S,
            "anon": memory_of(process.pid)["anon"],
            "fds": len(list(pathlib.Path(f"/proc/{process.pid}/fd").iterdir())),
            "connections": connections_of(process.pid)}


def table_of(title, results, rows):
    counts = [int(name) for name in results]
    table = Table(f"{title}: median", "what", *(str(count) for count in counts), "for one more")
    for key, what in rows:
        values = [median(results[str(count)], key) for count in counts]
        table.row(what, *(number(value) for value in values),
                  number(slope(list(zip(counts, values)))))
    return table


def beside(bench, service):
    """http-svc, of which there is one."""
    clusters = [Cluster(bench.programs, service, count, SETTINGS) for count in INSTANCES]

    def measure(cluster, _):
        with running(bench, [cluster]) as started:
            at = started[cluster.name]
            return {**watch(at.http), **(ask_for_unknown(at) if service == "torrent" else {})}

    return table_of(f"http-svc beside idle instances of {service}-svc",
                    interleave(clusters, bench.rounds, measure, bench.say),
                    [*ROWS, *(UNKNOWN if service == "torrent" else ())])


def among(bench):
    """tracker-svc among others of its kind."""
    clusters = [Cluster(bench.programs, "tracker", count, SETTINGS) for count in INSTANCES]

    def measure(cluster, _):
        with running(bench, [cluster]) as started:
            return watch(started[cluster.name].instances[0])

    return table_of("tracker-svc among idle instances of tracker-svc",
                    interleave(clusters, bench.rounds, measure, bench.say), ROWS)


def behind(bench):
    """tracker-svc, of which there is one."""
    clusters = [Cluster(bench.programs, "tracker", 1, SETTINGS, fronts) for fronts in FRONTS]

    def measure(cluster, _):
        with running(bench, [cluster]) as started:
            return watch(started[cluster.name].instances[0])

    return table_of("tracker-svc behind idle instances of http-svc",
                    interleave(clusters, bench.rounds, measure, bench.say), ROWS)


def commands_of(port):
    """That Redis has carried out since its start, but for this question."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"INFO stats\r\n")
        said = connection.recv(65536).decode()
    return int(re.search(r"total_commands_processed:(\d+)", said).group(1))


def at_redis(bench):
    def measure(cluster, _):
        port, folder = free_port(), bench.folder()
        argv = ["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        with Process(argv, folder / "log", "redis-server") as redis:
            wait_for_port(port, redis)
            rooms = Cluster(bench.programs, "room", int(cluster.name),
                            {"room": {"ROOM_REDIS_URL": f"redis://127.0.0.1:{port}"}})
            with running(bench, [rooms]):
                time.sleep(WARM_S)
                commands, run_s = commands_of(port), run_s_of(redis.pid)
                time.sleep(IDLE_S)
                return {"per_s": (commands_of(port) - commands) / IDLE_S,
                        "ms_per_s": (run_s_of(redis.pid) - run_s) * 1000 / IDLE_S}

    results = interleave([Count(count) for count in ROOMS], bench.rounds, measure, bench.say)
    return table_of("Redis beside idle instances of room-svc", results,
                    [("per_s", "commands/s"), ("ms_per_s", "CPU ms/s of Redis")])


class Count:
    def __init__(self, count):
        self.name = str(count)


def run(bench):
    return [beside(bench, "tracker"), beside(bench, "torrent"), among(bench), behind(bench),
            at_redis(bench)]
