"""What schemathesis loads when it follows the document's links: creates that are taken.

A made-up body is refused nearly every time, and behind a refusal no link leads on. So creates send the document's own example, each
time with another URL or name; what comes behind them is made up as ever.
"""

import itertools

import schemathesis

NUMBERS = itertools.count()
VIDEO, AUDIO = ({"type": kind, "url": f"https://media.example.com/in.{kind}"} for kind in ("video", "audio"))


def generation(number):
    return {"model": "lipsync-2", "input": [VIDEO, AUDIO], "webhookUrl": f"https://app.example.com/{number}"}


def row(number):
    return {"request_id": f"row-{number}", "endpoint": "/v2/generate", "payload": generation(number)}


BODIES = {
    "createGeneration": generation,
    "createBatch": lambda number: {"rows": [row(nth) for nth in range(20)]},
    "createEndpoint": lambda number: {"url": f"https://app.example.com/endpoint/{number}"},
    "createAsset": lambda number: {"url": f"https://media.example.com/{number}.mp4", "type": "VIDEO"},
    "createAssetUpload": lambda number: {"fileName": f"{number}.mp4", "contentType": "video/mp4", "size": 1},
    "createKey": lambda number: {"name": f"key-{number}", "scope": "read"},
    "createReplay": lambda number: {"filter": {"status": "exhausted"}},
}


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Their bodies are ours: that one of them may name an asset is no reason to wait for one."""
    for operation in (one for path in raw_schema["paths"].values() for one in path.values()):
        if operation.get("operationId") in BODIES:
            operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}


@schemathesis.hook
def before_call(context, case, kwargs):
    body = BODIES.get(case.operation.definition.raw.get("operationId"))
    if body is not None:
        case.body = body(next(NUMBERS))
