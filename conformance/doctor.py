"""Can an implementation run at all, and if so, does it conform? Answers in a minute.

Knows which checks, which few scenarios, and what follows from them. Must not print.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence

from conformance.request import TIME_LIMIT
from conformance.session import Session, Settings, open_folder
from harness import catalog, known, provision
from harness.environment import IsolationError, check_cpu, interpreter, missing_tools
from harness.judge import fails
from harness.model import Implementation, Result, Verdict

#: A dozen scenarios over all families and needs, each in its first variant; the first ones need nothing.
SMOKE = (
    "aliasing/kept_results_stay",
    "recompiles/call_method_is_rebound",
    "modules/mode_is_toggled",
    "recompiles/wrappers_share_a_history",
    "dynamic_shapes/zero_and_one_are_special",
    "comptime/once_per_compilation",
    "autocast/ambient_dtype",
    "cache_limit/limit_can_be_an_error",
    "cache_limit/accumulated_limit",
    "modules/instances_share_a_graph",
    "compiled_autograd/new_models_share_a_capture",
    "ahead_of_time/function_round_trip",
)

#: What torch itself must do in the same environment, before anything is said about the implementation.
CONTROL = SMOKE[:2]

FINE, DEVIATES, BUG, BROKEN = 0, 1, 3, 4


@dataclasses.dataclass(frozen=True, slots=True)
class Check:
    """One question about the environment.

    Attributes:
        name: what was looked at.
        found: what was found; if it is not good, also what to do.
        good: whether it is as it must be.
    """

    name: str
    found: str
    good: bool = True


class Doctor:
    """Examines one implementation.

    Args:
        implementation: what is examined.
        say: gets a line whenever an environment that is being made progresses.
        time_limit: seconds for one trial, before the implementation's factor.
    """

    def __init__(
        self, implementation: Implementation, say: provision.Say, time_limit: float = TIME_LIMIT
    ) -> None:
        self._implementation = implementation
        self._say = say
        self._control = dataclasses.replace(
            implementation,
            name=f"control.of.{implementation.name}",  # known entries about it do not speak of eager
            backend="eager",
            adapter="",
            modules=(),
            device="cpu" if implementation.modules else implementation.device,  # they may bring it
            options={},
            cpu=(),
            tools=(),
            interprets=True,
        )
        settings = Settings(open_folder(), os.getpid(), "fork", time_limit, warmth="mild")
        self._session = Session(settings, [implementation, self._control], known.read())

    def close(self) -> None:
        """End what was started."""
        self._session.close()

    def examine(self) -> Iterator[Check]:
        """The checks, one by one; the first that is not good is the last."""
        for check in (
            self._check_interpreter,
            self._check_torch,
            self._check_cpu,
            self._check_control,
            self._check_tools,
            self._check_import,
        ):
            done = check()
            yield done
            if not done.good:
                return

    def _check_interpreter(self) -> Check:
        self._session.furnish(self._say)
        try:
            found = interpreter(self._implementation)
        except IsolationError as error:
            why = self._session.problem(self._name) or str(error)
            return Check("environment", why, good=False)
        made = [
            f"; {each.folder.name}: {provision.size(each.bytes)}, "
            f"{'made' if each.made else 'reused, made'} in {each.seconds:.0f} s"
            for each in self._session.environments
        ]
        return Check("environment", "".join([found, *made]))

    def _check_torch(self) -> Check:
        try:
            seen = self._session.fingerprint(self._name)
        except IsolationError as error:
            return Check("torch", str(error), good=False)
        return Check("torch", f"{seen['torch']} under Python {seen['python']}")

    def _check_cpu(self) -> Check:
        found = self._session.fingerprint(self._name)
        try:
            check_cpu(self._implementation, found)
        except IsolationError as error:
            return Check("cpu", str(error), good=False)
        return Check(
            "cpu", f"{found['cpu']}; {' or '.join(self._implementation.cpu) or 'any'} will do"
        )

    def _check_control(self) -> Check:
        problem = self._session.problem(self._control.name)
        results = [] if problem else self._run(CONTROL, self._control.name)
        bad = next((each for each in results if not each.judgement.verdict.conforms), None)
        if bad:
            problem = (
                f"{bad.trial.scenario} ended in {bad.judgement.verdict}: {bad.judgement.reason}"
            )
        if problem:
            problem += "; backend eager does not work in this environment either: repair torch, the device or `environ`"
        return Check("control", problem or "backend eager conforms here", good=not problem)

    def _check_tools(self) -> Check:
        missing = missing_tools(self._implementation)
        asked = ", ".join(self._implementation.tools) or "none needed"
        remedy = f"{' and '.join(missing)} not found; install it, or put it on PATH (CXX names a C++ compiler)"
        return Check("tools", remedy if missing else asked, good=not missing)

    def _check_import(self) -> Check:
        problem = self._session.problem(self._name)
        judged = self._implementation
        what = list(judged.modules)
        what += [f"adapter {judged.adapter}"] if judged.adapter else []
        what += [f"backend {judged.backend}"] if judged.backend else []
        good = f"{', '.join(what)}; {judged.device}"
        return Check("import", problem or good, good=not problem)

    def smoke(self) -> Iterator[Result]:
        """The results of the dozen scenarios, as they come."""
        for each in SMOKE:
            yield from self._run([each], self._name)

    @property
    def _name(self) -> str:
        return self._implementation.name

    def _run(self, ids: Sequence[str], name: str) -> list[Result]:
        entries = {entry.id: entry for entry in catalog.read()}
        return [
            self._session.run(entries[each], catalog.variants(entries[each])[0], name)
            for each in ids
        ]


def diagnose(checks: Sequence[Check], results: Sequence[Result]) -> tuple[int, str]:
    """The exit code and the one sentence that it all comes to."""
    bad = next((check for check in checks if not check.good), None)
    if bad:
        return BROKEN, f"your environment is broken ({bad.name}); nothing is said about conformance"
    if any(each.judgement.verdict is Verdict.BUG for each in results):
        return BUG, "Touchstone itself failed; nothing is said about your implementation"
    broken = [each for each in results if fails(each.judgement)]
    if broken:
        return DEVIATES, (
            f"your environment works, and your implementation does not conform in {len(broken)} of "
            f"{len(results)} scenarios"
        )
    if not any(each.judgement.verdict.applicable for each in results):
        return BROKEN, "nothing was applicable; see the reasons above, and `claims` in the profile"
    return (
        FINE,
        f"your environment works, and {len(results)} scenarios found nothing to complain of",
    )
