# SPDX-License-Identifier: MIT
"""What the questions about the whole stack share: its processes, what sharestreamd logs of them,
and whether they are in the page cache."""

import contextlib
import os
import pathlib
import re
import time

from harness import Failed, tree_of

SERVICES = ("torrent-svc", "tracker-svc", "transcode-svc", "room-svc", "rtc-svc", "http-svc")
LIMIT_S = 30
POLL_S = 0.001
READY = re.compile(r'"service ready" name=(\S+) pid=(\d+) took_ms=(\d+)')


def processes_of(running):
    """{pid: name} of sharestreamd and all below it."""
    found = {}
    for pid in tree_of(running.process.pid):
        with contextlib.suppress(OSError):
            found[pid] = os.path.basename(os.readlink(f"/proc/{pid}/exe"))
    return found


def readies(running):
    """What sharestreamd has logged so far: (instance, pid, ms since it was started)."""
    return [(name, int(pid), int(ms)) for name, pid, ms in READY.findall(running.log.read_text())]


def until(running, what, is_so):
    """Seconds that it took."""
    began = time.monotonic()
    while not is_so():
        if running.process.poll() is not None:
            raise Failed(running.process.last_words())
        if time.monotonic() - began > LIMIT_S:
            raise Failed(f"{what}: not in {LIMIT_S} s")
        time.sleep(POLL_S)
    return time.monotonic() - began


def is_ready(running):
    """As /health/ready says it; False while nobody answers."""
    try:
        return running.get("/health/ready")[0] == 200
    except OSError:
        return False


def mapped_files(running):
    """Programs and libraries of all processes."""
    files = set()
    for pid in processes_of(running):
        with contextlib.suppress(OSError):
            for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
                path = line.split(maxsplit=5)[5:]
                if path and path[0].startswith("/") and os.path.isfile(path[0]):
                    files.add(path[0])
    return files


def drop_from_cache(files):
    """Those that no other process has mapped."""
    for path in files:
        with contextlib.suppress(OSError):
            fd = os.open(path, os.O_RDONLY)
            try:
                os.fsync(fd)
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(fd)


def major_faults(running):
    """Pages that had to be read from the disk."""
    count = 0
    for pid in processes_of(running):
        with contextlib.suppress(OSError):
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            count += int(fields[9])
    return count


def memory_of(pid):
    """MiB: its share of what is resident (PSS), and what is its own."""
    fields = {}
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, value = line.partition(":")
        fields[name] = int(value.split()[0]) / 1024
    return {"pss": fields["Pss"], "anon": fields["Anonymous"]}


def run_s_of(pid):
    """Seconds of processor time, to the nanosecond, of the threads that it has."""
    return sum(int((task / "schedstat").read_text().split()[0])
               for task in pathlib.Path(f"/proc/{pid}/task").iterdir()) / 1e9
