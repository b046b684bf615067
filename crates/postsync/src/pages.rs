//! The pages beside the API: hands each what it needs of the other, since adapters never use each other.
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::Request;
use axum::response::Response;
use postsync_api::ApiState;
use postsync_dashboard::{Api, Dashboard, DashboardSettings, KeyHolder};
use postsync_engine::Engine;

use crate::settings::Settings;
use crate::world::SystemEntropy;

/// The pages of a server.
pub(crate) fn dashboard(engine: Arc<Engine>, api: ApiState, settings: &Settings, public_url: &str) -> Dashboard {
    let settings = DashboardSettings {
        public_url: public_url.to_owned(),
        prices: settings.prices.clone(),
        rules: settings.rules.clone(),
    };
    Dashboard::new(engine, Arc::new(Beside(api)), Arc::new(SystemEntropy), settings)
}

/// The API as the pages know it.
struct Beside(ApiState);

#[async_trait]
impl Api for Beside {
    async fn key_holder(&self, hash: [u8; 32]) -> Result<Option<KeyHolder>, String> {
        let holder = self.0.key_holder(hash).await?;
        Ok(holder.map(|holder| KeyHolder { key: holder.key, org: holder.org, scopes: holder.scopes }))
    }

    fn count_failed_sign_in(&self, from: IpAddr) -> Result<(), u32> {
        self.0.count_failed_sign_in(from)
    }

    async fn create(&self, hash: [u8; 32], mut request: Request) -> Response {
        if let Some(postsync_dashboard::Peer(from)) = request.extensions().get().copied() {
            request.extensions_mut().insert(postsync_api::Peer(from));
        }
        self.0.create_as(hash, request).await
    }
}
