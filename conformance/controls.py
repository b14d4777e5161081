"""The controls of a run, before its first trial.

Knows how a control is run in an implementation's place. Must not know pytest.
"""

from __future__ import annotations

from pathlib import Path

from conformance.session import Session
from harness import catalog
from harness.catalog import Entry
from harness.control import PATTERNS, SCENARIOS, Control, disguise, meets
from harness.judge import Terms, judge

CASES = Path(__file__).with_name("control_cases.py")


def run(session: Session) -> tuple[Control, ...]:
    """Run the controls of all implementations that can run at all."""
    entries = {entry.id: entry for entry in catalog.read_module(CASES)}
    return tuple(
        _face(session, name, control, entries[scenario])
        for name in session.runnable
        for control in PATTERNS
        for scenario in SCENARIOS
    )


def _face(session: Session, name: str, control: str, entry: Entry) -> Control:
    (variant,) = catalog.variants(entry)
    stand_in = disguise(session.implementations[name], control)
    terms = Terms(story=session.story(entry, variant, name))
    made = judge(terms, [session.run_job(entry, variant, stand_in)])
    return Control(
        implementation=name,
        control=control,
        scenario=entry.id,
        verdict=made.verdict,
        reason=made.reason,
        met=meets(control, made),
    )
