# SPDX-License-Identifier: MIT
"""Several instances of one service behind one http-svc, or more, each on a "host" of its own, as far
as they can tell: a run dir, a data dir and an address of 127.0.0.x, and an encrypted bus over tcp."""

import contextlib
import os
import pathlib
import socket

from harness import Process, free_port, wait_for_port


class All:
    """Several processes as one."""

    def __init__(self, processes):
        self.name, self._processes = "the cluster", processes

    def cpu_s(self, part=None):
        return sum(process.cpu_s() for process in self._processes)


class Cluster:
    """`service`: of which there are `count`; `settings`: of each service, as in the environment."""

    def __init__(self, programs, service, count, settings, fronts=1):
        self.name = str(count if fronts == 1 else fronts)
        self._parts = pathlib.Path(programs), service, count, settings, fronts

    def start(self, scratch):
        return Running(pathlib.Path(scratch), *self._parts)


class Running:
    """`http`: the first http-svc, at `port` and `tracker_port`; `instances` of the other service;
    `process`: all of them as one."""

    def __init__(self, scratch, programs, service, count, settings, fronts):
        self._scratch, self._programs, self._service = scratch, programs, service
        self._settings, self.count, self._fronts = settings, count, fronts

    def _start(self, stack, service, number, at, **settings):
        home = self._scratch / f"{service}-{number}"
        names = {"COMMON_RUN_DIR": home / "run", "COMMON_DATA_DIR": home / "data",
                 "BUS_SECRET": "the same for all of them", "BUS_NODE": f"node-{number}",
                 "BUS_PEERS": self._peers, "BUS_LISTEN": at, **self._settings.get(service, {}),
                 **settings}
        return stack.enter_context(Process(
            [self._programs / f"{service}-svc"], self._scratch / "log", f"{service}-svc", env={
                **os.environ, **{f"SHARESTREAM_{key}": str(value) for key, value in names.items()}}))

    def _door(self, number):
        """Where clients find the instance. Those of the tracker: the first has http-svc's port."""
        port = self.tracker_port if self._service == "tracker" and number == 0 else 0
        return {f"{self._service.upper()}_LISTEN": f"127.0.0.1:{port}"}

    def __enter__(self):
        self.port, self.tracker_port, bus = free_port(), free_port(), free_bus_port()
        at = [f"tcp://127.0.0.{10 + i}:{bus}" for i in range(self.count)]
        self._peers = ",".join(f"{self._service}={address}" for address in at)
        with contextlib.ExitStack() as stack:
            self.instances = [self._start(stack, self._service, i, address, **self._door(i))
                              for i, address in enumerate(at)]
            fronts = [self._start(
                stack, "http", self.count + i, f"tcp://127.0.0.{100 + i}:{bus}",
                HTTP_LISTEN=f"127.0.0.1:{0 if i > 0 else self.port}",
                HTTP_TRACKER_LISTEN=f"127.0.0.1:{0 if i > 0 else self.tracker_port}")
                for i in range(self._fronts)]
            self.http = fronts[0]
            self.process = All([*self.instances, *fronts])
            wait_for_port(self.port, self.http)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def settle(self):
        """They know each other by the time that somebody has asked them something."""


def free_bus_port():
    """One whose next, where events go out, is free too."""
    while True:
        port = free_port()
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port + 1))
            return port
