"""The log: readable lines on a terminal, JSON lines otherwise; always on stderr."""

import logging
import os
import sys
from typing import Any

import structlog


def set_up_logs(level: str) -> None:
    """Send what the program and its libraries log to stderr.

    Args:
        level: the least level shown, like "info".
    """
    if level != "debug":
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # what matters comes as a refusal
    stamp: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Any]
    if sys.stderr.isatty():
        plain = structlog.dev.plain_traceback
        last = [structlog.dev.ConsoleRenderer(exception_formatter=plain)]
    else:
        last = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=stamp,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    if level == "info":  # the schedule tells of each run, TUF of each step and failed signature
        for library in ("apscheduler", "securesystemslib", "tuf", "urllib3"):
            logging.getLogger(library).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *stamp,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
