"""The two subjects that a body runs with: the oracle, in eager, and the implementation. Far side.

Knows how a call, a note or an exception becomes an event. Must not know what was expected.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from harness import picture
from harness.adapter import Sighting, TorchCompile, phase
from harness.picture import Difference, Picture
from harness.sight import Kept, Sight, ambient, message_of, mutations, observing, take_all
from harness.story import (
    COMPILES,
    EQUALS,
    RESET,
    REUSES,
    UNCOMPILED,
    Call,
    Event,
    Note,
    Step,
    Tier,
    Told,
)
from harness.trace import CapturedGraph

RESEMBLES = "resembles eager"

#: How many differing places an outcome names; the evidence has all.
_SHOWN = 4
_PHASES = {
    "trace": "tracing",
    "compile": "compiling",
    "backward": "differentiating",
    "run": "running",
}

Module = TypeVar("Module", bound=torch.nn.Module)
Tell = Callable[[Event, Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Settings:
    """What both subjects of a trial share: the variant, the device, the dtype and the seed."""

    axes: Mapping[str, Any]
    device: str
    dtype: torch.dtype
    seed: int
    tells: Sequence[str] = ()


class Program:
    """Stands for a program in a body: calls are events, everything else is the program's own."""

    def __init__(
        self, subject: _Subject, target: Callable[..., Any], name: str, compare: str, *, tell: bool
    ) -> None:
        self._subject, self._target, self._name = subject, target, name
        self._compare, self._tell = compare, tell

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the program's own
        return self._subject.call(self, args, kwargs)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the program's own
        return getattr(self._target, name)

    target = property(lambda self: self._target)
    name = property(lambda self: self._name)
    compare = property(lambda self: self._compare)
    tell = property(lambda self: self._tell)


class _Subject:
    """What both subjects have: makers of tensors, the counting of calls, and attempts."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._generator = torch.Generator().manual_seed(settings.seed)
        self._calls = 0
        self._kept = Kept()
        self.raised: BaseException | None = None
        self.device = torch.device(settings.device).type
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

    def attempt(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        try:
            return call(*args, **kwargs)
        except Exception as error:
            if error is not self.raised:
                raise
            self.raised = None
            return None

    def call(self, program: Program, args: Any, kwargs: Any) -> Any:  # noqa: ANN401 - the program's own
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
        with observing():
            after = take_all(arguments)
            effects = [*mutations(before, after), *self._kept.changes()]
            effects += [
                f"changes {name}" for name, value in ambient().items() if value != around[name]
            ]
            if error is not None:
                kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix(
                    "builtins."
                )
                return None, Sight((), after, tuple(effects), kind, message_of(error)), error
            given = [found for place, value in arguments for found in picture.tensors(value, place)]
            effects += picture.aliases(given, picture.tensors(result, "result"))
            self._kept.add(picture.tensors(result, "result"), self._calls)
            return result, Sight(picture.take(result, "result"), after, tuple(effects)), None

    def _run(self, target: Callable[..., Any], args: Any, kwargs: Any) -> Any:  # noqa: ANN401
        return target(*args, **kwargs)


class Oracle(_Subject):
    """Runs everything in eager and remembers what each event showed."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.sights: list[Sight | Picture | None] = []

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

    def call(self, program: Program, args: Any, kwargs: Any) -> Any:  # noqa: ANN401 - the program's own
        result, sight, error = self._see(program, args, kwargs)
        self.sights.append(sight)
        if error is not None:
            self.raised = error
            raise error
        return result

    def note(self, name: str, value: object) -> None:
        self.sights.append(picture.take(value, _named(name)))

    def tell(self, name: str, value: object, *, tier: str = "must") -> None:  # noqa: ARG002 - not eager's
        _named(name)
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


