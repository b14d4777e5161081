"""The subject that runs a body with the implementation, and how what it shows becomes a story. Far side.

Knows how a call, an act, a note or an exception becomes an event next to the oracle's. Must not know what was
expected.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch

from harness import picture
from harness.adapter import Adapter, NotOffered, Sighting
from harness.elsewhere import Going, Order, Return
from harness.normal import normalise
from harness.picture import Difference
from harness.sight import Sight, message_of, observing
from harness.story import (
    COMPILES,
    EQUALS,
    RESET,
    REUSES,
    SUCCEEDS,
    UNCOMPILED,
    Act,
    Call,
    Event,
    Note,
    Step,
    Tier,
    Told,
)
from harness.subject import Program, Settings, Subject, kind_of, named
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

#: As `picture.compare`, within the tolerances of one implementation.
Compare = Callable[..., list[Difference]]
Tell = Callable[[Event, Mapping[str, Any]], None]


class Judged(Subject):
    """Runs a body with the implementation and tells each event next to the oracle's."""

    def __init__(
        self,
        settings: Settings,
        adapter: Adapter,
        order: Order,
        tell: Tell,
        elsewhere: Going | None = None,
    ) -> None:
        super().__init__(settings, elsewhere)
        self._adapter = adapter
        self._sights: Iterator[Any] = iter(order.sights)
        self._say = tell
        own = {
            getattr(torch, name): (rel, abs_) for name, (rel, abs_) in settings.tolerances.items()
        }
        self._differences = partial(picture.compare, tolerances={**picture.TOLERANCES, **own})
        self._steps = 0
        self._channels: dict[str, str] = {}
        self._artefacts: list[str] = []
        self._seen = Sighting()
        self.resume(order)

    def compile(
        self,
        program: Callable[..., Any],
        *,
        name: str = "",
        compare: str = "values",
        tell: bool = False,
        ahead: bool = False,
        **options: Any,  # noqa: ANN401 - the front end's own
    ) -> Program:
        compiled = self._adapter.compile(program, options)
        return Program(self, compiled, name, compare, tell=tell, ahead=ahead)

    def compile_backward(
        self,
        program: Callable[..., Any],
        *,
        name: str = "",
        compare: str = "values",
        dynamic_capture: bool = True,
        **options: Any,  # noqa: ANN401 - the front end's own
    ) -> Program:
        captured = self._adapter.compile_backward(program, options, dynamic_capture=dynamic_capture)
        return Program(self, captured, name, compare)

    def ahead(
        self,
        program: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any] | None = None,
        *,
        name: str = "",
        compare: str = "values",
        **options: Any,  # noqa: ANN401 - the front end's own
    ) -> Program:
        ready = self.act(
            "compile ahead of time",
            lambda: self._adapter.ahead(program, args, kwargs or {}, options),
        )
        return Program(self, ready, name, compare, ahead=True)

    def save(self, target: Callable[..., Any], path: str) -> None:
        self.act("save", lambda: self._adapter.save(target, path))

    def load(
        self,
        path: str,
        *,
        name: str = "",
        compare: str = "values",
        **options: Any,  # noqa: ANN401 - the front end's own
    ) -> Program:
        ready = self.act("load", lambda: self._adapter.load(path, options))
        return Program(self, ready, name, compare, ahead=True)

    def act(self, name: str, do: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever comes of it
        next(self._sights, None)
        made, raised = None, None
        with self._adapter.watch() as seen:
            try:
                made = do()
            except NotOffered:
                raise
            except Exception as error:  # noqa: BLE001 - whatever the compiler raises
                raised = error
        if raised is None:
            self._say(Act(named(name), SUCCEEDS, seen.graphs), seen.evidence)
            return made
        outcome = f"raises {kind_of(raised)} while {_PHASES[self._adapter.phase(raised)]}"
        failure = {"type": kind_of(raised), "message": message_of(raised)[:4000]}
        self._say(Act(named(name), outcome), {**seen.evidence, "error": failure})
        self.raised = raised
        raise raised

    def elsewhere(
        self,
        step: Callable[..., None],
        *args: Any,  # noqa: ANN401 - the step's own
        interpreter: bool = False,
        shares_caches: bool = False,
    ) -> None:
        assert self._elsewhere is not None, "a step cannot go on in yet another process"
        next(self._sights, None)
        self._steps += 1
        self._say(Step(f"a fresh {'interpreter' if interpreter else 'process'} goes on"), {})
        cache = self._settings.folder if shares_caches else self.path(f"caches_{self._steps}")
        sights, state = tuple(self._sights), self._generator.get_state()
        order = Order(step.__name__, args, sights, cache, self._calls, state)
        back = self._elsewhere.run(order, interpreter=interpreter)
        self.resume(back)
        self._channels.update(back.channels)
        self._artefacts += back.artefacts

    def _rank_orders(
        self, step: Callable[..., None], args: tuple[Any, ...], world: int
    ) -> list[Order]:
        seen, state = next(self._sights, None), self._generator.get_state()
        seen = seen if isinstance(seen, list) else [()] * world
        orders, calls = [], self._calls
        for sights in seen:
            orders.append(Order(step.__name__, args, sights, self.path("caches"), calls, state))
            calls += sum(isinstance(each, Sight) for each in sights)
        return orders

    def _take_ranks(self, backs: Sequence[Return]) -> None:
        for back in backs:
            self._channels.update(back.channels)
            self._artefacts += back.artefacts

    def resume(self, where: Order | Return) -> None:
        """Go on where an order begins or what came back has ended."""
        super().resume(where)
        self._sights = iter(where.sights)

    def hand_back(self) -> Return:
        """What the process that started this one goes on with."""
        return Return(
            tuple(self._sights),
            self._calls,
            self._generator.get_state(),
            {**self._adapter.channels, **self._channels},
            [*self._adapter.artefacts(), *self._artefacts],
        )

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
            phase = "" if error is None else self._adapter.phase(error)
            outcome, differences = _outcome(
                program, oracle, sight, phase, result, differences=self._differences
            )
        silent = phase in ("trace", "compile") or (program.ahead and error is not None)
        event = Call(
            number=self._calls,
            ran="" if silent else _ran(self._seen, ahead=program.ahead),
            outcome=outcome,
            of=program.name,
            graphs=None if silent else self._seen.graphs,
            ops=self._seen.ops if self._seen.graphs and "ops" in self._settings.tells else None,
            captures=self._seen.captures,
            effects=sight.effects,
        )
        evidence = {**self._seen.evidence, "seconds": round(seconds, 6)}
        if error is not None:
            evidence["error"] = {
                "type": sight.error,
                "message": sight.message[:4000],
                "phase": phase,
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
            told = picture.take(value, named(name))
        with observing():
            noted = expected if isinstance(expected, tuple) else None
            found = [Difference("structure", name, "no note", "a note")]
            found = found if noted is None else self._differences(noted, told)
            evidence = {"value": picture.describe(value)[:400]}
        more = {"differences": [_explain(each) for each in found]} if found else {}
        self._say(Note(name, _differs(found)), {**evidence, **more})

    def tell(self, name: str, value: object, *, tier: str = "must") -> None:
        next(self._sights, None)
        with observing():
            text = normalise(picture.describe(value))
        self._say(Told(named(name), text, Tier(tier)), {})

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


def _ran(seen: Sighting, *, ahead: bool) -> str:
    """Whether compiled code ran; what was compiled ahead of time is nothing else than compiled code."""
    if seen.graphs is not None:
        return COMPILES
    if ahead:
        return REUSES
    if seen.regions is None:
        return ""
    return REUSES if seen.regions else UNCOMPILED


def _outcome(  # noqa: PLR0913 - what was seen of one call, and by what it is measured
    program: Program,
    oracle: Sight | None,
    sight: Sight,
    phase: str,
    result: object,
    *,
    differences: Compare,
) -> tuple[str, list[Difference]]:
    if oracle is None:
        return _differs(found := [Difference("course", "the program", "no call", "a call")]), found
    if phase and oracle.error != sight.error:
        return f"raises {sight.error} while {_PHASES[phase]}", []
    values = program.compare == "values" and not program.tell
    found = _compare(oracle, sight, partial(differences, values=values), differences)
    if phase:
        return f"raises {sight.error}, {_differs(found)}" if not found else _differs(found), found
    if program.tell and not found:
        return f"returns {picture.describe(result).strip() or 'nothing'}", []
    return _differs(found, RESEMBLES if program.compare == "metadata" else EQUALS), found


def _compare(oracle: Sight, sight: Sight, results: Compare, arguments: Compare) -> list[Difference]:
    if oracle.error and not sight.error:
        return [Difference("exception", "the call", oracle.error, "none")]
    found = results(oracle.result, sight.result)
    found += arguments(oracle.arguments, sight.arguments)
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
