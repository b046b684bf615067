//! Every bound has a name here, or is a setting. What is counted in bytes says so.
use std::time::Duration;

/// A webhook's body. Express refuses more than 102,400 bytes by default, so the guide's own receiver would.
pub const WEBHOOK_BODY_BYTES_MAX: usize = 100_000;

/// What of the body `input`, `webhookUrl`, `model` and `outputFileName` may take together, which can't be dropped from a webhook.
/// The rest is left for our own fields: URLs, an error sentence.
pub const WEBHOOK_ECHO_BYTES_MAX: usize = 90_000;

/// A JSON request body (`limits.json_bytes_max`).
pub const JSON_BYTES_MAX: usize = 10 * 1024 * 1024;

/// `options` and `segments` of a create together, as they are kept: every answer that shows the generation echoes them.
pub const OPTIONS_BYTES_MAX: usize = 1024 * 1024;

/// One uploaded or fetched media file (`media.input_bytes_max`).
pub const INPUT_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;

/// An error sentence on a generation, in characters: longer ones are cut.
pub const ERROR_CHARS_MAX: usize = 1_000;

/// A URL that we store, in bytes.
pub const URL_BYTES_MAX: usize = 8_192;

/// How often a generation may kill its child, or take its server down with it, before it ends FAILED.
pub const GENERATION_TRIES_MAX: u32 = 3;

/// Interruptions of ours that cost a delivery no step. After these they do: a delivery that takes the server down
/// with it must run out of attempts one day.
pub const INTERRUPTED_FREE: u32 = 3;

/// How long our own fault (no resolver answers) first holds a delivery back; twice as long with each one that follows.
pub const OWN_FAULT_WAIT_MS: i64 = 5_000;

/// The longest of these waits.
pub const OWN_FAULT_WAIT_MS_MAX: i64 = 5 * 60 * 1000;

/// So long after the schedule's last point a delivery that our own faults hold back ends: a fault for ever is a bug or a
/// machine that nobody looks after.
pub const OWN_FAULT_MS_MAX: i64 = 7 * 24 * 60 * 60 * 1000;

/// But not before so many of them: a server that was off for longer must have had its chance to send.
pub const OWN_FAULTS_MIN: u32 = 100;

/// A `Retry-After` is honoured in full up to here.
pub const RETRY_AFTER_MS_MAX: i64 = 24 * 60 * 60 * 1000;

/// What a paused endpoint holds back is looked at again so long after its schedule: it goes on waiting while nobody resumes it.
pub const PAUSE_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Records of a batch (`batch.rows_min`, `batch.rows_max`).
pub const BATCH_ROWS_MIN: usize = 20;
/// See [`BATCH_ROWS_MIN`].
pub const BATCH_ROWS_MAX: usize = 500;

/// The most that `batch.rows_max` may be: a batch is one commit, and its results are one text in memory.
pub const BATCH_ROWS_SETTING_MAX: usize = 1_000;

/// The longest video and the longest speech of a batch's row (`batch.input_duration_max`), as Sync has it.
pub const BATCH_INPUT_MAX: Duration = Duration::from_secs(30);

/// The file, or the JSON body, of a batch.
pub const BATCH_BYTES_MAX: usize = 5 * 1024 * 1024;

/// A record's `request_id`, in characters.
pub const REQUEST_ID_CHARS_MAX: usize = 256;

/// Rows of `GET /v2/usage/generations` in one answer, as Sync has it.
pub const USAGE_MAX: usize = 500;

/// Rows of a list in one answer.
pub const LIST_MAX: usize = 1_000;

/// A page of generations, or of a delivery's attempts, ends with the row that brings its texts to this many bytes, however many
/// rows were asked for.
pub const LIST_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A page of deliveries that are due or parked ends with the row whose body and URL bring it to this many bytes.
pub const DUE_PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What waits for one destination is counted up to here: a list must not read a million rows.
pub const BACKLOG_COUNTED_MAX: usize = 100_000;

/// Attempts that are shown of one delivery: its newest ones, and fewer where they come to [`LIST_BYTES_MAX`].
pub const ATTEMPTS_SHOWN_MAX: usize = 1_000;

/// What the bodies of one page of a feed may come to: it ends with the event that reaches it.
pub const FEED_PAGE_BYTES_MAX: usize = LIST_BYTES_MAX;

/// The same for what a stream holds in memory for a reader that is slow to take it.
pub const FEED_STREAM_BYTES_MAX: usize = 64 * 1024;

/// Events that a stream reads at once.
pub const FEED_STREAM_EVENTS_MAX: usize = 100;

/// The longest wait of a poll, in seconds.
pub const FEED_WAIT_S_MAX: usize = 60;

/// Assets that one page of a search looks at. A page may hold fewer than asked for, and still have a next one.
pub const ASSETS_SEARCHED_MAX: usize = 5_000;

/// An asset's name, in characters.
pub const ASSET_NAME_CHARS_MAX: usize = 255;

/// Looks at an asset that may begin: what takes the server down with it is left alone then.
pub const ASSET_PROBES_MAX: u32 = 3;

