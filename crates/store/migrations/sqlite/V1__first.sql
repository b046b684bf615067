-- The first schema. Times are milliseconds since 1970 in UTC. Ids of generations, assets and media are 16 bytes; all other
-- numeric ids rise with time, so that history is appended at the right edge of its tables.
-- Statuses and kinds are the words of the API, so that a look with the sqlite3 shell reads like the API.

CREATE TABLE organizations (
    id          TEXT NOT NULL PRIMARY KEY,
    name        TEXT NOT NULL,
    plan        TEXT,                   -- NULL: the server's usual one
    concurrency INTEGER,                -- generations at once; NULL: as the plan has it
    created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE keys (
    id           INTEGER NOT NULL PRIMARY KEY,
    org          TEXT NOT NULL,
    name         TEXT NOT NULL,
    scopes       TEXT NOT NULL,
    hash         BLOB NOT NULL UNIQUE,  -- SHA-256 of the key's text, which is kept nowhere
    created_at   INTEGER NOT NULL,
    revoked_at   INTEGER,
    last_used_at INTEGER                -- written at most once a minute
) STRICT;
CREATE INDEX keys_by_org ON keys (org, id);
CREATE INDEX keys_working ON keys (org) WHERE revoked_at IS NULL;

-- The master keys that something may be sealed with: one, written by the first open, and while the key is being changed the
-- next one beside it. Only its own key opens a row, which tells a wrong one before anything is read with it.
CREATE TABLE vault (
    place  TEXT NOT NULL PRIMARY KEY,   -- current, next
    key_id TEXT NOT NULL UNIQUE,
    sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- What signs webhooks: at most three of an organization, and of each of its registered endpoints. One that signs nothing any
-- more is removed.
CREATE TABLE secrets (
    id         INTEGER NOT NULL PRIMARY KEY,
    org        TEXT NOT NULL,
    endpoint   TEXT,                    -- NULL: the organization's own
    place      TEXT,                    -- current, next, previous; NULL only inside a commit
    key_id     TEXT NOT NULL,           -- of the master key
    sealed     BLOB NOT NULL,           -- nonce, ciphertext, tag; bound to id, org and endpoint
    created_at INTEGER NOT NULL,
    expires_at INTEGER                  -- of previous
) STRICT;
CREATE UNIQUE INDEX secrets_by_owner ON secrets (org, coalesce(endpoint, ''), place);
CREATE INDEX secrets_by_key ON secrets (key_id, id);

-- Registered ones: an implicit endpoint has no row.
CREATE TABLE endpoints (
    org           TEXT NOT NULL,
    id            TEXT NOT NULL,        -- ep_..., in the order in which they were registered
    url           TEXT NOT NULL,
    url_key       TEXT NOT NULL,        -- what two URLs that lead to the same place have in common
    description   TEXT NOT NULL,
    events        TEXT NOT NULL,        -- names with commas between them; empty: all but the operational ones
    key_id        TEXT,                 -- of the master key that the next is sealed under
    headers       BLOB,                 -- nonce, ciphertext, tag; bound to org and id; NULL: none
    schedule      TEXT,                 -- NULL, as the next: as the server has it
    timeout_ms    INTEGER,
    per_second    INTEGER,
    concurrency   INTEGER,
    state         TEXT NOT NULL,        -- enabled, paused, disabled
    reason        TEXT,                 -- of disabled
    failing_since INTEGER,
    failing_told  INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    version       INTEGER NOT NULL,     -- rises by one with each change
    PRIMARY KEY (org, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX endpoints_by_url ON endpoints (org, url_key);
CREATE UNIQUE INDEX endpoints_by_id ON endpoints (id);

CREATE TABLE generations (
    number           INTEGER NOT NULL PRIMARY KEY,
    id               BLOB NOT NULL UNIQUE,
    org              TEXT NOT NULL,
    status           TEXT NOT NULL,     -- PENDING, PROCESSING, COMPLETED, FAILED
    tries            INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    ended_at         INTEGER,
    model            TEXT NOT NULL,
    webhook_url      TEXT,
    output_file_name TEXT,
    output_url       TEXT,
    output_media     BLOB,
    duration_ms      INTEGER,
    error_code       TEXT,
    error            TEXT,
    input            TEXT NOT NULL,     -- canonical JSON, as are the next two
    options          TEXT,
    segments         TEXT,
    schedule         TEXT,              -- what was asked of its webhook: 0s,10s
    timeout_ms       INTEGER,
    batch            BLOB,              -- NULL, as the next two: it is of none
    batch_row        INTEGER,           -- its place there, from 1
    request_id       TEXT               -- what the client calls it there
) STRICT;
CREATE INDEX generations_by_status ON generations (org, status, id);
-- What has ended, for bills.
CREATE INDEX generations_by_end ON generations (org, ended_at, id) WHERE ended_at IS NOT NULL;
CREATE UNIQUE INDEX generations_by_batch ON generations (batch, batch_row) WHERE batch IS NOT NULL;
-- Tells whether a file is a generation's video.
CREATE INDEX generations_by_media ON generations (output_media) WHERE output_media IS NOT NULL;

-- How many of each organization are in each state: a count must not read a million rows. Written by the commit that moves them.
CREATE TABLE generation_counts (
    org    TEXT NOT NULL,
    status TEXT NOT NULL,
    count  INTEGER NOT NULL,
    PRIMARY KEY (org, status)
) STRICT, WITHOUT ROWID;

-- Who asked for each generation and from what: in one commit with it, and kept when it is deleted. What its row tells is written
-- here when that goes.
CREATE TABLE audit (
    org        TEXT NOT NULL,
    generation BLOB NOT NULL,
    key        INTEGER,                 -- NULL: not asked for over the API
    address    TEXT,
    named      TEXT,                    -- JSON: SHA-256 or URL of each of its assets; NULL: it names none
    model      TEXT,                    -- NULL, as the next, while the generation is there
    inputs     TEXT,                    -- JSON: of each its type, asset, SHA-256, URL without its query
    PRIMARY KEY (org, generation)
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_by_key ON audit (org, key, generation);

-- Idempotency-Keys that creates have used: in one commit with the generation. A day later they go.
CREATE TABLE idempotency_keys (
    org         TEXT NOT NULL,
    key         TEXT NOT NULL,
    fingerprint BLOB NOT NULL,          -- SHA-256 of what was asked for
    made        BLOB NOT NULL,          -- the id of what it became
    used_at     INTEGER NOT NULL,
    PRIMARY KEY (org, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (used_at);

-- Generations that wait until their organization has room for them. They are not in work until then.
CREATE TABLE held (
    org TEXT NOT NULL,
    id  BLOB NOT NULL,
    PRIMARY KEY (org, id)
) STRICT, WITHOUT ROWID;
-- Uploads stay for the oldest of all.
CREATE INDEX held_by_age ON held (id);

-- The generations that have not ended and are not held: all that the loops read.
CREATE TABLE work (
    model TEXT NOT NULL,
    id    BLOB NOT NULL,
    org   TEXT NOT NULL,
    batch BLOB NOT NULL,                -- empty: it is of none
    PRIMARY KEY (model, id)
) STRICT, WITHOUT ROWID;
-- Whose turn it is: organizations take turns, and in each its batches and what is of none.
CREATE UNIQUE INDEX work_by_turn ON work (model, org, batch, id);

-- Generations that were asked for at once. The counts move in the commits that end their rows.
CREATE TABLE batches (
    id          BLOB NOT NULL PRIMARY KEY,
    org         TEXT NOT NULL,
    status      TEXT NOT NULL,          -- PENDING, JOBS_CREATED, PROCESSING, COMPLETED, FAILED
    created_at  INTEGER NOT NULL,
    ended_at    INTEGER,
    total       INTEGER NOT NULL,
    succeeded   INTEGER NOT NULL,
    failed      INTEGER NOT NULL,
    webhook_url TEXT,
    output_url  TEXT                    -- NULL until it has ended
) STRICT, WITHOUT ROWID;
CREATE INDEX batches_by_time ON batches (org, created_at, id);
CREATE INDEX batches_by_status ON batches (org, status, created_at, id);

-- Generations that an upstream makes: submitted once, watched by its id there. A row goes with its generation.
CREATE TABLE relays (
    generation BLOB NOT NULL PRIMARY KEY,
    begun_at   INTEGER NOT NULL,
    upstream   TEXT,                    -- what it is called there; NULL: not known to be there yet
    taken_at   INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    id         INTEGER NOT NULL PRIMARY KEY,
    org        TEXT NOT NULL,
    seq        INTEGER,                 -- the place in the organization's feed, given inside the commit; NULL: it has none
    kind       TEXT NOT NULL,
    generation BLOB,                    -- NULL: it is about none
    created_at INTEGER NOT NULL,
    body       BLOB NOT NULL            -- the exact bytes that every attempt signs and sends
) STRICT;
CREATE UNIQUE INDEX events_by_place ON events (org, seq);

-- Where each organization's feed begins and ends. Kept here, so that neither falls when old events are deleted.
CREATE TABLE feeds (
    org       TEXT NOT NULL PRIMARY KEY,
    last      INTEGER NOT NULL,         -- the last place given
    forgotten INTEGER NOT NULL DEFAULT 0 -- the last place removed: a reader in front of it is told so
) STRICT, WITHOUT ROWID;

-- Whoever removes an event, and whyever: no reader may step over the hole without a word.
CREATE TRIGGER events_are_forgotten AFTER DELETE ON events WHEN old.seq IS NOT NULL
BEGIN
    UPDATE feeds SET forgotten = max(forgotten, old.seq) WHERE org = old.org;
END;

-- How far each reader of a feed has come.
CREATE TABLE consumers (
    org          TEXT NOT NULL,
    name         TEXT NOT NULL,
    seq          INTEGER NOT NULL,      -- the last place that it has handled
    committed_at INTEGER NOT NULL,
    PRIMARY KEY (org, name)
) STRICT, WITHOUT ROWID;

-- Developers' listeners: how far each has come in the feed of its organization.
CREATE TABLE listeners (
    org         TEXT NOT NULL,
    name        TEXT NOT NULL,
    forward_to  TEXT NOT NULL,          -- a URL on its own machine: shown, never asked
    events      TEXT NOT NULL,          -- names with commas between them; empty: all but the operational ones
    seq         INTEGER NOT NULL,       -- the last place that it is done with
    created_at  INTEGER NOT NULL,
    seen_at     INTEGER NOT NULL,
    status      INTEGER,                -- what its application answered last, and when
    answered_at INTEGER,
    PRIMARY KEY (org, name)
) STRICT, WITHOUT ROWID;
-- What waits for one beside its feed: test events have no place there.
CREATE TABLE listener_queue (
    org   TEXT NOT NULL,
    name  TEXT NOT NULL,
    event INTEGER NOT NULL,
    PRIMARY KEY (org, name, event)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER listeners_go AFTER DELETE ON listeners
BEGIN
    DELETE FROM listener_queue WHERE org = old.org AND name = old.name;
END;

-- History: written when the delivery is made and once more when it has ended. What moves in between is in due; only that one is
-- held back is said here, too, because lists are read by it.
CREATE TABLE deliveries (
    id          INTEGER NOT NULL PRIMARY KEY,
    event       INTEGER NOT NULL,
    org         TEXT NOT NULL,
    generation  BLOB,
    origin      TEXT NOT NULL,          -- event, replay, test, listener
    endpoint    TEXT NOT NULL,
    shard       INTEGER NOT NULL,
    status      TEXT NOT NULL,          -- due, parked (while its row is there), delivered, exhausted
    reason      TEXT,                   -- of exhausted
    created_at  INTEGER NOT NULL,
    ended_at    INTEGER,
    attempts    INTEGER NOT NULL,
    step        INTEGER NOT NULL,
    interrupted INTEGER NOT NULL,
    url         TEXT NOT NULL,
    schedule    TEXT,                   -- NULL, as the next: as the server has it
    timeout_ms  INTEGER,
    last_error  TEXT,                   -- what the last attempt came to, once it has ended
    replayed_at INTEGER                 -- when it was last made anew
) STRICT;
CREATE INDEX deliveries_by_status ON deliveries (org, status, id);
CREATE INDEX deliveries_by_generation ON deliveries (generation, id) WHERE generation IS NOT NULL;
CREATE INDEX deliveries_by_endpoint ON deliveries (org, endpoint, status, id);
-- Whether a delivery of an event is left is asked when old ones go. Those about a generation are found by that.
CREATE INDEX deliveries_by_event ON deliveries (event) WHERE generation IS NULL;

-- The only hot table: what is to be delivered, clustered in the order in which it is read. A row goes when its delivery ends.
CREATE TABLE due (
    due_at      INTEGER NOT NULL,
    id          INTEGER NOT NULL,       -- the delivery's
    shard       INTEGER NOT NULL,
    open        INTEGER NOT NULL,       -- 1 while the last attempt has no end on record
    attempts    INTEGER NOT NULL,
    step        INTEGER NOT NULL,
    interrupted INTEGER NOT NULL,
    started_at  INTEGER,                -- of the open attempt, as is the next: the record of its start
    start_step  INTEGER,
    PRIMARY KEY (due_at, id)
) STRICT, WITHOUT ROWID;
-- Finds a row by its delivery, and after a crash all open ones in id order.
CREATE UNIQUE INDEX due_by_delivery ON due (open, id);

-- Due, but held back, by lane: a destination or an endpoint. A row is here or in due, never in both.
CREATE TABLE parked (
    lane        TEXT NOT NULL,
    id          INTEGER NOT NULL,       -- the delivery's
    org         TEXT NOT NULL,
    destination TEXT NOT NULL,          -- where it goes: an organization is shown how many wait
    reason      TEXT NOT NULL,          -- down, paused, backlog
    due_at      INTEGER NOT NULL,       -- as it was in due
    shard       INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    step        INTEGER NOT NULL,
    interrupted INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,       -- when its schedule is over
    probe_at    INTEGER NOT NULL,       -- from when on it may be a probe (again)
    PRIMARY KEY (lane, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX parked_by_delivery ON parked (id);
CREATE INDEX parked_by_expiry ON parked (expires_at, id);
CREATE INDEX parked_by_destination ON parked (org, destination);

-- History: an attempt's row is written when it has ended. Until then its start is on record in due.
CREATE TABLE attempts (
    delivery      INTEGER NOT NULL,
    attempt       INTEGER NOT NULL,
    step          INTEGER NOT NULL,
    started_at    INTEGER NOT NULL,
    ended_at      INTEGER NOT NULL,
    outcome       TEXT NOT NULL,
    http_status   INTEGER,
    error         TEXT,
    message       TEXT NOT NULL,
    address       TEXT,
    tls           TEXT,
    dns_us        INTEGER,
    connect_us    INTEGER,
    tls_us        INTEGER,
    first_byte_us INTEGER,
    total_us      INTEGER,
    next          TEXT,                 -- why the next attempt is when it is; NULL where none follows
    sent          BLOB,                 -- time, version, signatures: what of the request's head no other row tells
    headers       BLOB,                 -- of the answer, as lines; NULL where no head came
    body          BLOB,                 -- of the answer, its beginning as it came; NULL where it is empty
    truncated     INTEGER,              -- 1 where that is not all of it
    PRIMARY KEY (delivery, attempt)
) STRICT, WITHOUT ROWID;

-- Replays of many deliveries: what was asked for, and how far the walk has come.
CREATE TABLE replays (
    id         INTEGER NOT NULL PRIMARY KEY,
    org        TEXT NOT NULL,
    status     TEXT NOT NULL,           -- running, done
    created_at INTEGER NOT NULL,
    ended_at   INTEGER,
    of_status  TEXT,                    -- this and the next five are the filter; NULL means any
    generation BLOB,
    endpoint   TEXT,
    since      INTEGER,
    until      INTEGER,
    error      TEXT,
    again      INTEGER NOT NULL,        -- 1: exhausted ones that were replayed before, too
    count      INTEGER,
    made       INTEGER NOT NULL,
    skipped    INTEGER NOT NULL,
    read_to    INTEGER NOT NULL         -- the last delivery that was looked at, and the fence
) STRICT;
CREATE INDEX replays_running ON replays (id) WHERE status = 'running';

-- Uploads and registered URLs. What lists are sorted by is never NULL, so that a page can begin behind any place.
CREATE TABLE assets (
    id          BLOB NOT NULL PRIMARY KEY,
    org         TEXT NOT NULL,
    kind        TEXT NOT NULL,          -- AUDIO, IMAGE, VIDEO
    name        TEXT NOT NULL,
    name_key    TEXT NOT NULL,          -- the name as it is sorted and searched
    visibility  TEXT NOT NULL,          -- USER, ORGANIZATION
    input_type  TEXT NOT NULL,          -- UPLOAD, URL, TTS
    media       BLOB,                   -- one of these two is there
    url         TEXT,
    bytes       INTEGER NOT NULL,       -- -1: not known
    sha256      BLOB,
    format      TEXT,
    duration_ms INTEGER NOT NULL,       -- -1: not known
    width       INTEGER,
    height      INTEGER,
    thumbnail   BLOB,
    probe       TEXT NOT NULL,          -- waiting, done, failed
    probes      INTEGER NOT NULL,       -- looks that have begun
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX assets_by_media ON assets (media) WHERE media IS NOT NULL;
CREATE INDEX assets_by_thumbnail ON assets (thumbnail) WHERE thumbnail IS NOT NULL;
-- With the name in each of them a search reads nothing else until it has found something.
CREATE INDEX assets_by_date ON assets (org, kind, id, name_key);
CREATE INDEX assets_by_name ON assets (org, kind, name_key, id);
CREATE INDEX assets_by_duration ON assets (org, kind, duration_ms, id, name_key);
CREATE INDEX assets_by_size ON assets (org, kind, bytes, id, name_key);
-- What waits to be looked at, here and elsewhere: organizations take turns.
CREATE INDEX assets_to_probe ON assets (org, id) WHERE probe = 'waiting' AND media IS NOT NULL;
CREATE INDEX assets_to_fetch ON assets (org, id) WHERE probe = 'waiting' AND media IS NULL;

-- Those that were removed while their upload URL works: it does not bring them back.
CREATE TABLE assets_removed (
    id BLOB NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- Names under which some of an organization's assets are kept together. Clients may bring their own ids.
CREATE TABLE projects (
    org        TEXT NOT NULL,
    id         BLOB NOT NULL,
    name       TEXT NOT NULL,
    visibility TEXT NOT NULL,           -- USER, ORGANIZATION
    mode       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    assets     INTEGER NOT NULL,        -- how many are in it
    PRIMARY KEY (org, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX projects_by_time ON projects (org, created_at, id);
CREATE TABLE project_assets (
    org     TEXT NOT NULL,
    project BLOB NOT NULL,
    asset   BLOB NOT NULL,
    PRIMARY KEY (org, project, asset)
) STRICT, WITHOUT ROWID;
CREATE INDEX project_assets_by_asset ON project_assets (asset);
CREATE TRIGGER project_assets_come AFTER INSERT ON project_assets
BEGIN
    UPDATE projects SET assets = assets + 1 WHERE org = new.org AND id = new.project;
END;
CREATE TRIGGER project_assets_go AFTER DELETE ON project_assets
BEGIN
    UPDATE projects SET assets = assets - 1 WHERE org = old.org AND id = old.project;
END;
CREATE TRIGGER projects_go AFTER DELETE ON projects
BEGIN
    DELETE FROM project_assets WHERE org = old.org AND project = old.id;
END;
-- Whoever removes an asset, and whyever.
CREATE TRIGGER assets_leave_their_projects AFTER DELETE ON assets
BEGIN
    DELETE FROM project_assets WHERE asset = old.id;
END;

-- How many each organization has: a count must not read a million rows.
CREATE TABLE asset_counts (
    org   TEXT NOT NULL,
    kind  TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (org, kind)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER assets_come AFTER INSERT ON assets
BEGIN
    INSERT OR IGNORE INTO asset_counts (org, kind, count) VALUES (new.org, new.kind, 0);
    UPDATE asset_counts SET count = count + 1 WHERE org = new.org AND kind = new.kind;
END;
CREATE TRIGGER assets_go AFTER DELETE ON assets
BEGIN
    UPDATE asset_counts SET count = count - 1 WHERE org = old.org AND kind = old.kind;
END;
CREATE TRIGGER assets_are_another AFTER UPDATE OF kind ON assets WHEN old.kind <> new.kind
BEGIN
    UPDATE asset_counts SET count = count - 1 WHERE org = old.org AND kind = old.kind;
    INSERT OR IGNORE INTO asset_counts (org, kind, count) VALUES (new.org, new.kind, 0);
    UPDATE asset_counts SET count = count + 1 WHERE org = new.org AND kind = new.kind;
END;

-- Words that are spoken when it is their turn.
CREATE TABLE speech_jobs (
    id          BLOB NOT NULL PRIMARY KEY,
    org         TEXT NOT NULL,
    status      TEXT NOT NULL,          -- PENDING, PROCESSING, COMPLETED, FAILED
    is_open     INTEGER NOT NULL,       -- 1 until it has ended
    lane        TEXT NOT NULL,          -- where it is spoken: here, elsewhere
    tries       INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    provider    TEXT NOT NULL,          -- as it was asked for, as are the next four
    voice       TEXT NOT NULL,
    script      TEXT NOT NULL,
    stability   INTEGER NOT NULL,       -- in thousandths, as is the next
    similarity  INTEGER NOT NULL,
    asset       BLOB,                   -- what it has become
    error_code  TEXT,
    error       TEXT,
    key         TEXT,                   -- its create's Idempotency-Key
    fingerprint BLOB                    -- SHA-256 of what was asked for with it
) STRICT, WITHOUT ROWID;
CREATE INDEX speech_jobs_open ON speech_jobs (lane, org, id) WHERE is_open = 1;
CREATE INDEX speech_jobs_open_by_org ON speech_jobs (org) WHERE is_open = 1;
CREATE INDEX speech_jobs_by_key ON speech_jobs (org, key, created_at, id) WHERE key IS NOT NULL;
CREATE INDEX speech_jobs_ended ON speech_jobs (created_at, id) WHERE is_open = 0;

-- Whose each cloned voice is: the provider knows no organizations.
CREATE TABLE voices (
    tag        BLOB NOT NULL PRIMARY KEY,   -- a part of its name at the provider
    org        TEXT NOT NULL,
    name       TEXT NOT NULL,
    id         TEXT,                        -- what the provider calls it; null until that is known
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX voices_by_name ON voices (org, name);
CREATE UNIQUE INDEX voices_by_id ON voices (id) WHERE id IS NOT NULL;

-- checks: moved by each check that the disk takes writes. outputs: the videos that were kept before that time are gone, because
-- their retention is over.
CREATE TABLE counters (
    name  TEXT NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counters (name, value) VALUES ('checks', 0), ('outputs', 0);
