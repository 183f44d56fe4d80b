"""`scripts/demo`: runs the whole pipeline on one machine, or proves that it works."""

from __future__ import annotations

import logging
import sys

from scripts.ports import PortError, usable_port
from scripts.serving.check import check
from scripts.serving.demo_options import parse_arguments
from scripts.serving.demo_plan import (
    DemoError,
    announcement,
    choose_source,
    make_plan,
    working_folder,
)
from scripts.serving.folder import FolderError
from scripts.serving.session import Session
from scripts.sql_files.statements import SqlFileError
from scripts.supervisor import PartError
from viewstream.log_format import configure

log = logging.getLogger("demo")


def main() -> int:
    options = parse_arguments()
    if options.check:
        return check(has_pipes=not options.no_pipes)
    configure(format_=options.log_format)
    try:
        ports = (
            usable_port(options.port, "--port"),
            usable_port(options.engine_port, "--engine-port"),
        )
        if options.source == "auto":
            log.info("asking Wikimedia for its events")
        source, label = choose_source(options.source, options.rate)
        with working_folder(options.keep) as folder:
            plan = make_plan(folder, *ports, source, label, has_pipes=not options.no_pipes)
            return Session(plan, lambda: announcement(plan, label)).run()
    except (DemoError, FolderError, PortError, PartError, SqlFileError, OSError) as error:
        log.error("%s", error)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
