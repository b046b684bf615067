"""Every call of the official Python SDK, with only the base URL changed: once each, with arguments that are right or (WRONG=1) not.

Prints one JSON object: what the SDK has to call, and what came of each. It judges nothing: the Rust test does.
"""

import json
import os

import sync

BASE_URL, API_KEY, VIDEO, AUDIO, LINES, GENERATION, BATCH, ASSET = (
    os.environ[name] for name in ("BASE_URL", "API_KEY", "VIDEO", "AUDIO", "LINES", "GENERATION", "BATCH", "ASSET")
)
WRONG = bool(os.environ.get("WRONG"))
client = sync.Sync(base_url=BASE_URL, api_key=API_KEY)

BODY = {
    "model": "lipsync-9" if WRONG else "lipsync-2",
    "input": [
        sync.Video(url="https://media.example.com/in.mp4"),
        sync.Audio(url="https://media.example.com/in.wav"),
    ],
}


def plain(value):
    """As the application sees it: through the SDK's own types."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    return json.loads(value.json()) if hasattr(value, "json") else value


def create_with_files():
    with open(VIDEO, "rb") as video, open(AUDIO, "rb") as audio:
        files = {"video": video} if WRONG else {"video": video, "audio": audio}
        return client.generations.create_with_files(model="lipsync-2", **files)


def create_batch():
    with open(AUDIO if WRONG else LINES, "rb") as lines:
        return client.batch.create(input=lines)


CALLS = {
    "models.list": client.models.list,
    "generations.create": lambda: client.generations.create(**BODY),
    "generations.create_with_files": create_with_files,
    "generations.get": lambda: client.generations.get(GENERATION),
    "generations.list": lambda: client.generations.list(status=["DONE" if WRONG else "COMPLETED"]),
    "generations.estimate_cost": lambda: client.generations.estimate_cost(**BODY),
    "batch.create": create_batch,
    "batch.get": lambda: client.batch.get(BATCH),
    "batch.list": lambda: client.batch.list(status="DONE" if WRONG else "COMPLETED"),
    "assets.list": lambda: client.assets.list(limit=1000 if WRONG else 10, sort_by="dateDesc"),
    "assets.get": lambda: client.assets.get(ASSET),
}


def known():
    """What the SDK can do, from itself."""
    for name in sorted(name for name in vars(client) if not name.startswith("_")):
        api = type(getattr(client, name))
        for method in dir(api):
            if not method.startswith("_") and callable(getattr(api, method)):
                yield f"{name}.{method}"


def outcome(call):
    """The class that an application would catch, and what it can read from it."""
    try:
        return {"returned": plain(call())}
    except sync.core.ApiError as error:
        return {
            "class": type(error).__name__,
            "isSyncError": isinstance(error, sync.core.ApiError),
            "statusCode": error.status_code,
            "body": plain(error.body),
        }


print(json.dumps({"known": list(known()), "outcomes": {name: outcome(call) for name, call in CALLS.items()}}))
