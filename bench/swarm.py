# SPDX-License-Identifier: MIT
"""The other side of every download: one file of random bytes, torrents of it, seeders, a tracker.

All on loopback. Seeder number i listens on 127.0.0.(2+i), so that clients that take one peer per
address take them all.
"""

import hashlib
import os
import pathlib
import re
import subprocess
import sys
import urllib.parse

from harness import HERE, Process, free_port, wait_for_port

PIECE_BYTES = 1 << 20
NAME = "film.mp4"


def bencode(value):
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    return b"d" + b"".join(bencode(key) + bencode(value[key]) for key in sorted(value)) + b"e"


class Content:
    """The file, and as many torrents of it as asked for; they differ in their info-hash only."""

    def __init__(self, folder, mib):
        self.folder = pathlib.Path(folder)
        self.path = self.folder / NAME
        self.size = mib << 20
        whole, hashes = hashlib.sha256(), []
        with open(self.path, "wb") as file:
            for _ in range(mib):
                piece = os.urandom(PIECE_BYTES)
                hashes.append(hashlib.sha1(piece).digest())
                whole.update(piece)
                file.write(piece)
        self.sha256 = whole.hexdigest()
        self._pieces = b"".join(hashes)
        self.count = 0

    def torrent(self):
        """A new one: (path of the .torrent, info-hash, folder that holds the file)."""
        number, self.count = self.count, self.count + 1
        folder = self.folder / str(number)
        folder.mkdir()
        os.link(self.path, folder / NAME)
        info = {"length": self.size, "name": NAME, "piece length": PIECE_BYTES,
                "pieces": self._pieces, "source": str(number)}
        path = folder / "film.torrent"
        path.write_bytes(bencode({"info": info}))
        return Torrent(path, hashlib.sha1(bencode(info)).hexdigest(), folder, self.size)


def torrent_of(path, folder, piece_bytes):
    """Of one file, in `folder` from now on."""
    hashes = []
    with open(path, "rb") as file:
        while piece := file.read(piece_bytes):
            hashes.append(hashlib.sha1(piece).digest())
    info = {"length": path.stat().st_size, "name": path.name, "piece length": piece_bytes,
            "pieces": b"".join(hashes)}
    os.link(path, folder / path.name)
    metainfo = folder / f"{path.name}.torrent"
    metainfo.write_bytes(bencode({"info": info}))
    return Torrent(metainfo, hashlib.sha1(bencode(info)).hexdigest(), folder, info["length"])


class Torrent:
    def __init__(self, path, info_hash, folder, size):
        self.path, self.info_hash, self.folder, self.size = path, info_hash, folder, size


class Swarm:
    """Seeders of some torrents and a tracker that knows them; both end at the end of `with`."""

    def __init__(self, programs, scratch, torrents, seeders=1, upload_bytes_per_s=0):
        self._programs, self.scratch, self.torrents = programs, pathlib.Path(scratch), torrents
        self._seeders, self._upload = seeders, upload_bytes_per_s
        self._running = []

    def __enter__(self):
        peers = []
        try:
            for number in range(self._seeders):
                address = f"127.0.0.{2 + number}"
                port = free_port()
                self._running.append(self._seeder(address, port))
                wait_for_port(port, self._running[-1], address)
                peers.append(f"{address}:{port}")
            self.tracker_port = free_port()
            self._running.append(Process(
                [sys.executable, HERE / "tracker.py", self.tracker_port, *peers],
                self.scratch / "tracker.log", "tracker"))
            wait_for_port(self.tracker_port, self._running[-1])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self._running):
            process.stop()
        self._running = []

    def _seeder(self, address, port):
        torrents = [word for t in self.torrents for word in (t.path, t.folder)]
        return Process(
            [self._programs / "bench_seeder", f"{address}:{port}", self._upload, *torrents],
            self.scratch / f"seeder-{address}.log", f"seeder {address}")

    def cpu_s(self):
        return sum(process.cpu_s() for process in self._running)

    def sent_bytes(self):
        """What the seeders' peers have received, by TCP's own account."""
        said = ""
        for number in range(self._seeders):
            said += subprocess.run(["ss", "-tinH", "src", f"127.0.0.{2 + number}"],
                                   capture_output=True, text=True, check=True).stdout
        return sum(int(count) for count in re.findall(r"bytes_acked:(\d+)", said))

    def magnet(self, torrent):
        announce = f"http://127.0.0.1:{self.tracker_port}/announce"
        return (f"magnet:?xt=urn:btih:{torrent.info_hash}&dn={NAME}"
                f"&tr={urllib.parse.quote(announce, safe='')}")