class Judged(_Subject):
    """Runs a body with the implementation and tells each event next to the oracle's."""

    def __init__(
        self, settings: Settings, adapter: TorchCompile, oracle: Oracle, tell: Tell
    ) -> None:
        super().__init__(settings)
        self._adapter = adapter
        self._sights = iter(oracle.sights)
        self._say = tell
        self._seen = Sighting()

    def compile(
        self,
        program: Callable[..., Any],
        *,
        name: str = "",
        compare: str = "values",
        tell: bool = False,
        **options: Any,  # noqa: ANN401 - the front end's own
    ) -> Program:
        compiled = self._adapter.compile(program, options)
        return Program(self, compiled, name, compare, tell=tell)

    def _run(self, target: Callable[..., Any], args: Any, kwargs: Any) -> Any:  # noqa: ANN401
        with self._adapter.watch() as self._seen:
            return target(*args, **kwargs)

    def call(self, program: Program, args: Any, kwargs: Any) -> Any:  # noqa: ANN401 - the program's own
        started = time.perf_counter()
        result, sight, error = self._see(program, args, kwargs)
        seconds = time.perf_counter() - started
        expected = next(self._sights, None)
        oracle = expected if isinstance(expected, Sight) else None
        with observing():
            outcome, differences = _outcome(program, oracle, sight, error, result)
        silent = error is not None and phase(error) in ("trace", "compile")
        event = Call(
            number=self._calls,
            ran="" if silent else _ran(self._seen),
            outcome=outcome,
            of=program.name,
            graphs=None if silent else self._seen.graphs,
            ops=self._seen.ops if self._seen.graphs and "ops" in self._settings.tells else None,
            effects=sight.effects,
        )
        evidence = {**self._seen.evidence, "seconds": round(seconds, 6)}
        if error is not None:
            evidence["error"] = {
                "type": sight.error,
                "message": sight.message[:4000],
                "phase": phase(error),
            }
        if differences:
            evidence["differences"] = [_explain(each) for each in differences]
        self._say(event, evidence)
        if error is not None:
            self.raised = error
            raise error
        return result

    def note(self, name: str, value: object) -> None:
        expected = next(self._sights, None)
        with observing():
            told = picture.take(value, _named(name))
        with observing():
            noted = expected if isinstance(expected, tuple) else None
            found = [Difference("structure", name, "no note", "a note")]
            found = found if noted is None else picture.compare(noted, told)
            evidence = {"value": picture.describe(value)[:400]}
        more = {"differences": [_explain(each) for each in found]} if found else {}
        self._say(Note(name, _differs(found)), {**evidence, **more})

    def tell(self, name: str, value: object, *, tier: str = "must") -> None:
        next(self._sights, None)
        with observing():
            text = picture.describe(value).strip()
        self._say(Told(_named(name), text, Tier(tier)), {})

    def change(self, what: str) -> None:
        next(self._sights, None)
        self._say(Step(what), {})

    def reset(self) -> None:
        next(self._sights, None)
        self._adapter.reset()
        self._say(RESET, {})

    def config(self, module: str = "torch._dynamo.config", **flags: Any) -> None:  # noqa: ANN401
        self._adapter.config(module, flags)

    def guards(self) -> Sequence[str]:
        return self._adapter.guards()

    def graphs(self) -> Sequence[CapturedGraph]:
        return self._adapter.graphs()


def _named(name: str) -> str:
    """The name of a note, which must not read like another line of a story.

    Raises:
        ValueError: it does.
    """
    if not re.fullmatch(r"(?!calls? \d|change\b|reset\b)[^:=()\n]*[^:=()\s]", name):
        raise ValueError(
            f"{name!r} is no name of a note: no ':', '=', '(' or ')', not like a call or change"
        )
    return name


def _ran(seen: Sighting) -> str:
    if seen.graphs is not None:
        return COMPILES
    if seen.regions is None:
        return ""
    return REUSES if seen.regions else UNCOMPILED


def _outcome(
    program: Program,
    oracle: Sight | None,
    sight: Sight,
    error: BaseException | None,
    result: object,
) -> tuple[str, list[Difference]]:
    if oracle is None:
        return _differs(found := [Difference("course", "the program", "no call", "a call")]), found
    if error is not None and oracle.error != sight.error:
        return f"raises {sight.error} while {_PHASES[phase(error)]}", []
    found = _compare(oracle, sight, values=program.compare == "values" and not program.tell)
    if error is not None:
        return f"raises {sight.error}, {_differs(found)}" if not found else _differs(found), found
    if program.tell and not found:
        return f"returns {picture.describe(result).strip() or 'nothing'}", []
    return _differs(found, RESEMBLES if program.compare == "metadata" else EQUALS), found


def _compare(oracle: Sight, sight: Sight, *, values: bool) -> list[Difference]:
    if oracle.error and not sight.error:
        return [Difference("exception", "the call", oracle.error, "none")]
    found = picture.compare(oracle.result, sight.result, values=values)
    found += picture.compare(oracle.arguments, sight.arguments)
    if not found and oracle.effects != sight.effects:
        lost = [effect for effect in oracle.effects if effect not in sight.effects]
        new = [effect for effect in sight.effects if effect not in oracle.effects]
        kind = "mutation" if any(effect.startswith("mutates") for effect in lost + new) else "alias"
        place = (lost or new)[0].split(" ", 1)[1] if kind == "mutation" else "result"
        found.append(Difference(kind, place, "; ".join(lost) or "none", "; ".join(new) or "none"))
    if oracle.message != sight.message:
        found.append(Difference("message", "the exception", oracle.message, sight.message))
    return found


def _differs(found: Sequence[Difference], otherwise: str = EQUALS) -> str:
    if not found:
        return otherwise
    places = list(dict.fromkeys(str(each) for each in found))
    more = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
    return f"differs from eager in {' and '.join(places[:_SHOWN])}{more}"


def _explain(difference: Difference) -> dict[str, str]:
    return {
        "property": difference.property,
        "place": difference.place,
        "expected": difference.expected[:400],
        "told": difference.told[:400],
    }
