//! Servers that the operator has configured: what they are called by, and a dialler that may go there.
use postsync_core::egress_rules::{Allow, EgressRules};
use postsync_engine::ports::Trust;
use url::Url;

use crate::Inner;
use crate::dial::Dialler;

/// Scheme, host and port.
type Origin = (String, String, u16);

pub(crate) struct Trusted {
    origins: Vec<Origin>,
    /// Goes to these only: what its rules open is their hosts and ports, and plain http where one of them is spoken to so.
    dialler: Dialler,
}

impl Trusted {
    /// What is no URL is left out: settings were judged before.
    pub(crate) fn new(everybodys: &Dialler, configured: &[String]) -> Self {
        let origins: Vec<Origin> = configured.iter().filter_map(|url| origin(url)).collect();
        let opened = origins.iter().filter_map(|(_, host, port)| format!("{host}:{port}").parse::<Allow>().ok());
        let allow = everybodys.rules.allow.iter().cloned().chain(opened).collect();
        let allow_http = everybodys.rules.allow_http || origins.iter().any(|(scheme, ..)| scheme == "http");
        let dialler = Dialler { rules: EgressRules { allow_http, allow }, ..everybodys.clone() };
        Self { origins, dialler }
    }
}

impl Inner {
    /// Who may dial that URL: judged for each hop, so that a redirect to elsewhere is dialled as anybody's.
    pub(crate) fn dialler_of(&self, trust: Trust, url: &str) -> &Dialler {
        let is_configured = || origin(url).is_some_and(|origin| self.trusted.origins.contains(&origin));
        if trust == Trust::Configured && is_configured() { &self.trusted.dialler } else { &self.dialler }
    }
}

fn origin(url: &str) -> Option<Origin> {
    let url = Url::parse(url).ok()?;
    let host = url.host_str()?;
    let host = host.strip_suffix('.').unwrap_or(host).to_owned();
    Some((url.scheme().to_owned(), host, url.port_or_known_default()?))
}
