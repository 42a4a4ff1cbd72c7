"""Where a push may go, whatever a user's browser asks for."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from drivers.webpush.urls import LONGEST_URL, Origin, Policy, check_url, is_public
from gatewayd.errors import Invalid

STRICT = Policy()
IN_HOUSE = Policy.of(("push.house.lan", "10.0.0.9", "[fd00::9]"), allow_http=True)
PATH = "/wpush/v2/gAAAA:x-y_z"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://fcm.googleapis.com/fcm/send/abc:APA91b-x_y", "https://fcm.googleapis.com"),
        ("https://updates.push.services.mozilla.com/wpush/v2/gAA", "https://updates.push.services.mozilla.com"),
        ("https://web.push.apple.com/QGx", "https://web.push.apple.com"),
        ("https://wns2-par02p.notify.windows.com/w/?token=BQYA%2bXyz%3d", "https://wns2-par02p.notify.windows.com"),
        ("HTTPS://Push.Example.NET:443/x", "https://push.example.net"),
        ("https://push.example.net:8443/x", "https://push.example.net:8443"),
        ("https://93.184.216.34/x", "https://93.184.216.34"),
        ("https://[2606:2800:220:1::1]:8443/x", "https://[2606:2800:220:1::1]:8443"),
        ("https://push.example.net", "https://push.example.net"),
    ],
)
def test_endpoint_of_a_push_service_is_taken(url: str, origin: str) -> None:
    assert str(check_url(url, STRICT)) == origin


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "224.0.0.1", "239.1.2.3", "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1",
        "[::1]", "[::]", "[fe80::1]", "[fd00::1]", "[fc00::1]", "[ff02::1]", "[fec0::1]", "[2001:db8::1]",
        "[2002:7f00:1::]",        "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:10.0.0.1]",
        "[64:ff9b::127.0.0.1]", "[64:ff9b::a00:1]",
        "[::127.0.0.1]",
    ],
)  # fmt: skip
def test_address_that_is_not_public_is_refused(host: str) -> None:
    with pytest.raises(Invalid, match=r"endpoint: the address .* is not public") as caught:
        check_url(f"https://{host}{PATH}", STRICT)
    assert caught.value.field == "endpoint"


@pytest.mark.parametrize(
    "host",
    ["2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "127.1", "127.0.1", "017700000001", "0x7F.1", "127.0.0.1.",
     "[::1%25lo]", "[93.184.216.34]", "[127.0.0.1]", "[..]", "[::]]", "[1.2.3]", "[v1.a]"],
)  # fmt: skip
def test_other_spellings_of_an_address_are_refused(host: str) -> None:
    with pytest.raises(Invalid):
        check_url(f"https://{host}{PATH}", STRICT)


@pytest.mark.parametrize(
    "url",
    [
        "", "push.example.net/x", "//push.example.net/x", "ftp://push.example.net/x", "file:///etc/passwd",
        "http://push.example.net/x", "javascript:alert(1)", "https:///x", "https://",
        "https://user@push.example.net/x", "https://user:pw@push.example.net/x", "https://good.example\\@127.0.0.1/x",
        "https://good.example#@127.0.0.1/", "https://good.example/x#y", "https://good.example/a b",
        "https://good.example/\r\nX: y",
        "https://good.example/x\n", " https://good.example/x", "https://good%2eexample/x", "https://gööd.example/x",
        "https://good..example/x", "https://.example/x", "https://-good.example/x", "https://good.example:0/x",
        "https://good.example:65536/x", "https://good.example:/x", "https://good.example:٤٤٣/x", "https://good.example?x",
        "https://[::1/x", "https://::1/x", "https://" + "a" * 64 + ".example/x",
        "https://good.example/" + "x" * LONGEST_URL,
    ],
)  # fmt: skip
def test_what_is_no_plain_https_url_is_refused(url: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_url(url, STRICT)
    assert caught.value.field == "endpoint"


def test_hosts_of_the_house_are_reached_when_they_are_listed() -> None:
    assert str(check_url("https://push.house.lan/x", IN_HOUSE)) == "https://push.house.lan"
    assert str(check_url("http://PUSH.house.lan.:8080/x", IN_HOUSE)) == "http://push.house.lan.:8080"
    assert str(check_url("http://10.0.0.9/x", IN_HOUSE)) == "http://10.0.0.9"
    assert str(check_url("http://[fd00:0::9]:81/x", IN_HOUSE)) == "http://[fd00:0::9]:81"


@pytest.mark.parametrize("url", ["http://push.example.net/x", "https://10.0.0.8/x", "http://house.lan/x"])
def test_listing_one_host_opens_no_other(url: str) -> None:
    with pytest.raises(Invalid):
        check_url(url, IN_HOUSE)


def test_listed_host_is_asked_in_plain_text_only_when_that_is_allowed() -> None:
    with pytest.raises(Invalid, match="https"):
        check_url("http://push.house.lan/x", Policy.of(("push.house.lan",)))


@pytest.mark.parametrize(
    ("host", "address", "reached"),
    [
        ("push.example.net", "93.184.216.34", True),
        ("push.example.net", "2606:2800:220:1::1", True),
        ("push.example.net", "64:ff9b::5db8:d822", True),  # an IPv4 address behind NAT64
        ("push.example.net", "::ffff:93.184.216.34", True),
        ("push.example.net", "127.0.0.1", False),
        ("push.example.net", "::ffff:192.168.0.1", False),
        ("push.example.net", "fe80::1%eth0", False),
        ("push.example.net", "no address", False),
        ("push.example.net", "10.0.0.9", True),  # the address itself is listed
        ("push.house.lan", "192.168.0.7", True),  # the name is listed
        ("push.house.lan.", "192.168.0.7", True),
        ("other.house.lan", "192.168.0.7", False),
    ],
)
def test_address_behind_a_name_is_judged_as_well(host: str, address: str, reached: bool) -> None:  # noqa: FBT001 - a table
    assert IN_HOUSE.reaches(host, address) is reached


@settings(max_examples=100, deadline=None)
@given(st.ip_addresses(v=4, network="10.0.0.0/8") | st.ip_addresses(v=6, network="fc00::/7"))
def test_no_private_address_is_public(address: object) -> None:
    assert not is_public(str(address))


URL_TEXT = st.text(alphabet="htps:/@.[]%#?\\ 01a7fx-_\r\n\tü", max_size=40).map(lambda text: f"https://{text}")


@settings(max_examples=150, deadline=None)
@given(URL_TEXT | st.from_regex(r"https?://[a-z0-9.\-:\[\]@]{1,20}/?", fullmatch=True))
def test_what_is_taken_means_the_same_to_the_library_that_connects(url: str) -> None:
    try:
        origin = check_url(url, Policy.of((), allow_http=True))
    except Invalid:
        return
    parsed = URL(url, encoded=True)
    assert (parsed.scheme, (parsed.raw_host or "").lower(), parsed.port) == (origin.scheme, origin.host, origin.port)
    assert parsed.user is None


def test_origin_never_shows_the_path() -> None:
    origin = check_url(f"https://push.example.net{PATH}", STRICT)
    assert origin == Origin("https", "push.example.net", 443)
    assert "gAAAA" not in repr(origin)
