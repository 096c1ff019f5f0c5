# SPDX-License-Identifier: MIT
"""All pictures of a film of two hours, one every 10 s, in sheets of 10 by 10.

Ours is asked for thumbs.vtt and every sheet in it, nothing of which is there; CPU seconds are those
of all its processes. ffmpeg decodes everything, as its own words for this do, or keyframes alone.
"""

import os
import pathlib
import re
import subprocess

from competitors import Ours
from harness import Failed, Table, interleave, median, ratio, spread

HOURS, PART_S, SHEETS = 2, 120, 8


class Film:
    """Two minutes of moving noise, again and again: copied, so that it is made in seconds."""

    def __init__(self, folder):
        self.folder, self.path = folder, folder / "film.mkv"
        part = folder / "part.mkv"
        _ffmpeg("-f", "lavfi", "-i", "testsrc2=size=426x240:rate=25,noise=alls=12:allf=t",
                "-f", "lavfi", "-i", "sine=440", "-t", PART_S, "-c:v", "libx264",
                "-preset", "veryfast", "-b:v", "400k", "-c:a", "aac", part)
        _ffmpeg("-stream_loop", HOURS * 3600 // PART_S - 1, "-i", part, "-map", "0", "-c", "copy",
                "-t", HOURS * 3600, self.path)
        part.unlink()


def _ffmpeg(*words):
    """Its CPU seconds."""
    argv = ["ffmpeg", "-v", "error", "-nostdin", "-y", *(str(word) for word in words)]
    popen = subprocess.Popen(argv)
    _, status, used = os.wait4(popen.pid, 0)
    popen.returncode = os.waitstatus_to_exitcode(status)
    if popen.returncode != 0:
        raise Failed(f"{' '.join(argv)} ended with {popen.returncode}")
    return used.ru_utime + used.ru_stime


class Ffmpeg:
    def __init__(self, name, *options):
        self.name, self.options = name, options

    def draw(self, bench, film):
        folder = bench.folder()
        cpu_s = _ffmpeg(*self.options, "-i", film.path, "-an", "-vf",
                        "fps=1/10,scale=320:-1,tile=10x10", folder / "%d.jpg")
        sheets = list(pathlib.Path(folder).iterdir())
        if len(sheets) != SHEETS:
            raise Failed(f"{len(sheets)} sheets")
        kib = sum(sheet.stat().st_size for sheet in sheets) / 1024
        bench.discard(folder)
        return {"cpu_s": cpu_s, "kib": kib}


class Stack(Ours):
    def draw(self, bench, film):
        with bench.seeded(self, film) as running:
            cpu_s, size = running.process.cpu_s(), 0
            base = running.path.replace("/stream/", "/hls/")
            status, cues = running.get(f"{base}/thumbs.vtt")
            sheets = sorted(set(re.findall(r"thumbs/\d+\.jpg", cues.decode())))
            if status != 200 or len(sheets) != SHEETS:
                raise Failed(f"{status}: {len(sheets)} sheets")
            for sheet in sheets:
                status, jpeg = running.get(f"{base}/{sheet}")
                if status != 200 or jpeg[:2] != b"\xff\xd8":
                    raise Failed(f"{sheet}: {status} {jpeg[:200]!r}")
                size += len(jpeg)
            return {"cpu_s": running.process.cpu_s() - cpu_s, "kib": size / 1024}


def run(bench):
    bench.say("  making a film of two hours")
    film = Film(bench.folder())
    full = Ffmpeg("ffmpeg, decoding all")
    competitors = [Stack(bench.programs), full, Ffmpeg("ffmpeg, keyframes only", "-skip_frame", "nokey")]
    results = interleave(competitors, bench.rounds,
                         lambda competitor, _: competitor.draw(bench, film), bench.say)
    table = Table("Storyboard of two hours: median (range)", "", "CPU s", "KiB of sheets")
    for competitor in competitors:
        of_it = results[competitor.name]
        table.row(competitor.name, spread(of_it, "cpu_s"), spread(of_it, "kib"))
    table.verdict("CPU to decoding all", ratio(median(results["sharestream"], "cpu_s"),
                                               median(results[full.name], "cpu_s")),
                  "at most 0.10", lambda value: value <= 0.1)
    return [table]
