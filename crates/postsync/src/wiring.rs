//! Puts the rooms together: settings in, a running server out. The only place that knows every adapter.
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use metrics_exporter_prometheus::PrometheusBuilder;
use postsync_api::{ApiSettings, ApiState, MetricsText};
use postsync_core::model::Route;
use postsync_core::relay::DoorKey;
use postsync_egress::{Egress, EgressSettings};
use postsync_engine::ports::Generator;
use postsync_engine::{Door, Engine, Ports, RelayPorts, RelaySettings, Relays};
use postsync_generators::{
    Builtin, BuiltinSettings, ChildLimits, ElevenLabs, ElevenLabsSettings, Espeak, EspeakSettings, MediaProber,
    Passthrough, Speakers, SyncUpstream,
};
use postsync_media::LocalMedia;
use postsync_store::sqlite::OwnerLock;
use tokio::net::TcpListener;
use tokio::time::MissedTickBehavior;

use crate::data::{self, Folder};
use crate::descriptors::Descriptors;
use crate::settings::{Settings, SyncSettings};
use crate::world::{SystemClock, SystemEntropy, TokioTasks};
use crate::{bootstrap, http, pages};

/// How often what was recorded is summed up.
const METRICS_UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// A server that runs until it is told to stop.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) public_url: String,
    pub(crate) folder: Folder,
    listener: TcpListener,
    router: Router,
    engine: Arc<Engine>,
    connections_max: usize,
    grace: Duration,
    /// The loops' lock on the database; held as long as the server is.
    _owner: OwnerLock,
}

impl Server {
    /// Binds the address, opens everything, recovers and starts the loops. Creates are taken once [`Server::run`] runs.
    ///
    /// # Errors
    /// What is wrong and what to do about it.
    pub(crate) async fn start(settings: &Settings) -> anyhow::Result<Self> {
        // Before anything is made: a start that fails leaves no folder, and no first key, which is shown once, that nobody noted.
        let listener = http::listen(settings.listen).with_context(|| {
            format!("the address {} can't be used; listen, or POSTSYNC_LISTEN, names another", settings.listen)
        })?;
        let address = listener.local_addr()?;
        let mut opened = data::open_or_make(settings).await?;
        let owner = opened.store.own()?;
        bootstrap::prepare(&mut opened, settings).await?;
        bootstrap::warn_of_unknown_plans(&opened, settings).await?;
        let descriptors = Descriptors::raise();
        if let Some(shortage) = descriptors.shortage(settings.in_flight_max, settings.idle_max) {
            tracing::warn!("{shortage}");
        }
        let public_url = settings.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
        let metrics = metrics()?;
        let ports = ports(settings, &opened, &public_url)?;
        let engine = Engine::start(ports, engine_settings(settings, &public_url)).await?;
        let state = ApiState::new(engine.clone(), api_settings(settings, &public_url), metrics);
        let dashboard = pages::dashboard(engine.clone(), state.clone(), settings, &public_url);
        Ok(Self {
            address,
            public_url,
            folder: opened.folder,
            listener,
            router: postsync_api::router_beside(state, postsync_dashboard::router(dashboard)),
            engine,
            connections_max: descriptors.connections_max(),
            grace: settings.shutdown_grace,
            _owner: owner,
        })
    }

    /// Serves until `stop` resolves; then hands back what is under way. Everything is on disk when this returns.
    pub(crate) async fn run(self, stop: impl Future<Output = ()>) {
        let engine = self.engine.clone();
        let (tell_loops, loops_told) = tokio::sync::oneshot::channel::<()>();
        let stop_both = async move {
            stop.await;
            // Before it is said: who reads that we stop must not find us taking work.
            self.engine.refuse_new();
            tracing::info!("stopping: no new work is taken, what is under way may end");
            let _ = tell_loops.send(());
        };
        let loops = async move {
            let _ = loops_told.await;
            engine.stop().await;
        };
        let requests = http::serve(self.listener, self.router, self.connections_max, stop_both, self.grace);
        tokio::join!(requests, loops);
    }
}

fn ports(settings: &Settings, opened: &data::Opened, public_url: &str) -> anyhow::Result<Ports> {
    let egress = Arc::new(Egress::new(egress_settings(settings))?);
    let count = settings.budget.media_bytes_max > 0;
    let media = LocalMedia::open_counting(opened.folder.path().to_path_buf(), opened.folder.token_key()?, count)?;
    let relays = match &settings.sync {
        Some(sync) => Some(Arc::new(relays(settings, sync, opened, &egress, public_url)?)),
        None => None,
    };
    let speech = Arc::new(speakers(settings, &egress));
    Ok(Ports {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        spawn: Arc::new(TokioTasks(tokio::runtime::Handle::current())),
        store: opened.store.clone(),
        media: Arc::new(media),
        sender: egress.clone(),
        fetch: egress,
        prober: Arc::new(MediaProber::new(builtin_settings(settings))),
        speech,
        generators: generators(settings),
        relays,
    })
}

