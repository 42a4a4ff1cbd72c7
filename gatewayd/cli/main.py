"""Reads the command line, calls the command, turns errors into exit codes."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from gatewayd import __version__
from gatewayd.cli.output import DaemonUnreachable, Exit, complain, emit, problems_of
from gatewayd.errors import ConfigError, GatewayError

if TYPE_CHECKING:
    from collections.abc import Sequence

EXIT_CODES = "exit codes: 0 ok, 1 failure, 2 usage, 3 the daemon cannot be reached, 4 the configuration is invalid"

Commands = argparse._SubParsersAction  # noqa: SLF001  # argparse gives its type no other name


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. Wrong usage ends the process with 2, as argparse does."""
    arguments = _parser().parse_args(argv)
    module, _, function = arguments.execute.partition(":")
    try:
        return int(getattr(import_module(module), function)(arguments))
    except ConfigError as error:
        return _refuse(arguments, error)
    except DaemonUnreachable as error:
        return _fail(arguments, str(error), Exit.UNREACHABLE)
    except GatewayError as error:
        return _fail(arguments, str(error), Exit.FAILURE)
    except BrokenPipeError:
        # Whoever read our output has gone; the interpreter must not complain when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.FAILURE
    except KeyboardInterrupt:
        return Exit.FAILURE


def _refuse(arguments: argparse.Namespace, error: ConfigError) -> int:
    if getattr(arguments, "json", False):
        emit({"ok": False, "problems": problems_of(error)})
    else:
        complain(str(error))
    return Exit.INVALID_CONFIGURATION


