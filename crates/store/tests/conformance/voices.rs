//! Cloned voices: whose each is, from before the provider has said what it calls it.
use postsync_core::change::Change;
use postsync_core::voice::{CLONED_VOICES_MAX, ClonedVoice, VoiceChange, VoiceTag};
use postsync_engine::ports::Store;

use super::world::*;

fn tag(number: usize) -> VoiceTag {
    VoiceTag((number as u128).to_be_bytes())
}

fn voice(number: usize, whose: &str, name: &str) -> ClonedVoice {
    ClonedVoice { tag: tag(number), org: org(whose), name: name.to_owned(), id: None, created_at: at(5) }
}

fn begin(voice: &ClonedVoice) -> Vec<Change> {
    vec![Change::Voice(VoiceChange::Begin(Box::new(voice.clone())))]
}

fn name(number: usize, id: &str) -> Vec<Change> {
    vec![Change::Voice(VoiceChange::Name { tag: tag(number), id: id.to_owned() })]
}

fn give_up(number: usize) -> Vec<Change> {
    vec![Change::Voice(VoiceChange::GiveUp { tag: tag(number) })]
}

fn remove(id: &str, whose: &str) -> Vec<Change> {
    vec![Change::Voice(VoiceChange::Remove { org: org(whose), id: id.to_owned() })]
}

fn with_id(voice: &ClonedVoice, id: &str) -> ClonedVoice {
    ClonedVoice { id: Some(id.to_owned()), ..voice.clone() }
}

pub(crate) async fn a_voice_is_one_organizations(store: &dyn Store) {
    let (b, a, theirs) = (voice(1, "default", "B\u{e9}a"), voice(2, "default", "Ada"), voice(3, "acme", "Ada"));
    for voice in [&b, &a, &theirs] {
        done(store, begin(voice)).await;
    }
    stale(store, begin(&voice(4, "default", "Ada"))).await;
    stale(store, begin(&voice(1, "acme", "Cy"))).await;
    assert_eq!(store.cloned_voices(&org("default")).await, Ok(vec![a.clone(), b.clone()]));
    for (number, id) in [(1, "v1"), (2, "v2"), (3, "v3")] {
        done(store, name(number, id)).await;
    }
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
    assert_eq!(store.cloned_voices(&org("default")).await, Ok(vec![with_id(&a, "v2")]));
}

pub(crate) async fn a_voice_gets_its_id_once_and_is_found_by_its_tag_before(store: &dyn Store) {
    let (a, b) = (voice(1, "default", "Ada"), voice(2, "acme", "Ada"));
    done(store, begin(&a)).await;
    done(store, begin(&b)).await;
    let among = async |ids: &[&str], tags: &[usize]| {
        let (ids, tags) = (ids.iter().map(|id| (*id).to_owned()), tags.iter().map(|number| tag(*number)));
        store.clones_among(ids.collect(), tags.collect()).await.unwrap()
    };
    assert_eq!(among(&["v1"], &[1, 9]).await, vec![a.clone()]);
    done(store, name(1, "v1")).await;
    done(store, name(1, "v1")).await;
    for refused in [name(1, "v2"), name(2, "v1"), name(9, "v9"), give_up(1), give_up(9)] {
        stale(store, refused).await;
    }
    let a = with_id(&a, "v1");
    assert_eq!(among(&["v1", "library"], &[]).await, vec![a.clone()]);
    assert_eq!(among(&["v1"], &[1, 2]).await, [a, b.clone()], "each once");
    assert_eq!(among(&[], &[]).await, []);
    done(store, give_up(2)).await;
    stale(store, name(2, "v2")).await;
    done(store, begin(&b)).await;
}

pub(crate) async fn an_organization_has_so_many_voices(store: &dyn Store) {
    let numbered = |n: usize, whose: &str| begin(&voice(n, whose, &format!("n{n}")));
    for n in 0..CLONED_VOICES_MAX {
        done(store, numbered(n, "default")).await;
    }
    stale(store, numbered(CLONED_VOICES_MAX, "default")).await;
    done(store, numbered(CLONED_VOICES_MAX, "acme")).await;
    done(store, give_up(0)).await;
    done(store, numbered(0, "default")).await;
}
