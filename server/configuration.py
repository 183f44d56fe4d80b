"""Reads the options from the command line, the environment and a file, in this order of precedence.

The option `--stale-after 30` is also the variable VIEWSTREAM_STALE_AFTER=30, and the line
`stale-after = 30` of the TOML file that `--config` or VIEWSTREAM_CONFIG names. An option that can
be repeated is a list there: in a variable its values are separated by blanks.
"""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import json
import os
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_type_hints

from psycopg2.extensions import make_dsn, parse_dsn

from server.option_values import COUNT, DSN, SECONDS, SECRET
from server.options import ConfigurationError, Option, Options, check
from viewstream import dsn

PREFIX = "VIEWSTREAM_"
_SIMILAR = 0.91
"""Of 1, how similar a name is that was misspelled: by a letter or two."""
_BOOLS = {"1": True, "true": True, "yes": True, "on": True}
_BOOLS |= {"0": False, "false": False, "no": False, "off": False}
_SECRETS = ("token", "token_file")
"""Two ways to give one secret: the one that has precedence hides both of what is below."""


def parse(words: Sequence[str], environ: Mapping[str, str] | None = None) -> Options:
    """Read the options; ends the process with a message and status 2 if they are wrong."""
    parser = _parser()
    given = vars(parser.parse_args(words))
    environ = os.environ if environ is None else environ
    path = given.pop("config", None) or environ.get(PREFIX + "CONFIG")
    prints = given.pop("print_config", False)
    try:
        layers = [_freeze(given), _read_environment(environ)]
        if path is not None:
            layers.append(_read_file(Path(path)))
        options = Options(**{"views": (), **_merge(layers)})
        with_token = _read_token(options)
        check(with_token)
    except ConfigurationError as error:
        parser.error(str(error))
    if prints:
        sys.stdout.write(print_config(options))
        parser.exit()
    return with_token


def option_name(field: str) -> str:
    """Return the name of an option, without its dashes, by its field."""
    return field.replace("_", "-")


def fields() -> Iterator[tuple[str, Option]]:
    """Yield each field of `Options` that is an option."""
    for name, hint in get_type_hints(Options, include_extras=True).items():
        for option in getattr(hint, "__metadata__", ()):
            yield name, option


def default_of(field: str) -> Any:
    """Return the value of an option that is not given."""
    return () if field == "views" else getattr(Options, field)


# --- the command line ------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m server",
        description="Keeps browsers' copies of Materialize's views exact, over websockets.",
        epilog="Sizes may end in K, M or G. --stale-after 30 is also VIEWSTREAM_STALE_AFTER=30 in "
        "the environment, and stale-after = 30 in the file of --config.",
        argument_default=argparse.SUPPRESS,
    )
    for name, option in fields():
        _add(parser, name, option)
    parser.add_argument("--config", metavar="FILE", help="a TOML file of options")
    parser.add_argument(
        "--print-config",
        action="store_true",
        help="print the options as such a file, without secrets, and end",
    )
    return parser


def _add(parser: argparse.ArgumentParser, name: str, option: Option) -> None:
    default, kind = default_of(name), option.kind
    if name == "views":
        parser.add_argument(name, nargs="*", type=kind.parse, metavar=kind.unit, help=option.help)
        return
    if default is False:
        parser.add_argument(f"--{option_name(name)}", action="store_true", help=option.help)
        return
    shown = "" if kind.show is None or default in (None, ()) else f"; default {kind.show(default)}"
    parser.add_argument(
        f"--{option_name(name)}",
        action="append" if default == () else "store",
        type=kind.parse,
        metavar=kind.unit,
        help=option.help + shown,
    )


def _freeze(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in given.items()
        if value != []
    }


# --- the environment and the file ------------------------------------------------------------


def _read_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """Read the variables; an empty one counts as none."""
    found: dict[str, Any] = {}
    for name, option in fields():
        variable = PREFIX + name.upper()
        if text := environ.get(variable):
            is_list = default_of(name) == ()
            found[name] = _convert(name, option, text.split() if is_list else text, variable)
    return found


