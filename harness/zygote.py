"""The zygote: a warm, single-threaded process that forks one child for each job. Far side.

Knows how to fork, watch, end and reap children for clients on a Unix socket. Runs no scenario itself, and
never starts a thread or touches a device, because a forked child inherits only the forking thread.

A client sends JSON lines and gets JSON lines:

    {"hello": true}                          -> {"hello": {fingerprint}}
    {"ping": true}                           -> {"pong": true}
    {"branch": {implementation}, "memory_limit": n}
                                             -> {"socket": path} | {"socket": "", "why": sentence}
    {"prune": {implementation}}              -> ends that branch, for good
    {"job": {...}, "answer": ..., "output":} -> {"pid": n}, and at its end
                                                {"status": n, "leftovers": n, "exceeded": false}
    {"kill": true}                           -> ends the client's job, as losing the client does
    {"quit": true}                           -> ends the zygote
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import selectors
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import child, fingerprint, kin
from harness.lifeline import die_with
from harness.model import Implementation, Job
from harness.warmth import warm


@dataclass(slots=True)
class _Client:
    """A connection, what it has sent so far of a line, and the job that it waits for, with what that may use."""

    connection: socket.socket
    buffer: bytes = b""
    pid: int = 0
    watch: kin.Watch | None = None
    exceeded: bool = False


@dataclass(slots=True)
class Zygote:
    """The serving loop and its books.

    Attributes:
        listener: the socket on which clients connect, bound by whoever started the zygote.
        path: where that socket is in the file system.
        guardian: pid of the process whose end ends the zygote.
    """

    listener: socket.socket
    path: str
    guardian: int
    _clients: dict[int, _Client] = field(default_factory=dict)
    _jobs: dict[int, _Client] = field(default_factory=dict)
    _branches: dict[str, tuple[int, str]] = field(default_factory=dict)
    _cold: dict[str, str] = field(default_factory=dict)
    _warming: dict[int, tuple[int, kin.Watch]] = field(default_factory=dict)
    _household: frozenset[int] = frozenset()
    _serving: bool = True

    def serve(self) -> None:
        """Serve clients until told to quit or until the guardian has gone."""
        kin.adopt()
        self._household = frozenset(kin.children(os.getpid()))  # what warming up has started
        wake, signalled = os.pipe()
        for end in (signalled, wake):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(signalled)
        self.listener.setblocking(False)  # noqa: FBT003 - socket takes no keywords
        with selectors.DefaultSelector() as selector:
            selector.register(self.listener, selectors.EVENT_READ, self._accept)
            selector.register(wake, selectors.EVENT_READ, lambda _: os.read(wake, 4096))
            while self._serving:
                busy = self._jobs or self._warming
                for key, _ in selector.select(timeout=kin.TICK if busy else 2.0):
                    key.data(selector)
                self._reap()
                self._watch()
                if not _alive(self.guardian):
                    break
        kin.end_strays(())
        for pid in (*self._jobs, *(pid for pid, _ in self._branches.values())):
            _end(pid)

    def _accept(self, selector: selectors.BaseSelector) -> None:
        connection, _ = self.listener.accept()
        connection.setblocking(True)  # noqa: FBT003 - socket takes no keywords
        client = _Client(connection)
        self._clients[connection.fileno()] = client
        selector.register(
            connection, selectors.EVENT_READ, lambda selector: self._read(selector, client)
        )

    def _read(self, selector: selectors.BaseSelector, client: _Client) -> None:
        try:
            received = client.connection.recv(1 << 16)
        except ConnectionError:
            received = b""
        if not received:
            selector.unregister(client.connection)
            del self._clients[client.connection.fileno()]
            client.connection.close()
            if client.pid:
                _end(client.pid)
            return
        *lines, client.buffer = (client.buffer + received).split(b"\n")
        for line in lines:
            self._obey(client, json.loads(line))

    def _obey(self, client: _Client, message: Mapping[str, Any]) -> None:
        if "job" in message:
            self._start(client, message)
        elif "kill" in message and client.pid:
            _end(client.pid)
        elif "hello" in message:
            _send(client, {"hello": fingerprint.take()})
        elif "ping" in message:
            _send(client, {"pong": True})
        elif "branch" in message:
            _send(client, self._branch(message["branch"], message["memory_limit"]))
        elif "prune" in message:
            self._prune(json.dumps(message["prune"], sort_keys=True))
        elif "quit" in message:
            self._serving = False

    def _start(self, client: _Client, message: Mapping[str, Any]) -> None:
        assert_single_threaded()
        own = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become(message, own)
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
        limit = int(message["job"].get("memory_limit", 0))
        client.pid, client.exceeded = pid, False
        client.watch = kin.Watch(pid, limit, Path(message["output"]))
        self._jobs[pid] = client
        _send(client, {"pid": pid})

    def _become(self, message: Mapping[str, Any], zygote: int) -> None:
        """Turn this fresh child into the one that runs the job; never returns."""
        status = 1
        try:
            os.setpgid(0, 0)
            die_with(zygote)
            kin.adopt()  # until it ends, what it lets loose stays apart from that of other trials
            kin.stand_first()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for client in self._clients.values():
                client.connection.close()
            self.listener.close()
            output = os.open(message["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            for standard in (1, 2):
                os.dup2(output, standard)
            os.close(output)
            job = Job(**message["job"])
            faulthandler.dump_traceback_later(job.time_limit * 0.9, exit=False)
            child.run(job, child.Answer(Path(message["answer"])))
            status = 0
        except BaseException:  # noqa: BLE001 - the last frame of the process
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _branch(self, profile: Mapping[str, Any], memory_limit: int) -> dict[str, str]:
        """A zygote that is warm for one implementation: forked from this one, at most once.

        While it warms up it may use what a trial may, for it runs the implementation's code.
        """
        key = json.dumps(profile, sort_keys=True)
        if key in self._cold:
            return {"socket": "", "why": self._cold[key]}
        if key not in self._branches:
            path = f"{self.path}.{os.getpid()}.{len(self._branches) + len(self._cold)}"
            listener = listen(path)
            assert_single_threaded()
            own = os.getpid()
            told, warmed = os.pipe()
            pid = os.fork()
            if pid == 0:
                branch = Zygote(listener, path, own)
                self._become_branch(branch, Implementation(**profile), warmed)
            with contextlib.suppress(OSError):
                os.setpgid(pid, pid)
            listener.close()
            os.close(warmed)
            os.set_blocking(told, False)
            log = Path(self.path).with_suffix(".log")
            self._warming[pid] = told, kin.Watch(pid, memory_limit, log)
            self._branches[key] = pid, path
        return {"socket": self._branches[key][1]}

    def _prune(self, key: str) -> None:
        if key in self._branches:
            _end(self._branches[key][0])

    def _become_branch(self, branch: Zygote, profile: Implementation, warmed: int) -> None:
        """Turn this fresh child into a warm zygote, which says so to the other end of a pipe; never returns."""
        status = 1
        try:
            os.setpgid(0, 0)  # what warming up leaves behind ends with it
            die_with(branch.guardian)
            signal.set_wakeup_fd(-1)
            for client in self._clients.values():
                client.connection.close()
            self.listener.close()
            warm(profile, front_end=False)
            status = 3
            assert_single_threaded()
            os.write(warmed, b"!")
            os.close(warmed)
            branch.serve()
            status = 0
        except BaseException:  # noqa: BLE001 - the last frame of the process
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _watch(self) -> None:
        """End the trials that use more than they may, and the branches that do before they are warm."""
        for pid, client in self._jobs.items():
            if client.watch and client.watch.exceeded() and not client.exceeded:
                client.exceeded = True
                _end(pid)
        for pid, (told, watch) in list(self._warming.items()):
            try:
                os.read(told, 1)
            except BlockingIOError:
                if watch.exceeded():
                    _end(pid)
            else:
                self._forget_warming(pid)

    def _forget_warming(self, pid: int) -> None:
        if pid in self._warming:
            os.close(self._warming.pop(pid)[0])

    def _reap(self) -> None:
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            self._bury(ended.si_pid)

    def _bury(self, pid: int) -> None:
        # The group is ended while its leader is a zombie: until it is reaped, its id cannot be reused.
        left = self._end_strays()
        _end(pid)
        _, status = os.waitpid(pid, 0)
        client = self._jobs.pop(pid, None)
        self._forget_warming(pid)
        for key, (branch, _) in list(self._branches.items()):
            if branch == pid:
                del self._branches[key]
                self._cold[key] = _farewell(os.waitstatus_to_exitcode(status))
        if client is not None:
            client.pid = 0
            _send(
                client,
                {
                    "status": os.waitstatus_to_exitcode(status),
                    "leftovers": left,
                    "exceeded": client.exceeded,
                },
            )

    def _end_strays(self) -> int:
        """End what trials have left behind, which is ours now; how many processes were alive.

        Of trials that end in the same moment, the one that is buried first is said to have left it all.
        """
        branches = (pid for pid, _ in self._branches.values())
        return kin.end_strays({*self._household, *self._jobs, *branches})


def _farewell(status: int) -> str:
    if status == 3:  # noqa: PLR2004 - what _become_branch exits with
        return "warming up started threads, and a process with threads must not fork"
    return f"warming up ended with status {status}"


def _send(client: _Client, message: Mapping[str, Any]) -> None:
    with contextlib.suppress(OSError):  # the client may have gone; losing it is handled in _read
        client.connection.sendall(json.dumps(message).encode() + b"\n")


def _end(pid: int) -> None:
    """End a child and every process of its group."""
    for end in (os.killpg, os.kill):
        with contextlib.suppress(OSError):
            end(pid, signal.SIGKILL)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def assert_single_threaded() -> None:
    """Refuse to fork with threads.

    Raises:
        RuntimeError: there are threads; a forked child would deadlock on what they hold.
    """
    tasks = Path("/proc/self/task")
    count = sum(1 for _ in tasks.iterdir()) if tasks.is_dir() else threading.active_count()
    if count > 1:
        raise RuntimeError(f"the zygote has {count} threads and must not fork; expected one")


def listen(path: str) -> socket.socket:
    """A listening Unix socket at a path; clients may connect before anybody accepts."""
    Path(path).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(128)
    return listener


def main(arguments: list[str]) -> None:
    """Serve on an inherited socket: `zygote FD PATH GUARDIAN WARMTH`; the last as `harness.fork.Warmth` says."""
    faulthandler.enable()
    descriptor, path, guardian, warmth = arguments
    listener = socket.socket(fileno=int(descriptor))
    child.prepare()
    if warmth != "cold":
        eager = Implementation(name="warm", backend="eager")
        warm(eager, front_end=True, whole=warmth == "warm")
    Zygote(listener, path, int(guardian)).serve()
    os._exit(0)  # nothing here is worth the half second that torch takes to leave
