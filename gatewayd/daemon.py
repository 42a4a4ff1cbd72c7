"""The daemon: the single place that knows everything. It puts the parts together, starts them, ends them in order."""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import logging
import os
import resource
import signal
import socket
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING

from gatewayd import __version__, logs, registry, sdnotify
from gatewayd.api.app import build_runner, build_server
from gatewayd.api.options import ApiOptions
from gatewayd.clock import SystemClock, anchor_timeline, read_boot_id
from gatewayd.control.server import Control
from gatewayd.engine.answers import Words
from gatewayd.engine.apifault import ApiFault
from gatewayd.engine.change import Policy
from gatewayd.engine.engine import Engine
from gatewayd.engine.sessions import SessionLimits, Sessions
from gatewayd.errors import ConfigError, GatewayError, StoreUnavailable
from gatewayd.listening import Address, Listener
from gatewayd.model import Role, User
from gatewayd.sections import has_uvloop
from gatewayd.settings import LINE_REFERENCE, RunOptions, Settings
from gatewayd.store import DataLock, Store, open_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gatewayd.clock import Clock
    from gatewayd.driver import Driver
    from gatewayd.engine.line import RunningLine
    from gatewayd.settings import LineConfig, SimulatorConfig
    from gatewayd.simulator import SimulatorSettings

log = logging.getLogger("gatewayd")

COLLECT_AFTER = (10_000, 20, 20)  # new objects, young and middle collections until the next collection of each age
MEBIBYTE = 1 << 20
DEMO_LOGIN = ("nurse", "nurse-demo")
LINES_TIMEOUT = 1.0  # seconds that start-up waits for the first attempt on every line; people must not wait longer
DESCRIPTORS = 4096  # open files: the connections that the API, SIP and SNPP take at most, lines and store, with room
OK, FAILURE, INVALID_CONFIGURATION = 0, 1, 4


def run(settings: Settings, options: RunOptions) -> int:
    """Run the daemon until a signal ends it; returns the exit code."""
    logs.set_up(settings.gateway.log_level, settings.gateway.log_format)
    _ask_for_descriptors()
    try:
        with asyncio.Runner(loop_factory=_loop_factory(settings.gateway.event_loop)) as runner:
            return runner.run(_main(settings, options))
    except ConfigError as error:
        log.error("%s", error)  # noqa: TRY400 - the problems say it all
        return INVALID_CONFIGURATION
    except (GatewayError, OSError) as error:
        log.error("cannot start: %s", error)  # noqa: TRY400
        return FAILURE
    except KeyboardInterrupt:
        return OK


def _ask_for_descriptors() -> None:
    """Raise the soft limit of open files where the hard one allows it: a shell gives 1,024, which a scan uses up."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _loop_factory(choice: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the event loop; None is asyncio's own."""
    if choice == "asyncio" or not has_uvloop():
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module("uvloop").new_event_loop
    return factory


async def _main(settings: Settings, options: RunOptions) -> int:
    async with AsyncExitStack() as stack:
        daemon = Daemon(settings, options, stack)
        end = asyncio.Event()
        loop = asyncio.get_running_loop()
        log.info("the event loop is that of %s", type(loop).__module__.partition(".")[0])
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, end.set)
        loop.add_signal_handler(signal.SIGHUP, daemon.reload)  # before the lock shows our process id to an import
        await daemon.start()
        _spare_the_collector()
        await end.wait()
        log.info("ending")
        sdnotify.stopping()
    return OK


