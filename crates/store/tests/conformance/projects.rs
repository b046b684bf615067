//! Projects: what is said of them, and which assets are in them.
use postsync_core::asset::{Asset, AssetChange, AssetKind, AssetOrder, Visibility};
use postsync_core::change::Change;
use postsync_core::ids::{AssetId, MediaId, ProjectId};
use postsync_core::project::{
    Mode, PROJECT_ASSETS_MAX, PROJECTS_MAX, Project, ProjectChange, ProjectPlace, ProjectSaid,
};
use postsync_engine::ports::{AssetQuery, Store};
use uuid::Uuid;

use super::world::*;

fn project_id(number: u128) -> ProjectId {
    ProjectId(Uuid::from_u128(number))
}

fn project(number: u128, whose: &str, ms: i64) -> Project {
    Project {
        id: project_id(number),
        org: org(whose),
        name: format!("p{number}"),
        visibility: Visibility::Organization,
        mode: Mode::parse("STUDIO").unwrap(),
        created_at: at(ms),
        updated_at: at(ms + 1),
    }
}

fn asset(number: u128, whose: &str, kind: AssetKind) -> Change {
    let (id, media) = (AssetId(Uuid::from_u128(number)), MediaId(Uuid::from_u128(500_000 + number)));
    Change::AddAsset(Box::new(Asset::uploaded(id, org(whose), kind, format!("a{number}"), media, 5, at(1))))
}

fn made(project: &Project) -> Vec<Change> {
    changed(ProjectChange::Add(Box::new(project.clone())))
}

fn changed(change: ProjectChange) -> Vec<Change> {
    vec![Change::Project(change)]
}

fn attach(whose: &str, project: u128, asset: u128) -> Change {
    let (id, asset) = (project_id(project), AssetId(Uuid::from_u128(asset)));
    Change::Project(ProjectChange::Attach { org: org(whose), id, asset })
}

fn detach(whose: &str, project: u128, asset: u128) -> Change {
    let (id, asset) = (project_id(project), AssetId(Uuid::from_u128(asset)));
    Change::Project(ProjectChange::Detach { org: org(whose), id, asset })
}

async fn attached(store: &dyn Store, whose: &str, project: u128) -> Vec<u128> {
    let order = AssetOrder::parse("dateAsc").unwrap();
    let query = AssetQuery { org: org(whose), kinds: vec![], search: None, order, after: None, limit: 2_000 };
    let (page, count) = store.project_assets(project_id(project), query).await.unwrap();
    assert_eq!((page.items.len() as u64, page.next), (count, None));
    page.items.iter().map(|asset| asset.id.0.as_u128()).collect()
}

pub(crate) async fn a_project_reads_back_whole_and_only_to_its_own(store: &dyn Store) {
    let (mine, theirs) = (project(1, "default", 5), Project { name: "x".to_owned(), ..project(1, "acme", 6) });
    done(store, made(&mine)).await;
    done(store, made(&theirs)).await;
    stale(store, made(&Project { name: "again".to_owned(), ..mine.clone() })).await;
    assert_eq!(store.project(&org("default"), mine.id).await, Ok(Some(mine.clone())), "an id is an organization's own");
    assert_eq!(store.project(&org("acme"), mine.id).await, Ok(Some(theirs)));
    assert_eq!(store.project(&org("other"), mine.id).await, Ok(None));
    let say = |whose: &str, to| changed(ProjectChange::Describe { org: org(whose), id: mine.id, to, at: at(50) });
    stale(store, say("other", ProjectSaid::default())).await;
    done(store, say("default", ProjectSaid { name: Some("n".to_owned()), ..ProjectSaid::default() })).await;
    let said = ProjectSaid { visibility: Some(Visibility::User), mode: Some(Mode::default()), name: None };
    done(store, say("default", said)).await;
    let wanted =
        Project { name: "n".into(), visibility: Visibility::User, mode: Mode::default(), updated_at: at(50), ..mine };
    assert_eq!(store.project(&org("default"), wanted.id).await, Ok(Some(wanted)));
}

