"""The controls of a run, before its first trial.

Knows how a control is run in an implementation's place. Must not know pytest.
"""

from __future__ import annotations

from conformance.session import Session
from harness import catalog
from harness.catalog import Entry
from harness.control import PATTERNS, SCENARIOS, Control, disguise, meets
from harness.judge import Terms, judge


def run(session: Session) -> tuple[Control, ...]:
    """Run the controls of all implementations that can run at all."""
    entries = {entry.id: entry for entry in catalog.read()}
    return tuple(
        _face(session, name, control, entries[scenario], variant)
        for name in session.runnable
        for control in PATTERNS
        for scenario, variant in SCENARIOS
    )


def _face(session: Session, name: str, control: str, entry: Entry, variant_id: str) -> Control:
    variant = next(each for each in catalog.variants(entry) if each.id == variant_id)
    stand_in = disguise(session.implementations[name], control)
    terms = Terms(story=session.story(entry, variant, name))
    made = judge(terms, [session.run_job(entry, variant, stand_in)])
    return Control(
        implementation=name,
        control=control,
        scenario=entry.id,
        variant=variant_id,
        verdict=made.verdict,
        reason=made.reason,
        met=meets(control, made),
    )
