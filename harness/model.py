"""The values that travel between planning, running, judging and reporting.

Knows what they hold. Must not know how they come about; everything here is frozen, and whatever crosses
a process boundary has a JSON form.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from harness.story import Story, Tier

#: How an artefact is named that is the captured graph itself, run as it was captured.
CAPTURED = "the captured graph"


class Verdict(StrEnum):
    """The judgement on one trial: a closed list, from the best to the worst."""

    UNSUPPORTED = "unsupported"
    PASS = "pass"  # noqa: S105 - a verdict
    IMPROVED = "improved"
    XFAIL = "xfail"
    XPASS = "xpass"
    FAIL = "fail"
    FELL_BACK = "fell_back"
    ERROR = "error"
    TIMEOUT = "timeout"
    CRASH = "crash"
    FLAKY = "flaky"
    NOT_RUN = "not_run"
    BUG = "bug"

    @property
    def applicable(self) -> bool:
        """Whether the trial counts as one that the implementation had to face."""
        return self not in (Verdict.UNSUPPORTED, Verdict.BUG)

    @property
    def conforms(self) -> bool:
        """Whether the promise was kept."""
        return self in (Verdict.PASS, Verdict.IMPROVED)


#: One sentence for each verdict: the legend of every report.
MEANING: Mapping[Verdict, str] = {
    Verdict.PASS: "told the story that conforms",
    Verdict.IMPROVED: "right values with fewer compilations than the story has",
    Verdict.FAIL: "told another story; the tier says how binding the broken promise is",
    Verdict.FELL_BACK: "right values, but the implementation's own compiled code did not run",
    Verdict.ERROR: "raised where eager does not; the phase says where",
    Verdict.CRASH: "the process died before the story ended",
    Verdict.TIMEOUT: "the process was still running at the time limit",
    Verdict.UNSUPPORTED: "needs a capability that the implementation does not claim and does not have",
    Verdict.XFAIL: "deviates exactly as a known entry says",
    Verdict.XPASS: "conforms although a known entry expects a deviation: delete the entry",
    Verdict.FLAKY: "told different stories in identical attempts",
    Verdict.NOT_RUN: "planned, but there is no result",
    Verdict.BUG: "Touchstone itself failed; nothing is said about the implementation",
}


@dataclass(frozen=True, slots=True)
class Implementation:
    """A profile: an environment, a compiler in it, a device, and what it claims.

    Attributes:
        name: what ids, tables and commands call it.
        python: the interpreter that runs it, or that the environment with what it requires is made with; "" is the
            one that runs the suite.
        requires: what is installed into an environment that Touchstone makes for it; empty for none.
        indexes: package indexes that are asked for that, beside pip's own.
        backend: a name that torch.compile knows, or `module:attribute`.
        options: passed to torch.compile as `options`.
        adapter: `module:Class` of the front end's adapter, where that is not torch.compile; see docs/adapters.md.
        modules: imported before anything is compiled, for backends that register themselves.
        device: as torch names it.
        dtype: the floating dtype of the suite's tensors.
        environ: environment variables of its processes.
        claims: the needs it says it meets; see docs/needs.md.
        cpu: the CPU capabilities, as torch.backends.cpu.get_cpu_capability names them, with one of which it does its
            work at all; empty for any.
        tools: programs that it starts, such as "g++"; what cannot be done without a missing one is unsupported.
        interprets: whether running the captured graph as it is counts as its compiled code.
        built_on: the compiler of torch that it gets its graphs from, "aot_eager" or "inductor", whose known deviations
            are then its own; "" for none.
        time_factor: how many times the usual time limit its trials may take.
        tolerances: dtype to relative and absolute tolerance, where it departs from those of torch.testing.
        homepage: where it lives.
        tracker: where its bugs are reported.
        argument: how it was asked for on the command line.
    """

    name: str
    python: str = ""
    requires: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    backend: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    adapter: str = ""
    modules: tuple[str, ...] = ()
    device: str = "cpu"
    dtype: str = "float32"
    environ: Mapping[str, str] = field(default_factory=dict)
    claims: tuple[str, ...] = ()
    cpu: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    interprets: bool = False
    built_on: str = ""
    time_factor: float = 1.0
    tolerances: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    homepage: str = ""
    tracker: str = ""
    argument: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """One scenario in one variant on one implementation: the unit of running, judging and reporting.

    Attributes:
        scenario: `family/name`.
        variant: `axis=value,axis=value`, or "".
        implementation: its name.
    """

    scenario: str
    variant: str
    implementation: str

    @property
    def family(self) -> str:
        """The module that the scenario lives in."""
        return self.scenario.partition("/")[0]

    @property
    def id(self) -> str:
        """`family/scenario[variant] @ implementation`, stable for ever."""
        variant = f"[{self.variant}]" if self.variant else ""
        return f"{self.scenario}{variant} @ {self.implementation}"


@dataclass(frozen=True, slots=True)
class Job:
    """What the far side is told: which function to run, with which settings, on which implementation.

    Attributes:
        module: dotted name under which the scenario's module is imported.
        file: the source file of that module.
        name: the scenario's function.
        settings: the variant's value for each axis.
        implementation: the profile in JSON form.
        cache: a directory that holds the compile caches of this trial alone.
        time_limit: seconds until the near side ends the trial.
        seed: what every random number of the trial comes from.
        hands_over: where the order for another process is left, instead of going on there; "" to go on.
        order: an order that was left so, which is run instead of the scenario's body; "" for the body.
        memory_limit: bytes of memory that its processes may use together; 0 for any number.
    """

    module: str
    file: str
    name: str
    settings: Mapping[str, Any]
    implementation: Mapping[str, Any]
    cache: str
    time_limit: float
    seed: int = 0
    hands_over: str = ""
    order: str = ""
    memory_limit: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """An exception that ended a story.

    Attributes:
        phase: environment, import, eager (on a device that cannot run the program at all), trace, compile, run,
            backward or load; "" where it is not known.
        type: qualified name of the exception's class.
        message: its text.
        traceback: where it came from, for people.
    """

    phase: str
    type: str
    message: str
    traceback: str = ""


@dataclass(frozen=True, slots=True)
class Observation:
    """What the far side said, complete or not.

    Attributes:
        story: the events told so far.
        evidence: for each event, what was observed but is not compared.
        versions: of the packages that the far side imported, torch and python among them.
        failure: the exception that ended the story before its end, if one did.
        bug: a traceback of our own far side, or of the oracle; nothing is then said about the implementation.
        ended: whether the far side came to its end.
        channels: each channel of observation to "available" or to why it is not.
        artefacts: what the implementation returned for each graph, by qualified name.
        in_eager: whether it ended while the program ran in eager, before the implementation was asked.
    """

    story: Story = ()
    evidence: tuple[Mapping[str, Any], ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    failure: Failure | None = None
    bug: str = ""
    ended: bool = False
    channels: Mapping[str, str] = field(default_factory=dict)
    artefacts: tuple[str, ...] = ()
    in_eager: bool = False


@dataclass(frozen=True, slots=True)
class Exit:
    """How a trial's process ended, as the near side saw it.

    Attributes:
        observation: what it had said by then.
        status: exit status, negative for a signal; None where it is not known.
        timed_out: whether the near side ended it at the time limit.
        bug: why our own side failed, if it did.
        output: the end of what it printed.
        seconds: from sending the job to the process's end.
        leftovers: processes that it left behind and that were ended with it.
        exceeded: the limit of memory at which it was ended, in bytes; 0 if it was not.
    """

    observation: Observation
    status: int | None = 0
    timed_out: bool = False
    bug: str = ""
    output: str = ""
    seconds: float = 0.0
    leftovers: int = 0
    exceeded: int = 0

    @property
    def message(self) -> str:
        """Of the exception that ended the story before its end; "" if none did."""
        failure = self.observation.failure
        return failure.message if failure else ""


@dataclass(frozen=True, slots=True)
class Difference:
    """One facet of one event in which the told story is not the expected one.

    Attributes:
        event: position in the longer story, from 0.
        facet: compiles, ops, captures, effects or outcome.
        tier: how binding the promise is.
        expected: the text that conforms; "" where nothing was expected.
        told: the text that was told; "" where the story had ended.
        better: whether told is fewer compilations than expected.
    """

    event: int
    facet: str
    tier: Tier
    expected: str
    told: str
    better: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict and what it rests on.

    Attributes:
        verdict: the judgement.
        reason: one sentence, for people.
        tier: of the worst difference; None where none applies.
        phase: of an error.
        differences: from the expected story.
        promised: the tiers that the expected story has promises of.
        kept: those of them that were kept.
        signature: what a known entry must say to expect this deviation.
    """

    verdict: Verdict
    reason: str = ""
    tier: Tier | None = None
    phase: str = ""
    differences: tuple[Difference, ...] = ()
    promised: tuple[Tier, ...] = ()
    kept: tuple[Tier, ...] = ()
    signature: str = ""


