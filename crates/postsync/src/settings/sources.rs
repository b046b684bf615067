//! Where values come from: default < `postsync.toml` < environment < flag. An empty value counts as unset.
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use postsync_core::model::MODELS;
use postsync_core::plan::{PRESETS, Plan};

use super::keys::{KEYS, variable};

/// Names the configuration file.
pub(super) const CONFIG_VARIABLE: &str = "POSTSYNC_CONFIG";

/// Variables with our prefix that are no settings.
const OTHER_VARIABLES: [&str; 5] =
    [CONFIG_VARIABLE, "POSTSYNC_WEBHOOK_SECRET", MASTER_KEY_NEW_VARIABLE, "POSTSYNC_API_KEY", "POSTSYNC_SERVER"];

/// The master key to which `postsync secret rekey` changes.
pub(crate) const MASTER_KEY_NEW_VARIABLE: &str = "POSTSYNC_MASTER_KEY_NEW";

/// The longest name of a plan.
const PLAN_CHARS_MAX: usize = 50;

/// What there is to say of a variable that nothing reads.
pub(crate) const UNKNOWN_VARIABLE: &str = "no setting has this variable; `postsync config show` lists them all";

/// Who said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Default,
    File,
    Environment,
    Flag,
}

impl Origin {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File => "file",
            Self::Environment => "environment",
            Self::Flag => "flag",
        }
    }
}

/// Every setting as text, with who said it. Values are judged later, all at once.
#[derive(Debug, Default)]
pub(crate) struct Values {
    values: BTreeMap<String, (String, Origin)>,
    /// What can't even be a value: an unknown name, a list where a word belongs.
    pub(crate) mistakes: Vec<String>,
    /// Variables with our prefix that nothing reads: a slip, or another program's. Told, not refused: Kubernetes makes some
    /// of them for a service of our name.
    pub(crate) unknown_variables: Vec<String>,
}

impl Values {
    /// The defaults.
    pub(crate) fn defaults() -> Self {
        let values = KEYS.iter().map(|key| (key.name.to_owned(), (key.default.to_owned(), Origin::Default)));
        let models =
            MODELS.iter().map(|model| (format!("models.{}", model.id), ("builtin".to_owned(), Origin::Default)));
        Self { values: values.chain(models).collect(), mistakes: Vec::new(), unknown_variables: Vec::new() }
    }

    /// Lays the file's values over what is there.
    pub(crate) fn overlay_file(&mut self, file: &Path, text: &str) {
        match text.parse::<toml::Table>() {
            Ok(table) => self.overlay_table("", &table),
            Err(error) => self.mistakes.push(format!("{} is not valid TOML: {error}", file.display())),
        }
    }

    fn overlay_table(&mut self, prefix: &str, table: &toml::Table) {
        for (key, value) in table {
            let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
            match value {
                toml::Value::Table(inner) => self.overlay_table(&name, inner),
                other => match plain(other) {
                    Some(text) => self.set(&name, text, Origin::File),
                    None => self.mistakes.push(format!("{name}: a plain value or a list of plain values is wanted")),
                },
            }
        }
    }

    /// Lays the environment's values over what is there.
    pub(crate) fn overlay_environment(
        &mut self,
        read: impl Fn(&str) -> Option<String>,
        all: impl Iterator<Item = String>,
    ) {
        let names: BTreeSet<String> = self.values.keys().cloned().chain(figures_of_presets()).collect();
        let known: Vec<String> = names.iter().map(|name| variable(name)).collect();
        for (name, variable) in names.iter().zip(&known) {
            if let Some(text) = read(variable) {
                self.set(name, text, Origin::Environment);
            }
        }
        let read_by_none = |v: &String| !known.contains(v) && !OTHER_VARIABLES.contains(&v.as_str());
        for variable in all.filter(|v| v.starts_with("POSTSYNC_")).filter(read_by_none) {
            if variable.starts_with("POSTSYNC_MODELS_") {
                self.mistakes.push(format!("{variable}: no model has this id; known are {}", model_variables()));
            } else {
                self.unknown_variables.push(variable);
            }
        }
    }

    /// Sets one value; an empty one changes nothing.
    pub(crate) fn set(&mut self, name: &str, text: String, origin: Origin) {
        match self.values.get_mut(name) {
            _ if text.trim().is_empty() => {}
            Some(slot) => *slot = (text.trim().to_owned(), origin),
            None if plan_figure(name).is_some() => {
                self.values.insert(name.to_owned(), (text.trim().to_owned(), origin));
            }
            None => {
                self.mistakes.push(format!("{name}: there is no such setting; `postsync config show` lists them all"))
            }
        }
    }

    /// The names of the figures of plans that were set.
    pub(crate) fn plan_figures(&self) -> Vec<String> {
        self.values.keys().filter(|name| plan_figure(name).is_some()).cloned().collect()
    }

    /// The text of a setting; empty where it is unset.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.values.get(name).map_or("", |(text, _)| text)
    }

    /// Every setting by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str, Origin)> {
        self.values.iter().map(|(name, (text, origin))| (name.as_str(), text.as_str(), *origin))
    }
}

