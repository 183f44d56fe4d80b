"""An outage in a few lines."""

from scripts.outage_log import OutageLog


def test_each_line_is_written_once_until_it_is_over() -> None:
    written: list[str] = []
    log = OutageLog(written.append)
    for delay in ("0.1 s", "0.7 s"):
        log.add_output(b"refused\nsecond\n")
        log.add("it failed", f"; again in {delay}")
    assert written == ["refused", "second", "it failed; again in 0.1 s"]
    log.recover("it runs again")
    log.recover("it runs again")
    assert written[3:] == ["it runs again"]
    log.add_output(b"refused\n\xff")
    assert written[4:] == ["refused", "\ufffd"]


def test_nothing_is_written_of_a_start_that_did_not_fail() -> None:
    written: list[str] = []
    OutageLog(written.append).recover("it runs again")
    assert written == []
