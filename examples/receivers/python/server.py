"""A webhook receiver in Python, standard library only, on the raw bytes of the body.

    WEBHOOK_SECRET=whsec_... PORT=3000 ./run      Python 3.10 or newer; nothing is installed
"""

import hashlib
import hmac
import json
import os
import re
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

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


handled: set[str] = set()  # What came already. In production it is a unique column of your database.


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30  # seconds; a client that stalls frees its thread after that

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        if length > BODY_BYTES_MAX:
            self.close_connection = True
            return self.answer(413)
        body = self.rfile.read(length)
        if self.path.split("?")[0] != "/webhook":
            return self.answer(404)
        if not verify(body, self.headers.get("Sync-Signature", "")):
            self.answer(400)
            return say({"verified": False})
        self.answer(200)
        generation = json.loads(body)
        line = {"verified": True, "id": generation["id"], "status": generation.get("status")}
        event = self.headers.get("Webhook-Id") or f"{line['id']} {line['status']}"  # the same in every attempt
        attempt, repeated = int(self.headers.get("Postsync-Attempt", "0")), event in handled
        handled.add(event)
        say(line | {"attempt": attempt, "event": event, "repeated": repeated})
        if not repeated:
            pass  # Here your own work begins: put it on a queue.

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """Quiet: stdout has the deliveries."""


def say(line: dict) -> None:
    """One write with its line end: each connection has its thread, and print would let another's line in between."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if not SECRETS:
        sys.exit("WEBHOOK_SECRET is missing: set it to the signing secret, whsec_...")
    host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "3000"))
    try:
        server = ThreadingHTTPServer((host, port), Receiver)
    except OSError as error:
        sys.exit(f"{host}:{port} can't be listened on: {error.strerror}; PORT takes another one")
    print(f"listening on http://{host}:{server.server_address[1]}/webhook", file=sys.stderr, flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()
