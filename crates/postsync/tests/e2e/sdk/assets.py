"""The asset calls and the estimate of the official Python SDK, with only the base URL changed.

Prints one JSON object: what came back of each call.
"""

import json
import os

import sync

BASE_URL, API_KEY, VIDEO, AUDIO = (os.environ[name] for name in ("BASE_URL", "API_KEY", "VIDEO_ASSET", "AUDIO_ASSET"))
client = sync.Sync(base_url=BASE_URL, api_key=API_KEY)


def plain(value):
    """As the application sees it: through the SDK's own types."""
    return json.loads(value.json())


def names(**filters):
    return [asset.name for asset in client.assets.list(**filters).items]


def main():
    first = client.assets.list(limit=2, sort_by="nameAsc")
    rest = client.assets.list(limit=2, sort_by="nameAsc", cursor=first.next_cursor)
    one = client.assets.get(VIDEO)
    cost = client.generations.estimate_cost(
        model="lipsync-2",
        input=[sync.Video(asset_id=VIDEO), sync.Audio(asset_id=AUDIO)],
        options=sync.GenerationOptions(sync_mode="loop"),
    )
    return {
        "all": plain(client.assets.list()),
        "first": plain(first),
        "rest": plain(rest),
        "types": names(types=["VIDEO", "IMAGE"], sort_by="nameDesc"),
        "search": names(search_query="SPEECH"),
        "project": names(project_id="6533643b-aceb-4c40-967e-d9ba9baac39e"),
        "one": plain(one),
        "createdAtMs": round(one.created_at.timestamp() * 1000),
        "cost": [plain(estimate) for estimate in cost],
    }


print(json.dumps(main()))
