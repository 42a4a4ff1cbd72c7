"""Guessing passwords is slow, nobody is locked out by others, and a restart asks nobody anew."""

from __future__ import annotations

import pytest

from drivers.sip.brake import FREE_TRIES, LONGEST, MAX_SOURCES, WINDOW, Brake
from drivers.sip.digest import Account, answer_challenge
from drivers.sip.events import CallReceived, MessageReceived
from tests.drivers.sip.net import PASSWORD, START, Site
from tests.drivers.sip.samples import request
from tests.drivers.sip.test_line_on_sockets import gateway, phone

from tests.drivers.sip.net import FakeLine, Memory  # isort: skip

MESSAGE_URI = "sip:alarm@gateway.local"
HOST = ("10.0.0.9", 5099)


def challenge_of(site: Site, source: tuple[str, int] = HOST) -> list[str]:
    [refused] = site.hand_in(request(), source)
    return refused.headers["www-authenticate"]


def answer(site: Site, challenges: list[str], password: str = PASSWORD, source: tuple[str, int] = HOST) -> list[int]:
    """Send a MESSAGE with the credentials that answer `challenges` and return the statuses that come back."""
    value = answer_challenge(challenges, Account("2001", password), "MESSAGE", MESSAGE_URI, "c")
    return [response.status for response in site.hand_in(request(authorization=value), source)]


def test_after_five_wrong_passwords_not_even_the_right_one_is_looked_at() -> None:
    site = Site()
    for _ in range(FREE_TRIES):
        assert answer(site, challenge_of(site), "guess") == [401]
    assert answer(site, challenge_of(site)) == [503]
    site.net.now += 2
    assert answer(site, challenge_of(site)) == []
    assert len(site.of(MessageReceived)) == 1


def test_a_source_that_guesses_does_not_lock_others_out() -> None:
    site = Site()
    for _ in range(20):
        answer(site, challenge_of(site), "guess")
    other = ("10.0.0.8", 5060)
    assert answer(site, challenge_of(site, other), source=other) == []


def test_a_challenge_is_of_use_only_to_whom_it_was_given() -> None:
    """So nobody can burn another phone's tries with a forged source address, nor use a nonce seen elsewhere."""
    site = Site()
    challenges = challenge_of(site, ("10.0.0.66", 5060))
    for _ in range(FREE_TRIES + 1):
        assert answer(site, challenges, "guess") == [401]
    assert site.counters["wrong_passwords"] == 0
    assert answer(site, challenge_of(site)) == []


def test_the_wait_grows_to_a_minute_and_is_forgotten() -> None:
    brake, now = Brake(), START
    waits = []
    for _ in range(FREE_TRIES + 8):
        brake.wrong("a", now)
        waits.append(brake.wait("a", now))
    assert waits[: FREE_TRIES - 1] == [0.0] * (FREE_TRIES - 1)
    assert waits[FREE_TRIES - 1 :] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, LONGEST, LONGEST, LONGEST]
    assert brake.wait("b", now) == 0
    brake.wrong("a", now + WINDOW + LONGEST + 1)
    assert brake.wait("a", now + WINDOW + LONGEST + 1) == 0
    brake.right("a")
    assert not brake._records


def test_the_brake_remembers_no_more_sources_than_it_may() -> None:
    brake = Brake()
    for number in range(MAX_SOURCES + 10):
        brake.wrong(str(number), START)
    assert len(brake._records) == MAX_SOURCES


def restarted(before: Site) -> Site:
    after = Site()
    after.net.now = before.net.now + 10
    after.gateway.restore(before.gateway.things_to_keep(), after.net.now)
    return after


def signed(site: Site, method: str, about: str = "sip:alarm@gateway.local", name: str = "2001") -> int:
    """Send a request of 2001 under a name, its digest for a URI; return the status that is not a challenge."""
    own = f"<sip:{name}@gateway.local>;tag=x"
    [refused] = site.hand_in(request(method, body=b"", from_=own))
    value = answer_challenge(refused.headers["www-authenticate"], Account("2001", PASSWORD), method, about, "c")
    return site.hand_in(request(method, body=b"", from_=own, authorization=value))[0].status


def test_nobody_calls_under_the_name_of_somebody_else() -> None:
    site = Site(accept_by_call=True)
    assert signed(site, "INVITE", name="2002") == 403
    assert not site.of(CallReceived)


@pytest.mark.parametrize(
    ("about", "status"), [("sip:gateway.local", 603), ("sip:alarm@pbx.example", 401), ("sip:alarm@10.9.9.9", 401)]
)
def test_a_digest_for_another_domain_opens_no_door_here(about: str, status: int) -> None:
    """RFC 8760 2.6: not the very same URI is asked for, but one that is served here."""
    assert signed(Site(), "INVITE", about) == status


def test_a_challenge_from_before_the_restart_still_counts() -> None:
    before = Site()
    challenges = challenge_of(before)
    assert answer(restarted(before), challenges) == []


def test_a_request_from_before_the_restart_cannot_be_repeated_below_a_count_seen_since() -> None:
    before = Site()
    challenges = challenge_of(before)
    after = restarted(before)
    value = answer_challenge(challenges, Account("2001", PASSWORD), "MESSAGE", MESSAGE_URI, "c")
    assert value is not None
    account = Account("2001", PASSWORD)
    later = _with_count(challenges, account, "00000005")
    assert after.hand_in(request(authorization=later), HOST) == []
    [refused] = after.hand_in(request(authorization=value), HOST)
    assert "stale=true" in refused.headers["www-authenticate"][0]


def _with_count(challenges: list[str], account: Account, count: str) -> str:
    from drivers.sip.digest import Asked, digest, parse_scheme, secret_hash

    challenge = parse_scheme(challenges[0])
    assert challenge is not None
    ha1 = secret_hash("SHA-256", account.user, challenge["realm"], account.password)
    response = digest("SHA-256", ha1, Asked("MESSAGE", MESSAGE_URI, challenge["nonce"], "auth", count, "c"))
    return (
        f'Digest username="{account.user}", realm="{challenge["realm"]}", nonce="{challenge["nonce"]}", '
        f'uri="{MESSAGE_URI}", response="{response}", algorithm=SHA-256, qop=auth, nc={count}, cnonce="c"'
    )


async def test_the_key_of_the_nonces_is_kept_by_the_line() -> None:
    memory = Memory()
    for _ in range(2):
        async with gateway(FakeLine(memory=memory)) as driver, phone(driver) as handset:
            assert handset.registration_status == 200
            memory.saved.setdefault("seen", memory.saved["nonce_key"])
    assert memory.saved["seen"] == memory.saved["nonce_key"]
    assert len(memory.saved["nonce_key"]) == 64


def test_a_site_with_old_phones_offers_md5_alone_and_takes_nothing_else() -> None:
    site = Site(algorithms=("MD5",))
    challenges = challenge_of(site)
    assert ["algorithm=MD5" in value for value in challenges] == [True]
    assert answer(site, [value.replace("algorithm=MD5", "algorithm=SHA-256") for value in challenges]) == [401]
    assert answer(site, challenge_of(site)) == []
