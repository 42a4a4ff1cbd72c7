"""The settings of a Web Push line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from drivers.webpush.urls import Policy
from gatewayd.driver import LineSettings

# RFC 8292 2.1 asks for a mailto: or https: URI; push services refuse an address without a dot in its domain.
SUBJECT = re.compile(r"mailto:[^@\s<>\"\\]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+|https://[A-Za-z0-9.-]+(/[!-~]*)?")
LONGEST_SUBJECT = 254
HOST = re.compile(r"[A-Za-z0-9._:\[\]-]{1,253}")


class WebPushSettings(LineSettings):
    """Who sends, and which push services may be asked; the knobs are explained in the driver's README."""

    subject: str = Field(description="whom push services write to: mailto:somebody@example.org or an https address")
    allow_hosts: tuple[str, ...] = Field((), description="push services inside the house: names or numeric addresses")
    allow_http: bool = Field(default=False, description="take plain http from the hosts of allow_hosts")
    ca_file: Path | None = Field(None, description="PEM file of further authorities to trust, for services inside")
    timeout: float = Field(5.0, gt=0, le=30, description="seconds that a push service has for its whole answer")
    probe_every: float = Field(60.0, ge=0, le=86_400, description="seconds between proofs that a service answers")
    parallel: int = Field(32, ge=1, le=256, description="pages under way at the same time")

    @field_validator("subject")
    @classmethod
    def _subject_is_one_that_services_take(cls, subject: str) -> str:
        if len(subject) > LONGEST_SUBJECT or not SUBJECT.fullmatch(subject):
            raise ValueError("write mailto:somebody@example.org or https://example.org")
        return subject

    @field_validator("allow_hosts")
    @classmethod
    def _hosts_are_bare(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if not HOST.fullmatch(host) or host.count(":") == 1:
                raise ValueError("write a host name or a numeric address, without scheme, port or path")
        return hosts

    @model_validator(mode="after")
    def _plain_http_is_for_listed_hosts(self) -> Self:
        if self.allow_http and not self.allow_hosts:
            raise ValueError("allow_http: needs allow_hosts, the hosts that it is for")
        return self

    def policy(self) -> Policy:
        """Return what endpoints may look like."""
        return Policy.of(self.allow_hosts, allow_http=self.allow_http)
