//! Cloned voices: whose each is.
use postsync_core::change::Change;
use postsync_core::voice::{CLONED_VOICES_MAX, ClonedVoice, VoiceChange};
use postsync_engine::ports::Store;

use super::world::*;

fn voice(id: &str, whose: &str, name: &str) -> ClonedVoice {
    ClonedVoice { id: id.to_owned(), org: org(whose), name: name.to_owned(), created_at: at(5) }
}

fn add(voice: &ClonedVoice) -> Vec<Change> {
    vec![Change::Voice(VoiceChange::Add(Box::new(voice.clone())))]
}

fn remove(id: &str, whose: &str) -> Vec<Change> {
    vec![Change::Voice(VoiceChange::Remove { org: org(whose), id: id.to_owned() })]
}

pub(crate) async fn a_voice_is_one_organizations(store: &dyn Store) {
    let (b, a) = (voice("v1", "default", "B\u{e9}a"), voice("v2", "default", "Ada"));
    done(store, add(&b)).await;
    done(store, add(&a)).await;
    done(store, add(&voice("v3", "acme", "Ada"))).await;
    stale(store, add(&voice("v4", "default", "Ada"))).await;
    stale(store, add(&voice("v1", "acme", "Cy"))).await;
    assert_eq!(store.cloned_voices(&org("default")).await, Ok(vec![a, b]));
    let others = async |whose: &str| {
        let ids = ["v1", "v2", "v3", "library"].map(str::to_owned).to_vec();
        store.voices_of_others(&org(whose), ids).await.unwrap().join(" ")
    };
    assert_eq!(
        (others("default").await, others("acme").await, others("x").await),
        ("v3".into(), "v1 v2".into(), "v1 v2 v3".into())
    );
    stale(store, remove("v1", "acme")).await;
    done(store, remove("v1", "default")).await;
    stale(store, remove("v1", "default")).await;
    assert_eq!(others("acme").await, "v2");
}

pub(crate) async fn an_organization_has_so_many_voices(store: &dyn Store) {
    let numbered = |n: usize, whose: &str| add(&voice(&format!("v{n}"), whose, &format!("n{n}")));
    for n in 0..CLONED_VOICES_MAX {
        done(store, numbered(n, "default")).await;
    }
    stale(store, numbered(CLONED_VOICES_MAX, "default")).await;
    done(store, numbered(CLONED_VOICES_MAX, "acme")).await;
    done(store, remove("v0", "default")).await;
    done(store, numbered(0, "default")).await;
}
