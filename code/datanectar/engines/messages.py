"""What a run's child says of the engine."""

from __future__ import annotations

from datanectar.messages.fields import Message
from datanectar.messages.wire import register


class AttemptLost(Message, frozen=True):
    """The attempt is lost by no fault of its tasks: the engine that ran them is gone."""

    reason: str


register(AttemptLost)
