//! How much an organization may ask for: rates per key, generations and batches at once. In figures, 0 is no limit.
//!
//! Promise: the first that says something counts: what was set for the organization itself, then its plan, then the server's
//! own figures. An organization without a plan has the server's.
use std::collections::BTreeMap;

use crate::access::Organization;

/// What an organization may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// `POST /v2/generate` per minute and key.
    pub generate_per_minute: u32,
    /// Other requests per minute and key.
    pub requests_per_minute: u32,
    /// Generations PENDING or PROCESSING at once, those of batches not counted.
    pub concurrency: u32,
    /// Batches that have not ended, at once.
    pub batch_concurrency: u32,
    /// There are no batches for it.
    pub refuses_batches: bool,
}

/// A plan: figures that hold for the organizations that have it. What it leaves out is as the server has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// See [`Allowance`].
    pub generate_per_minute: Option<u32>,
    /// See [`Allowance`].
    pub requests_per_minute: Option<u32>,
    /// See [`Allowance`].
    pub concurrency: Option<u32>,
    /// See [`Allowance`].
    pub batch_concurrency: Option<u32>,
    /// Whether there are batches. Where nothing is said there are.
    pub batches: Option<bool>,
}

impl Plan {
    /// The name of its switch, as settings write it.
    pub const BATCHES: &str = "batches";

    /// The names of its figures, as settings write them.
    pub const FIGURES: [&str; 4] = ["generate_per_minute", "requests_per_minute", "concurrency", "batch_concurrency"];

    /// Sets a figure by its name, and says whether there is one.
    pub fn set(&mut self, figure: &str, count: u32) -> bool {
        let place = match figure {
            "generate_per_minute" => &mut self.generate_per_minute,
            "requests_per_minute" => &mut self.requests_per_minute,
            "concurrency" => &mut self.concurrency,
            "batch_concurrency" => &mut self.batch_concurrency,
            _ => return false,
        };
        *place = Some(count);
        true
    }

    const fn at_once(concurrency: u32, batches: bool) -> Self {
        Self {
            generate_per_minute: None,
            requests_per_minute: None,
            concurrency: Some(concurrency),
            batch_concurrency: None,
            batches: Some(batches),
        }
    }
}

/// Plans that every server knows: the rates that Sync documented in 2025, and how many generations its plans have at once and
/// which of them have batches.
pub const PRESETS: [(&str, Plan); 7] = [
    (
        "sync-2025",
        Plan {
            generate_per_minute: Some(60),
            requests_per_minute: Some(600),
            concurrency: None,
            batch_concurrency: None,
            batches: None,
        },
    ),
    ("free", Plan::at_once(1, false)),
    ("hobbyist", Plan::at_once(1, false)),
    ("creator", Plan::at_once(3, false)),
    ("growth", Plan::at_once(6, false)),
    ("scale", Plan::at_once(15, true)),
    // By agreement: see an organization's own figure.
    ("enterprise", Plan::at_once(0, true)),
];

/// The plans of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plans {
    /// `limits.*`: where no plan says otherwise.
    pub server: Allowance,
    /// `limits.plan`: that of organizations that have none.
    pub usual: Option<String>,
    /// `plans.*`: of the operator, in front of [`PRESETS`].
    pub own: BTreeMap<String, Plan>,
}

