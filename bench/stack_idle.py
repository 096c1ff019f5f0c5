# SPDX-License-Identifier: MIT
"""The whole stack when nobody asks for anything: memory of each process as it is ready and half a
minute later, and the processor time that it takes for nothing."""

import time

from competitors import Ours
from harness import Table, median, number, spread
from stack import is_ready, memory_of, processes_of, readies, run_s_of, SERVICES, until

IDLE_S = 30


def run(bench):
    early, late = [], []
    for _ in range(bench.rounds):
        with Ours(bench.programs).start(bench.folder()) as running:
            until(running, "the stack to be ready", lambda: is_ready(running))
            until(running, "all services to be ready", lambda: len(readies(running)) >= len(SERVICES))
            time.sleep(1)  # the spare worker is there
            early.append(look(running))
            time.sleep(IDLE_S)
            late.append(look(running))
        bench.say(f"    PSS {early[-1]['all']['pss']:.1f} MiB, then {late[-1]['all']['pss']:.1f}")
    table = Table(f"The stack idle, MiB, and {IDLE_S} s later: median", "process", "PSS", "later",
                  "RssAnon", "later", "CPU ms/s")
    for name in sorted(late[0], key=lambda name: (name == "all", -late[0][name]["pss"])):
        cpu = [(after[name]["run_s"] - before[name]["run_s"]) * 1000 / IDLE_S
               for before, after in zip(early, late)]
        table.row(name, *(number(median([one[name] for one in when], what))
                          for what in ("pss", "anon") for when in (early, late)), spread(cpu))
    for what, when in (("ready", early), ("later", late)):
        table.verdict(f"PSS of all, MiB, {what}", median([one["all"] for one in when], "pss"),
                      "at most 80", lambda value: value <= 80)
    return [table]


def look(running):
    """{process: what it takes}; `all` is the sum."""
    found, total = {}, {"pss": 0.0, "anon": 0.0, "run_s": 0.0}
    for pid, name in processes_of(running).items():
        mine = {**memory_of(pid), "run_s": run_s_of(pid)}
        sums = found.setdefault(name, dict.fromkeys(total, 0.0))
        for what, value in mine.items():
            sums[what] += value
            total[what] += value
    return {**found, "all": total}