pub(crate) async fn projects_are_listed_newest_first_and_bounded(store: &dyn Store) {
    // Two of each moment: their ids break the tie.
    let count = PROJECTS_MAX as u128;
    let list: Vec<Project> = (0..count).map(|n| project(n, "default", i64::try_from(n / 2).unwrap())).collect();
    done(store, list.iter().flat_map(made).collect()).await;
    stale(store, made(&project(count, "default", 1))).await;
    done(store, made(&project(count, "acme", 1))).await;
    let (mut after, mut found): (Option<ProjectPlace>, Vec<u128>) = (None, vec![]);
    loop {
        let page = store.projects(&org("default"), after, 301).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.place());
        found.extend(page.iter().map(|project| project.id.0.as_u128()));
    }
    assert_eq!(found, (0..count).rev().collect::<Vec<_>>());
    done(store, changed(ProjectChange::Remove { org: org("default"), id: project_id(7) })).await;
    done(store, made(&project(count, "default", 1))).await;
}

pub(crate) async fn assets_come_into_a_project_and_leave(store: &dyn Store) {
    let assets = [(1, "default"), (2, "default"), (3, "default"), (4, "acme")];
    done(store, assets.map(|(n, whose)| asset(n, whose, AssetKind::Audio)).to_vec()).await;
    done(store, made(&project(1, "default", 1))).await;
    done(store, made(&project(2, "default", 1))).await;
    done(store, vec![attach("default", 1, 1), attach("default", 1, 2), attach("default", 1, 1)]).await;
    done(store, vec![attach("default", 2, 1)]).await;
    // Another organization's asset, no asset, another's project, no project: each takes its whole list with it.
    for refused in [attach("default", 1, 4), attach("default", 1, 9), attach("acme", 1, 4), attach("default", 9, 3)] {
        stale(store, vec![attach("default", 1, 3), refused]).await;
    }
    assert_eq!((attached(store, "default", 1).await, attached(store, "default", 2).await), (vec![1, 2], vec![1]));
    assert_eq!(attached(store, "acme", 1).await, [0; 0]);
    for (whose, project, asset) in [("acme", 1, 1), ("default", 1, 3), ("default", 9, 1)] {
        stale(store, vec![detach(whose, project, asset)]).await;
    }
    done(store, vec![detach("default", 1, 1)]).await;
    assert_eq!((attached(store, "default", 1).await, attached(store, "default", 2).await), (vec![2], vec![1]));
    // An asset that goes leaves every project; a project that goes leaves its assets where they are.
    let id = AssetId(Uuid::from_u128(1));
    done(store, vec![Change::Asset(AssetChange::Remove { org: org("default"), id, from: id })]).await;
    assert_eq!(attached(store, "default", 2).await, [0; 0]);
    done(store, changed(ProjectChange::Remove { org: org("default"), id: project_id(1) })).await;
    stale(store, changed(ProjectChange::Remove { org: org("default"), id: project_id(1) })).await;
    done(store, made(&project(1, "default", 9))).await;
    assert_eq!(attached(store, "default", 1).await, [0; 0], "a new one of that id is empty");
    assert!(store.asset(&org("default"), AssetId(Uuid::from_u128(2))).await.unwrap().is_some());
    done(store, vec![attach("default", 1, 3), Change::ForgetAssets(vec![AssetId(Uuid::from_u128(3))])]).await;
    assert_eq!(attached(store, "default", 1).await, [0; 0]);
}

pub(crate) async fn a_project_has_so_many_assets_and_shows_them_in_any_order(store: &dyn Store) {
    let max = PROJECT_ASSETS_MAX as u128;
    let kind = |n: u128| if n.is_multiple_of(10) { AssetKind::Video } else { AssetKind::Audio };
    done(store, (1..=max + 1).map(|n| asset(n, "default", kind(n))).collect()).await;
    done(store, made(&project(1, "default", 1))).await;
    done(store, (1..=max).map(|n| attach("default", 1, n)).collect()).await;
    stale(store, vec![attach("default", 1, max + 1)]).await;
    done(store, vec![attach("default", 1, 5)]).await;
    done(store, vec![detach("default", 1, 5), attach("default", 1, max + 1)]).await;
    assert_eq!(attached(store, "default", 1).await.len(), PROJECT_ASSETS_MAX);
    let order = AssetOrder::parse("nameDesc").unwrap();
    let kinds = vec![AssetKind::Video];
    let mut query =
        AssetQuery { org: org("default"), kinds, search: Some("9".to_owned()), order, after: None, limit: 4 };
    let mut found = vec![];
    loop {
        let (page, count) = store.project_assets(project_id(1), query.clone()).await.unwrap();
        assert_eq!(count, max as u64 / 10);
        found.extend(page.items.into_iter().map(|asset| asset.name));
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    let mut wanted: Vec<String> = (1..=max / 10).map(|n| format!("a{}", n * 10)).filter(|n| n.contains('9')).collect();
    wanted.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!(found, wanted);
}
