//! Settings: read from all sources, judged all at once. Whoever starts the server with three mistakes is told of three.
#[cfg(test)]
mod docs;
pub(crate) mod keys;
mod public_url;
mod sources;
mod sync;
mod units;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::logging;
use postsync_core::Secret;
use postsync_core::batch::RowLimits;
use postsync_core::egress_rules::{Allow, AllowError, EgressRules};
use postsync_core::limits::BATCH_ROWS_SETTING_MAX;
use postsync_core::model::{MODELS, Route, Routing};
use postsync_core::plan::{Allowance, Plan, Plans};
use postsync_core::price::Prices;
use postsync_core::retention::Retention;
use postsync_core::schedule::{Schedule, parse_duration};
use postsync_core::space::Budget;
use postsync_store::MasterKey;

pub(crate) use sources::{MASTER_KEY_NEW_VARIABLE, Origin, UNKNOWN_VARIABLE, Values};
pub(crate) use sync::{Configured, SyncSettings};

/// What whoever looks at settings should know of them.
pub(crate) const OF_THIS_SHELL: &str =
    "settings of a server that is started here, with this shell's variables; one that runs may have others";

/// The same in the help of a command.
pub(crate) const ASKS_NO_SERVER: &str = "\
It goes by the settings of a server that is started here: from the file, and from the variables of this shell. One that runs \
already may have been started with others; it is not asked.";

/// The file that is read when none is named and it is there.
const FILE: &str = "postsync.toml";

/// Shortest key that bootstrap takes.
const BOOTSTRAP_KEY_CHARS_MIN: usize = 8;

const DAY_S: u64 = 24 * 3600;

/// The largest figure of a limit: beyond it is none.
const FIGURE_MAX: usize = 1_000_000_000;

/// As good as for ever, and no time that is reckoned back from now leaves the calendar.
const RETENTION_S_MAX: u64 = 3650 * DAY_S;

/// Everything that an operator can set, judged.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) listen: SocketAddr,
    pub(crate) data_dir: PathBuf,
    pub(crate) public_url: Option<String>,
    pub(crate) master_key: Option<String>,
    pub(crate) bootstrap_api_key: Option<String>,
    pub(crate) bootstrap_webhook_secret: Option<Secret>,
    pub(crate) schedule: Schedule,
    pub(crate) delivery_timeout: Duration,
    pub(crate) in_flight_max: usize,
    pub(crate) rules: EgressRules,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) idle_max: usize,
    pub(crate) system_resolver: bool,
    pub(crate) generation_timeout: Duration,
    pub(crate) generation_concurrency: usize,
    pub(crate) input_bytes_max: u64,
    pub(crate) pixels_max: u64,
    pub(crate) duration_max: Duration,
    pub(crate) fetch_timeout: Duration,
    pub(crate) retention: Retention,
    pub(crate) budget: Budget,
    pub(crate) batch_rows: RowLimits,
    pub(crate) batch_input_max: Option<Duration>,
    pub(crate) json_bytes_max: usize,
    pub(crate) prices: Prices,
    pub(crate) plans: Plans,
    pub(crate) queued_max: usize,
    pub(crate) metrics_open: bool,
    pub(crate) shutdown_grace: Duration,
    pub(crate) log_level: String,
    pub(crate) routing: Routing,
    /// `None` where no key of an upstream is set.
    pub(crate) sync: Option<SyncSettings>,
    /// `None` where no key of ElevenLabs is set.
    pub(crate) elevenlabs: Option<Configured>,
}

/// Reads every source. Flags are `(name, value)` pairs.
///
/// # Errors
/// When a file that was named can't be read.
pub(crate) fn read(file: Option<&Path>, flags: &[(&str, Option<String>)]) -> anyhow::Result<Values> {
    let mut values = Values::defaults();
    let named = file.map(Path::to_path_buf).or_else(named_by_variable);
    let path = named.clone().unwrap_or_else(|| PathBuf::from(FILE));
    match std::fs::read_to_string(&path) {
        Ok(text) => values.overlay_file(&path, &text),
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => anyhow::bail!("the configuration file {} can't be read: {error}", path.display()),
    }
    let all = std::env::vars_os().filter_map(|(name, value)| (!value.is_empty()).then(|| name.into_string().ok())?);
    values.overlay_environment(|name| std::env::var(name).ok(), all);
    for (name, value) in flags {
        if let Some(text) = value {
            values.set(name, text.clone(), Origin::Flag);
        }
    }
    Ok(values)
}

