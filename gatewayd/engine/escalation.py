"""Escalation: which step of a plan pages next, and until when it waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gatewayd.model import Escalation, EscalationState, Plan, Step

if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import replace
else:
    from gatewayd.values import replace


class Advanced(NamedTuple):
    """The escalation after a decision, and the step that has to be paged now (None: it ended unanswered)."""

    escalation: Escalation
    step: Step | None


def start(escalation: Escalation, plan: Plan, now: float, reaches: Callable[[Step], bool]) -> Advanced:
    """Begin a plan: page its first step that reaches anybody."""
    return advance(replace(escalation, step=0, cycle=1), plan, now, reaches)


def advance(escalation: Escalation, plan: Plan, now: float, reaches: Callable[[Step], bool]) -> Advanced:
    """Go on to the next step; after the last step a new cycle begins, after the last cycle the escalation is exhausted.

    A step that reaches nobody is passed over at once: its wait would help no one.
    """
    step, cycle = escalation.step, escalation.cycle
    for _ in plan.steps:
        step, cycle = (step + 1, cycle) if step < len(plan.steps) else (1, cycle + 1)
        if plan.cycles and cycle > plan.cycles:
            break
        current = plan.steps[step - 1]
        if reaches(current):
            return Advanced(replace(escalation, step=step, cycle=cycle, due=now + current.wait), current)
    return Advanced(replace(escalation, state=EscalationState.EXHAUSTED), None)
