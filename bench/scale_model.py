#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What it costs N machines to know each other, from constants that were measured on few.

    bench/scale_model.py [picture.svg]

Prints the table of docs/scale.md, where it says how each constant was measured, and draws its
picture. A machine has one of each service, and http-svc with two loop threads; transcode-svc is for
its own machine alone.
"""

import math
import sys

NODES = (1, 10, 16, 64, 100, 1000)

# Connections by TCP that a process of one service opens to each instance of another.
CONNECTIONS = {("http", "tracker"): 5, ("http", "torrent"): 9, ("http", "room"): 7,
               ("http", "http"): 2, ("tracker", "tracker"): 1, ("tracker", "http"): 1,
               ("torrent", "tracker"): 1, ("room", "torrent"): 1, ("room", "http"): 1,
               ("rtc", "tracker"): 2, ("rtc", "torrent"): 2}
ASK_MS_S = 0.13 / 5  # CPU, idle, of a connection for who opened it: http-svc beside trackers
ANSWER_MS_S = 0.14 / 5  # and for who was found: tracker-svc behind http-svc
ASK_MIB, ANSWER_MIB = 0.25 / 5, 0.20 / 5
ASK_FDS, ANSWER_FDS = 20 / 5, 1
SOCKETS = 3  # of libzmq, for each
QUESTIONS_S = 11  # to DNS, of one machine
REDIS_FIRST_S, REDIS_MORE_S, REDIS_MS_S = 12, 16, 0.5
UNKNOWN_MS, UNKNOWN_CPU_MS = 0.6, 0.21  # for each instance of torrent-svc that is asked
DIRECT_US, PASSED_ON_US = 2.8, 9.5  # an announce by UDP, as with 16 trackers

LIMIT_SOCKETS, LIMIT_FDS, LIMIT_INSTANCES = 16384, 65536, 64


def opened(service=None):
    return sum(count for (who, _), count in CONNECTIONS.items() if service in (None, who))


def found(service):
    return sum(count for (_, whom), count in CONNECTIONS.items() if whom == service)


def of_http(nodes):
    """CPU ms/s, MiB, descriptors and sockets for knowing the others."""
    mine, theirs = opened("http") * nodes, found("http") * nodes
    return {"cpu": mine * ASK_MS_S + theirs * ANSWER_MS_S,
            "mib": mine * ASK_MIB + theirs * ANSWER_MIB,
            "fds": mine * ASK_FDS + theirs * ANSWER_FDS, "sockets": mine * SOCKETS}


def rows(nodes):
    all_of_one = opened() * nodes
    http = of_http(nodes)
    share = 1 - 1 / nodes
    return {
        "TCP connections of a machine, opened and accepted": 2 * all_of_one,
        "of all machines": all_of_one * nodes,
        "idle CPU of a machine, ms/s": all_of_one * (ASK_MS_S + ANSWER_MS_S),
        "of its http-svc": http["cpu"],
        "memory of a machine, MiB": all_of_one * (ASK_MIB + ANSWER_MIB),
        "of its http-svc ": http["mib"],
        "descriptors of http-svc": http["fds"],
        "sockets of libzmq in http-svc": http["sockets"],
        "questions to DNS a second, all machines": QUESTIONS_S * nodes,
        "addresses in an answer": nodes,
        "commands a second at an idle Redis": REDIS_FIRST_S + REDIS_MORE_S * (nodes - 1),
        "CPU of that Redis, ms/s": REDIS_MS_S * nodes,
        "ms to learn that nobody has a torrent": UNKNOWN_MS * nodes,
        "CPU of that, ms, all machines": UNKNOWN_CPU_MS * nodes,
        "announces by UDP that are passed on, %": 100 * share,
        "CPU µs of an announce by UDP": DIRECT_US * (1 - share) + PASSED_ON_US * share,
    }


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table():
    columns = [rows(nodes) for nodes in NODES]
    lines = ["| machines | " + " | ".join(f"{nodes:,}" for nodes in NODES) + " |",
             "|" + "---|" * (len(NODES) + 1)]
    lines += [f"| {what.strip()} | " + " | ".join(number(column[what]) for column in columns) + " |"
              for what in columns[0]]
    return "\n".join(lines)


# ---- the picture: each cost as a share of what there is, both axes logarithmic

CURVES = {
    "instances of a service, of 64": lambda n: n / LIMIT_INSTANCES,
    "descriptors of http-svc, of 65,536": lambda n: of_http(n)["fds"] / LIMIT_FDS,
    "libzmq's sockets in http-svc, of 16,384": lambda n: of_http(n)["sockets"] / LIMIT_SOCKETS,
    "idle CPU of a machine, of one processor": lambda n: (
        rows(n)["idle CPU of a machine, ms/s"] / 1000),
    "Redis, of 100,000 commands a second": lambda n: (
        rows(n)["commands a second at an idle Redis"] / 100_000),
    "ms to learn that nobody has it, of 100": lambda n: UNKNOWN_MS * n / 100,
}
COLOURS = ("#c0392b", "#2471a3", "#1e8449", "#b7950b", "#7d3c98", "#5d6d7e")
WIDTH, HEIGHT, LEFT, TOP = 800, 420, 60, 20
X_DECADES, Y_DECADES = 3, 4  # 1 to 1,000 machines; 0.1 % to 1,000 %
PLOT_WIDTH, PLOT_HEIGHT = 440, 350


def at(x_log, y_log):
    return (LEFT + PLOT_WIDTH * x_log / X_DECADES,
            TOP + PLOT_HEIGHT * (1 - (y_log + 3) / Y_DECADES))


def picture():
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
             'font-family="sans-serif" font-size="12">',
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>']
    for decade in range(X_DECADES + 1):
        x, bottom = at(decade, -3)
        parts.append(f'<path d="M{x:.0f} {TOP}V{bottom:.0f}" stroke="#dddddd"/><text x="{x:.0f}" '
                     f'y="{bottom + 18:.0f}" text-anchor="middle">{10 ** decade:,}</text>')
    for decade in range(-3, Y_DECADES - 2):
        x, y = at(0, decade)
        ink = "#000000" if decade == 0 else "#dddddd"
        parts.append(f'<path d="M{x} {y:.0f}h{PLOT_WIDTH}" stroke="{ink}"/><text x="{x - 6}" '
                     f'y="{y + 4:.0f}" text-anchor="end">{100 * 10 ** decade:,g} %</text>')
    parts.append(f'<text x="{LEFT + PLOT_WIDTH / 2}" y="{HEIGHT - 12}" text-anchor="middle">'
                 'machines</text>')
    for place, ((what, share), colour) in enumerate(zip(CURVES.items(), COLOURS)):
        points = []
        for step in range(61):
            x_log = X_DECADES * step / 60
            y_log = math.log10(share(10 ** x_log))
            if -3 <= y_log <= 1:
                points.append("{:.1f},{:.1f}".format(*at(x_log, y_log)))
        y = TOP + 14 + 22 * place
        parts.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" '
                     f'stroke-width="2"/><text x="{LEFT + PLOT_WIDTH + 14}" y="{y}" '
                     f'fill="{colour}">{what}</text>')
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    print(table())
    if len(sys.argv) > 1:
        with open(sys.argv[1], "w") as file:
            file.write(picture())