def _fail(arguments: argparse.Namespace, reason: str, code: Exit) -> int:
    if getattr(arguments, "json", False):
        emit({"ok": False, "error": reason})
    else:
        complain(f"gatewayd: {reason}")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gatewayd", description="On-site alarm gateway.", epilog=EXIT_CODES)
    parser.add_argument("--version", action="version", version=f"gatewayd {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_run(commands)
    _add_config(commands)
    _add_import(commands)
    _add_export(commands)
    _add_user(commands)
    _add_store(commands)
    _add_backup(commands)
    _add_simulate_device(commands)
    _add_ports(commands)
    _add_status(commands)
    _add_capture(commands)
    _add_modem(commands)
    _add_replay(commands)
    _add_rules(commands)
    return parser


def _add(commands: Commands[argparse.ArgumentParser], name: str, execute: str, text: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", epilog=EXIT_CODES)
    parser.set_defaults(execute=f"gatewayd.cli.{execute}")
    return parser


def _add_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="configuration (default: /etc/gatewayd/gatewayd.toml)")
    parser.add_argument("--data", metavar="DIR", help="data directory (default: the configuration's gateway.data_dir)")


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON for programs")


def _add_run(commands: Commands[argparse.ArgumentParser]) -> None:
    parser = _add(commands, "run", "run:run", "run the gateway until it is told to end")
    demo = "simulate devices and people (default: %(default)s; the last one given wins)"
    parser.add_argument("--demo", action=argparse.BooleanOptionalAction, default=False, help=demo)
    _add_files(parser)
    parser.add_argument("--host", help="address of the web console and the API")
    parser.add_argument("--port", type=int, help="port of the web console and the API; 0: any free one")
    parser.add_argument("--ready-file", metavar="FILE", help="file to write when every port is open")


def _add_config(commands: Commands[argparse.ArgumentParser]) -> None:
    text = "check or show the configuration"
    parser = commands.add_parser("config", help=text, description=text, epilog=EXIT_CODES)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, what in (
        ("check", "report every problem of the configuration"),
        ("show", "print every setting and where it comes from; secrets are masked"),
    ):
        action = _add(actions, name, f"config:{name}", what)
        _add_files(action)
        _add_json(action)


def _add_store(commands: Commands[argparse.ArgumentParser]) -> None:
    parser = _add(commands, "store", "store:check", "tell what the store holds and whether its file is sound")
    _add_files(parser)
    _add_json(parser)


def _add_backup(commands: Commands[argparse.ArgumentParser]) -> None:
    text = "copy the store into a new file, also while the gateway runs"
    parser = _add(commands, "backup", "store:backup", text)
    parser.add_argument("file", metavar="FILE", help="a new file; treat it like a password file")
    _add_files(parser)
    _add_json(parser)


def _add_import(commands: Commands[argparse.ArgumentParser]) -> None:
    text = "load users, contacts, groups, plans, alarms and routes from a file"
    parser = _add(commands, "import", "people:import_site", text)
    parser.add_argument("file", metavar="FILE", help="site file; - for standard input")
    parser.add_argument("--replace", action="store_true", help="remove everything that the file does not name")
    _add_files(parser)
    _add_json(parser)


def _add_export(commands: Commands[argparse.ArgumentParser]) -> None:
    text = "write users, contacts, groups, plans, alarms and routes as one file"
    parser = _add(commands, "export", "people:export_site", text)
    parser.add_argument("file", metavar="FILE", nargs="?", default="-", help="site file (default: standard output)")
    _add_files(parser)
    _add_json(parser)


def _add_user(commands: Commands[argparse.ArgumentParser]) -> None:
    text = "manage users"
    parser = commands.add_parser("user", help=text, description=text, epilog=EXIT_CODES)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    text = "set a user's password, typed twice, or read from standard input when that is no terminal"
    action = _add(actions, "set-password", "people:set_password", text)
    action.add_argument("name", metavar="NAME", help="the user's login name")
    _add_files(action)
    _add_json(action)


def _add_simulate_device(commands: Commands[argparse.ArgumentParser]) -> None:
    text = "be a device: a panel, a pager transmitter, a phone; without a name, list them"
    parser = _add(commands, "simulate-device", "simulate:simulate_device", text)
    _add_json(parser)
    parser.add_argument("name", metavar="NAME", nargs="?", help="the simulator")
    rest = "its options; NAME --help shows them"
    parser.add_argument("options", metavar="OPTION", nargs=argparse.REMAINDER, help=rest)


def _add_ports(commands: Commands[argparse.ArgumentParser]) -> None:
    text = "list the serial ports of this machine, by the path that belongs into the configuration"
    _add_json(_add(commands, "ports", "ports:ports", text))


def _add_status(commands: Commands[argparse.ArgumentParser]) -> None:
    for name, text in (
        ("status", "tell how the running gateway is"),
        ("lines", "list the lines of the running gateway: up or down and why, queues, counters"),
    ):
        parser = _add(commands, name, f"status:{name}", text)
        _add_files(parser)
        _add_json(parser)


def _add_capture(commands: Commands[argparse.ArgumentParser]) -> None:
    parser = _add(commands, "capture", "capture:capture", "show what went over a line lately, byte by byte")
    parser.add_argument("line", metavar="LINE", help="the name of the line")
    parser.add_argument("--follow", action="store_true", help="go on with what goes over it now, until Ctrl-C")
    parser.add_argument("--save", metavar="FILE", help="write a new file for `gatewayd replay`; it may hold secrets")
    _add_files(parser)
    _add_json(parser)


def _add_modem(commands: Commands[argparse.ArgumentParser]) -> None:
    text = "ask the modem of a running line something"
    parser = commands.add_parser("modem", help=text, description=text, epilog=EXIT_CODES)
    parser.add_argument("line", metavar="LINE", help="the name of the line")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    text = "send one AT command between those of the gateway and print what the modem says; an error is a failure"
    action = _add(actions, "at", "modem:at", text)
    action.add_argument("command", metavar="COMMAND", help='for example "AT+CSQ"')
    action.add_argument("--timeout", type=float, default=10.0, metavar="S", help="seconds for the answer (default: 10)")
    risky = "also what may change something; the modem is initialised anew afterwards"
    action.add_argument("--force", action="store_true", help=risky)
    _add_files(action)
    _add_json(action)


def _add_replay(commands: Commands[argparse.ArgumentParser]) -> None:
    text = "let a driver live through a saved capture again, and print what it would have reported"
    parser = _add(commands, "replay", "replay:replay", text)
    parser.add_argument("file", metavar="FILE", help="what `gatewayd capture --save` wrote")
    parser.add_argument("--kind", metavar="KIND", help="the driver (default: the one that the capture names)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the line")
    parser.add_argument("--config", metavar="FILE", help="take the settings of a line from this configuration")
    parser.add_argument("--line", metavar="NAME", help="that line (default: the one that the capture names)")
    speed = "N times as fast as it was; 0, the default for a driver: at once; default for a running gateway: 1"
    parser.add_argument("--speed", type=float, metavar="N", help=speed)
    running = parser.add_argument_group(
        "a running test gateway", "be the other end of its line"
    ).add_mutually_exclusive_group()
    running.add_argument("--device", metavar="PATH", help="of a serial line: make this pseudo-terminal")
    running.add_argument("--listen", type=int, metavar="PORT", help="of a line with port socket://127.0.0.1:PORT")
    running.add_argument("--to", metavar="HOST:PORT", help="of a line that listens there, by TCP or UDP")
    _add_json(parser)


def _add_rules(commands: Commands[argparse.ArgumentParser]) -> None:
    text = "try the rules of a line"
    parser = commands.add_parser("rules", help=text, description=text, epilog=EXIT_CODES)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    text = "show what a line would make of a sample or a capture; fails when something is not understood"
    action = _add(actions, "test", "rules:test", text)
    action.add_argument("file", metavar="FILE", help="text, bytes or a capture; - for standard input")
    action.add_argument(
        "--line", metavar="NAME", required=True, help="the line of the configuration whose rules are meant"
    )
    _add_files(action)
    _add_json(action)
