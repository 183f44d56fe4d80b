"""Options of connections."""

from __future__ import annotations

from psycopg2.extensions import make_dsn, parse_dsn

from viewstream.engine import NETWORK_OPTIONS, QUIET, connection_options


def test_a_connection_is_quiet_and_notices_a_vanished_machine() -> None:
    options = connection_options({"host": "h"})
    assert options == {**NETWORK_OPTIONS, "host": "h", "options": QUIET}


def test_a_dsn_prevails_over_the_defaults() -> None:
    dsn = {"connect_timeout": "3", "options": "-c cluster=quick"}
    options = connection_options(dsn, {"PGOPTIONS": "-c cluster=slow"})
    assert options["connect_timeout"] == "3"
    assert options["options"] == f"{QUIET} -c cluster=quick"


def test_options_of_the_environment_are_kept() -> None:
    options = connection_options({}, {"PGOPTIONS": "-c cluster=slow"})
    assert options["options"] == f"{QUIET} -c cluster=slow"


def test_merged_options_are_a_dsn() -> None:
    dsn = "postgres://u:p%20w@h:1/d?options=-c%20cluster%3Dquick"
    parsed = parse_dsn(make_dsn(**connection_options(parse_dsn(dsn))))
    assert parsed["options"] == f"{QUIET} -c cluster=quick"
    assert (parsed["user"], parsed["password"], parsed["port"]) == ("u", "p w", "1")
