"""What all scenarios of one process share."""

from collections.abc import Callable
from dataclasses import dataclass

from seatrial.events import Event
from seatrial.settings.loading import TrialSettings


@dataclass(slots=True, kw_only=True)
class Trial:
    """One process's part of a run: what it was told and where its events go."""

    run_id: str
    settings: TrialSettings
    emit: Callable[[Event], None]
    opened: int = 0

    def account_name(self, purpose: str) -> str:
        """A name for a new account that tells whose it is."""
        self.opened += 1
        return f"seatrial-{self.run_id}-{purpose}-{self.opened}"