fn named_by_variable() -> Option<PathBuf> {
    std::env::var_os(sources::CONFIG_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// Judges every value.
///
/// # Errors
/// One sentence with every mistake in it.
pub(crate) fn judge(values: &Values) -> anyhow::Result<Settings> {
    let mut judge = Judge { values, mistakes: values.mistakes.clone() };
    let settings = judge.settings();
    if judge.mistakes.is_empty() {
        return Ok(settings);
    }
    let list: Vec<String> = judge.mistakes.iter().map(|mistake| format!("  - {mistake}")).collect();
    anyhow::bail!("the configuration has {} mistake(s):\n{}", list.len(), list.join("\n"))
}

/// Collects mistakes instead of stopping at the first.
struct Judge<'a> {
    values: &'a Values,
    mistakes: Vec<String>,
}

impl Judge<'_> {
    fn settings(&mut self) -> Settings {
        Settings {
            listen: self.parse(
                "listen",
                "an address and port like 127.0.0.1:8080",
                |t| t.parse().ok(),
                ([127, 0, 0, 1], 8080).into(),
            ),
            data_dir: PathBuf::from(self.values.text("data_dir")),
            public_url: self.public_url(),
            master_key: self.master_key(),
            bootstrap_api_key: self.bootstrap_api_key(),
            bootstrap_webhook_secret: self.bootstrap_webhook_secret(),
            schedule: self.schedule(),
            delivery_timeout: self.duration("delivery.timeout", 1, 60),
            in_flight_max: self.count("delivery.in_flight_max", 1, 100_000),
            rules: self.rules(),
            ca_file: self.ca_file(),
            idle_max: self.count("egress.idle_max", 0, 1_000_000),
            system_resolver: self.one_of("egress.resolver", &["builtin", "system"]) == 1,
            generation_timeout: self.duration("generation.timeout", 1, 7 * 24 * 3600),
            generation_concurrency: self.count("generation.concurrency", 1, 64),
            input_bytes_max: self.bytes("media.input_bytes_max"),
            pixels_max: self.count("media.pixels_max", 1, 1_000_000_000) as u64,
            duration_max: self.duration("media.duration_max", 1, 24 * 3600),
            fetch_timeout: self.duration("media.fetch_timeout", 1, 24 * 3600),
            retention: self.retention(),
            budget: self.budget(),
            batch_rows: self.batch_rows(),
            batch_input_max: Some(self.duration("batch.input_duration_max", 0, 24 * 3600)).filter(|max| !max.is_zero()),
            json_bytes_max: usize::try_from(self.bytes("limits.json_bytes_max")).unwrap_or(usize::MAX),
            prices: self.prices(),
            metrics_open: self.flag("metrics.open"),
            shutdown_grace: self.duration("shutdown.grace", 0, 3600),
            log_level: self.log_level(),
            plans: self.plans(),
            queued_max: self.count("limits.queued_max", 0, 1_000_000),
            routing: self.routing(),
            sync: self.sync(),
            elevenlabs: self.elevenlabs(),
        }
    }

    fn retention(&mut self) -> Retention {
        let mistakes = self.mistakes.len();
        let retention = Retention {
            events: self.duration("retention.events", DAY_S, RETENTION_S_MAX),
            exhausted: self.duration("retention.exhausted", DAY_S, RETENTION_S_MAX),
            media: self.duration("retention.media", DAY_S, RETENTION_S_MAX),
            audit: self.duration("retention.audit", DAY_S, RETENTION_S_MAX),
        };
        let _ = self.duration("retention.inputs", 0, RETENTION_S_MAX);
        // Only of what can be read: a mistake would be told twice.
        let schedule = Schedule::parse(self.values.text("delivery.schedule").trim_matches(['[', ']']));
        if let (Ok(schedule), true) = (schedule, mistakes == self.mistakes.len()) {
            self.mistakes.extend(retention.mistakes(&schedule).iter().map(ToString::to_string));
        }
        retention
    }

    fn budget(&mut self) -> Budget {
        Budget {
            free_bytes_min: self
                .optional("storage.free_bytes_min")
                .map(|_| self.bytes_or_none("storage.free_bytes_min")),
            media_bytes_max: self.bytes_or_none("storage.media_bytes_max"),
        }
    }

    /// 0 is none.
    fn bytes_or_none(&mut self, name: &str) -> u64 {
        let read = |text: &str| if text == "0" { Some(0) } else { units::parse_bytes(text) };
        self.parse(name, "a size like 500000, 20MB or 5GiB, or 0", read, 0)
    }

    /// Read here only to be judged: what is wrong with it is told with all the rest.
    fn ca_file(&mut self) -> Option<PathBuf> {
        let path = PathBuf::from(self.optional("egress.ca_file")?);
        let judged = postsync_egress::authorities(&path);
        self.mistakes.extend(judged.err().map(|error| error.to_string()));
        Some(path)
    }

    fn optional(&self, name: &str) -> Option<String> {
        Some(self.values.text(name)).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    fn parse<T>(&mut self, name: &str, wanted: &str, read: impl Fn(&str) -> Option<T>, fallback: T) -> T {
        let text = self.values.text(name);
        read(text).unwrap_or_else(|| {
            self.mistakes.push(format!("{name} ({}): {text:?} is not {wanted}", keys::variable(name)));
            fallback
        })
    }

    fn duration(&mut self, name: &str, least_s: u64, most_s: u64) -> Duration {
        let fits = |d: &Duration| (Duration::from_secs(least_s)..=Duration::from_secs(most_s)).contains(d);
        let (least, most) = (units::seconds(least_s), units::seconds(most_s));
        let wanted = format!("a duration from {least} to {most}, written like 15s, 5m, 2h or 30d");
        self.parse(name, &wanted, |text| parse_duration(text).filter(fits), Duration::from_secs(least_s))
    }

    fn count(&mut self, name: &str, least: usize, most: usize) -> usize {
        let wanted = format!("a whole number from {least} to {most}");
        self.parse(name, &wanted, |text| text.parse().ok().filter(|n| (least..=most).contains(n)), least)
    }

    fn bytes(&mut self, name: &str) -> u64 {
        self.parse(name, "a size like 500000, 20MB or 5GiB", units::parse_bytes, 1)
    }

    fn flag(&mut self, name: &str) -> bool {
        self.parse(name, "true or false", |text| text.parse().ok(), false)
    }

    fn one_of(&mut self, name: &str, words: &[&str]) -> usize {
        self.parse(name, &format!("one of {}", words.join(", ")), |text| words.iter().position(|w| *w == text), 0)
    }

    fn public_url(&mut self) -> Option<String> {
        let text = self.optional("public_url")?;
        public_url::parse(&text)
            .map_err(|why| self.mistakes.push(format!("public_url (POSTSYNC_PUBLIC_URL): {text:?} {why}")))
            .ok()
    }

    fn master_key(&mut self) -> Option<String> {
        let text = self.optional("master_key")?;
        if let Err(error) = MasterKey::from_base64(&text) {
            self.mistakes.push(format!("master_key (POSTSYNC_MASTER_KEY): {error}"));
        }
        Some(text)
    }

    fn log_level(&mut self) -> String {
        let text = self.values.text("log.level");
        if let Err(why) = logging::check(text) {
            self.mistakes.push(format!("log.level (POSTSYNC_LOG_LEVEL): {text:?} is not a filter: {why}"));
        }
        text.to_owned()
    }

    fn bootstrap_api_key(&mut self) -> Option<String> {
        let key = self.optional("bootstrap.api_key")?;
        if key.chars().count() >= BOOTSTRAP_KEY_CHARS_MIN {
            return Some(key);
        }
        let least = BOOTSTRAP_KEY_CHARS_MIN;
        self.mistakes
            .push(format!("bootstrap.api_key (POSTSYNC_BOOTSTRAP_API_KEY): a key has {least} or more characters"));
        None
    }

    fn bootstrap_webhook_secret(&mut self) -> Option<Secret> {
        let text = self.optional("bootstrap.webhook_secret")?;
        Secret::new(text)
            .map_err(|error| {
                self.mistakes.push(format!("bootstrap.webhook_secret (POSTSYNC_BOOTSTRAP_WEBHOOK_SECRET): {error}"))
            })
            .ok()
    }

    fn schedule(&mut self) -> Schedule {
        Schedule::parse(self.values.text("delivery.schedule").trim_start_matches('[').trim_end_matches(']'))
            .unwrap_or_else(|error| {
                self.mistakes.push(format!("delivery.schedule (POSTSYNC_DELIVERY_SCHEDULE): {error}"));
                Schedule::default()
            })
    }

    fn prices(&mut self) -> Prices {
        Prices::parse(self.values.text("prices")).unwrap_or_else(|why| {
            self.mistakes.push(format!("prices (POSTSYNC_PRICES): {why}"));
            Prices::default()
        })
    }

    fn rules(&mut self) -> EgressRules {
        let text = self.values.text("egress.allow");
        let allow = Allow::parse_list(text).unwrap_or_else(|first| {
            let each = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
            let mut errors: Vec<AllowError> = each.filter_map(|entry| entry.parse::<Allow>().err()).collect();
            if errors.is_empty() {
                errors.push(first);
            }
            let told = errors.iter().map(|error| format!("egress.allow (POSTSYNC_EGRESS_ALLOW): {error}"));
            self.mistakes.extend(told);
            Vec::new()
        });
        EgressRules { allow_http: self.flag("egress.allow_http"), allow }
    }

    fn batch_rows(&mut self) -> RowLimits {
        let most = BATCH_ROWS_SETTING_MAX;
        let (min, max) = (self.count("batch.rows_min", 1, most), self.count("batch.rows_max", 1, most));
        if min > max {
            let variable = keys::variable("batch.rows_max");
            self.mistakes.push(format!("batch.rows_max ({variable}): {max} is fewer than batch.rows_min, {min}"));
        }
        RowLimits { min, max }
    }

    fn plans(&mut self) -> Plans {
        let server = Allowance {
            generate_per_minute: self.figure("limits.generate_per_minute"),
            requests_per_minute: self.figure("limits.requests_per_minute"),
            concurrency: self.figure("limits.concurrency"),
            batch_concurrency: self.figure("limits.batch_concurrency"),
            refuses_batches: false,
        };
        let mut plans = Plans { server, usual: self.optional("limits.plan"), own: BTreeMap::new() };
        for name in self.values.plan_figures() {
            if let Some((plan, figure)) = sources::plan_figure(&name) {
                let own = plans.own.entry(plan.to_owned()).or_default();
                if figure == Plan::BATCHES {
                    own.batches = Some(self.flag(&name));
                } else {
                    own.set(figure, self.figure(&name));
                }
            }
        }
        if let Some(usual) = plans.usual.as_deref().filter(|usual| plans.named(usual).is_none()) {
            let known = plans.names().join(", ");
            self.mistakes
                .push(format!("limits.plan (POSTSYNC_LIMITS_PLAN): there is no plan {usual:?}; there are {known}"));
        }
        plans
    }

    fn figure(&mut self, name: &str) -> u32 {
        u32::try_from(self.count(name, 0, FIGURE_MAX)).unwrap_or(u32::MAX)
    }

    fn routing(&mut self) -> Routing {
        let mut routing = Routing::default();
        for model in &MODELS {
            let name = format!("models.{}", model.id);
            let route = self.parse(&name, "a route: builtin, sync or passthrough", Route::parse, Route::Builtin);
            routing.set(model.id, route);
        }
        routing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_right() {
        let settings = judge(&Values::defaults()).unwrap();
        assert_eq!(settings.listen, "127.0.0.1:8080".parse().unwrap());
        assert_eq!(settings.input_bytes_max, 5 * 1024 * 1024 * 1024);
        assert_eq!(settings.schedule, Schedule::default());
        assert!(settings.rules.allow.is_empty() && !settings.rules.allow_http);
        assert_eq!(settings.batch_rows, RowLimits::default());
    }

    #[test]
    fn a_batch_can_not_be_asked_for_more_than_it_may_have() {
        let mut values = Values::defaults();
        values.set("batch.rows_min", "9".to_owned(), Origin::Flag);
        values.set("batch.rows_max", "8".to_owned(), Origin::Flag);
        let told = judge(&values).unwrap_err().to_string();
        assert!(told.contains("POSTSYNC_BATCH_ROWS_MAX") && told.contains("1 mistake"), "{told}");
    }

    #[test]
    fn how_long_things_are_kept_goes_together() {
        let told = |set: &[(&str, &str)]| {
            let mut values = Values::defaults();
            set.iter().for_each(|(name, text)| values.set(name, (*text).to_owned(), Origin::Flag));
            judge(&values).map(|settings| (settings.retention, settings.budget)).map_err(|error| error.to_string())
        };
        let days = |days| Duration::from_secs(days * DAY_S);
        let (retention, budget) = told(&[]).unwrap();
        assert_eq!((retention, budget), (Retention::default(), Budget::default()));
        let (retention, budget) = told(&[
            ("retention.events", "4d"),
            ("retention.media", "96h"),
            ("storage.free_bytes_min", "0"),
            ("storage.media_bytes_max", "20GB"),
        ])
        .unwrap();
        assert_eq!((retention.events, retention.media), (days(4), days(4)));
        assert_eq!(budget, Budget { free_bytes_min: Some(0), media_bytes_max: 20_000_000_000 });
        for (set, words) in [
            (&[("retention.events", "3d")][..], &["1 mistake(s)", "3d is too short", "ends after 3d"][..]),
            (&[("retention.events", "90d")], &["1 mistake(s)", "retention.media", "30d is shorter than", "90d"]),
            (&[("retention.exhausted", "7d")], &["1 mistake(s)", "retention.exhausted", "7d is shorter"]),
            (&[("retention.media", "1h")], &["1 mistake(s)", "a duration from 1d to 3650d, written"]),
            (&[("retention.inputs", "soon")], &["1 mistake(s)", "retention.inputs"]),
            (&[("storage.free_bytes_min", "much")], &["1 mistake(s)", "storage.free_bytes_min", "or 0"]),
            (&[("delivery.schedule", "0s,30d")], &["1 mistake(s)", "30d is too short", "ends after 30d"]),
        ] {
            let told = told(set).unwrap_err();
            assert!(words.iter().all(|word| told.contains(word)), "{set:?}: {told}");
        }
    }

    #[test]
    fn plans_go_before_the_servers_figures() {
        let judged = |set: &[(&str, &str)]| {
            let mut values = Values::defaults();
            set.iter().for_each(|(name, text)| values.set(name, (*text).to_owned(), Origin::File));
            judge(&values).map(|settings| settings.plans).map_err(|error| error.to_string())
        };
        assert_eq!(judged(&[]).unwrap(), Plans::default());
        let plans = judged(&[
            ("limits.concurrency", "2"),
            ("limits.plan", "house"),
            ("plans.house.generate_per_minute", "7"),
            ("plans.growth.concurrency", "9"),
        ])
        .unwrap();
        assert_eq!((plans.server.concurrency, plans.usual.as_deref()), (2, Some("house")));
        assert_eq!(plans.named("house").unwrap().generate_per_minute, Some(7));
        assert_eq!(plans.named("growth").unwrap().concurrency, Some(9));
        let told = judged(&[("limits.plan", "houze"), ("plans.house.concurrency", "many")]).unwrap_err();
        assert!(told.contains("2 mistake(s)") && told.contains("houze") && told.contains("plans.house.concurrency"));
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let mut values = Values::defaults();
        for (name, text) in [
            ("listen", "here"),
            ("delivery.schedule", "5s,1s"),
            ("delivery.timeout", "2m"),
            ("egress.allow", "10.0.0.0/99"),
            ("egress.allow_http", "yes"),
            ("egress.ca_file", "/nowhere/authority.pem"),
            ("models.lipsync-2", "worker"),
            ("bootstrap.api_key", "short"),
            ("limits.concurrency", "-1"),
            ("public_url", "ftp://x"),
        ] {
            values.set(name, text.to_owned(), Origin::Flag);
        }
        let told = judge(&values).unwrap_err().to_string();
        assert!(told.contains("10 mistake(s)"), "{told}");
        for word in [
            "listen",
            "POSTSYNC_DELIVERY_SCHEDULE",
            "1s comes after 5s",
            "egress.allow_http",
            "models.lipsync-2",
            "EGRESS_CA_FILE): /nowhere/",
        ] {
            assert!(told.contains(word), "{word} in {told}");
        }
    }
}
