"""A webhook receiver in FastAPI, on the raw bytes of the body.

    WEBHOOK_SECRET=whsec_... PORT=3000 ./run      Python 3.11 or newer; it installs FastAPI beside this file
"""

import hashlib
import hmac
import json
import os
import re
import sys
import time

import uvicorn
from fastapi import FastAPI, Request, Response

BODY_BYTES_MAX = 1024 * 1024  # a webhook is under 100 kB
SECRETS = [secret for secret in os.environ.get("WEBHOOK_SECRET", "").split(",") if secret]  # two while one is rotated


def verify(body: bytes, header: str) -> bool:
    """Whether one of the secrets signed these bytes, within the last 5 minutes: what is older, somebody may have recorded."""
    match = re.fullmatch(r"t=(\d{1,12}),v1=([0-9a-f]{64})", header, re.ASCII)
    if not match or abs(time.time() - int(match[1])) > 300:
        return False
    signed = match[1].encode() + b"." + body
    expected = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in SECRETS]
    return any(hmac.compare_digest(match[2], one) for one in expected)


async def read(request: Request) -> bytes | None:
    """The bytes of the body; None where they are too many: FastAPI sets no limit of its own."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            return None
    return bytes(body)


app = FastAPI()
handled: set[str] = set()  # What came already. In production it is a unique column of your database.


@app.post("/webhook")
async def webhook(request: Request) -> Response:
    body = await read(request)  # not a model as the parameter: the bytes are what is signed
    if body is None:
        return Response("The body is too large", 413)
    if not verify(body, request.headers.get("sync-signature", "")):
        print(json.dumps({"verified": False}), flush=True)
        return Response("Invalid signature", 400)
    generation = json.loads(body)
    line = {"verified": True, "id": generation["id"], "status": generation.get("status")}
    event = request.headers.get("webhook-id") or f"{line['id']} {line['status']}"  # the same in every attempt
    attempt, repeated = int(request.headers.get("postsync-attempt", "0")), event in handled
    handled.add(event)
    print(json.dumps(line | {"attempt": attempt, "event": event, "repeated": repeated}), flush=True)
    if not repeated:
        pass  # Here your own work begins: put it on a queue (or into BackgroundTasks), and answer at once.
    return Response(status_code=200)


if __name__ == "__main__":
    if not SECRETS:
        sys.exit("WEBHOOK_SECRET is missing: set it to the signing secret, whsec_...")
    host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "3000"))
    uvicorn.run(app, host=host, port=port, access_log=False)
