"""The settings of an organization's request rate."""

from dataclasses import dataclass
from typing import Final

AUTO: Final = "auto"


@dataclass(frozen=True, slots=True)
class RateConfig:
    """All values in requests per second."""

    fixed_rate: float | None
    """The rate set by a person; None where it is learned."""
    start: float
    """Where learning starts."""
    maximum: float
    """Upper bound of learning; does not bound `fixed_rate`."""

    @property
    def ceiling(self) -> float:
        """The highest rate ever used. A fixed rate is a ceiling too: 429s still lower the rate below it."""
        return self.maximum if self.fixed_rate is None else self.fixed_rate

    @property
    def first(self) -> float:
        """The rate used until something is learned."""
        return min(self.start, self.maximum) if self.fixed_rate is None else self.fixed_rate

    @property
    def label(self) -> str:
        """The rate as the report shows it: `auto`, or the number."""
        return AUTO if self.fixed_rate is None else f"{self.fixed_rate:g}"
