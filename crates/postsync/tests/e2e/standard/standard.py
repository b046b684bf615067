"""Verifies what came with the library of Standard Webhooks: an array of {secret, headers, body} on stdin, one of booleans on stdout."""

import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError


def verifies(case):
    try:
        Webhook(case["secret"]).verify(case["body"], case["headers"])
        return True
    except WebhookVerificationError:
        return False


print(json.dumps([verifies(case) for case in json.load(sys.stdin)]))
