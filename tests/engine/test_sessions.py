"""Sessions: logging in, keeping, ending, and patience with wrong passwords."""

# ruff: noqa: N802 - the tests are named after the ids of the reading of the specification

from __future__ import annotations

import asyncio
import hashlib
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gatewayd.clock import ManualClock, settle
from gatewayd.engine import sessions as module
from gatewayd.engine.directory import Directory
from gatewayd.engine.patience import Patience
from gatewayd.engine.sessions import Login, LoginRefused, Refusal, SessionLimits, Sessions, token_hash
from gatewayd.errors import StoreUnavailable, Unauthenticated
from gatewayd.model import Site, User
from gatewayd.passwords import DUMMY_HASH
from gatewayd.records import Token
from gatewayd.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gatewayd.store import Store

PASSWORD = "canary-password-4411"
HERE, THERE = "192.0.2.7", "192.0.2.8"
USERS = ((1, "nurse"), (2, "doctor"))
LIMITS = SessionLimits(idle=600.0, absolute=3600.0, max_sessions=4, address_failures=8)


class House:
    """A store, a clock and a directory."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.clock = ManualClock()
        self.directory = Directory(Site(users=(User(1, "nurse", password_hash="good"), User(2, "guest"))))
        self.store: Store = open_store(data)
        self.compared: list[str] = []

    def verify(self, password: str, stored: str) -> bool:
        self.compared.append(stored)
        return password == PASSWORD and stored == "good"

    def sessions(self, limits: SessionLimits = LIMITS) -> Sessions:
        return Sessions(self, limits)

    def restart(self) -> Sessions:
        self.store.close()
        self.store = open_store(self.data)
        return self.sessions()


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    made = House(tmp_path)
    monkeypatch.setattr(module, "verify_password", made.verify)
    yield made
    made.store.close()


async def log_in(sessions: Sessions, password: str = PASSWORD, name: str = "nurse", address: str = HERE) -> str:
    return await sessions.login(Login(name, password, address, "test"))


async def refusal(sessions: Sessions, password: str = "wrong", name: str = "nurse", address: str = HERE) -> Refusal:
    with pytest.raises(LoginRefused) as raised:
        await log_in(sessions, password, name, address)
    return raised.value.refusal


async def test_a_login_gives_a_token_that_opens_the_session(house: House) -> None:
    sessions = house.sessions()
    token = await log_in(sessions)
    assert sessions.resolve(token).name == "nurse"
    assert len(token) >= 43  # 256 bits in base64url


async def test_every_token_is_another_one(house: House) -> None:
    sessions = house.sessions()
    assert len({await log_in(sessions) for _ in range(3)}) == 3


async def test_only_the_hash_of_a_token_reaches_the_disk(house: House) -> None:
    token = await log_in(house.sessions())
    digest = hashlib.sha256(token.encode()).hexdigest()
    assert house.store.token(digest) is not None
    files = b"".join(path.read_bytes() for path in house.data.iterdir())
    assert digest.encode() in files
    assert token.encode() not in files


async def test_a_session_survives_a_restart(house: House) -> None:
    token = await log_in(house.sessions())
    assert house.restart().resolve(token).id == 1


async def test_a_session_ends_when_it_is_not_used(house: House) -> None:
    sessions = house.sessions()
    token = await log_in(sessions)
    await house.clock.advance(599)
    sessions.resolve(token)
    await house.clock.advance(599)
    sessions.resolve(token)
    await house.clock.advance(600)
    with pytest.raises(Unauthenticated):
        sessions.resolve(token)


async def test_a_session_ends_after_its_longest_time_however_much_it_is_used(house: House) -> None:
    sessions = house.sessions()
    token = await log_in(sessions)
    for _ in range(7):
        await house.clock.advance(500)
        sessions.resolve(token)
    await house.clock.advance(100)
    with pytest.raises(Unauthenticated):
        sessions.resolve(token)


async def test_an_expired_session_stays_expired_over_a_restart(house: House) -> None:
    token = await log_in(house.sessions())
    await house.clock.advance(600)
    with pytest.raises(Unauthenticated):
        house.restart().resolve(token)


async def test_use_is_written_at_most_once_a_minute(house: House) -> None:
    sessions = house.sessions()
    token = await log_in(sessions)
    commits = house.store.writer.commits
    for _ in range(100):
        sessions.resolve(token)
    await settle()
    assert house.store.writer.commits == commits
    await house.clock.advance(60)
    for _ in range(100):
        sessions.resolve(token)
    await sessions.close()
    assert house.store.writer.commits == commits + 1


async def test_use_counts_over_a_restart(house: House) -> None:
    sessions = house.sessions()
    token = await log_in(sessions)
    await house.clock.advance(500)
    sessions.resolve(token)
    await sessions.close()
    await house.clock.advance(500)
    assert house.restart().resolve(token).id == 1


async def test_a_released_token_opens_nothing_any_more(house: House) -> None:
    sessions = house.sessions()
    token = await log_in(sessions)
    await sessions.release(token)
    with pytest.raises(Unauthenticated):
        sessions.resolve(token)
    with pytest.raises(Unauthenticated):
        house.restart().resolve(token)


async def test_the_sessions_of_a_user_are_revoked_but_for_the_one_kept(house: House) -> None:
    sessions = house.sessions()
    kept, other = await log_in(sessions), await log_in(sessions)
    await sessions.revoke(1, keep=kept)
    assert sessions.resolve(kept).id == 1
    with pytest.raises(Unauthenticated):
        sessions.resolve(other)


async def test_the_token_of_a_removed_user_opens_nothing(house: House) -> None:
    sessions = house.sessions()
    token = await log_in(sessions)
    house.directory = Directory(Site())
    with pytest.raises(Unauthenticated):
        sessions.resolve(token)


@pytest.mark.parametrize("token", ["", "x", "x" * 5000, "é", "\ud800", "a b"])
async def test_nonsense_opens_nothing(house: House, token: str) -> None:
    with pytest.raises(Unauthenticated):
        house.sessions().resolve(token)


async def test_A33_there_are_no_more_sessions_than_allowed(house: House) -> None:
    sessions = house.sessions()
    house.directory = Directory(Site(users=tuple(User(n, name, password_hash="good") for n, name in USERS)))
    tokens = [await log_in(sessions) for _ in range(3)]
    await sessions.login(Login("doctor", PASSWORD, HERE))
    assert await refusal(sessions, PASSWORD) is Refusal.FULL
    await sessions.release(tokens[0])
    await log_in(sessions)


@pytest.mark.parametrize(("most", "own"), [(2, 1), (3, 2), (5, 4), (6, 4), (10, 8)])
async def test_A33_nobody_can_take_all_the_sessions(house: House, most: int, own: int) -> None:
    house.directory = Directory(Site(users=tuple(User(n, name, password_hash="good") for n, name in USERS)))
    sessions = house.sessions(replace(LIMITS, max_sessions=most))
    for _ in range(own):
        await log_in(sessions)
    assert await refusal(sessions, PASSWORD) is Refusal.FULL
    await sessions.login(Login("doctor", PASSWORD, HERE))


async def test_A33_expired_sessions_make_room(house: House) -> None:
    sessions = house.sessions()
    for _ in range(3):
        await log_in(sessions)
    await house.clock.advance(600)
    await log_in(sessions)
    assert len(house.store.tokens(created_after=0, used_after=0)) == 1


async def test_a_token_that_could_not_be_written_was_never_given(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = house.sessions()

    async def fail(*_: object) -> None:
        raise StoreUnavailable("disk full")

    monkeypatch.setattr(house.store, "record", fail)
    for _ in range(4):
        with pytest.raises(StoreUnavailable):
            await log_in(sessions)


async def test_use_that_cannot_be_written_does_not_refuse_the_request(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = house.sessions()
    token = await log_in(sessions)

    async def fail(*_: object) -> None:
        raise StoreUnavailable("disk full")

    monkeypatch.setattr(house.store, "record", fail)
    await house.clock.advance(61)
    assert sessions.resolve(token).id == 1
    await sessions.close()


async def test_an_unknown_user_gets_the_same_answer_after_the_same_work(house: House) -> None:
    sessions = house.sessions()
    assert await refusal(sessions, "wrong", "nurse") is Refusal.CREDENTIALS
    assert await refusal(sessions, PASSWORD, "nobody") is Refusal.CREDENTIALS
    assert await refusal(sessions, PASSWORD, "guest") is Refusal.CREDENTIALS  # exists, has no password
    assert house.compared == ["good", DUMMY_HASH, DUMMY_HASH]


async def test_A05_after_five_wrong_passwords_in_a_minute_even_the_right_one_has_to_wait(house: House) -> None:
    sessions = house.sessions()
    for _ in range(5):
        assert await refusal(sessions) is Refusal.CREDENTIALS
    assert await refusal(sessions, PASSWORD) is Refusal.TOO_MANY
    assert len(house.compared) == 5
    await house.clock.advance(60)
    await log_in(sessions)


async def test_A05_four_wrong_passwords_a_minute_are_human(house: House) -> None:
    sessions = house.sessions(SessionLimits(address_failures=1000))
    for _ in range(10):
        for _ in range(4):
            assert await refusal(sessions) is Refusal.CREDENTIALS
        await house.clock.advance(60)
    await log_in(sessions)


async def test_A05_the_delay_grows_with_every_further_wrong_password(house: House) -> None:
    sessions = house.sessions()
    for _ in range(5):
        await refusal(sessions)
    for delay in (60, 120, 240):
        await house.clock.advance(delay - 1)
        assert await refusal(sessions) is Refusal.TOO_MANY
        await house.clock.advance(1)
        assert await refusal(sessions) is Refusal.CREDENTIALS


async def test_A05_the_right_password_makes_a_clean_start(house: House) -> None:
    sessions = house.sessions()
    for _ in range(4):
        await refusal(sessions)
    await log_in(sessions)
    for _ in range(4):
        assert await refusal(sessions) is Refusal.CREDENTIALS


async def test_A05_guessing_elsewhere_does_not_lock_anybody_out_here(house: House) -> None:
    sessions = house.sessions()
    for _ in range(6):
        await refusal(sessions, address=THERE)
    await log_in(sessions, address=HERE)


async def test_A05_one_address_cannot_try_many_accounts(house: House) -> None:
    sessions = house.sessions()
    for number in range(8):
        assert await refusal(sessions, name=f"user{number}") is Refusal.CREDENTIALS
    assert await refusal(sessions, name="user9") is Refusal.TOO_MANY


async def test_only_two_passwords_are_checked_at_a_time_and_a_flood_is_counted(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    running, most = 0, 0

    async def executor(_: object, compare: object, *arguments: str) -> bool:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return house.verify(*arguments)

    monkeypatch.setattr(loop, "run_in_executor", executor)
    sessions = house.sessions()
    refusals = await asyncio.gather(*(refusal(sessions) for _ in range(30)))
    assert most == 2
    assert refusals.count(Refusal.CREDENTIALS) <= 6
    assert refusals.count(Refusal.TOO_MANY) >= 24


def test_what_is_remembered_of_a_flood_is_bounded() -> None:
    patience = Patience(5, 60.0, 900.0, watched=10)
    for number in range(100):
        patience.miss((f"user{number}", HERE), 0.0)
    assert len(patience._misses) == 10


async def test_neither_password_nor_token_is_ever_logged(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    sessions = house.sessions()
    await refusal(sessions, "wrong-canary")
    token = await log_in(sessions)
    assert PASSWORD not in repr(Login("nurse", PASSWORD))
    assert "refused" in caplog.text
    for secret in ("wrong-canary", PASSWORD, token):
        assert secret not in caplog.text


async def test_a_password_set_by_a_command_ends_the_sessions_of_that_user_only(house: House) -> None:
    sessions = house.sessions()
    token, other = await log_in(sessions), "guest-token"
    house.directory = Directory(Site(users=(User(1, "nurse", password_hash="good"), User(2, "guest"))))
    await house.store.record(Token(token_hash(other), 2, house.clock.now(), house.clock.now()))
    sessions = house.restart()
    before = house.directory
    house.directory = Directory(Site(users=(User(1, "nurse", password_hash="new"), User(2, "guest"))))
    sessions.reread(before)
    with pytest.raises(Unauthenticated):
        sessions.resolve(token)
    assert sessions.resolve(other).name == "guest"
    await sessions.close()
    assert [kept.user_id for kept in house.store.tokens(created_after=0.0, used_after=0.0)] == [2]


async def test_a_session_that_a_command_ended_on_disk_ends_although_the_site_was_read_meanwhile(house: House) -> None:
    sessions = house.sessions()
    token = await log_in(sessions)
    await house.store.drop_tokens(token_hash(token))
    await house.clock.advance(61)
    sessions.reread(house.directory)
    with pytest.raises(Unauthenticated):
        sessions.resolve(token)


async def test_a_login_that_is_just_being_written_outlives_a_reading_of_the_site(house: House) -> None:
    sessions = house.sessions()
    token = await log_in(sessions)
    await house.store.drop_tokens(token_hash(token))  # as on disk before its commit
    sessions.reread(house.directory)
    assert sessions.resolve(token).name == "nurse"


async def test_a_reading_of_an_unchanged_site_ends_nothing(house: House) -> None:
    sessions = house.sessions()
    token = await log_in(sessions)
    await house.clock.advance(61)
    sessions.reread(house.directory)
    assert sessions.resolve(token).name == "nurse"
