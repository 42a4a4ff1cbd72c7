"""The rules of RFC 3261 section 10.3, one test each."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from drivers.sip.digest import Account, answer_challenge
from drivers.sip.events import BindingsChanged, Registered
from drivers.sip.flow import Flow
from drivers.sip.message import Request, parse_message
from drivers.sip.registrar import Binding
from tests.drivers.sip.net import PASSWORD, START, Site, page, settings
from tests.drivers.sip.samples import request

if TYPE_CHECKING:
    from drivers.sip.message import Response

HERE = "<sip:2001@10.0.0.9:5099>"
THERE = "<sip:2001@10.0.0.8:5088>"


class Desk:
    """A registrar that trusts everybody, and somebody who registers."""

    def __init__(self, **changes: object) -> None:
        self.site = Site(authenticate=False, **changes)
        self._numbers = itertools.count(1)

    def register(
        self, contact: str | None = HERE, *, user: str = "2001", saved: bool = True, **headers: str
    ) -> Response:
        """Send a REGISTER of a new call (unless told otherwise), and let the disk answer."""
        before = len(self.site.of(BindingsChanged))
        fields = {"call_id": f"call-{next(self._numbers)}", "to": f"<sip:{user}@gateway.local>", **headers}
        answers = self.site.hand_in(request("REGISTER", "sip:gateway.local", b"", contact=contact, **fields))
        for event in self.site.of(BindingsChanged)[before:]:
            self.site.gateway.bindings_saved(event.transaction, self.site.net.now, saved=saved)
            self.site.net.run()
            answers = self.site.net.responses(("10.0.0.9", 5099))
        return answers[-1]

    @property
    def contacts(self) -> list[str]:
        """The contacts of 2001, the preferred first."""
        return [f"<{binding.uri}>" for binding in self.site.gateway.registrar.current("2001", self.site.net.now)]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_binding_is_on_disk_before_it_is_confirmed_and_counts_from_then_on(desk: Desk) -> None:
    assert (
        desk.site.hand_in(request("REGISTER", "sip:gateway.local", b"", to="<sip:2001@gateway.local>", contact=HERE))
        == []
    )
    assert not desk.contacts
    [event] = desk.site.of(BindingsChanged)
    desk.site.gateway.bindings_saved(event.transaction, desk.site.net.now, saved=True)
    assert desk.contacts == [HERE]


def test_a_binding_that_could_not_be_written_does_not_count(desk: Desk) -> None:
    assert desk.register(saved=False).status == 503
    assert not desk.contacts
    assert not desk.site.of(Registered)


def test_every_binding_is_listed_with_its_own_remaining_time(desk: Desk) -> None:
    desk.register(f"{HERE};expires=100")
    desk.site.net.advance(40)
    answer = desk.register(f"{THERE};q=0.5", expires="200")
    assert sorted(answer.every("contact")) == [f"{THERE};expires=200;q=0.5", f"{HERE};expires=60"]
    assert answer.first("date") == "Tue, 14 Nov 2023 22:13:20 GMT"


def test_no_contact_asks_for_the_bindings_and_changes_nothing(desk: Desk) -> None:
    desk.register()
    changes = len(desk.site.of(BindingsChanged))
    assert desk.register(None).every("contact") == [f"{HERE};expires=3600"]
    assert len(desk.site.of(BindingsChanged)) == changes


def test_a_binding_ends_when_its_time_is_over(desk: Desk) -> None:
    desk.register(expires="60")
    desk.site.net.advance(59.9)
    assert desk.contacts
    desk.site.net.advance(0.2)
    assert not desk.contacts


def test_expires_zero_removes_the_binding(desk: Desk) -> None:
    desk.register()
    assert desk.register(f"{HERE};expires=0").every("contact") == []
    assert desk.site.of(BindingsChanged)[-1].changes == {"bindings/2001": None}


def test_a_star_removes_everything(desk: Desk) -> None:
    desk.register()
    desk.register(THERE)
    assert desk.register("*", expires="0").status == 200
    assert not desk.contacts


@pytest.mark.parametrize(("contact", "expires"), [("*", "60"), ("*", ""), (f"*, {HERE}", "0")])
def test_a_star_stands_alone_and_with_expires_zero(desk: Desk, contact: str, expires: str) -> None:
    desk.register()
    assert desk.register(contact, expires=expires).status == 400
    assert desk.contacts == [HERE]


def test_within_a_call_only_a_higher_cseq_counts(desk: Desk) -> None:
    assert desk.register(call_id="c", cseq="5 REGISTER").status == 200
    assert desk.register(f"{THERE}, {HERE};expires=0", call_id="c", cseq="5 REGISTER").status == 500
    assert desk.register("*", expires="0", call_id="c", cseq="4 REGISTER").status == 500
    assert desk.contacts == [HERE]
    assert desk.register(f"{HERE};expires=0", call_id="c", cseq="6 REGISTER").status == 200
    assert not desk.contacts


def test_a_request_counts_as_a_whole_or_not_at_all(desk: Desk) -> None:
    assert desk.register(f"{HERE}, <not a uri>").status == 400
    assert not desk.contacts


def test_too_short_a_time_is_refused_with_the_shortest(desk: Desk) -> None:
    answer = desk.register(expires="59")
    assert (answer.status, answer.first("min-expires")) == (423, "60")


def test_too_long_a_time_is_shortened_and_nonsense_means_the_default(desk: Desk) -> None:
    assert desk.register(expires="99999999999999999999").every("contact") == [f"{HERE};expires=7200"]
    assert desk.register(f"{HERE};expires=soon").every("contact") == [f"{HERE};expires=3600"]


def test_a_device_that_comes_back_under_another_address_replaces_itself(desk: Desk) -> None:
    desk.register(f'{HERE};+sip.instance="<urn:uuid:1>"')
    desk.register(f'{THERE};+sip.instance="<urn:uuid:1>"')
    assert desk.contacts == [THERE]


@pytest.mark.parametrize(("transport", "asked", "granted"), [("TCP", 3600, 600), ("TLS", 90, 90), ("UDP", 3600, 3600)])
def test_over_a_connection_a_binding_is_renewed_soon(desk: Desk, transport: str, asked: int, granted: int) -> None:
    """Or a phone that does not see its connection end would be out of reach for an hour after a restart."""
    register = parse_message(request("REGISTER", "sip:gateway.local", b"", contact=HERE, expires=str(asked)))
    assert isinstance(register, Request)
    flow = Flow(transport, ("10.0.0.9", 5099), 0 if transport == "UDP" else 1)
    [binding] = desk.site.gateway.registrar.plan("2001", register, flow, START)
    assert binding.expires == START + granted


PATH = "<sip:edge1.site;lr>, <sip:10.0.0.7:5070;lr>"


def test_the_proxies_on_the_way_are_remembered_and_named_to_who_knows_of_it(desk: Desk) -> None:
    answer = desk.register(path=PATH, supported="gruu, Path", require="path")
    assert (answer.status, answer.every("path")) == (200, PATH.split(", "))
    assert "path" not in desk.register(path=PATH).headers
    [binding] = desk.site.gateway.registrar.current("2001", desk.site.net.now)
    assert binding.path == tuple(PATH.split(", "))
    assert Binding.from_json(binding.to_json()).path == binding.path


def test_pages_and_questions_go_the_way_that_the_registration_came() -> None:
    desk = Desk(options_interval=60)
    desk.register(path=PATH, expires="300")
    desk.site.gateway.send_page(page(), desk.site.net.now)
    desk.site.net.advance(60)
    sent = desk.site.net.requests(("10.0.0.9", 5099))
    assert {each.method for each in sent} == {"MESSAGE", "OPTIONS"}
    for each in sent:
        assert (each.every("route"), each.uri) == (PATH.split(", "), "sip:2001@10.0.0.9:5099")


@pytest.mark.parametrize("path", ["tel:1", "<sip:", "<sip:a>," * 9 + "<sip:a>", f"<sip:{'a' * 600}>"])
def test_a_path_that_cannot_be_followed_is_refused(desk: Desk, path: str) -> None:
    assert desk.register(path=path).status == 400
    assert not desk.contacts


def test_a_binding_of_an_older_version_has_no_path() -> None:
    saved = Binding("sip:a@10.0.0.9", START, "c", 1, Flow("UDP", ("10.0.0.9", 5060)), path=("<sip:x;lr>",)).to_json()
    del saved["path"]
    assert Binding.from_json(saved).path == ()


def test_devices_are_ordered_by_q(desk: Desk) -> None:
    desk.register(f"{HERE};q=0.2, {THERE};q=0.9")
    assert desk.contacts == [THERE, HERE]


@pytest.mark.parametrize(
    ("said", "meant"),
    [("0.12345", 0.123), ("7", 1.0), ("-1", 0.0), ("nan", 0.0), ("inf", 1.0), ("much", 1.0), ("", 1.0)],
)
def test_q_lies_between_0_and_1_whatever_is_said(desk: Desk, said: str, meant: float) -> None:
    desk.register(f"{HERE};q={said}")
    assert [each.q for each in desk.site.gateway.registrar.current("2001", START)] == [meant]


def test_a_telephone_number_is_no_contact(desk: Desk) -> None:
    assert desk.register("<tel:+49301>").status == 400
    assert not desk.contacts


def test_a_phone_that_leaves_zombies_does_not_lock_itself_out(desk: Desk) -> None:
    for port in range(6000, 6015):
        desk.register(f"<sip:2001@10.0.0.9:{port}>")
        desk.site.net.advance(1)
    assert len(desk.contacts) == 10
    assert "<sip:2001@10.0.0.9:6014>" in desk.contacts


def test_a_phone_that_asks_for_less_time_than_its_zombies_have_left_is_reached_all_the_same(desk: Desk) -> None:
    for port in range(6000, 6010):
        desk.register(f"<sip:2001@10.0.0.9:{port}>", expires="7200")
    answer = desk.register(f"{THERE}, {HERE}", expires="60")
    assert {f"{THERE};expires=60", f"{HERE};expires=60"} <= set(answer.every("contact"))
    assert len(desk.contacts) == 10


def test_more_devices_than_are_kept_are_refused_as_a_whole(desk: Desk) -> None:
    many = ", ".join(f"<sip:2001@10.0.0.9:{port}>" for port in range(6000, 6011))
    assert desk.register(many).status == 400
    assert not desk.contacts


@pytest.mark.parametrize(
    ("what", "headers", "status"),
    [
        ("an unknown user", {"to": "<sip:2999@gateway.local>"}, 404),
        ("nobody", {"to": "<sip:gateway.local>"}, 404),
        ("a foreign domain", {"to": "<sip:2001@example.com>"}, 404),
        ("an extension", {"require": "path, outbound"}, 420),
        ("a scheme nobody knows", {"to": "<isbn:2983792873>"}, 416),
    ],
)
def test_who_cannot_register_here_is_refused(desk: Desk, what: str, headers: dict[str, str], status: int) -> None:
    assert desk.register(**headers).status == status, what  # type: ignore[arg-type]


def test_nobody_registers_for_somebody_else() -> None:
    site = Site()
    phone = site.add_phone(("10.0.0.6", 5062), "2001")
    honest = phone._aor
    phone._aor = lambda user: honest("2002")  # type: ignore[method-assign]
    phone.register(site.net.now)
    site.net.run()
    assert [response.status for response in site.net.responses(("10.0.0.6", 5062))] == [401, 403]


@pytest.mark.parametrize("user", ["2002", "2999"], ids=["somebody", "nobody"])
def test_who_may_not_register_for_a_name_does_not_learn_whether_it_exists(user: str) -> None:
    site, fields = Site(), {"to": f"<sip:{user}@gateway.local>", "contact": HERE}
    [asked] = site.hand_in(request("REGISTER", "sip:gateway.local", b"", **fields))
    account = Account("2001", PASSWORD)
    value = answer_challenge(asked.headers["www-authenticate"], account, "REGISTER", "sip:gateway.local", "c")
    refused = site.hand_in(request("REGISTER", "sip:gateway.local", b"", **fields, authorization=value))
    assert [each.status for each in refused] == [403]


def sign_up(site: Site, user: str, *, saved: bool = True) -> list[int]:
    """Register somebody where no passwords are asked for; return the statuses."""
    own, before = f"<sip:{user}@gateway.local>", len(site.of(BindingsChanged))
    contact = "<sip:x@10.0.0.9:5099>;expires=60"
    data = request("REGISTER", "sip:gateway.local", b"", to=own, from_=f"{own};tag=x", contact=contact)
    answers = site.hand_in(data)
    for event in site.of(BindingsChanged)[before:]:
        site.gateway.bindings_saved(event.transaction, site.net.now, saved=saved)
    site.net.run()
    return [answer.status for answer in answers or site.net.responses(("10.0.0.9", 5099))[-1:]]


def test_where_everybody_may_register_no_more_are_kept_than_a_site_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.sip.protocol.MAX_USERS", 3)
    site = Site(authenticate=False, accounts={})
    assert [sign_up(site, user) for user in ("a", "b", "c", "d", "a")] == [[200], [200], [200], [503], [200]]
    site.net.advance(61)
    assert sign_up(site, "d") == [200]
    assert site.of(BindingsChanged)[-1].changes.keys() == {"bindings/a", "bindings/b", "bindings/d"}
    assert site.of(BindingsChanged)[-1].changes["bindings/a"] is None
    assert sorted(site.gateway.registrar.users()) == ["c", "d"]


@pytest.mark.parametrize("user", ["%00", "%FC", "J\udcfcrgen", "a" * 257])
def test_nobody_registers_under_a_name_that_the_store_could_not_hold(user: str) -> None:
    site = Site(authenticate=False, accounts={})
    assert sign_up(site, user) == [404]
    assert not site.of(BindingsChanged)


def test_bindings_come_back_after_a_restart_and_unknown_users_do_not(desk: Desk) -> None:
    desk.register(f'{HERE};q=0.7;+sip.instance="<urn:uuid:1>"')
    remembered = dict(desk.site.of(BindingsChanged)[-1].changes)
    remembered["bindings/2999"] = remembered["bindings/2001"]
    fresh = Site().gateway
    fresh.restore(remembered, START)
    assert fresh.registrar.current("2001", START) == desk.site.gateway.registrar.current("2001", START)
    assert not fresh.registrar.current("2999", START)


@pytest.mark.parametrize(
    "changes",
    [
        {"static": {"2001": "sip:2001@phone.local"}},
        {"static": {"2001": "2001"}},
        {"host": "0.0.0.0", "domains": ()},
        {"min_expires": 3600, "max_expires": 60},
        {"networks": ("not a network",)},
        {"accounts": {"with space": {"password": "x"}}},
        {"accounts": {"2001": {"password": ""}}},
        {"pbx": {"servers": ("sip:10.0.0.2",), "user": "alarms", "password": ""}},
    ],
)
def test_settings_that_cannot_work_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="validation error") as caught:
        settings(**changes)
    assert "s3cret" not in str(caught.value)


def test_passwords_do_not_show_in_settings() -> None:
    assert "s3cret" not in repr(settings())
