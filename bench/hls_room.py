# SPDX-License-Identifier: MIT
"""50 viewers of one room, who fetch the same parts at the same time, against one viewer: CPU of
transcode-svc and its workers. Once copied, once made into 720p."""

import threading

from competitors import Ours
from harness import Failed, Table, interleave, median, ratio, spread
from hls import Player, make_film
from hls_transcode import HEIGHT

VIEWERS = 50
CASES = (("copied", "v", 120), (f"made into {HEIGHT}p", f"v{HEIGHT}", 20))


class Room:
    def __init__(self, viewers):
        self.viewers, self.name = viewers, f"{viewers} viewers"


def watch(port, source, rendition, gate, failures):
    try:
        with Player(port, source) as player:
            gate.wait()
            player.begin(rendition, 0)
            for number in range(1, player.playlist(rendition)):
                player.segment(rendition, number)
    except (Failed, OSError) as error:
        failures.append(error)


def run(bench):
    table = Table("Viewers of one room: median (range)", "", "CPU s, 1 viewer",
                  f"CPU s, {VIEWERS} viewers", "ratio")
    for title, rendition, seconds in CASES:
        film = make_film(bench, seconds)
        ours = Ours(bench.programs, transcode_settings={"preset": "veryfast"})

        def measure(room, _, film=film, rendition=rendition, ours=ours):
            folder, failures, gate = bench.folder(), [], threading.Barrier(room.viewers)
            with ours.start(folder) as running:
                running.settle()
                arguments = (running.port, running.seed(film), rendition, gate, failures)
                cpu_s = running.process.cpu_s("transcode-svc")
                threads = [threading.Thread(target=watch, args=arguments)
                           for _ in range(room.viewers)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                cpu_s = running.process.cpu_s("transcode-svc") - cpu_s
            bench.discard(folder)
            if failures:
                raise Failed(f"{len(failures)} viewers: {failures[0]}")
            return cpu_s

        one, many = Room(1), Room(VIEWERS)
        results = interleave([one, many], bench.rounds, measure, bench.say)
        value = ratio(median(results[many.name]), median(results[one.name]))
        table.row(title, spread(results[one.name]), spread(results[many.name]), value)
        table.verdict(f"{title}: CPU, {VIEWERS} viewers to 1", value, "at most 1.15",
                      lambda value: value <= 1.15)
    return [table]
