"""A webhook receiver in Flask, on the raw bytes of the body.

    WEBHOOK_SECRET=whsec_... PORT=3000 ./run      Python 3.10 or newer; it installs Flask beside this file
"""

import hashlib
import hmac
import json
import os
import re
import sys
import time

from flask import Flask, request

SECRETS = [secret for secret in os.environ.get("WEBHOOK_SECRET", "").split(",") if secret]  # two while one is rotated


def verify(body: bytes, header: str) -> bool:
    """Whether one of the secrets signed these bytes, within the last 5 minutes: what is older, somebody may have recorded."""
    match = re.fullmatch(r"t=(\d{1,12}),v1=([0-9a-f]{64})", header, re.ASCII)
    if not match or abs(time.time() - int(match[1])) > 300:
        return False
    signed = match[1].encode() + b"." + body
    expected = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in SECRETS]
    return any(hmac.compare_digest(match[2], one) for one in expected)


app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 1024 * 1024  # a webhook is under 100 kB
handled: set[str] = set()  # What came already. In production it is a unique column of your database.


def say(line: dict) -> None:
    """One write with its line end: each request has its thread, and print would let another's line in between."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


@app.post("/webhook")
def webhook():
    body = request.get_data()  # before anything reads request.json: the bytes are what is signed
    if not verify(body, request.headers.get("Sync-Signature", "")):
        say({"verified": False})
        return "Invalid signature", 400
    generation = json.loads(body)
    line = {"verified": True, "id": generation["id"], "status": generation.get("status")}
    event = request.headers.get("Webhook-Id") or f"{line['id']} {line['status']}"  # the same in every attempt
    attempt, repeated = int(request.headers.get("Postsync-Attempt", "0")), event in handled
    handled.add(event)
    say(line | {"attempt": attempt, "event": event, "repeated": repeated})
    if not repeated:
        pass  # Here your own work begins: put it on a queue, and answer at once.
    return "", 200


if __name__ == "__main__":
    if not SECRETS:
        sys.exit("WEBHOOK_SECRET is missing: set it to the signing secret, whsec_...")
    # Flask's own server is for trying it; in production the same app runs under gunicorn or another WSGI server.
    app.run(os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "3000")), threaded=True)
