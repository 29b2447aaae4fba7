"""Which jobs a worker process works on. A job belongs to one API host, and a `run` to its own job."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Scope:
    api_url: str
    """Scheme and host of the API. A job that was sent to another is left to others."""
    orgs: frozenset[str] = frozenset()
    """Organizations that are served, in lower case; none for any."""
    job_id: str | None = None
    """The one job that is worked on; None for any."""

    @property
    def host(self) -> str:
        """Host and port: with the organization, they name the budget."""
        return self.api_url.partition("://")[2]

    def is_for(self, job_id: str) -> bool:
        return self.job_id in {None, job_id}

    def serves_host(self, api_url: str | None) -> bool:
        """`api_url`: of a job; None for one that no worker has claimed yet."""
        return api_url in {None, self.api_url}

    def serves_org(self, org_id: str) -> bool:
        return not self.orgs or org_id.lower() in self.orgs

    def text(self) -> str:
        """As `parse` reads it: what others may know of this process."""
        return " ".join((self.api_url, *sorted(self.orgs)))

    @classmethod
    def parse(cls, text: str) -> Self:
        api_url, *orgs = text.split(" ")
        return cls(api_url, frozenset(orgs))
