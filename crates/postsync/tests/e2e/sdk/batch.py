"""The batch calls of the official Python SDK, with only the base URL changed.

Prints one JSON object: what came back of each call.
"""

import datetime
import json
import os
import time

import httpx
import sync

BASE_URL, API_KEY, WEBHOOK_URL, LINES, BROKEN = (
    os.environ[name] for name in ("BASE_URL", "API_KEY", "WEBHOOK_URL", "LINES", "BROKEN")
)
client = sync.Sync(base_url=BASE_URL, api_key=API_KEY)


def plain(value):
    """As the application sees it: through the SDK's own types."""
    return json.loads(value.json()) if hasattr(value, "json") else value


def ended(batch_id):
    while True:
        batch = client.batch.get(batch_id)
        if batch.status in ("COMPLETED", "FAILED"):
            return batch
        time.sleep(0.1)


def thrown(call):
    try:
        return {"returned": plain(call())}
    except sync.core.ApiError as error:
        return {"class": type(error).__name__, "statusCode": error.status_code, "body": plain(error.body)}


def create(path, **fields):
    with open(path, "rb") as lines:
        return client.batch.create(input=lines, **fields)


def main():
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=1)
    dry = create(LINES, dry_run=True)
    created = create(LINES, webhook_url=WEBHOOK_URL)
    made = ended(created.id)
    results = httpx.get(made.output_url, follow_redirects=True).text
    ids = lambda **filters: [batch.id for batch in client.batch.list(**filters)]
    stranger = sync.Sync(base_url=BASE_URL, api_key="not-a-key")
    return {
        "dry": plain(dry),
        "created": plain(created),
        "ended": plain(made),
        "results": [json.loads(line) for line in results.splitlines()],
        "lists": {
            "all": ids(),
            "completed": ids(status="COMPLETED", created_after=before),
            "none": ids(created_before=before),
        },
        "errors": {
            "line": thrown(lambda: create(BROKEN)),
            "key": thrown(lambda: stranger.batch.create(input=b"x")),
            "id": thrown(lambda: client.batch.get("6533643b-aceb-4c40-967e-d9ba9baac39e")),
        },
    }


print(json.dumps(main()))
