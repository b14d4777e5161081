"""What both subjects of a body share, and the oracle, which runs it in eager. Far side.

Knows how a call is made and what is to be seen of it. Must not know the implementation.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch

from harness import picture, ranks
from harness.adapter import NotOffered
from harness.elsewhere import Going, Order, Return
from harness.sight import (
    Kept,
    Sight,
    UnseenError,
    ambient,
    changed,
    message_of,
    mutations,
    observing,
    take_all,
)
from harness.trace import CapturedGraph

Module = TypeVar("Module", bound=torch.nn.Module)


@dataclass(frozen=True, slots=True)
class Settings:
    """What both subjects of a trial share: the variant, the device, the dtype, the seed and a folder for files.

    `tolerances` are those that the profile has of its own, by the dtype's name; `modules` bring the implementation.
    """

    axes: Mapping[str, Any]
    device: str
    dtype: torch.dtype
    seed: int
    folder: str
    tells: Sequence[str] = ()
    tolerances: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    modules: Sequence[str] = ()


class Program:
    """Stands for a program in a body: calls are events, everything else is the program's own."""

    def __init__(  # noqa: PLR0913 - what `compile` was asked for
        self,
        subject: Subject,
        target: Callable[..., Any],
        name: str,
        compare: str,
        *,
        tell: bool = False,
        ahead: bool = False,
    ) -> None:
        self._subject, self._target, self._name = subject, target, name
        self._compare, self._tell, self._ahead = compare, tell, ahead

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the program's own
        return self._subject.call(self, args, kwargs)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the program's own
        return getattr(self._target, name)

    target = property(lambda self: self._target)
    name = property(lambda self: self._name)
    compare = property(lambda self: self._compare)
    tell = property(lambda self: self._tell)
    ahead = property(lambda self: self._ahead)

    def save(self, path: str) -> None:
        """Save a program that was compiled ahead of time."""
        self._subject.save(self._target, path)


