//! The table of settings: every name, its default and what it is for. `config show`, the environment, the file and
//! `docs/CONFIGURATION.md` all read this one list.

/// One setting.
#[derive(Debug)]
pub(crate) struct Key {
    /// `egress.allow`; in the environment `POSTSYNC_EGRESS_ALLOW`.
    pub(crate) name: &'static str,
    /// As it would be written; empty means unset.
    pub(crate) default: &'static str,
    /// One sentence.
    pub(crate) help: &'static str,
    /// Never shown.
    pub(crate) secret: bool,
}

const fn key(name: &'static str, default: &'static str, help: &'static str) -> Key {
    Key { name, default, help, secret: false }
}

const fn secret(name: &'static str, help: &'static str) -> Key {
    Key { name, default: "", help, secret: true }
}

/// Every setting but the models' routes, which are `models.<id>`.
pub(crate) const KEYS: &[Key] = &[
    key("listen", "127.0.0.1:8080", "Address and port of the API."),
    key("data_dir", "./postsync-data", "Folder of the database, the media and the master key."),
    key(
        "public_url",
        "",
        "Where clients reach this server; result URLs begin with it. Default: http:// and the listen address.",
    ),
    secret(
        "master_key",
        "Base64 of 32 bytes; encrypts secrets at rest. Default: master.key in the data folder, made at the first start.",
    ),
    secret(
        "bootstrap.api_key",
        "Creates this admin key in organization default at start, if it never existed. 8 or more characters.",
    ),
    secret(
        "bootstrap.webhook_secret",
        "Makes this whsec_... the signing secret of organization default, if it never had one.",
    ),
    key(
        "delivery.schedule",
        "0s,5s,1m,5m,15m,1h,3h,8h,20h,44h,72h",
        "Ages of an event at which its delivery is attempted. [0s] is one attempt, as Sync does.",
    ),
    key("delivery.timeout", "15s", "How long a receiver may take to answer, head and body together. 1s to 60s."),
    key("delivery.in_flight_max", "1024", "POSTs under way at once, over all receivers."),
    key("egress.allow", "", "CIDRs and host names that are open although they are not public, comma-separated."),
    key("egress.allow_http", "false", "Whether webhooks and inputs may use http://."),
    key("egress.ca_file", "", "PEM file with certificate authorities that are trusted besides the built-in ones."),
    key("egress.idle_max", "1024", "Idle connections kept, over all destinations."),
    key("egress.resolver", "builtin", "Who resolves names: builtin, or system (getaddrinfo)."),
    key("generation.timeout", "2h", "The longest a generation may be worked on."),
    key("generation.concurrency", "1", "Generations that the built-in model makes at once."),
    key("media.input_bytes_max", "5GiB", "Largest uploaded or fetched file."),
    key("media.pixels_max", "50000000", "Most pixels in a picture or frame."),
    key("media.duration_max", "30m", "Longest video and longest speech."),
    key("media.fetch_timeout", "10m", "The longest that fetching an input may take."),
    key(
        "retention.events",
        "30d",
        "How long events, deliveries and attempts are kept; a day longer than delivery.schedule at least. 1d to 3650d.",
    ),
    key(
        "retention.exhausted",
        "90d",
        "The same of what is exhausted and was not replayed; not shorter than retention.events. 1d to 3650d.",
    ),
    key(
        "retention.media",
        "30d",
        "How long videos and uploads are kept; not shorter than retention.events. A video stays as long as a delivery that tells \
         of it. 1d to 3650d.",
    ),
    key(
        "retention.audit",
        "365d",
        "How long it is kept who asked for each generation, and from what; it goes with nothing else. 1d to 3650d.",
    ),
    key(
        "retention.inputs",
        "24h",
        "Checked, and without effect: fetched copies of inputs are removed as soon as the work is over, whatever it says. \
         Uploads are kept as retention.media says.",
    ),
    key(
        "storage.free_bytes_min",
        "",
        "Below this on the disk of the data folder no generation is taken; 0 is no bound. Default: 512MiB, or a tenth of the \
         disk where that is less.",
    ),
    key("storage.media_bytes_max", "0", "When videos and uploads take this, no generation is taken; 0 is no limit."),
    key("batch.rows_min", "20", "Fewest records that a batch may have. 1 to 1000."),
    key("batch.rows_max", "500", "Most records that a batch may have; not fewer than batch.rows_min. 1 to 1000."),
    key(
        "batch.input_duration_max",
        "30s",
        "Longest video and longest speech of a batch's record; 0s: as long as any other's, media.duration_max. Up to 24h.",
    ),
    key("limits.json_bytes_max", "10MiB", "Largest JSON body."),
    key(
        "limits.generate_per_minute",
        "0",
        "POST /v2/generate per minute and key, also as a burst; 0 is no limit. A plan that names a figure of its own goes before it, \
         here and in the next three.",
    ),
    key("limits.requests_per_minute", "0", "All other requests per minute and key, also as a burst; 0 is no limit."),
    key(
        "limits.concurrency",
        "0",
        "Generations PENDING or PROCESSING at once per organization, those of batches not counted; 0 is no limit.",
    ),
    key("limits.batch_concurrency", "0", "Batches that have not ended, at once per organization; 0 is no limit."),
    key(
        "limits.queued_max",
        "1000",
        "Uploads per organization that are accepted over its concurrency and wait; beyond it they get 429.",
    ),
    key("limits.plan", "", "The plan of organizations that were made without one; see Plans."),
    key(
        "sync.base_url",
        "https://api.sync.so",
        "The upstream that models with the route sync go to: Sync's cloud, or another server that speaks its v2 API. Its host and \
         port may be private.",
    ),
    secret("sync.api_key", "The upstream's API key. Without one no model can have the route sync."),
    secret(
        "sync.webhook_secret",
        "The whsec_... that the upstream signs with. With it, and with public_url, the upstream tells this server when it is done; \
         without, this server only asks.",
    ),
    key("sync.concurrency", "32", "Generations at the upstream at once. 1 to 1000."),
    key(
        "elevenlabs.base_url",
        "https://api.elevenlabs.io",
        "Where ElevenLabs is reached. Its host and port may be private.",
    ),
    secret(
        "elevenlabs.api_key",
        "The operator's key at ElevenLabs: voices that are not built in are spoken there. Without one the built-in ones stand in.",
    ),
    key(
        "prices",
        "",
        "What a second of a model's video costs in dollars, for estimates: lipsync-2=0.05,sync-3=0.1. Others cost nothing.",
    ),
    key("metrics.open", "false", "Whether GET /metrics needs no key."),
    key("shutdown.grace", "20s", "How long work under way may go on after SIGTERM."),
    key(
        "log.level",
        "info",
        "What is logged: off, error, warn, info, debug, trace, or a filter such as info,postsync_engine=debug.",
    ),
];

