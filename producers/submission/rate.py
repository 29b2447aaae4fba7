"""Changes the rate of an organization for all workers, while jobs run."""

from typing import NamedTuple

from producers.submission.request import require_org
from producers.submission.session import Session
from worker.core.errors import BadInputError
from worker.core.rate.rate_config import AUTO
from worker.settings import MAX_RATE, PREFIX

DEFAULT = "default"


class RateChange(NamedTuple):
    """A rate that was ordered for an organization, and is in force."""

    order: str
    """'auto', 'default', or requests per second in shortest form."""
    api_url: str
    """The API to which it applies."""
    warning: str | None
    """Says that no live worker and no unfinished job uses that API: API_URL may be a mistake; else None."""


def set_rate(session: Session, org_id: str, rate: str | float) -> RateChange:
    """Orders the rate. Raises `BadInputError`."""
    org_id, order = require_org(org_id, "ORG"), rate_order(rate)
    api_url, store = session.settings.api_url, session.store
    store.set_rate(session.settings.api_host, org_id, order)
    in_use = store.apis_in_use()
    if api_url in in_use:
        return RateChange(order, api_url, None)
    others = f" but {', '.join(sorted(in_use))}" if in_use else ""
    return RateChange(
        order,
        api_url,
        f"no live worker and no unfinished job has {api_url}{others}:"
        f" if that is not the API you mean, set {PREFIX}API_URL and give the order again",
    )


def rate_order(rate: str | float) -> str:
    """The order for the store. Raises `BadInputError`."""
    if rate in {AUTO, DEFAULT}:
        return str(rate)
    try:
        value = float(rate)
    except ValueError:
        value = 0.0
    if not 0 < value <= MAX_RATE:
        raise BadInputError(
            f"RATE: {rate!r} is neither 'auto' nor 'default' nor requests per second, more than 0,"
            f" at most {MAX_RATE:,}"
        )
    return f"{value:g}"
