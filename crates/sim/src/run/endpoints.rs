//! What the owners of endpoints do in a run: rules, registrations, pauses and limits.
use std::sync::Arc;

use postsync_core::egress_rules::EgressRules;
use postsync_core::endpoint::{Draft, Endpoint, Input};
use postsync_core::endpoint_limits::{EndpointLimits, EndpointRules};
use postsync_core::ids::OrgId;
use postsync_core::target::implicit_endpoint;
use postsync_engine::Engine;
use postsync_engine::ports::Spawn as _;

use super::{REGISTERED, Run, STARTED_S_MAX, URLS};
use crate::checkers::rules_of;
use crate::facts::Fact;
use crate::witness::Witness;

impl Run {
    pub(super) fn set_rules(&self) {
        let Some(engine) = self.stage.engine() else { return };
        let dice = &self.stage.dice;
        let url = URLS[dice.below(URLS.len())];
        let endpoint = implicit_endpoint(&OrgId::new(&self.some_org()), url);
        let per_second = [None, None, Some(1), Some(2), Some(30)][dice.below(5)];
        let concurrency = [None, None, Some(1), Some(3)][dice.below(4)];
        let rules = EndpointRules { limits: EndpointLimits { per_second, concurrency }, is_paused: dice.below(3) == 0 };
        self.stage.witness.tell(&Fact::RulesSet { endpoint: &endpoint, rules });
        engine.set_endpoint_rules(&endpoint, rules);
    }

    /// An owner registers an endpoint: from now on every event of the organization goes there, too.
    pub(super) fn register(&self) {
        let Some(engine) = self.stage.engine() else { return };
        let (org, dice) = (OrgId::new(&self.some_org()), &self.stage.dice);
        let (url, concurrency) = (REGISTERED[dice.below(2)], [None, Some(1), Some(3)][dice.below(3)]);
        let body = serde_json::json!({"url": url, "concurrency": concurrency});
        let draft = body.as_object().and_then(|body| Draft::read(body, &EgressRules::default()).ok());
        let (Some(draft), witness) = (draft, self.stage.witness.clone()) else { return };
        self.stage.spawner().spawn(Box::pin(async move {
            if let Ok(new) = engine.register_endpoint(&org, draft).await {
                witness.tell(&Fact::RulesSet { endpoint: &new.endpoint.id, rules: rules_of(&new.endpoint) });
            }
        }));
    }

    /// An owner pauses an endpoint, resumes it, or limits it otherwise.
    pub(super) fn change_an_endpoint(&self) {
        let Some(engine) = self.stage.engine() else { return };
        let (org, dice) = (OrgId::new(&self.some_org()), &self.stage.dice);
        let found = self.stage.endpoints(&org);
        let Some(endpoint) = found.get(dice.below(found.len().max(1))) else { return };
        let concurrency = [None, Some(1), Some(3)][dice.below(3)];
        let input = [Some(Input::Pause), Some(Input::Resume), Some(Input::Resume), None][dice.below(4)];
        let change = move |endpoint: &mut Endpoint| match input {
            Some(input) => _ = endpoint.move_by(input),
            None => endpoint.concurrency = concurrency,
        };
        let changing = change_endpoint(engine, endpoint.clone(), change, self.stage.witness.clone());
        self.stage.spawner().spawn(Box::pin(changing));
    }

    /// What is still paused would wait for its owner for ever.
    pub(super) fn resume_all(&mut self) {
        // With much to recover a start takes its time.
        for _ in 0..STARTED_S_MAX {
            if self.stage.engine().is_none() {
                self.stage.advance(1_000);
            }
        }
        for endpoint in self.orgs().iter().flat_map(|org| self.stage.endpoints(org)).collect::<Vec<_>>() {
            let Some(engine) = self.stage.engine() else { return };
            let resume = |endpoint: &mut Endpoint| _ = endpoint.move_by(Input::Resume);
            let changing = change_endpoint(engine, endpoint, resume, self.stage.witness.clone());
            self.stage.spawner().spawn(Box::pin(changing));
        }
        self.stage.advance(1_000);
    }
}

/// What was set is told once it holds.
async fn change_endpoint(
    engine: Arc<Engine>,
    endpoint: Endpoint,
    change: impl FnOnce(&mut Endpoint) + Send + 'static,
    witness: Witness,
) {
    let now = engine.now();
    let by = move |before: &Endpoint| {
        let mut after = before.clone();
        change(&mut after);
        if after != *before {
            after.touch(now);
        }
        Ok(after)
    };
    if let Ok(after) = engine.change_endpoint(&endpoint.org, &endpoint.id, by).await {
        witness.tell(&Fact::RulesSet { endpoint: &after.id, rules: rules_of(&after) });
    }
}
