# SPDX-License-Identifier: MIT
"""What all questions need: processes that surely end, their CPU time and memory, rounds, tables.

It knows nothing of torrents (swarm.py) or of the programs compared (competitors.py).
"""

import contextlib
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
SAMPLE_S = 0.1


class Failed(Exception):
    """A competitor did not do what was asked; its round counts as failed, the bench goes on."""


# ---- ports and waiting


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port, process=None, host="127.0.0.1", timeout_s=20):
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex((host, port)) == 0:
                return
        if process is not None and process.poll() is not None:
            raise Failed(f"{process.name} ended with {process.poll()}: {process.last_words()}")
        time.sleep(0.002)
    raise Failed(f"nobody listens on port {port}")


# ---- processes


def _stat_of(pid):
    """Parent and CPU ticks (its own, and those of children it has waited for)."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    return int(fields[1]), sum(int(ticks) for ticks in fields[11:15])


def _all_processes():
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                found[int(entry)] = _stat_of(entry)
    return found


def tree_of(pid):
    """The process and everything below it, parents first: {pid: ticks}."""
    all_processes = _all_processes()
    tree = {pid: all_processes[pid][1]} if pid in all_processes else {}
    has_grown = True
    while has_grown:
        below = {p: t for p, (parent, t) in all_processes.items() if parent in tree and p not in tree}
        tree.update(below)
        has_grown = bool(below)
    return tree


class Process:
    """One program of ours or of a competitor. Ends, with all it started, at the end of `with`."""

    def __init__(self, argv, log, name=None, stop_s=10, **popen):
        self.name = name or os.path.basename(str(argv[0]))
        self.stop_s = stop_s
        self._log_path = pathlib.Path(log)
        with open(log, "ab") as log_file:
            self._popen = subprocess.Popen(
                [str(word) for word in argv],
                stderr=log_file,
                stdout=popen.pop("stdout", log_file),
                stdin=popen.pop("stdin", subprocess.DEVNULL),
                **popen,
            )
        self.pid = self._popen.pid
        self.stdin, self.stdout = self._popen.stdin, self._popen.stdout

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def poll(self):
        return self._popen.poll()

    def last_words(self):
        return " | ".join(self._log_path.read_text(errors="replace").splitlines()[-5:])

    def cpu_s(self, part=None):
        """Of everything below it, or of the service named `part` and what that has started."""
        pid = self.pid if part is None else self._find(part)
        return sum(tree_of(pid).values()) / TICKS_PER_S

    def _find(self, name):
        for pid in tree_of(self.pid):
            with contextlib.suppress(OSError):
                if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == name:
                    return pid
        raise Failed(f"there is no {name}")

    def stop(self):
        """Asks first, then insists; children that outlive their parent are ended one by one."""
        if self.poll() is None:
            below = [pid for pid in tree_of(self.pid) if pid != self.pid]
            self._popen.terminate()
            try:
                self._popen.wait(self.stop_s)
            except subprocess.TimeoutExpired:
                below += [pid for pid in tree_of(self.pid) if pid != self.pid]
                self._popen.kill()
                self._popen.wait()
            deadline = time.monotonic() + 2
            while any(_is_there(pid) for pid in below) and time.monotonic() < deadline:
                time.sleep(0.02)
            for pid in filter(_is_there, below):
                os.kill(pid, signal.SIGKILL)
        for pipe in (self.stdin, self.stdout):
            if pipe is not None:
                pipe.close()


def _is_there(pid):
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False


class Memory:
    """Peak resident memory of a process and all below it, sampled: anonymous (with shared memory),
    and that of mapped files, which is page cache."""

    def __init__(self, process):
        self.anon_mib = self.file_mib = 0.0
        self.parts = {}
        self._process = process
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _run(self):
        while not self._over.wait(SAMPLE_S):
            self.sample()

    def sample(self):
        anon, file, parts = 0, 0, {}
        for pid in tree_of(self._process.pid):
            with contextlib.suppress(OSError):
                with open(f"/proc/{pid}/status") as status:
                    fields = dict(line.split(":", 1) for line in status)
                kib = {k: int(fields[k].split()[0]) for k in ("RssAnon", "RssFile", "RssShmem")
                       if k in fields}
                if not kib:
                    continue
                anon += kib["RssAnon"] + kib["RssShmem"]
                file += kib["RssFile"]
                name = fields["Name"].strip()
                parts[name] = parts.get(name, 0) + (kib["RssAnon"] + kib["RssShmem"]) / 1024
        self.anon_mib = max(self.anon_mib, anon / 1024)
        self.file_mib = max(self.file_mib, file / 1024)
        for name, mib in parts.items():
            self.parts[name] = max(self.parts.get(name, 0.0), mib)


# ---- rounds and tables


def interleave(competitors, rounds, measure, say=print):
    """Measures A B C, A B C, ... (every second time backwards) and keeps {name: [result]}."""
    results = {competitor.name: [] for competitor in competitors}
    for number in range(rounds):
        order = competitors if number % 2 == 0 else competitors[::-1]
        for competitor in order:
            try:
                result = measure(competitor, number)
                results[competitor.name].append(result)
                say(f"    round {number + 1} {competitor.name}: {_short(result)}")
            except (Failed, OSError) as error:
                say(f"    round {number + 1} {competitor.name}: failed: {error}")
    return results


def _short(result):
    if isinstance(result, dict):
        return ", ".join(f"{name} {number(value)}" for name, value in result.items())
    return number(result)


def number(value):
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    if value == 0:
        return "0"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 0.1 else 4
    return f"{value:.{digits}f}"


def median(results, key=None):
    values = [r if key is None else r[key] for r in results]
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None


def spread(results, key=None):
    """'0.21 (0.19-0.30)'"""
    values = sorted(v for v in (r if key is None else r[key] for r in results) if v is not None)
    if not values:
        return "failed"
    if len(values) == 1:
        return number(values[0])
    return f"{number(statistics.median(values))} ({number(values[0])}-{number(values[-1])})"


def ratio(ours, other):
    return None if ours is None or not other else ours / other


class Table:
    """Printed as Markdown, so that README.md can take it as it is."""

    def __init__(self, title, *columns):
        self.title, self.columns, self.rows, self.verdicts = title, columns, [], []

    def row(self, *cells):
        self.rows.append([number(cell) for cell in cells])

    def verdict(self, what, value, wanted, is_good):
        """Adds a line "what: value (wanted ...) yes/NO"; value None = not measured."""
        said = "not measured" if value is None else f"{number(value)}"
        mark = "" if value is None else ": yes" if is_good(value) else ": **no**"
        self.verdicts.append(f"- {what}: {said}, wanted {wanted}{mark}")

    def __str__(self):
        lines = [f"### {self.title}", "", "| " + " | ".join(self.columns) + " |",
                 "|" + "---|" * len(self.columns)]
        lines += ["| " + " | ".join(row) + " |" for row in self.rows]
        return "\n".join([*lines, "", *self.verdicts, ""])