/// Polls that wait at once, on one server and for one organization.
pub const FEED_WAITS_MAX: usize = 1_024;
/// See [`FEED_WAITS_MAX`].
pub const FEED_WAITS_OF_ONE_MAX: usize = 128;

/// Streams at once, on one server and of one organization.
pub const FEED_STREAMS_MAX: usize = 256;
/// See [`FEED_STREAMS_MAX`].
pub const FEED_STREAMS_OF_ONE_MAX: usize = 32;

/// Generations that are watched by a stream each, on one server and of one organization. Each holds one in memory.
pub const WATCHES_MAX: usize = 512;
/// See [`WATCHES_MAX`].
pub const WATCHES_OF_ONE_MAX: usize = 64;

/// Replays that may be running at once, on one server and of one organization.
pub const REPLAYS_RUNNING_MAX: usize = 256;
/// See [`REPLAYS_RUNNING_MAX`].
pub const REPLAYS_RUNNING_OF_ONE_MAX: usize = 16;

/// Consumers of one organization.
pub const CONSUMERS_MAX: usize = 100;

/// A consumer that has committed nothing for so long makes room for a new one.
pub const CONSUMER_IDLE_MS: i64 = 90 * 24 * 60 * 60 * 1000;

/// A consumer's name, in characters.
pub const CONSUMER_NAME_CHARS_MAX: usize = 64;

/// Listeners of one organization, connected or not.
pub const LISTENERS_MAX: usize = 100;

/// A listener that was not seen for so long makes room for a new one.
pub const LISTENER_IDLE_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// So often it is put on record that one is there that has nothing to say.
pub const LISTENER_SEEN_AGAIN_MS: i64 = 60 * 60 * 1000;

/// The highest number of a try that is kept of a listener: what it says is its own count.
pub const LISTENER_ATTEMPTS_MAX: u32 = 10_000;

/// Listeners that are connected at once, in all and of one organization.
pub const LISTENERS_CONNECTED_MAX: usize = 1_024;
/// See [`LISTENERS_CONNECTED_MAX`].
pub const LISTENERS_CONNECTED_OF_ONE_MAX: usize = 100;

/// The longest name of a listener.
pub const LISTENER_NAME_CHARS_MAX: usize = 128;

/// The longest URL that a listener may say it hands on to.
pub const LISTENER_URL_CHARS_MAX: usize = 2_048;

/// Events without a place in the feed that wait for one listener.
pub const LISTENER_QUEUE_MAX: usize = 100;

/// Events that go out to a listener before its application has answered the first of them.
pub const LISTENER_AHEAD_MAX: usize = 32;

/// And as many bytes of bodies, where that is less: the one that comes to it still goes.
pub const LISTENER_AHEAD_BYTES_MAX: usize = 256 * 1024;

/// Events that a connected listener may have sent again within a minute.
pub const LISTENER_RESENDS_PER_MINUTE_MAX: u32 = 60;

/// What is kept of a local answer's headers, and of its body.
pub const LISTENER_ANSWER_HEAD_BYTES_MAX: usize = 8 * 1024;
/// See [`LISTENER_ANSWER_HEAD_BYTES_MAX`].
pub const LISTENER_ANSWER_BODY_BYTES_MAX: usize = 16 * 1024;

/// One message of a listener: an answer, in base64, with room for the rest of it.
pub const LISTENER_MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// Generations of one organization that wait until it has room for them (`limits.queued_max`).
pub const QUEUED_MAX: usize = 1_000;

/// Keys of one organization that work.
pub const KEYS_MAX: usize = 1_000;

/// Sign-ins from one address that may fail within a minute.
pub const REFUSED_PER_MINUTE: u32 = 300;

/// Registered endpoints of one organization: an event's end is one commit that makes a delivery for each of them.
pub const ENDPOINTS_MAX: usize = 64;

/// An endpoint's description, in characters.
pub const ENDPOINT_DESCRIPTION_CHARS_MAX: usize = 500;

/// The highest rate that an endpoint may be given; without one it has none.
pub const ENDPOINT_PER_SECOND_MAX: u32 = 10_000;

/// The most attempts under way at once that an endpoint may be given.
pub const ENDPOINT_CONCURRENCY_MAX: u32 = 256;

/// Headers that an endpoint may add to each POST.
pub const CUSTOM_HEADERS_MAX: usize = 20;

/// Their names and values together.
pub const CUSTOM_HEADERS_BYTES_MAX: usize = 8 * 1024;

/// The name of one.
pub const CUSTOM_HEADER_NAME_BYTES_MAX: usize = 128;

/// Failures of an endpoint are kept in memory for so long before they are written down: one that fails now and then would
/// else cost a write each time.
pub const ENDPOINT_NOTED_AFTER_MS: i64 = 60 * 1000;

/// After so long of only failures the others are told `endpoint.failing`.
pub const ENDPOINT_FAILING_AFTER_MS: i64 = 24 * 60 * 60 * 1000;

/// After so long of only failures an endpoint is disabled.
pub const ENDPOINT_DISABLED_AFTER_MS: i64 = 5 * 24 * 60 * 60 * 1000;

/// But not before so many failures that this process has seen: one failure before a week of silence, or before the clock was
/// set, proves nothing.
pub const ENDPOINT_FAILURES_MIN: u32 = 10;
