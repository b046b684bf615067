//! The models that the API offers, and which generator each is routed to.

/// What makes the video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Route {
    /// `mesh-1`, in a limited child process.
    Builtin,
    /// Completes at once with its input video's URL. For load tests and receivers' tests.
    Passthrough,
    /// Made by an upstream that speaks the same contract: Sync's cloud, or another server like this one.
    Sync,
}

impl Route {
    /// As settings write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Builtin => "builtin",
            Self::Passthrough => "passthrough",
            Self::Sync => "sync",
        }
    }

    /// Every route.
    pub const ALL: [Self; 3] = [Self::Builtin, Self::Passthrough, Self::Sync];

    /// The route of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|route| route.as_str() == text)
    }
}

/// A model that clients may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model {
    /// `lipsync-2`
    pub id: &'static str,
    /// For people.
    pub name: &'static str,
    /// `lipsync` or `react`.
    pub kind: &'static str,
    /// For people.
    pub version: &'static str,
}

/// The built-in model, under its own honest name.
pub const MESH_1: &str = "mesh-1";

/// Every id that clients may name: our own, and Sync's, which are routed by configuration.
pub const MODELS: [Model; 6] = [
    Model { id: MESH_1, name: "mesh-1", kind: "lipsync", version: "1" },
    Model { id: "lipsync-2", name: "lipsync-2", kind: "lipsync", version: "2" },
    Model { id: "lipsync-2-pro", name: "lipsync-2-pro", kind: "lipsync", version: "2" },
    Model { id: "lipsync-1.9.0-beta", name: "lipsync-1.9.0-beta", kind: "lipsync", version: "1.9.0-beta" },
    Model { id: "react-1", name: "react-1", kind: "react", version: "1" },
    Model { id: "sync-3", name: "sync-3", kind: "lipsync", version: "3" },
];

/// The model's part of `POSTSYNC_MODELS_<ID>`: upper case, `-` and `.` as `_`.
#[must_use]
pub fn setting_name(id: &str) -> String {
    id.to_ascii_uppercase().replace(['-', '.'], "_")
}

/// Which generator each model goes to. Unless told otherwise, `mesh-1` makes them all, and `GET /v2/models` says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routing {
    routes: Vec<(&'static str, Route)>,
}

impl Default for Routing {
    fn default() -> Self {
        Self { routes: MODELS.iter().map(|model| (model.id, Route::Builtin)).collect() }
    }
}

impl Routing {
    /// Sends a known model elsewhere. `false` where no model has that id.
    pub fn set(&mut self, id: &str, route: Route) -> bool {
        match self.routes.iter_mut().find(|(known, _)| *known == id) {
            Some(entry) => {
                entry.1 = route;
                true
            }
            None => false,
        }
    }

    /// Where a model goes; `None` for an unknown one.
    #[must_use]
    pub fn route(&self, id: &str) -> Option<Route> {
        self.routes.iter().find(|(known, _)| *known == id).map(|(_, route)| *route)
    }

    /// The ids that go to `route`.
    pub fn ids(&self, route: Route) -> impl Iterator<Item = &'static str> + '_ {
        self.routes.iter().filter(move |(_, r)| *r == route).map(|(id, _)| *id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_set_by_known_ids_only() {
        let mut routing = Routing::default();
        assert_eq!(routing.route("lipsync-2"), Some(Route::Builtin));
        assert!(routing.set("lipsync-2", Route::Passthrough));
        assert_eq!(routing.route("lipsync-2"), Some(Route::Passthrough));
        assert!(!routing.set("lipsync-9", Route::Passthrough));
        assert_eq!(routing.ids(Route::Passthrough).collect::<Vec<_>>(), ["lipsync-2"]);
    }

    #[test]
    fn setting_names() {
        assert_eq!(setting_name("lipsync-1.9.0-beta"), "LIPSYNC_1_9_0_BETA");
    }
}
