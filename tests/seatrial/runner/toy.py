"""A trading system so small that a trial of it takes a second; an adapter, as anybody would write one."""

from datetime import UTC, datetime

from seatrial.errors import TargetFailure
from seatrial.target.records import About


class ToySystem:
    symbols = ("TOY",)

    def __init__(self, mood: str = "well", broker: str = "paper", environment: str = "staging") -> None:
        self.mood, self.broker, self.environment = mood, broker, environment
        self.lacks = frozenset({"market", "advice", "trading", "books", "control", "http"})

    async def __aenter__(self):
        if self.mood == "stillborn":
            raise TargetFailure("the toy is broken", kind="start")
        return self

    async def __aexit__(self, *exc_info) -> None:
        return None

    async def about(self) -> About:
        return About(
            system="toy",
            version="1",
            environment=self.environment,
            broker=self.broker,
            now=datetime.now(UTC),
            session="open",
            clock="system",
            capabilities=("operations",),
        )