fn speakers(settings: &Settings, egress: &Arc<Egress>) -> Speakers {
    let elevenlabs = settings.elevenlabs.as_ref().map(|server| {
        let server = ElevenLabsSettings { base_url: server.base_url.clone(), api_key: server.api_key.clone() };
        ElevenLabs::new(server, egress.clone(), Arc::new(SystemEntropy))
    });
    Speakers::new(Espeak::new(EspeakSettings::default()), elevenlabs)
}

/// Where the servers are that the operator has a key for.
fn configured(settings: &Settings) -> Vec<String> {
    let servers = settings.sync.iter().map(|sync| &sync.server).chain(&settings.elevenlabs);
    servers.map(|server| server.base_url.clone()).collect()
}

/// The upstream can tell us only where the operator has said how it reaches us, and what it signs with.
fn relays(
    settings: &Settings,
    sync: &SyncSettings,
    opened: &data::Opened,
    egress: &Arc<Egress>,
    public_url: &str,
) -> anyhow::Result<Relays> {
    let upstream = postsync_generators::SyncSettings {
        base_url: sync.server.base_url.clone(),
        api_key: sync.server.api_key.clone(),
    };
    let ports = RelayPorts {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        spawn: Arc::new(TokioTasks(tokio::runtime::Handle::current())),
        store: opened.store.clone(),
        fetch: egress.clone(),
        upstream: Arc::new(SyncUpstream::new(upstream, egress.clone())),
    };
    let door = match (&settings.public_url, &sync.webhook_secret) {
        (Some(_), Some(secret)) => Some(Door {
            public_url: public_url.to_owned(),
            key: DoorKey::new(opened.folder.token_key()?),
            secret: secret.clone(),
        }),
        _ => None,
    };
    let of_relays = RelaySettings {
        concurrency: sync.concurrency,
        time_max: settings.generation_timeout,
        output_bytes_max: settings.input_bytes_max,
        door,
    };
    Ok(Relays::new(ports, of_relays))
}

fn generators(settings: &Settings) -> BTreeMap<Route, Arc<dyn Generator>> {
    BTreeMap::from([
        (Route::Builtin, Arc::new(Builtin::new(builtin_settings(settings))) as Arc<dyn Generator>),
        (Route::Passthrough, Arc::new(Passthrough) as Arc<dyn Generator>),
    ])
}

pub(crate) fn builtin_settings(settings: &Settings) -> BuiltinSettings {
    let limits = postsync_lipsync::Limits {
        duration_max_s: settings.duration_max.as_secs_f64(),
        pixels_max: settings.pixels_max,
        ..postsync_lipsync::Limits::default()
    };
    BuiltinSettings {
        concurrency: settings.generation_concurrency,
        child: ChildLimits::for_media(&limits, settings.generation_timeout),
        limits,
        time_max: settings.generation_timeout,
        ..BuiltinSettings::default()
    }
}

pub(crate) fn egress_settings(settings: &Settings) -> EgressSettings {
    EgressSettings {
        rules: settings.rules.clone(),
        ca_file: settings.ca_file.clone(),
        idle_max: settings.idle_max,
        system_resolver: settings.system_resolver,
        fetch_timeout: settings.fetch_timeout,
        configured: configured(settings),
        ..EgressSettings::default()
    }
}

fn engine_settings(settings: &Settings, public_url: &str) -> postsync_engine::Settings {
    postsync_engine::Settings {
        public_url: public_url.to_owned(),
        speech_max: settings.duration_max,
        batch_input_max: settings.batch_input_max,
        routing: settings.routing.clone(),
        schedule: settings.schedule.clone(),
        delivery_timeout: settings.delivery_timeout,
        in_flight_max: settings.in_flight_max,
        generation_timeout: settings.generation_timeout,
        input_bytes_max: settings.input_bytes_max,
        retention: settings.retention,
        budget: settings.budget,
        plans: settings.plans.clone(),
        queued_max: settings.queued_max,
        shutdown_grace: settings.shutdown_grace,
    }
}

fn api_settings(settings: &Settings, public_url: &str) -> ApiSettings {
    ApiSettings {
        public_url: public_url.to_owned(),
        json_bytes_max: settings.json_bytes_max,
        input_bytes_max: settings.input_bytes_max,
        batch_rows: settings.batch_rows,
        batch_input_max: settings.batch_input_max,
        routing: settings.routing.clone(),
        prices: settings.prices.clone(),
        rules: settings.rules.clone(),
        metrics_open: settings.metrics_open,
    }
}

fn metrics() -> anyhow::Result<MetricsText> {
    let recorder = PrometheusBuilder::new().install_recorder().context("metrics can't be recorded")?;
    let kept = recorder.clone();
    tokio::spawn(upkeep(METRICS_UPKEEP_EVERY, move || kept.run_upkeep()));
    Ok(Arc::new(move || recorder.render()))
}

/// Keeps the metrics small, also when nobody ever asks for them: durations pile up until they are summed.
async fn upkeep(every: Duration, mut keep: impl FnMut()) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        keep();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn metrics_are_kept_up_again_and_again() {
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(upkeep(Duration::from_millis(1), move || {
            let _ = tell.send(());
        }));
        for _ in 0..3 {
            told.recv().await.unwrap();
        }
    }
}
