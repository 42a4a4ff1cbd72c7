"""L01: what the rules of a line make of a sample; the same check as `gatewayd rules test`."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from gatewayd.api.fields import Text  # noqa: TC001 - pydantic reads annotations at run time
from gatewayd.api.operation import Call, Display, Params, Reply, operation
from gatewayd.errors import ConfigError, Invalid, NotAllowed, NotFound
from gatewayd.model import AlarmActivated, AlarmReset, Role, TextReceived
from gatewayd.rules import Ruled, RuleResult, sample_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gatewayd.model import Report

LONGEST_SAMPLE = 65_536  # characters
MOST_RECORDS = 500
SLICE = 0.01  # seconds of one turn of the loop: alarms do not wait for a long sample
BUDGET = 2.0  # seconds for a sample altogether


class RulesParams(Params):
    """A line and a sample of what it hears: typed text, or a capture."""

    line: Text
    sample: Annotated[Text, Field(max_length=LONGEST_SAMPLE)] = Field(
        title="Sample: what the device sends, or a capture", json_schema_extra={"widget": "textarea"}
    )


class TriedReport(Reply):
    """What the gateway would be told."""

    kind: str
    key: str = ""
    text: str = ""
    address: str = ""
    priority: str = ""
    fault: bool = False


class TriedRecord(Reply):
    """What becomes of one record."""

    record: str
    verdicts: tuple[str, ...]
    rules: tuple[str, ...]
    groups: dict[str, str]
    reports: tuple[TriedReport, ...]
    complete: bool
    understood: bool
    given_up: tuple[str, ...]


class RulesTried(Reply):
    """What becomes of a sample, record by record; `more`: it is too long, and the rest was not tried."""

    line: str
    count: int
    not_understood: int
    more: bool
    records: tuple[TriedRecord, ...]


@operation(
    "L01",
    "POST",
    "/lines/{line}/rules/test",
    name="lines/rules/test",
    params=RulesParams,
    reply=RulesTried,
    display=Display(title="Try the rules of a line", template="rules.html"),
)
async def rules_test(call: Call[RulesParams]) -> RulesTried:
    """Show what the rules of a line make of a sample; nothing is reported and nobody is paged."""
    if call.user.role is Role.USER:
        raise NotAllowed("the rules of lines are for operators and administrators")
    results = _ruled(call, call.params.line).try_rules(_sample(call.params.sample))
    found, more = await _collected(results)
    return RulesTried(
        line=call.params.line,
        count=len(found),
        not_understood=sum(not result.understood for result in found),
        more=more,
        records=tuple(map(_shown, found)),
    )


def _ruled(call: Call[RulesParams], name: str) -> Ruled:
    """Return the driver of a line that has rules. Raises NotFound and Invalid."""
    line = call.engine.lines.get(name)
    if line is None:
        raise NotFound("there is no such line")
    driver: object = line.driver
    if not isinstance(driver, Ruled):
        raise Invalid("line", "is of a kind that has no rules")
    return driver


def _sample(text: str) -> str | bytes:
    """Return what the line is to hear. Raises Invalid where a capture cannot be read."""
    try:
        return sample_of(text, "sample")
    except ConfigError as error:
        raise Invalid("sample", "; ".join(problem.reason for problem in error.problems)) from None


async def _collected(results: Iterator[RuleResult]) -> tuple[list[RuleResult], bool]:
    """Return the first results, and whether there are more; the loop goes on meanwhile."""
    found: list[RuleResult] = []
    spent, begun = 0.0, time.perf_counter()
    for result in results:
        if len(found) >= MOST_RECORDS or spent > BUDGET:
            return found, True
        found.append(result)
        taken = time.perf_counter() - begun
        if taken > SLICE:
            spent += taken
            await asyncio.sleep(0)
            begun = time.perf_counter()
    return found, False


def _shown(result: RuleResult) -> TriedRecord:
    return TriedRecord(
        record=result.record,
        verdicts=result.verdicts,
        rules=result.rules,
        groups=result.groups,
        reports=tuple(map(_report, result.reports)),
        complete=result.complete,
        understood=result.understood,
        given_up=result.given_up,
    )


def _report(report: Report) -> TriedReport:
    match report:
        case AlarmActivated(key=key, text=text, address=address, priority=priority, fault=fault):
            urgency = priority.name.lower() if priority is not None else ""
            return TriedReport(kind="activation", key=key, text=text, address=address, priority=urgency, fault=fault)
        case AlarmReset(key=key, address=address, text=text):
            return TriedReport(kind="reset", key=key or "", text=text, address=address)
        case TextReceived(sender=sender, text=text):
            return TriedReport(kind="text", text=text, address=sender)
        case _:
            return TriedReport(kind=type(report).__name__)
