"""The jobs that a worker process serves: those of one API host, of some organizations, or a single one."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Scope:
    api_url: str
    """Scheme and host of the API. Jobs bound to another host are left to other workers."""
    orgs: frozenset[str] = frozenset()
    """Organizations served, in lower case; empty for all."""
    job_id: str | None = None
    """The only job served; None for all."""

    @property
    def host(self) -> str:
        """Host and port; together with the organization they identify the rate budget."""
        return self.api_url.partition("://")[2]

    def is_for(self, job_id: str) -> bool:
        return self.job_id in {None, job_id}

    def serves_host(self, api_url: str | None) -> bool:
        """Whether a job bound to `api_url` is served; None for a job that no worker has claimed yet."""
        return api_url in {None, self.api_url}

    def serves_org(self, org_id: str) -> bool:
        return not self.orgs or org_id.lower() in self.orgs

    def text(self) -> str:
        """The scope as other processes read it from Redis, in the format of `parse`; without the job's id."""
        return " ".join((self.api_url, *sorted(self.orgs)))

    @classmethod
    def parse(cls, text: str) -> Self:
        api_url, *orgs = text.split(" ")
        return cls(api_url, frozenset(orgs))