/// `plans.house.concurrency` is the concurrency of the plan `house`. A plan's name is a word: letters, digits, `_`, `-`.
pub(super) fn plan_figure(name: &str) -> Option<(&str, &str)> {
    let (plan, figure) = name.strip_prefix("plans.")?.rsplit_once('.')?;
    let is_word = !plan.is_empty() && plan.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    (is_word && plan.len() <= PLAN_CHARS_MAX && (Plan::FIGURES.contains(&figure) || figure == Plan::BATCHES))
        .then_some((plan, figure))
}

/// Those that a variable can set though no file names the plan: what they are is known from the start.
fn figures_of_presets() -> impl Iterator<Item = String> {
    let names = Plan::FIGURES.into_iter().chain([Plan::BATCHES]);
    PRESETS.iter().flat_map(move |(plan, _)| names.clone().map(move |name| format!("plans.{plan}.{name}")))
}

fn model_variables() -> String {
    MODELS.iter().map(|model| variable(&format!("models.{}", model.id))).collect::<Vec<_>>().join(", ")
}

fn plain(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(flag) => Some(flag.to_string()),
        toml::Value::Array(items) => Some(items.iter().map(plain).collect::<Option<Vec<_>>>()?.join(",")),
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        move |name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
    }

    #[test]
    fn later_sources_win_and_empty_values_do_not() {
        let mut values = Values::defaults();
        values.overlay_file(Path::new("p.toml"), "listen = '0.0.0.0:1'\n[egress]\nallow = ['10.0.0.0/8', 'localhost']\nallow_http = true\n[models]\nlipsync-2 = 'passthrough'");
        let pairs = [("POSTSYNC_LISTEN", "0.0.0.0:2"), ("POSTSYNC_EGRESS_ALLOW", "")];
        values.overlay_environment(environment(&pairs), std::iter::empty());
        assert_eq!(values.mistakes, Vec::<String>::new());
        assert_eq!(values.text("listen"), "0.0.0.0:2");
        assert_eq!(values.text("egress.allow"), "10.0.0.0/8,localhost");
        assert_eq!(values.text("egress.allow_http"), "true");
        assert_eq!(values.text("models.lipsync-2"), "passthrough");
    }

    #[test]
    fn plans_are_tables_of_figures() {
        let mut values = Values::defaults();
        let text = "[plans.house]\nconcurrency = 4\nrequests_per_minute = 90\n[plans.free]\nprice = 1\n[plans.'a b']\nconcurrency = 1";
        values.overlay_file(Path::new("p.toml"), text);
        assert_eq!(values.plan_figures(), ["plans.house.concurrency", "plans.house.requests_per_minute"]);
        assert_eq!(values.text("plans.house.concurrency"), "4");
        assert_eq!(values.mistakes.len(), 2, "{:?}", values.mistakes);
    }

    #[test]
    fn a_variable_sets_a_figure_of_a_plan_that_is_built_in_or_in_the_file() {
        let mut values = Values::defaults();
        values.overlay_file(Path::new("p.toml"), "[plans.house]\nconcurrency = 4");
        let pairs = [
            ("POSTSYNC_PLANS_HOUSE_CONCURRENCY", "5"),
            ("POSTSYNC_PLANS_GROWTH_CONCURRENCY", "9"),
            ("POSTSYNC_PLANS_SYNC_2025_BATCHES", "false"),
        ];
        let unread = ["POSTSYNC_PLANS_HOUSE_BATCHES", "POSTSYNC_PLANS_GOLD_CONCURRENCY", "POSTSYNC_PLANS_GROWTH_PRICE"];
        let all = pairs.map(|(name, _)| name).into_iter().chain(unread).map(str::to_owned);
        values.overlay_environment(environment(&pairs), all);
        let figures = ["plans.growth.concurrency", "plans.house.concurrency", "plans.sync-2025.batches"];
        assert_eq!(values.plan_figures(), figures);
        assert_eq!(figures.map(|name| values.text(name)), ["9", "5", "false"]);
        assert_eq!((values.unknown_variables, values.mistakes), (unread.map(str::to_owned).to_vec(), vec![]));
    }

    #[test]
    fn unknown_names_are_mistakes() {
        let mut values = Values::defaults();
        values.overlay_file(
            Path::new("p.toml"),
            "lisen = 'x'\n[models]\nlipsync-9 = 'builtin'\n[delivery]\ntimeout = 1.5",
        );
        let all = ["POSTSYNC_MODELS_LIPSYNC_9", "POSTSYNC_LISTEN", "POSTSYNC_LISEN", "POSTSYNC_CONFIG", "PATH"];
        values.overlay_environment(environment(&[]), all.map(str::to_owned).into_iter());
        assert_eq!(values.mistakes.len(), 4, "{:?}", values.mistakes);
        assert_eq!(values.unknown_variables, ["POSTSYNC_LISEN"]);
    }
}