/// What a model's setting is for.
const MODEL_HELP: &str = "What makes it: builtin (mesh-1, on this machine), sync (the upstream) or passthrough (nothing: the input video's URL comes back).";

/// What a setting is for; nothing of a figure of a plan.
pub(crate) fn help(name: &str) -> Option<&'static str> {
    let of_table = KEYS.iter().find(|key| key.name == name).map(|key| key.help);
    of_table.or_else(|| name.starts_with("models.").then_some(MODEL_HELP))
}

/// The environment variable of a setting.
pub(crate) fn variable(name: &str) -> String {
    format!("POSTSYNC_{}", name.to_ascii_uppercase().replace(['.', '-'], "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_make_the_documented_variables() {
        assert_eq!(variable("egress.allow_http"), "POSTSYNC_EGRESS_ALLOW_HTTP");
        assert_eq!(variable("models.lipsync-1.9.0-beta"), "POSTSYNC_MODELS_LIPSYNC_1_9_0_BETA");
        assert!(KEYS.iter().all(|key| key.help.ends_with('.')));
        assert_eq!(
            (help("metrics.open"), help("models.sync-3")),
            (Some("Whether GET /metrics needs no key."), Some(MODEL_HELP))
        );
        assert_eq!(help("plans.growth.concurrency"), None);
    }
}
