# SPDX-License-Identifier: MIT
"""What the questions about HLS share: a film, its parts as a player fetches them, and FFmpeg's
command line with its time."""

import http.client
import os
import re
import subprocess
import time

from harness import Failed

CLIP_S = 10.24  # whole pictures (25 a second) and whole frames of AAC (1,024 samples of 48,000)
TIMEOUT_S = 120


class Cost(dict):
    """Wall and CPU seconds of something."""

    def __init__(self, wall_s, cpu_s):
        super().__init__(wall_s=wall_s, cpu_s=cpu_s)


def ffmpeg(*words):
    """Runs it to its end; its CPU time is exact."""
    started = time.monotonic()
    process = subprocess.Popen(
        ["ffmpeg", "-nostdin", "-v", "error", "-y", *(str(word) for word in words)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read().decode(errors="replace")
    _, status, used = os.wait4(process.pid, 0)
    process.stderr.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise Failed(f"ffmpeg: {said}")
    return Cost(time.monotonic() - started, used.ru_utime + used.ru_stime)


def make_film(bench, seconds, pixels="yuv420p"):
    """1080p of about 5 Mb/s with a keyframe every 4 s, and stereo: ten seconds over and over."""
    folder = bench.folder()
    clip, film = folder / "clip.mp4", folder / "film.mp4"
    bench.say(f"  making a film of {seconds} s")
    ffmpeg("-f", "lavfi", "-i",
           f"testsrc2=size=1920x1080:rate=25:duration={CLIP_S},noise=alls=12:allf=t",
           "-f", "lavfi", "-i", f"anoisesrc=amplitude=0.1:sample_rate=48000:duration={CLIP_S}",
           "-c:v", "libx264", "-preset", "superfast", "-pix_fmt", pixels, "-b:v", "5M",
           "-maxrate", "6M", "-bufsize", "10M", "-x264-params", "keyint=100:scenecut=0:open-gop=0",
           "-c:a", "aac", "-b:a", "128k", "-ac", "2", clip)
    ffmpeg("-stream_loop", max(round(seconds / CLIP_S) - 1, 0), "-i", clip, "-c", "copy",
           "-movflags", "+faststart", film)
    clip.unlink()
    return film


def copy_of(bench, film):
    """The same under another name, which makes another torrent of it."""
    folder = bench.folder()
    path = folder / f"{folder.name}{film.suffix}"
    os.link(film, path)
    return path


class Player:
    """Fetches parts of a film, one after the other over one connection."""

    def __init__(self, port, source):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, TIMEOUT_S)
        self._base = f"/hls/{source}/0/"
        self.starts = []  # of the segments of the last playlist, and the end
        self._sound, self._sounds = "", 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._connection.close()

    def get(self, path):
        self._connection.request("GET", self._base + path)
        reply = self._connection.getresponse()
        body = reply.read()
        if reply.status != 200:
            raise Failed(f"{path}: {reply.status} {body[:200]!r}")
        return body

    def playlist(self, rendition):
        text = self.get(f"{rendition}/index.m3u8").decode()
        self.starts = [0.0]
        for seconds in re.findall(r"#EXTINF:([\d.]+)", text):
            self.starts.append(self.starts[-1] + float(seconds))
        return len(self.starts) - 1

    def begin(self, rendition, number):
        """All that a player needs for picture and sound; returns what it got of the picture."""
        master = self.get("master.m3u8").decode()
        self._sound = re.search(r'URI="(\w+)/index', master).group(1)
        self._sounds = self.playlist(self._sound)
        self.playlist(rendition)
        for folder in (self._sound, rendition):
            parts = [self.get(f"{folder}/init.mp4"), self.get(f"{folder}/{number}.m4s")]
        return b"".join(parts)

    def segment(self, rendition, number):
        """The same when it has begun already. Sound may come in fewer, longer ones."""
        self.get(f"{rendition}/{number}.m4s")
        if number < self._sounds:
            self.get(f"{self._sound}/{number}.m4s")


def timed(process, action):
    """What all processes of ours spend while it lasts, in steps of 10 ms each."""
    cpu_s, started = process.cpu_s(), time.monotonic()
    action()
    return Cost(time.monotonic() - started, process.cpu_s() - cpu_s)


class FFmpeg:
    """As a competitor: nothing to start."""

    name = "ffmpeg"
