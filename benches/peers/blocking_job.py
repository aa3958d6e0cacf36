"""The fair job for threads and processes: requests on keep-alive, and psycopg with one connection a thread.

requests: a Session keeps connections alive, https://requests.readthedocs.io/en/latest/user/advanced/#keep-alive
psycopg: statements that come again are prepared, https://www.psycopg.org/psycopg3/docs/advanced/prepare.html
"""

import threading

import psycopg
import requests

import fair_job

CLAIM = fair_job.CLAIM.format("%s")
RECORD = fair_job.RECORD.format("%s", "%s")


class Lines(threading.local):
    """The connections of one thread."""

    def __init__(self):
        # Autocommit: each statement is committed when it returns.
        self.database = psycopg.connect(fair_job.DATABASE_URL, autocommit=True, prepare_threshold=1)
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.headers.update(fair_job.HEADERS)


_lines = None
_making = threading.Lock()


def _lines_here():
    global _lines
    if _lines is None:
        with _making:
            _lines = _lines or Lines()
    return _lines


def deliver(job):
    """Claims, posts and records; whoever calls it acknowledges afterwards."""
    lines = _lines_here()
    row = lines.database.execute(CLAIM, (job,)).fetchone()
    if row is None:
        return
    answer = lines.http.post(fair_job.PROVIDER_URL, json=fair_job.message(job, *row), timeout=15)
    answer.raise_for_status()
    lines.database.execute(RECORD, (answer.json()["messages"][0]["id"], job))
