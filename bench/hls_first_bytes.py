# SPDX-License-Identifier: MIT
"""Bytes that leave the seeder before the first picture is there, from a swarm of one seeder of
1 MB/s, so that what is read ahead does not hide what is needed. MP4 with its index in front and
at the end, and Matroska.

Direct play is FFmpeg's command line reading the URL until it has decoded one picture. hls: all
that a player needs of HLS for its first segment, picture and sound copied; the segment is decoded
when the count is taken.
"""

import time

from competitors import Ours, Peerflix, Webtorrent
from harness import Table, interleave, median, spread
from hls import Player, ffmpeg, make_film
from swarm import torrent_of

FILM_S = 120
PIECE_BYTES = 256 << 10
SEEDER_BYTES_PER_S = 1_000_000


class Direct:
    def __init__(self, competitor, name=None):
        self.start, self.name = competitor.start, name or competitor.name

    def first_picture(self, player, magnet):
        port, path = player.url_of(magnet)
        ffmpeg("-i", f"http://127.0.0.1:{port}{path}", "-an", "-frames:v", 1, "-f", "null", "-")


class Hls(Direct):
    def first_picture(self, player, magnet):
        port, path = player.url_of(magnet)
        with Player(port, path.split("/")[2]) as viewer:
            return viewer.begin("v", 0)


def forms_of(bench):
    """The same film three times: {title: path}."""
    front = make_film(bench, FILM_S)
    folder = bench.folder()
    end, matroska = folder / "end.mp4", folder / "film.mkv"
    ffmpeg("-i", front, "-c", "copy", end)
    ffmpeg("-i", front, "-c", "copy", matroska)
    return {"MP4, index in front": front, "MP4, index at the end": end, "MKV": matroska}


def run(bench):
    competitors = [Direct(Ours(bench.programs), "sharestream"),
                   Hls(Ours(bench.programs), "sharestream, hls"), Direct(Webtorrent()),
                   Direct(Peerflix())]
    table = Table("MB out of the swarm before the first picture: median (range)", "",
                  *(c.name for c in competitors), "s, ours", "s, hls")
    for title, film in forms_of(bench).items():
        torrent = torrent_of(film, bench.folder(), PIECE_BYTES)

        def measure(competitor, _, torrent=torrent):
            folder = bench.folder()
            with bench.swarm([torrent], upload_bytes_per_s=SEEDER_BYTES_PER_S) as swarm, \
                    competitor.start(folder) as player:
                player.settle()
                started = time.monotonic()
                got = competitor.first_picture(player, swarm.magnet(torrent))
                took_s, sent = time.monotonic() - started, swarm.sent_bytes()
            if got is not None:
                segment = bench.folder() / "segment.mp4"
                segment.write_bytes(got)
                ffmpeg("-i", segment, "-frames:v", 1, "-f", "null", "-")
            bench.discard(folder)
            return {"mb": sent / 1e6, "wall_s": took_s}

        bench.say(f"  {title}")
        results = interleave(competitors, bench.rounds, measure, bench.say)
        table.row(title, *(spread(results[c.name], "mb") for c in competitors),
                  *(spread(results[c.name], "wall_s") for c in competitors[:2]))
        best = min((median(results[c.name], "mb") or 1e9 for c in competitors[2:]))
        for competitor in competitors[:2]:
            table.verdict(f"{title}: {competitor.name}, MB", median(results[competitor.name], "mb"),
                          f"no more than the better peer, {best:.2f}",
                          lambda value, best=best: value <= best)
    return [table]
