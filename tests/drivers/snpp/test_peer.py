"""Perl's Net::SNPP, a client that we did not write."""

from __future__ import annotations

import asyncio
import shutil
import subprocess

import pytest

from gatewayd.driver import Progress
from tests.drivers.snpp.site import serving

pytestmark = [pytest.mark.peer, pytest.mark.timeout(20)]

PERL = """
use Net::SNPP;
my $snpp = Net::SNPP->new("127.0.0.1", Port => $ARGV[0], Timeout => 10) or die "no connection";
$snpp->caller_id("net-snpp") or die $snpp->message;
$snpp->send(Pager => ["100", "101"], Message => "from perl", Coverage => 1, Alert => 1) or die $snpp->message;
$snpp->quit;
"""
PERL_TWO_WAY = """
use Net::SNPP;
my $snpp = Net::SNPP->new("127.0.0.1", Port => $ARGV[0], Timeout => 10) or die "no connection";
$snpp->caller_id("net-snpp") or die $snpp->message;
$snpp->two_way or die $snpp->message;
$snpp->pager_id("100");
$snpp->code == 850 or die $snpp->message;
$snpp->read_ack(1) or die $snpp->message;
$snpp->reply_type("MULTICHOICE") or die $snpp->message;
$snpp->expire_time(2) or die $snpp->message;
$snpp->message_response(1, "Acknowledge") or die $snpp->message;
$snpp->message_response(2, "Decline") or die $snpp->message;
$snpp->content("from perl") or die $snpp->message;
my @sent = $snpp->send_two_way;
$| = 1;
for (1 .. 3) {
    my @status = $snpp->message_status($sent[0], $sent[1]);
    print "$status[4] $status[0] $status[3]\\n";
    <STDIN>;
}
$snpp->quit;
"""


def perl_has_net_snpp() -> bool:
    perl = shutil.which("perl")
    return (
        perl is not None
        and subprocess.run([perl, "-MNet::SNPP", "-e1"], capture_output=True, check=False).returncode == 0
    )


@pytest.fixture
def perl() -> str:
    if not perl_has_net_snpp():
        pytest.skip("Perl's Net::SNPP is not installed (Debian: libnet-snpp-perl)")
    return "perl"


async def test_net_snpp_of_perl_pages_through_us(perl: str) -> None:
    async with serving() as (gateway, client):
        port = client._settings.server.rpartition(":")[2]
        process = await asyncio.create_subprocess_exec(perl, "-e", PERL, port, stderr=asyncio.subprocess.PIPE)
        _, err = await process.communicate()
        assert process.returncode == 0, err.decode()
    assert [(text.sender, text.text, text.recipient) for text in gateway.texts] == [
        ("net-snpp", "from perl", pager) for pager in ("100", "101")
    ]


async def test_net_snpp_of_perl_follows_its_message_to_the_answer(perl: str) -> None:
    pipe = asyncio.subprocess.PIPE
    async with serving() as (gateway, client):
        port = client._settings.server.rpartition(":")[2]
        arguments = (perl, "-e", PERL_TWO_WAY, port)
        process = await asyncio.create_subprocess_exec(*arguments, stdin=pipe, stdout=pipe, stderr=pipe)
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        said = [await process.stdout.readline()]
        for progress in (Progress.READ, Progress.ACCEPTED):
            gateway.tells(progress)
            process.stdin.write(b"\n")
            said.append(await process.stdout.readline())
        process.stdin.write(b"\n")
        assert await process.wait() == 0, (await process.stderr.read()).decode()
    assert said == [
        b"960 0 message queued, awaiting delivery\n",
        b"870 1 read, awaiting reply\n",
        b"888 2 1 Acknowledge\n",
    ]
