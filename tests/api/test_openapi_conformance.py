"""Requests of every described shape, made by schemathesis: no server error, and no answer that is not described."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings

from gatewayd.api import ApiOptions
from tests.api.conftest import Gateway
from tests.engine.push import add_push_line

if TYPE_CHECKING:
    from collections.abc import Iterator

schemathesis: Any = pytest.importorskip("schemathesis", reason="schemathesis is not installed")

AS_DESCRIBED, AGAINST = 15, 5  # examples of each operation; those that break the description take longer to make
NOT_ASKED = r"releaseToken|openapi|docs"  # these end the session, or describe themselves


class Served(threading.Thread):
    """A gateway that listens in a thread: schemathesis waits for its answers."""

    def __init__(self, folder: Any) -> None:  # noqa: ANN401 - the type is private to pytest
        super().__init__(daemon=True)
        self.folder = folder
        self.url = self.token = ""
        self.ready = threading.Event()
        self.loop = asyncio.new_event_loop()

    def run(self) -> None:
        self.loop.run_until_complete(self.serve())
        self.loop.close()

    async def serve(self) -> None:
        self.over = asyncio.Event()
        gateway = Gateway(self.folder)
        await add_push_line(gateway.engine)
        await gateway.serve(ApiOptions(contact_fields=("Room",), user_settings=("language",)))
        admin = await gateway.logs_in("admin")
        await gateway.activates("12")
        await admin.post("/api/users/self/events/send", json={"text": "hello", "recipients": "6"})
        self.url, self.token = str(gateway.client.make_url("")).rstrip("/"), admin.token
        self.ready.set()
        await self.over.wait()
        await gateway.end()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    thread = Served(tmp_path_factory.mktemp("conformance"))
    thread.start()
    assert thread.ready.wait(30)
    yield thread
    thread.loop.call_soon_threadsafe(thread.over.set)
    thread.join(30)


@pytest.mark.timeout(180)  # making requests is slow on a busy machine
@pytest.mark.parametrize(("mode", "examples"), [("POSITIVE", AS_DESCRIBED), ("NEGATIVE", AGAINST)])
def test_every_answer_is_one_that_is_described(served: Served, mode: str, examples: int) -> None:
    checks = pytest.importorskip("schemathesis.specs.openapi.checks")
    wanted = [
        pytest.importorskip("schemathesis.checks").not_a_server_error,
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_schema_conformance,
    ]
    asked = {"headers": {"Authorization": f"Bearer {served.token}"}, "checks": wanted}
    found = schemathesis.openapi.from_url(f"{served.url}/api/openapi.json").exclude(path_regex=NOT_ASKED)
    operations = [result.ok() for result in found.get_all_operations()]
    for operation in operations:
        try_requests(operation.as_strategy(generation_mode=schemathesis.GenerationMode[mode]), examples, asked)
    assert len(operations) == 31


def try_requests(requests: Any, examples: int, asked: dict[str, Any]) -> None:  # noqa: ANN401 - schemathesis is not typed here
    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(requests)
    def ask(case: Any) -> None:  # noqa: ANN401 - schemathesis is not typed here
        case.call_and_validate(**asked)

    ask()
