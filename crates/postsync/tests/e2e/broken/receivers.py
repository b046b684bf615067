# Receivers that get it wrong, one function each. Called as `python3 receivers.py NAME` with {header, body, before, secret} on stdin;
# prints what such a receiver has in its hands when its check fails: {signature, body}. One that computes another signature than
# the one that came gives that, in the header's form.
import hashlib
import hmac
import io
import json
import re
import sys

asked = json.load(sys.stdin)
header, body, secret = asked["header"], asked["body"], asked["secret"]
time = re.search(r"t=(\d+)", header).group(1)


def computed(name="v1", change=str):
    mac = hmac.new(secret.encode(), f"{time}.{body}".encode(), hashlib.sha256)
    return {"signature": f"t={time},{name}={change(mac.hexdigest())}", "body": body}


def seen(changed):
    return {"signature": header, "body": changed}


def right():
    return computed()


# A dict printed again, with the spaces that json.dumps puts.
def dumped():
    return seen(json.dumps(json.loads(body)))


# The same by somebody who knew of the spaces, and sorts the keys as for a cache.
def dumped_sorted():
    return seen(json.dumps(json.loads(body), separators=(",", ":"), sort_keys=True))


# The name of the field is from another provider.
def other_field():
    return computed(name="s")


def upper_hex():
    return computed(change=str.upper)


# Written to a file for a worker, as a line.
def written_as_line():
    file = io.StringIO()
    print(body, file=file)
    return seen(file.getvalue())


# One read of a socket, which gives what has come so far.
def one_read():
    return seen(io.BytesIO(body.encode()).read(200).decode())


print(json.dumps(globals()[sys.argv[1]]()))
