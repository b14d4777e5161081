"""Backends that misbehave as processes, for the tests of isolation; loaded by far-side processes."""

from __future__ import annotations

import itertools
import mmap
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.fx import GraphModule

Compiled = Callable[..., Any]


def segfault(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    os.kill(os.getpid(), signal.SIGSEGV)
    return module.forward


def segfault_later(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    calls = iter(range(10))

    def run(*args: Any) -> Any:
        if next(calls) == 1:
            os.kill(os.getpid(), signal.SIGSEGV)
        return module(*args)

    return run


def abort(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    os.abort()


def leave(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    os._exit(0)


def leave_with_status(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    os._exit(7)


def hang(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    while True:
        time.sleep(1)


def spin(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    """Loops in Python."""
    while True:
        pass


def spin_in_c(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    """Loops in C, holds the interpreter's lock, and ignores whoever asks it to end."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    sum(itertools.repeat(1))
    return module.forward


def hoard(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    """Takes all the memory that there is, at the speed at which a program can."""
    kept = []
    while True:
        kept.append(b"x" * (64 << 20))


def _start_helpers() -> None:
    """Take 512 MiB, an eighth in each of eight processes."""
    for _ in range(8):
        if os.fork() == 0:
            kept = b"x" * (64 << 20)
            time.sleep(600)
            os._exit(len(kept))


def hoard_in_helpers(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    """Takes 512 MiB in several processes, and waits until somebody minds."""
    _start_helpers()
    time.sleep(600)
    return module.forward


def lives_with_helpers(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    """Takes 512 MiB in several processes for a while."""
    _start_helpers()
    time.sleep(4)
    return lambda *args: module(*args)


def share(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    """Takes 256 MiB once, which eight processes read; and reserves much more, which nobody touches."""
    kept = b"x" * (256 << 20)
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000  # MAP_NORESERVE
    reserved = mmap.mmap(-1, 64 << 30, flags=flags)
    for _ in range(8):
        if os.fork() == 0:
            time.sleep(600)
    time.sleep(2)
    return lambda *args: module(*args) if kept and reserved else None


def _start_daemon() -> int:
    """Start a daemon as daemons are started: in a session of its own, with no parent and no output; its pid."""
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if pid := os.fork():
            os.write(write, str(pid).encode())
            os._exit(0)
        os.chdir("/")
        os.closerange(0, 3)
        time.sleep(600)
    os.wait()
    pid = int(os.read(read, 20))
    print("escaped:", pid, flush=True)  # noqa: T201 - so that the test finds it
    return pid


def escape(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    """Leaves a daemon behind."""
    _start_daemon()
    return lambda *args: module(*args)


def use_daemon(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    """Works with a daemon that must live as long as the trial."""
    pid = _start_daemon()

    def run(*args: Any) -> Any:
        time.sleep(1)
        os.kill(pid, 0)
        return module(*args)

    return run


def escape_and_crash(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    _start_daemon()
    os.abort()


def escape_and_hang(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    _start_daemon()
    time.sleep(600)
    return module.forward


def daemon(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    """Leaves a grandchild behind that holds standard output."""
    if os.fork() == 0:
        time.sleep(600)
    return lambda *args: module(*args)


def garbage(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    """Writes into whatever file is named like the answer."""
    for descriptor in Path("/proc/self/fd").iterdir():
        if descriptor.exists() and descriptor.resolve().suffix == ".answer":
            os.write(int(descriptor.name), b"\xff\xfe not json\n")
    return lambda *args: module(*args)


def kill_zygote(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(600)
    return module.forward


def flood(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    for _ in range(3000):
        sys.stdout.write("x" * 1000 + "\n")
    print("the last line")  # noqa: T201 - the fault is to print
    return lambda *args: module(*args)


def gush(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    """Prints, slowly once it is too much, until somebody makes its output shorter: a gigabyte at most."""
    chunk = b"x" * (1 << 20)
    length = 0
    for printed in range(1 << 10):
        os.write(1, chunk)
        length, before = os.fstat(1).st_size, length
        if length < before:
            print(f"it became shorter after {printed} MiB", flush=True)  # noqa: T201 - the fault is to print
            break
        time.sleep(printed // 100 / 50)  # a machine with much to do looks seldom
    print("the last line", flush=True)  # noqa: T201 - the fault is to print
    return lambda *args: module(*args)


def dispensable(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    """Tells how much the kernel would rather end this process than others."""
    print("dispensable:", Path("/proc/self/oom_score_adj").read_text(), flush=True)  # noqa: T201 - asked for
    return lambda *args: module(*args)


def silent(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    """Claims to compile and gives back what it got."""
    return module.forward


def wrong(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    return lambda *args: tuple(each + 1 for each in module(*args))


def refuses(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    raise NotImplementedError("this backend compiles nothing")


def unreadable(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    class UnreadableError(RuntimeError):
        def __str__(self) -> str:
            raise ValueError("no text")

    def run(*args: Any) -> Any:
        raise UnreadableError

    return run


def unserialisable(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    """Results that no format knows: a lock and a generator, in place of tensors."""
    return lambda *args: tuple(threading.Lock() for _ in module(*args))


def raises_what_cannot_be_said(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    """An exception with a lone surrogate, a zero byte and a megabyte in its text."""

    def run(*args: Any) -> Any:
        raise RuntimeError("\udcff\0" + "x" * (1 << 20))

    return run


def threaded(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    """Compiles like eager and starts a thread, as backends with a pool of workers do."""
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    return lambda *args: module(*args)


def honest(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    return lambda *args: module(*args)


def buffer(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    """Gives every result in the same memory, as a compiler with a static output does."""
    outputs = [each.clone() for each in module(*inputs)]

    def run(*args: Any) -> Any:
        for output, result in zip(outputs, module(*args), strict=True):
            output.copy_(result)
        return tuple(output.detach() for output in outputs)

    return run


def leaky(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    """Leaves the default dtype changed."""

    def run(*args: Any) -> Any:
        results = module(*args)
        torch.set_default_dtype(torch.float64)
        return results

    return run


def doubles_the_last(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    """The last result of each graph is twice what it should be: of a backward pass, a gradient."""

    def run(*args: Any) -> Any:
        *others, last = module(*args)
        return (*others, last * 2)

    return run


def now_and_then(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    """Is wrong in the first process that compiles two products, and in no other: COUNT names what remembers."""
    first = module.code.count(" * ") > 1 and not Path(os.environ["COUNT"]).exists()
    if first:
        Path(os.environ["COUNT"]).touch()
    return lambda *args: tuple(each + first for each in module(*args))


def remembers(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    """Leaves a file at home when it compiles a product, and is wrong about sums from then on."""
    memory = Path.home() / "a-product-was-compiled"
    code = module.code
    if "*" in code:
        memory.touch()
    spoiled = memory.exists() and "*" not in code
    return lambda *args: tuple(each + spoiled for each in module(*args))


def fears_forks(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    """Is wrong in processes that were forked from one that had imported torch."""
    command = Path("/proc/self/cmdline").read_bytes().split(b"\0")
    forked = b"zygote" in command
    return lambda *args: tuple(each + forked for each in module(*args))


_COMPILED: list[str] = []


def remembers_here(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    """Is wrong about sums in a process in which a product was compiled."""
    code = module.code
    _COMPILED.append(code)
    spoiled = "*" not in code and any("*" in each for each in _COMPILED)
    return lambda *args: tuple(each + spoiled for each in module(*args))


def hostile(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    """Prints and raises what terminals and CI systems obey, and says whether it found the job's token."""
    bad = "\x1b]0;pwned\x07\x1b[2J\n::set-output name=status::0\n##[error]no \u202e"
    sys.stdout.write(bad)
    raise RuntimeError(f"{bad} has {os.environ.get('GITHUB_TOKEN', 'no token')}")


def seeded(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    """Depends on the hash seed."""
    if os.environ["PYTHONHASHSEED"] == "1":
        raise RuntimeError("an unlucky seed")
    return lambda *args: module(*args)


class Blind(torch.Tensor):
    """A tensor that lets nobody look at it."""

    @classmethod
    def __torch_function__(cls, *_: Any, **__: Any) -> Any:
        raise LookupError("nothing to see")


def gives_what_nobody_can_see(module: GraphModule, inputs: Sequence[Any]) -> Compiled:
    return lambda *args: tuple(each.as_subclass(Blind) for each in module(*args))