class Subject:
    """What both subjects have: makers of tensors, the counting of calls, and attempts."""

    def __init__(self, settings: Settings, elsewhere: Going | None = None) -> None:
        self._settings = settings
        self._elsewhere = elsewhere
        self._generator = torch.Generator().manual_seed(settings.seed)
        self._calls = 0
        self._kept = Kept()
        self.raised: BaseException | None = None
        self.device = torch.device(settings.device).type
        self.modules = settings.modules
        torch.manual_seed(settings.seed)

    def axis(self, name: str) -> Any:  # noqa: ANN401 - an axis holds any literal
        return self._settings.axes[name]

    def randn(self, *size: int, dtype: torch.dtype | None = None) -> torch.Tensor:
        return self._place(torch.randn(size, generator=self._generator), dtype)

    def rand(self, *size: int, dtype: torch.dtype | None = None) -> torch.Tensor:
        return self._place(torch.rand(size, generator=self._generator), dtype)

    def ones(self, *size: int, dtype: torch.dtype | None = None) -> torch.Tensor:
        return self._place(torch.ones(size), dtype)

    def zeros(self, *size: int, dtype: torch.dtype | None = None) -> torch.Tensor:
        return self._place(torch.zeros(size), dtype)

    def full(
        self, size: Sequence[int], value: float, dtype: torch.dtype | None = None
    ) -> torch.Tensor:
        return self._place(torch.full(size, float(value)), dtype)

    def arange(self, end: int, dtype: torch.dtype | None = None) -> torch.Tensor:
        return self._place(torch.arange(end), dtype)

    def place(self, module: Module) -> Module:
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=self._generator))
        return module.to(device=self._settings.device, dtype=self._settings.dtype)

    def _place(self, tensor: torch.Tensor, dtype: torch.dtype | None) -> torch.Tensor:
        return tensor.to(device=self._settings.device, dtype=dtype or self._settings.dtype)

    def path(self, name: str) -> str:
        return f"{self._settings.folder}/{name}"

    def attempt(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        try:
            return call(*args, **kwargs)
        except Exception as error:
            if error is not self.raised:
                raise
            self.raised = None
            return None

    def ranks(self, step: Callable[..., None], *args: Any, world: int = 2) -> None:  # noqa: ANN401
        if not ranks.can_meet(self.device):
            raise NotOffered(f"there are no process groups for tensors on {self.device} here")
        assert self._elsewhere is not None, "a step cannot go on in yet another process"
        backs = self._elsewhere.run_ranks(self._rank_orders(step, args, world))
        self._calls = backs[-1].calls
        self._take_ranks(backs)

    def resume(self, where: Order | Return) -> None:
        """Go on where an order begins or what came back has ended."""
        self._calls = where.calls
        if where.generator is not None:
            self._generator.set_state(where.generator)

    def _rank_orders(
        self, step: Callable[..., None], args: tuple[Any, ...], world: int
    ) -> list[Order]:
        raise NotImplementedError

    def _take_ranks(self, backs: Sequence[Return]) -> None:
        raise NotImplementedError

    def call(self, program: Program, args: Any, kwargs: Any) -> Any:  # noqa: ANN401 - the program's own
        raise NotImplementedError

    def save(self, target: Callable[..., Any], path: str) -> None:
        raise NotImplementedError

    def _see(
        self, program: Program, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any, Sight, BaseException | None]:
        """Make a call: its result, what it showed, and the exception that it raised."""
        self._calls += 1
        arguments = [(f"argument {index}", value) for index, value in enumerate(args)]
        arguments += [(f"argument {name}", value) for name, value in kwargs.items()]
        with observing():
            before, around = take_all(arguments), ambient()
        result, error = None, None
        try:
            result = self._run(program.target, args, kwargs)
        except Exception as raised:  # noqa: BLE001 - whatever the program or the compiler raises
            error = raised
        with observing(UnseenError):
            after = take_all(arguments)
            effects = [*mutations(before, after), *self._kept.changes()]
            effects += [f"changes {name}" for name in changed(around)]
            if error is not None:
                return (
                    None,
                    Sight((), after, tuple(effects), kind_of(error), message_of(error)),
                    error,
                )
            given = [found for place, value in arguments for found in picture.tensors(value, place)]
            effects += picture.aliases(given, picture.tensors(result, "result"))
            self._kept.add(picture.tensors(result, "result"), self._calls)
            return result, Sight(picture.take(result, "result"), after, tuple(effects)), None

    def _run(self, target: Callable[..., Any], args: Any, kwargs: Any) -> Any:  # noqa: ANN401
        return target(*args, **kwargs)


class Oracle(Subject):
    """Runs everything in eager and remembers what each event showed."""

    def __init__(self, settings: Settings, elsewhere: Going | None = None) -> None:
        super().__init__(settings, elsewhere)
        self.sights: list[Any] = []
        self._saved: dict[str, Callable[..., Any]] = {}

    def compile(
        self,
        program: Callable[..., Any],
        *,
        name: str = "",
        compare: str = "values",
        tell: bool = False,
        **_: Any,  # noqa: ANN401 - the front end's own
    ) -> Program:
        return Program(self, program, name, compare, tell=tell)

    def compile_backward(
        self,
        program: Callable[..., Any],
        *,
        name: str = "",
        compare: str = "values",
        **_: Any,  # noqa: ANN401 - the front end's own
    ) -> Program:
        return Program(self, program, name, compare)

    def ahead(
        self,
        program: Callable[..., Any],
        *_: Any,  # noqa: ANN401 - the program's own
        name: str = "",
        compare: str = "values",
        **__: Any,  # noqa: ANN401 - the front end's own
    ) -> Program:
        self.sights.append(None)
        return Program(self, _unbound(program), name, compare)

    def save(self, target: Callable[..., Any], path: str) -> None:
        self._saved[path] = target
        self.sights.append(None)

    def load(
        self,
        path: str,
        *,
        name: str = "",
        compare: str = "values",
        **_: Any,  # noqa: ANN401 - the front end's own
    ) -> Program:
        self.sights.append(None)
        return Program(self, self._saved[path], name, compare)

    def act(self, name: str, do: Callable[[], Any]) -> None:  # noqa: ARG002 - not eager's
        named(name)
        self.sights.append(None)

    def elsewhere(self, step: Callable[..., None], *args: Any, **_: bool) -> None:  # noqa: ANN401
        self.sights.append(None)
        step(self, *pickle.loads(pickle.dumps(args)))  # noqa: S301 - our own

    def _rank_orders(
        self, step: Callable[..., None], args: tuple[Any, ...], world: int
    ) -> list[Order]:
        order = Order(step.__name__, args, (), "", 0, self._generator.get_state(), oracle=True)
        return [order] * world

    def _take_ranks(self, backs: Sequence[Return]) -> None:
        """Remember what each rank saw, with the number of calls before it."""
        self.sights.append([back.sights for back in backs])

    def hand_back(self) -> Return:
        """What it saw, for the process that started this one."""
        return Return(tuple(self.sights), self._calls, self._generator.get_state())

    def call(self, program: Program, args: Any, kwargs: Any) -> Any:  # noqa: ANN401 - the program's own
        result, sight, error = self._see(program, args, kwargs)
        self.sights.append(sight)
        if error is not None:
            self.raised = error
            raise error
        return result

    def note(self, name: str, value: object) -> None:
        self.sights.append(picture.take(value, named(name)))

    def tell(self, name: str, value: object, *, tier: str = "must") -> None:  # noqa: ARG002 - not eager's
        named(name)
        self.sights.append(None)

    def change(self, what: str) -> None:  # noqa: ARG002 - not eager's
        self.sights.append(None)

    def reset(self) -> None:
        self.sights.append(None)

    def config(self, module: str = "", **flags: Any) -> None:  # noqa: ANN401
        """Eager has no compiler to configure."""

    def guards(self) -> Sequence[str]:
        return ()

    def graphs(self) -> Sequence[CapturedGraph]:
        return ()


def named(name: str) -> str:
    """The name of a note, which must not read like another line of a story.

    Raises:
        ValueError: it does.
    """
    if not re.fullmatch(r"(?!calls? \d|change\b|reset\b)[^:=()\n]*[^:=()\s]", name):
        raise ValueError(
            f"{name!r} is no name of a note: no ':', '=', '(' or ')', not like a call or change"
        )
    return name


def _unbound(program: Callable[..., Any]) -> Callable[..., Any]:
    """The program as it is called once it is compiled ahead of time: with its module or instance as first argument."""
    if isinstance(program, torch.nn.Module):
        return type(program).__call__
    return getattr(program, "__func__", program)


def kind_of(error: BaseException) -> str:
    """Qualified name of an exception's class, as stories spell it."""
    return f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