def misspelled(environ: Mapping[str, str]) -> dict[str, str]:
    """Return variables that look like one of an option, with the option's.

    A misspelled VIEWSTREAM_READER_KEY would leave the views open to all. Other variables with the
    prefix belong to scripts, or are made by a container's network.
    """
    known = [PREFIX + name.upper() for name, _ in fields()]
    found: dict[str, str] = {}
    for variable in environ:
        if variable.startswith(PREFIX) and variable not in known:
            for similar in difflib.get_close_matches(variable, known, 1, _SIMILAR):
                found[variable] = similar
    return found


def _read_file(path: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"cannot read the options of {path}: {error}") from error
    known = {option_name(name): (name, option) for name, option in fields()}
    found: dict[str, Any] = {}
    for key, value in content.items():
        if key not in known:
            expected = ", ".join(sorted(known))
            raise ConfigurationError(f"{path}: expected one of {expected}; found {key!r}")
        name, option = known[key]
        found[name] = _convert(name, option, value, f"{path}: {key}")
    return found


def _is_secret(option: Option) -> bool:
    """Whether a value of the option is not to be shown."""
    return option.kind in (DSN, SECRET)


def _convert(name: str, option: Option, value: Any, where: str) -> Any:
    """Convert a value of the environment or the file; raises ConfigurationError."""
    default = default_of(name)
    if default is False:
        if isinstance(value, str) and value.lower() in _BOOLS:
            return _BOOLS[value.lower()]
        if isinstance(value, bool):
            return value
        raise ConfigurationError(f"{where}: expected true or false, found {value!r}")
    if default == ():
        if not isinstance(value, list):
            raise ConfigurationError(f"{where}: expected a list, found {value!r}")
        return tuple(_parse(option, one, where) for one in value)
    return _parse(option, value, where)


def _parse(option: Option, value: Any, where: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        found = "another value" if _is_secret(option) else repr(value)
        raise ConfigurationError(f"{where}: expected a text or a number, found {found}")
    try:
        return option.kind.parse(str(value))
    except argparse.ArgumentTypeError as error:
        raise ConfigurationError(f"{where}: {error}") from error


def _merge(layers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Merge layers, of which the first has precedence."""
    merged: dict[str, Any] = {}
    for layer in reversed(layers):
        if any(name in layer for name in _SECRETS):
            for name in _SECRETS:
                merged.pop(name, None)
        merged.update(layer)
    return merged


def _read_token(options: Options) -> Options:
    """Read the file of `--token-file`."""
    if options.token_file is None:
        return options
    if options.token is not None:
        raise ConfigurationError("expected a token or a token file, found both")
    try:
        token = options.token_file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"cannot read the token of {options.token_file}: {error}"
        ) from error
    if not token:
        raise ConfigurationError(f"expected a token in {options.token_file}, found nothing")
    return dataclasses.replace(options, token=token)


# --- printing --------------------------------------------------------------------------------


def print_config(options: Options) -> str:
    """Return the options as a TOML file that `--config` reads, without secrets."""
    return "".join(
        f"{line}\n" for name, option in fields() for line in _lines(name, option, options)
    )


def _lines(name: str, option: Option, options: Options) -> Iterator[str]:
    key, value = option_name(name), getattr(options, name)
    if value is None:
        yield f"# {key} is not set"
    elif name == "token":
        yield f"# {key} is set, and not shown"
    elif option.kind is DSN:
        parts = parse_dsn(value)
        for secret in dsn.SECRETS:
            if parts.pop(secret, None) is not None:
                yield f"# {key} has a {secret}, which is not shown"
        yield f"{key} = {_quote(make_dsn(**parts))}"
    elif isinstance(value, bool):
        yield f"{key} = {str(value).lower()}"
    elif isinstance(value, tuple) and default_of(name) == ():
        show = option.kind.show or str
        yield f"{key} = [{', '.join(_quote(show(one)) for one in value)}]"
    else:
        text = str(value) if option.kind.show is None else option.kind.show(value)
        yield f"{key} = {text if option.kind in (COUNT, SECONDS) else _quote(text)}"


def _quote(text: str) -> str:
    """Return a TOML string: as JSON, in which DEL need not be escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
