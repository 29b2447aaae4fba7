"""The configuration of the simulator, set by its options and changed by `POST /control`."""

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Final

import msgspec

from worker.simulator.exchange_faults import BY_NAME, LIFETIME_NAMES, NONE, TRUE_LIFETIME
from worker.simulator.faults import NAMES, OUTAGES

OWNER: Final = "csp:org_owner"

AUTO: Final = "auto"
NO_HEADER: Final = "none"
DATE: Final = "date"

Fraction = Annotated[float, msgspec.Meta(ge=0, le=1)]
NotNegative = Annotated[float, msgspec.Meta(ge=0, le=1e9)]


class BadConfigError(ValueError):
    """An invalid value; the message names it."""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make it with `configured`, which validates it."""

    rate: NotNegative = 0.0
    """Requests per second that an organization may make; 0 for no limit."""
    burst: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """Requests at once after a rest; None for one second's worth."""
    retry_after: Annotated[str, msgspec.Meta(pattern=r"^[\x20-\x7e]{1,64}\Z")] = AUTO
    """What a 429 says: `auto` the true time in whole seconds, `date` the same as an HTTP date, `none` no
    header; anything else goes out as it stands."""
    latency: NotNegative = 0.0
    """Milliseconds between a request and its answer. Ids are activated at the beginning."""
    jitter: NotNegative = 0.0
    """Milliseconds added to the latency at most."""
    seed: int = 0
    fail: Fraction = 0.0
    """Share of new ids that can never be activated."""
    active: Fraction = 0.0
    """Share of new ids that are active beforehand."""
    poison: Fraction = 0.0
    """Share of new ids that make any request with them fail as a whole."""
    poison_status: Annotated[int, msgspec.Meta(ge=400, le=599)] = 400
    faults: dict[str, Fraction] = {}
    """Shares of requests by the name of the fault that strikes them."""
    outage: str | None = None
    """Name of a fault that strikes every request before any check, until it is set to None."""
    forbid: bool = False
    """403 to every request."""
    refuse_exchange: bool = False
    """Every API token is refused."""
    exchange_fault: str = NONE
    """Name of the answer to every exchange (see `exchange_faults`)."""
    exchange_retry_after: Annotated[str, msgspec.Meta(pattern=r"^[\x20-\x7e]{1,64}\Z")] = NO_HEADER
    """`Retry-After` of throttled or unavailable exchanges; `none` for no header."""
    expires_in: str = TRUE_LIFETIME
    """Name of how the lifetime of access tokens is stated (see `exchange_faults`)."""
    token_delay: NotNegative = 0.0
    """Seconds for which a new access token is refused, as by nodes that do not know it yet."""
    token_refusals: Fraction = 0.0
    """Share of requests with a valid access token that are refused, as by nodes that never learn of it."""
    orgs: tuple[str, ...] = ()
    """The organizations that exist; none for any."""
    perms: tuple[str, ...] = (OWNER,)
    """Permissions in the claims of access tokens."""
    token_lifetime: Annotated[float, msgspec.Meta(gt=0, le=1e9)] = 1799.0
    """Seconds for which an access token is valid."""


def configured(values: Mapping[str, Any], base: Config | None = None) -> Config:
    """`base`, or the defaults, with `values` replaced; faults that are not named keep their shares.

    Raises `BadConfigError`.
    """
    old = msgspec.structs.asdict(base or Config())
    faults = values.get("faults", {})
    if isinstance(faults, Mapping):
        faults = {**old["faults"], **faults}
    try:
        config = msgspec.convert({**old, **values, "faults": faults}, Config)
    except msgspec.ValidationError as error:
        raise BadConfigError(str(error)) from None
    if unknown := config.faults.keys() - NAMES:
        raise BadConfigError(f"no such fault: {min(unknown)} (known: {', '.join(sorted(NAMES))})")
    _require_known("exchange_fault", config.exchange_fault, {NONE, *BY_NAME})
    _require_known("expires_in", config.expires_in, LIFETIME_NAMES)
    if config.outage is not None and config.outage not in OUTAGES:
        raise BadConfigError(f"no such outage: {config.outage} (known: {', '.join(sorted(OUTAGES))})")
    _require_at_most_one("fail, active and poison", config.fail + config.active + config.poison)
    _require_at_most_one("the faults", sum(config.faults.values()))
    return config


def _require_known(what: str, name: str, names: Collection[str]) -> None:
    if name not in names:
        raise BadConfigError(f"no such {what}: {name} (known: {', '.join(sorted(names))})")


def _require_at_most_one(what: str, total: float) -> None:
    if total > 1 + 1e-9:
        raise BadConfigError(f"{what} sum to {total:g}, more than 1")
