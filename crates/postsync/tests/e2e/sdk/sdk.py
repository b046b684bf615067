"""What an application does with the official Python SDK, with only the base URL changed.

Prints one JSON object: what came back of each call. It judges nothing: the Rust test does, so that a failure shows the
whole answer.
"""

import json
import os
import time

import httpx
import sync

BASE_URL, API_KEY, WEBHOOK_URL = (os.environ[name] for name in ("BASE_URL", "API_KEY", "WEBHOOK_URL"))
FILE_MODEL = "lipsync-2-pro"  # routed to the built-in model
URL_MODEL = "lipsync-2"  # routed to passthrough

client = sync.Sync(base_url=BASE_URL, api_key=API_KEY)
URLS = [
    sync.Video(url="https://media.example.com/in.mp4"),
    sync.Audio(url="https://media.example.com/in.wav"),
]


def plain(value):
    """As the application sees it: through the SDK's own types."""
    return json.loads(value.json()) if hasattr(value, "json") else value


def ended(generation_id):
    while True:
        generation = client.generations.get(generation_id)
        if generation.status not in ("PENDING", "PROCESSING"):
            return generation
        time.sleep(0.1)


def thrown(call):
    """The class that an application would catch, and what it can read from it."""
    try:
        return {"returned": plain(call())}
    except sync.core.ApiError as error:
        return {"class": type(error).__name__, "statusCode": error.status_code, "body": plain(error.body)}


def by_url():
    created = client.generations.create(
        model=URL_MODEL,
        input=URLS,
        options=sync.GenerationOptions(sync_mode="loop", temperature=0.5),
        webhook_url=WEBHOOK_URL,
        output_file_name="from-python",
    )
    return {"created": plain(created), "ended": plain(ended(created.id)), "createdAtYear": created.created_at.year}


def by_file():
    with open(os.environ["VIDEO"], "rb") as video, open(os.environ["AUDIO"], "rb") as audio:
        created = client.generations.create_with_files(
            model=FILE_MODEL, video=video, audio=audio, webhook_url=WEBHOOK_URL
        )
    made = ended(created.id)
    download = httpx.get(made.output_url) if made.output_url else None
    return {
        "created": plain(created),
        "ended": plain(made),
        "bytes": len(download.content) if download else 0,
        "brand": download.content[4:8].decode("latin1") if download else "",
        "type": download.headers["content-type"] if download else None,
    }


def listed(**filters):
    return [{"id": one.id, "status": one.status} for one in client.generations.list(**filters)]


def main():
    url, file = by_url(), by_file()
    ids = [url["created"]["id"], file["created"]["id"]]
    stranger = sync.Sync(base_url=BASE_URL, api_key="not-a-key")
    return {
        "models": [plain(model) for model in client.models.list()],
        "url": url,
        "file": file,
        "lists": {
            "all": listed(),
            "ids": listed(ids=ids),
            "completed": listed(ids=ids, status=["COMPLETED"]),
            "unfinished": listed(ids=ids, status=["PENDING", "FAILED"]),
        },
        "errors": {
            "model": thrown(lambda: client.generations.create(model="lipsync-9", input=URLS)),
            "form": thrown(lambda: client.generations.create_with_files(model=URL_MODEL, video=("v.mp4", b""))),
            "key": thrown(stranger.models.list),
            "keyOfCreate": thrown(lambda: stranger.generations.create(model=URL_MODEL, input=URLS)),
            "id": thrown(lambda: client.generations.get("6533643b-aceb-4c40-967e-d9ba9baac39e")),
            "oddId": thrown(lambda: client.generations.get("no such/id")),
        },
    }


print(json.dumps(main()))
