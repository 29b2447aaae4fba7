"""What the settings say of an organization's rate."""

from dataclasses import dataclass
from typing import Final

AUTO: Final = "auto"


@dataclass(frozen=True, slots=True)
class RateConfig:
    """Requests per second, each of them."""

    fixed_rate: float | None
    """The rate that a person set; None where it is to be learned."""
    start: float
    """Where learning starts."""
    most: float
    """What learning never goes past."""

    @property
    def ceiling(self) -> float:
        """Never more than this: a rate set by hand is a ceiling too, which 429s still lower."""
        return self.most if self.fixed_rate is None else self.fixed_rate

    @property
    def first(self) -> float:
        """The rate as long as nothing was learned."""
        return min(self.start, self.most) if self.fixed_rate is None else self.fixed_rate

    @property
    def label(self) -> str:
        """As the report shows it."""
        return AUTO if self.fixed_rate is None else f"{self.fixed_rate:g}"