def _spare_the_collector() -> None:
    """Take what the start left, and what stays, out of the garbage collector's sight.

    Every full collection would look at all of it, some 200,000 objects, and hold the loop for tens of milliseconds.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


class Daemon:
    """One running box. `stack` ends what was started, last first."""

    def __init__(
        self, settings: Settings, options: RunOptions, stack: AsyncExitStack, clock: Clock | None = None
    ) -> None:
        self._settings = settings
        self._options = options
        self._stack = stack
        self._given_clock = clock
        self._engine: Engine | None = None
        self._sessions: Sessions | None = None
        self._listener: Listener | None = None
        self._moving: asyncio.Task[None] | None = None

    @property
    def address(self) -> Address:
        """Where the API answers."""
        return self._listener.address if self._listener is not None else Address("", 0)

    @property
    def engine(self) -> Engine:
        """The engine, once it was built."""
        if self._engine is None:
            raise RuntimeError("the daemon was not started")
        return self._engine

    async def start(self) -> None:
        """Start everything; when this returns every port is open. Raises ConfigError, GatewayError, OSError."""
        self._store = self._open_store()
        self._clock = self._given_clock or self._set_clock()
        if self._options.demo:
            self._furnish()
        self._engine = self._build_engine()
        self._start_simulators(waiting=False)
        self._stack.push_async_callback(self.engine.stop)
        self.engine.start()
        await self._first_attempts()
        self._start_simulators(waiting=True)
        await self._serve_api()
        await self._serve_control()
        self._watch()
        self._tell()

    def reload(self) -> None:
        """Read the site anew (SIGHUP), an import changed it. During start-up it is still to be read."""
        if self._engine is None:
            return
        before = self._engine.directory
        try:
            self._engine.reload_site()
            if self._sessions is not None:
                self._sessions.reread(before)
        except GatewayError:
            log.exception("the site could not be read anew; the last good one stays")
        else:
            log.info("site read anew")
            if self._listener is not None:
                self._moving = asyncio.get_running_loop().create_task(self._listener.follow(), name="the API's port")
                self._moving.add_done_callback(_report_end)

    # --- parts --------------------------------------------------------------------------------------------------------

    def _open_store(self) -> Store:
        data = self._settings.gateway.data_dir
        data.mkdir(mode=0o750, parents=True, exist_ok=True)
        lock = DataLock(data)
        self._stack.callback(lock.release)
        reserve = self._settings.gateway.disk_reserve * MEBIBYTE
        store = open_store(data, reserve, was_killed=lock.was_killed)
        self._stack.callback(store.close)
        return store

    def _set_clock(self) -> Clock:
        previous, latest = self._store.anchor()
        real = SystemClock(0.0)
        anchor = anchor_timeline(previous, read_boot_id(), real.now(), real.wall(), latest)
        if anchor != previous:
            try:
                self._store.save_anchor(anchor)
            except StoreUnavailable as error:  # an escalation may be late after the next start; none at all is worse
                log.error("the time of this start is not kept: %s", error)  # noqa: TRY400 - the error says it all
        return SystemClock(anchor.offset)

    def _furnish(self) -> None:
        """Give an empty demo its people."""
        site = self._store.load_site()
        if site.users:
            return
        from gatewayd import sitefile  # no other start reads one

        folder = (self._options.config_file or self._settings.gateway.data_dir / "x").parent
        path = folder / "demo-site.toml"
        parsed = sitefile.parse(path.read_text("utf-8"), str(path))
        lines = self._settings.addressable
        self._store.save_site(sitefile.merge(site, parsed, replace=False, known_lines=lines))

    def _build_engine(self) -> Engine:
        paging = self._settings.paging
        policy = Policy(
            retry_waits=tuple(paging.retry_waits),
            page_lifetime=paging.expire_minutes * 60,
            words=Words.of(paging.accept_words, paging.decline_words),
        )
        engine = Engine(self._store, self._clock, policy)
        for config in self._settings.lines.values():
            engine.add_line(config.name, partial(_make_driver, config), config.pool)
        return engine

    def _start_simulators(self, *, waiting: bool) -> None:
        """Start the simulated devices; those that name a line wait until that line is bound."""
        for config in self._settings.simulators.values():
            if self._names_a_line(config) == waiting:
                simulator = registry.simulator(config.kind)(self._clock, self._with_addresses(config))
                task = asyncio.create_task(simulator.run(), name=f"simulator {config.name}")
                task.add_done_callback(_report_end)
                self._stack.push_async_callback(_cancel, task)

    @staticmethod
    def _names_a_line(config: SimulatorConfig) -> bool:
        values = config.settings.model_dump().values()
        return any(isinstance(value, str) and value.startswith(LINE_REFERENCE) for value in values)

    def _with_addresses(self, config: SimulatorConfig) -> SimulatorSettings:
        """Return the settings of a simulator with every `line:NAME` replaced by where that line is bound."""
        bound: dict[str, str] = {}
        for key, value in config.settings.model_dump().items():
            if isinstance(value, str) and value.startswith(LINE_REFERENCE):
                driver = self.engine.lines[value.removeprefix(LINE_REFERENCE)].driver
                if driver is not None and driver.bound is not None:
                    bound[key] = f"{driver.bound[0]}:{driver.bound[1]}"
        return config.settings.model_copy(update=bound)

    async def _first_attempts(self) -> None:
        """Wait until every line is up or has failed once, so that "ready" means that all ports are open."""
        attempts = [line.first_attempt.wait() for line in self.engine.lines.values()]
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*attempts), LINES_TIMEOUT)

    async def _serve_api(self) -> None:
        api = self._settings.api
        limits = SessionLimits(
            idle=api.token_idle_minutes * 60.0,
            absolute=api.token_lifetime_days * 86400.0,
            max_sessions=api.max_api_sessions,
        )
        sessions = self._sessions = Sessions(self.engine, limits)
        prefixes = ("", *api.prefixes) if api.prefixes else ApiOptions().prefixes
        self._stack.push_async_callback(sessions.close)
        hosts = (*api.allowed_hosts, socket.gethostname(), socket.getfqdn())
        options = ApiOptions(
            name=self._settings.gateway.name,
            prefixes=prefixes,
            allowed_hosts=tuple(host.lower() for host in hosts),
            contact_fields=api.contact_fields,
            user_settings=api.user_settings,
            ask_old_password=api.ask_old_password,
            secure_cookies=api.secure_cookies,
            trusted_proxies=api.trusted_proxies,
            proxy_header=api.proxy_header,
        )
        runner = build_runner(build_server(self.engine, sessions, options))
        self._stack.push_async_callback(runner.cleanup)
        await runner.setup()
        listener = self._listener = Listener(runner, api, self._has_admin, self._clock, ApiFault(self.engine))
        self._stack.push_async_callback(listener.close)
        await listener.open()

    def _has_admin(self) -> bool:
        """Return whether somebody who may look after the box can log in."""
        users = (one for one in self.engine.directory.everybody() if isinstance(one, User))
        return any(user.role is Role.ADMIN and user.password_hash for user in users)

    async def _serve_control(self) -> None:
        """Open the control socket. Without it the commands are blind, but alarms still go their way."""
        gateway = self._settings.gateway
        control = Control(self.engine, gateway.data_dir, lambda: self.address.url, gateway.name)
        self._stack.push_async_callback(control.stop)
        try:
            await control.start()
        except OSError as error:
            log.error("the control socket cannot be opened: %s", error)  # noqa: TRY400 - the error says it all

    def _watch(self) -> None:
        """Feed systemd's watchdog out of the scheduler: it starves when the scheduler stands still."""
        interval = sdnotify.watchdog_interval()
        if interval is not None:
            self.engine.beat(interval / 3, sdnotify.watchdog)

    # --- telling ------------------------------------------------------------------------------------------------------

    def _tell(self) -> None:
        login = DEMO_LOGIN if self._options.demo else (None, None)
        log.info("gatewayd %s answers at %s", __version__, self.address.url or "no address yet")
        if self._options.demo:
            log.info("log in as %s with the password %s", *login)
        if self._options.ready_file is not None:
            try:
                self._write_ready_file(self._options.ready_file, login)
            except OSError as error:
                log.error("%s cannot be written: %s", self._options.ready_file, error.strerror)  # noqa: TRY400
        sdnotify.ready()
        sdnotify.status(f"{len(self.engine.lines)} lines, {self.address.url or 'no console yet'}")

    def _write_ready_file(self, path: Path, login: tuple[str | None, str | None]) -> None:
        lines = {name: {"kind": line.kind, "port": line.port} for name, line in self.engine.lines.items()}
        drivers = [line.driver for line in self.engine.lines.values()]
        bound = next((driver.bound for driver in drivers if driver is not None and driver.bound), None)
        content = {
            "url": self.address.url.rstrip("/"),
            "username": login[0],
            "password": login[1],
            "sip": {"host": bound[0], "port": bound[1]} if bound else None,
            "lines": lines,
        }
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.write_text(json.dumps(content) + "\n", "utf-8")
        draft.replace(path)


def _make_driver(config: LineConfig, line: RunningLine) -> Driver:
    return registry.load(config.kind).driver(line, config.settings)


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _report_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("%s ended", task.get_name(), exc_info=task.exception())
