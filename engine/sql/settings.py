"""The settings that a session has: their names, defaults, and the values that they take."""

from __future__ import annotations

from dataclasses import dataclass

SERVER_VERSION = "9.5.0"
"""The version of PostgreSQL that clients take the engine for; Materialize v0.26 names it too."""


@dataclass(frozen=True)
class Setting:
    """`values` are those that are accepted, in lower case; empty for any."""

    name: str
    default: str
    values: tuple[str, ...] = ()
    fixed: bool = False
    reported: bool = False
    """Whether a client gets the value at the start, and again after each change."""


SETTINGS = {
    setting.name.lower(): setting
    for setting in (
        Setting("application_name", "", reported=True),
        Setting("bytea_output", "hex", values=("hex",)),
        Setting(
            "client_encoding", "UTF8", values=("utf8", "utf-8", "unicode", "auto"), reported=True
        ),
        Setting("client_min_messages", "notice"),
        Setting("database", "materialize"),
        Setting("DateStyle", "ISO, MDY", values=("iso", "iso, mdy"), reported=True),
        Setting("default_table_access_method", "heap", fixed=True),
        Setting("default_transaction_read_only", "off", values=("off",)),
        Setting("extra_float_digits", "3"),
        Setting("integer_datetimes", "on", fixed=True, reported=True),
        Setting("IntervalStyle", "postgres", values=("postgres",), reported=True),
        Setting("is_superuser", "off", fixed=True),
        Setting("max_identifier_length", "255", fixed=True),
        Setting("max_index_keys", "32", fixed=True),
        Setting("search_path", "public", values=("public", '"$user", public')),
        Setting("server_encoding", "UTF8", fixed=True, reported=True),
        Setting("server_version", SERVER_VERSION, fixed=True, reported=True),
        Setting("server_version_num", "90500", fixed=True),
        Setting("session_authorization", "materialize", fixed=True),
        Setting("sql_safe_updates", "off"),
        Setting("standard_conforming_strings", "on", values=("on",), reported=True),
        Setting("TimeZone", "UTC", values=("utc", "gmt", "etc/utc", "+00:00"), reported=True),
        Setting("transaction_isolation", "serializable", fixed=True),
        Setting("default_transaction_isolation", "serializable", fixed=True),
        Setting("transaction_read_only", "off", fixed=True),
    )
}
"""By the name in lower case."""