#: How the reason of a known entry begins that nobody has understood so far.
TODO = "TODO"


@dataclass(frozen=True, slots=True)
class Known:
    """An expected deviation of one implementation.

    Attributes:
        scenario: pattern over `family/name[variant]`, as fnmatch reads it with [ and ] literal.
        implementation: pattern over implementation names.
        signature: the deviation that is expected, as `Judgement.signature` spells it; a star stands for what varies.
        reason: why it deviates, understood to the root.
        link: where it is reported or explained.
        when: version clauses such as "torch<2.14"; "" for all.
        expires: ISO date from which the entry is an error.
        flaky: whether the deviation is allowed to come and go.
        backend: pattern over the profile's backend; "" for all.
        device: pattern over the profile's device; "" for all.
        message: what the error's message has in it, likewise with stars. Such an entry speaks of one cause: of the
            trials that fail by it alone, whichever they are; "" for an entry that speaks of its trials.
    """

    scenario: str
    implementation: str
    signature: str
    reason: str
    link: str = ""
    when: str = ""
    expires: str = ""
    flaky: bool = False
    backend: str = ""
    device: str = ""
    message: str = ""

    @property
    def explained(self) -> bool:
        """Whether the reason is one: `touchstone known` cannot know it and writes "TODO"."""
        return not self.reason.startswith(TODO)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One of several attempts at a trial.

    Attributes:
        how: in words, how it was made.
        verdict: what it alone would have come to.
        signature: the deviation.
        reason: the judge's reason.
        seconds: how long it took.
    """

    how: str
    verdict: Verdict
    signature: str
    reason: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the record: a trial, its judgement, and the evidence.

    Attributes:
        trial: what was run.
        judgement: what was made of it.
        expected: canonical text of the story that conforms.
        condition: the condition under which that story holds; "" where there is only one.
        exit: how the process ended and what it had said.
        known: the known entry that applied, if one did.
        attempts: each attempt at it, where there was more than one.
        polluters: the ids of the trials without which, run before it, this one conforms.
    """

    trial: Trial
    judgement: Judgement
    expected: str
    condition: str
    exit: Exit
    known: Known | None = None
    attempts: tuple[Attempt, ...] = ()
    polluters: tuple[str, ...] = ()

    @property
    def stopped(self) -> bool:
        """Whether the implementation could not run at all: its environment or its import is broken."""
        seen = self.exit.observation
        failure = seen.failure
        return failure is not None and failure.phase in ("environment", "import") and not seen.story


def death(status: int | None) -> str:
    """How a process ended, in words, by its exit status: negative for a signal, None where it is not known."""
    if status is None:
        return "ended in an unknown way"
    if status >= 0:
        return f"exited with status {status}"
    try:
        return f"died of {signal.Signals(-status).name}"
    except ValueError:
        return f"died of signal {-status}"
