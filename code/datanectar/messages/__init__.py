"""What crosses from one process to another: messages of plain values, checked as they are read.

They travel as JSON lines (:func:`encode`, :func:`decode`), never as pickles: a child that runs an
author's code must not be able to make its parent run anything. The type of a field says what it may
hold; :func:`decode` refuses anything else, because a database, a clock or a page may not bear it.
"""

from __future__ import annotations

from datanectar.messages.chains import (
    ChainDescription,
    DescribeJob,
    DescribeManyJob,
    LeftOut,
    ParameterDescription,
    TaskDescription,
)
from datanectar.messages.runs import (
    ErrorSeen,
    LogsUploaded,
    Outcome,
    Refusal,
    Resolution,
    ResolveJob,
    RunJob,
    SchedulerReport,
    TaskReport,
    UploadLogsJob,
)
from datanectar.messages.wire import decode, encode, register

__all__ = [
    "ChainDescription",
    "DescribeJob",
    "DescribeManyJob",
    "ErrorSeen",
    "LeftOut",
    "LogsUploaded",
    "Outcome",
    "ParameterDescription",
    "Refusal",
    "Resolution",
    "ResolveJob",
    "RunJob",
    "SchedulerReport",
    "TaskDescription",
    "TaskReport",
    "UploadLogsJob",
    "decode",
    "encode",
    "register",
]
