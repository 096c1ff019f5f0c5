# SPDX-License-Identifier: MIT
"""The start page as Lighthouse sees it, which plays a telephone on a slow line, and a desk."""

import json
import shutil
import subprocess

from competitors import Ours
from harness import HERE, Failed, Table, interleave, median, spread

WANTED = 95
CATEGORIES = ("performance", "accessibility", "best-practices")
PROGRAM = HERE / "peers" / "page" / "node_modules" / ".bin" / "lighthouse"


class Viewer:
    def __init__(self, name, *options):
        self.name, self.options = name, options


def judge(viewer, url, folder):
    report = folder / "report.json"
    argv = [PROGRAM, url, *viewer.options, "--quiet", "--output=json", f"--output-path={report}",
            f"--only-categories={','.join(CATEGORIES)}",
            "--chrome-flags=--headless --no-sandbox --disable-dev-shm-usage"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=180, check=False)
    if done.returncode != 0:
        raise Failed(done.stderr[-400:])
    said = json.loads(report.read_text())
    found = {name: said["categories"][name]["score"] * 100 for name in CATEGORIES}
    found["bytes"] = said["audits"]["total-byte-weight"]["numericValue"] / 1024
    found["first"] = said["audits"]["first-contentful-paint"]["numericValue"] / 1000
    return found


def run(bench):
    if shutil.which("chromium") is None:
        raise Failed("there is no chromium")
    ours = Ours(bench.programs)
    viewers = [Viewer("telephone"), Viewer("desk", "--preset=desktop")]
    with ours.start(bench.folder()) as running:
        running.settle()
        url = f"http://127.0.0.1:{running.port}/"
        results = interleave(viewers, bench.rounds,
                             lambda viewer, _: judge(viewer, url, bench.folder()), bench.say)
    table = Table("The start page by Lighthouse: median (range)", "", *CATEGORIES,
                  "KiB loaded", "s until something is seen")
    for name, found in results.items():
        table.row(name, *(spread(found, key) for key in (*CATEGORIES, "bytes", "first")))
    for category in CATEGORIES:
        table.verdict(category, min(median(found, category) for found in results.values()),
                      f"at least {WANTED}", lambda value: value >= WANTED)
    return [table]
