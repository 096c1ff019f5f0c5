# SPDX-License-Identifier: MIT
"""kill -9 of one service after the other in an idle stack: until sharestreamd has it ready again,
and until the stack is (/health/ready)."""

import os
import signal
import time

from competitors import Ours
from harness import Failed, Table, interleave, median, spread
from stack import SERVICES, is_ready, processes_of, readies, until

FORGIVING = {"healthy_after": "100ms", "deaths_window": "1s"}  # no delay after a death, however many
REST_S = 0.5


class Service:
    def __init__(self, name):
        self.name = name


def kill(running, program):
    pids = [pid for pid, name in processes_of(running).items() if name == program]
    if len(pids) != 1:
        raise Failed(f"there are {len(pids)} of {program}")
    service, before = program.removesuffix("-svc"), len(readies(running))

    def lives():
        return [ms for name, _, ms in readies(running)[before:] if name.split(".")[0] == service]

    os.kill(pids[0], signal.SIGKILL)
    ready_s = until(running, f"{program} to be ready again", lives)
    whole_s = ready_s + until(running, "the stack to be ready", lambda: is_ready(running))
    return {"ms": ready_s * 1000, "own_ms": lives()[0], "whole_ms": whole_s * 1000}


def run(bench):
    services = [Service(name) for name in SERVICES]
    with Ours(bench.programs, supervisor_settings=FORGIVING).start(bench.folder()) as running:
        until(running, "the stack to be ready", lambda: is_ready(running))

        def measure(service, _):
            time.sleep(REST_S)
            return kill(running, service.name)

        results = interleave(services, bench.short_rounds, measure, bench.say)
    table = Table("kill -9 of a service, ms: median (range)", "", "ready again",
                  "of this, since it was started again", "the stack is ready")
    for name, mine in results.items():
        table.row(name, *(spread(mine, key) for key in ("ms", "own_ms", "whole_ms")))
    for name, mine in results.items():
        table.verdict(f"{name} ready again, ms, median", median(mine, "ms"), "at most 200",
                      lambda value: value <= 200)
    return [table]
