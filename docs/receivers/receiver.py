"""A webhook receiver in Python, standard library only, on the raw bytes of the body.

PORT, HOST         where to listen (3000, 127.0.0.1; PORT=0 takes a free one, named on stderr)
WEBHOOK_SECRET     the signing secret, whsec_...; two, separated by a comma, while one is rotated
TLS_CERT, TLS_KEY  PEM files; with both it speaks HTTPS, without them HTTP

Prints one line of JSON per delivery on stdout and answers 400 if the signature is wrong.
"""

import hashlib
import hmac
import json
import os
import re
import ssl
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE_S = 300
BODY_BYTES_MAX = 1024 * 1024
SIGNATURE = re.compile(r"t=(\d+),v1=([0-9a-f]{64})")


def verify(body: bytes, header: str | None, secrets: list[str], now_s: float) -> bool:
    """Whether one of the secrets signed these bytes, and within the tolerance. The key is the whole secret, with its whsec_."""
    match = SIGNATURE.fullmatch(header or "")
    if not match:
        return False
    t, received = match.groups()
    if abs(now_s - int(t)) > TOLERANCE_S:
        return False
    signed = t.encode() + b"." + body
    expected = (hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets)
    return any([hmac.compare_digest(received, one) for one in expected])


# What was handled already. In production this is a unique column of your database, written together with what the event changes.
handled: set[str] = set()


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30  # seconds; a client that stalls frees its thread after that

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        if length > BODY_BYTES_MAX:
            self.close_connection = True
            return self.answer(413, "Too large")
        body = self.rfile.read(length)
        verified = verify(body, self.headers.get("Sync-Signature"), self.server.secrets, time.time())
        event = self.headers.get("Webhook-Id")
        repeated = verified and event in handled
        # An unverified body is not parsed: it may be anything.
        generation = json.loads(body) if verified else {}
        attempt = int(self.headers.get("Postsync-Attempt", "0")) if verified else 0
        line = {"verified": verified, "id": generation.get("id"), "status": generation.get("status"), "attempt": attempt}
        # One write with its line end: each connection has its thread, and print would let another's line in between.
        sys.stdout.write(json.dumps(line | {"event": event, "repeated": repeated}) + "\n")
        sys.stdout.flush()
        if not verified:
            return self.answer(400, "Invalid signature")
        if event:
            handled.add(event)  # Here your own work begins: put it on a queue, and answer at once.
        return self.answer(200, "Webhook signature verified")

    def answer(self, status: int, message: str) -> None:
        body = json.dumps({"message": message}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Quiet: stdout has the deliveries."""


def main() -> None:
    env = os.environ
    secrets = [secret for secret in env.get("WEBHOOK_SECRET", "").split(",") if secret]
    if not secrets:
        sys.exit("WEBHOOK_SECRET is missing: set it to the signing secret, whsec_...")
    host, port = env.get("HOST", "127.0.0.1"), int(env.get("PORT", "3000"))
    try:
        server = ThreadingHTTPServer((host, port), Receiver)
    except OSError as error:
        sys.exit(f"{host}:{port} can't be listened on: {error.strerror}; PORT takes another one")
    server.secrets = secrets
    scheme = "http"
    if env.get("TLS_CERT") and env.get("TLS_KEY"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(env["TLS_CERT"], env["TLS_KEY"])
        # The handshake belongs into the connection's own thread, or one slow client holds up all others.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        scheme = "https"
    host, port = server.server_address[:2]
    print(f"listening on {scheme}://{host}:{port}/webhook", file=sys.stderr, flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