impl Plans {
    /// The plan of that name: a preset with what the operator has set beside it.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<Plan> {
        let preset = PRESETS.iter().find(|(known, _)| *known == name).map(|(_, plan)| *plan);
        let Some(own) = self.own.get(name) else { return preset };
        let preset = preset.unwrap_or_default();
        Some(Plan {
            generate_per_minute: own.generate_per_minute.or(preset.generate_per_minute),
            requests_per_minute: own.requests_per_minute.or(preset.requests_per_minute),
            concurrency: own.concurrency.or(preset.concurrency),
            batch_concurrency: own.batch_concurrency.or(preset.batch_concurrency),
            batches: own.batches.or(preset.batches),
        })
    }

    /// Every name that an organization can be given.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let presets = PRESETS.iter().map(|(name, _)| *name).filter(|name| !self.own.contains_key(*name));
        presets.chain(self.own.keys().map(String::as_str)).collect()
    }

    /// The name of that organization's plan.
    #[must_use]
    pub fn name_of<'a>(&'a self, organization: &'a Organization) -> Option<&'a str> {
        organization.plan.as_deref().or(self.usual.as_deref())
    }

    /// What that organization may do. A plan that the server does not know any more says nothing.
    #[must_use]
    pub fn of(&self, organization: &Organization) -> Allowance {
        let plan = self.name_of(organization).and_then(|name| self.named(name)).unwrap_or_default();
        Allowance {
            generate_per_minute: plan.generate_per_minute.unwrap_or(self.server.generate_per_minute),
            requests_per_minute: plan.requests_per_minute.unwrap_or(self.server.requests_per_minute),
            concurrency: organization.concurrency.or(plan.concurrency).unwrap_or(self.server.concurrency),
            batch_concurrency: plan.batch_concurrency.unwrap_or(self.server.batch_concurrency),
            refuses_batches: plan.batches.map_or(self.server.refuses_batches, |batches| !batches),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::OrgId;
    use crate::time::Timestamp;

    fn of(plans: &Plans, plan: Option<&str>, concurrency: Option<u32>) -> (u32, u32, u32, u32) {
        let (id, plan) = (OrgId::new("o"), plan.map(str::to_owned));
        let organization = Organization { id, name: "o".into(), plan, concurrency, created_at: Timestamp(0) };
        let Allowance { generate_per_minute, requests_per_minute, concurrency, batch_concurrency, .. } =
            plans.of(&organization);
        (generate_per_minute, requests_per_minute, concurrency, batch_concurrency)
    }

    #[test]
    fn without_a_word_nothing_is_limited() {
        assert_eq!(of(&Plans::default(), None, None), (0, 0, 0, 0));
        assert_eq!(of(&Plans::default(), Some("unknown"), None), (0, 0, 0, 0));
    }

    #[test]
    fn the_organization_then_its_plan_then_the_server() {
        let server = Allowance {
            generate_per_minute: 5,
            requests_per_minute: 50,
            concurrency: 2,
            batch_concurrency: 1,
            refuses_batches: false,
        };
        let plans = Plans { server, ..Plans::default() };
        assert_eq!(of(&plans, None, None), (5, 50, 2, 1));
        assert_eq!(of(&plans, Some("sync-2025"), None), (60, 600, 2, 1));
        assert_eq!(of(&plans, Some("growth"), None), (5, 50, 6, 1));
        assert_eq!(of(&plans, Some("growth"), Some(7)), (5, 50, 7, 1));
        assert_eq!(of(&plans, Some("growth"), Some(0)), (5, 50, 0, 1), "none of its own is a word too");
        assert_eq!(of(&plans, Some("enterprise"), None), (5, 50, 0, 1));
        let usual = Plans { usual: Some("scale".into()), ..plans };
        assert_eq!((of(&usual, None, None).2, of(&usual, Some("free"), None).2), (15, 1));
    }

    #[test]
    fn batches_are_for_whom_the_plan_has_them() {
        let refuses = |plans: &Plans, plan: Option<&str>| {
            let (id, plan) = (OrgId::new("o"), plan.map(str::to_owned));
            let made = Organization { id, name: "o".into(), plan, concurrency: None, created_at: Timestamp(0) };
            plans.of(&made).refuses_batches
        };
        let plans = Plans::default();
        assert!(!refuses(&plans, None) && !refuses(&plans, Some("sync-2025")) && !refuses(&plans, Some("scale")));
        assert!(refuses(&plans, Some("free")) && refuses(&plans, Some("growth")));
        let own = [("growth".into(), Plan { batches: Some(true), ..Plan::default() })].into();
        assert!(!refuses(&Plans { own, ..Plans::default() }, Some("growth")));
    }

    #[test]
    fn an_operators_plan_may_add_to_a_preset() {
        let mut plans = Plans::default();
        let mut growth = Plan::default();
        assert!(growth.set("requests_per_minute", 100) && !growth.set("price", 1));
        plans.own.insert("growth".into(), growth);
        plans.own.insert("house".into(), Plan { concurrency: Some(4), ..Plan::default() });
        assert_eq!(of(&plans, Some("growth"), None), (0, 100, 6, 0));
        assert_eq!(of(&plans, Some("house"), None), (0, 0, 4, 0));
        let names = plans.names();
        assert!(names.contains(&"house") && names.iter().filter(|name| **name == "growth").count() == 1);
        assert!(Plan::FIGURES.iter().all(|figure| Plan::default().set(figure, 1)));
    }
}
