"""A script: activates the suspended tokens of a database, waits, and prints those that are not active.

python script.py tokens.sqlite 6d4a2f0e-7a1b-4c5d-9e8f-0a1b2c3d4e5f incident-42
"""

import sqlite3
import sys
from contextlib import closing

from producers import Client, JobUnfinishedError, WatchTimeoutError


def main(database: str, org_id: str, incident: str) -> int:
    with closing(sqlite3.connect(database)) as connection, Client() as client:
        # Streamed: no list is held in memory, however long it is. Started again, the script finds its job.
        ids = (token_id for (token_id,) in connection.execute("SELECT id FROM tokens WHERE suspended"))
        job = client.submit(ids, org_id=org_id, request_id=incident, labels={"incident": incident})
        print(f"job {job.id}", file=sys.stderr)
        try:
            report = job.wait(timeout=3600)
        except WatchTimeoutError as error:
            print(error, file=sys.stderr)  # The job goes on; run this again to wait on.
            return error.exit_code
        except JobUnfinishedError as error:
            print(error, file=sys.stderr)  # Paused, cancelled, failed or expired, and why.
            report = error.report
        for row in job.results(outcomes={"failed", "unknown", "not_attempted"}):
            print(row.id, row.outcome, row.reason, row.message, sep="\t")
        return 0 if not report.unsuccessful() else 3


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
