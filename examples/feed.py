"""Reads the feed instead of being called: for whoever sits behind a firewall. Python, standard library only.

    POSTSYNC_API_KEY=... python3 feed.py

POSTSYNC_SERVER, POSTSYNC_API_KEY  whom to ask (http://127.0.0.1:8080), with a key of the scope read
CONSUMER                           under which name the server remembers how far this reader is (feed.py)

Prints one line of JSON per event on stdout. Start it again, and it goes on where it was.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request

SERVER = os.environ.get("POSTSYNC_SERVER", "http://127.0.0.1:8080")
CONSUMER = os.environ.get("CONSUMER", "feed.py")
KEY = os.environ.get("POSTSYNC_API_KEY") or sys.exit("POSTSYNC_API_KEY is not set: it wants a key with the scope read")


def call(path: str, body: dict | None = None) -> dict:
    headers = {"x-api-key": KEY, "content-type": "application/json"}
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(f"{SERVER}/postsync/v1/events/{path}", data, headers)
    with urllib.request.urlopen(request, timeout=90) as answer:  # seconds; longer than the wait below
        return json.load(answer)


def handle(event: dict) -> None:
    """Here your own work goes. The same event can come twice: remember its id with what you did."""
    generation = json.loads(event["body"])
    print(json.dumps({"event": event["id"], "id": generation["id"], "status": generation["status"]}), flush=True)


while True:
    try:
        page = call(f"poll?consumer={CONSUMER}&wait=30")
        for event in page["items"]:
            handle(event)
        if page["items"]:
            call("commit", {"consumer": CONSUMER, "cursor": page["nextCursor"]})
    except urllib.error.HTTPError as error:
        answer = json.load(error)
        print(answer["message"], file=sys.stderr, flush=True)
        if error.code == 410:  # away for longer than events are kept: go on with the oldest that is left
            call("commit", {"consumer": CONSUMER, "cursor": answer["oldestCursor"]})
        elif error.code < 429:
            sys.exit(1)  # a wrong key, a wrong name: asking again does not help
        else:
            time.sleep(5)
    except OSError as error:  # the server is being restarted, or the network is away
        print(error, file=sys.stderr, flush=True)
        time.sleep(1)
