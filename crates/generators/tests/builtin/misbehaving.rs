//! Children that crash, hang, lie and flood. Each is a shell script in the place of the program.
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use postsync_core::input::ItemKind;
use postsync_engine::ports::{Cancel, Generator, GeneratorError, JobOutput, Progress};
use postsync_generators::{Builtin, BuiltinSettings};

use crate::world::{PATIENCE, World, until};

/// The beginning of an mp4, for `printf`.
const MP4: &str = r"printf '\0\0\0\030ftypisom\0\0\0\0mp41\0\0\0\0' > output";
const DONE: &str = r#"echo '{"done":{"duration_ms":1000}}'"#;

fn settings(program: PathBuf) -> BuiltinSettings {
    BuiltinSettings { program, silence_max: Duration::from_millis(500), ..BuiltinSettings::default() }
}

pub(crate) async fn each_ends_as_it_should_and_leaves_no_process() {
    let table: Vec<(String, &str)> = vec![
        ("exit 0".into(), "without a result"),
        ("exit 7".into(), "with code 7"),
        ("kill -SEGV $$".into(), "signal 11"),
        ("kill -KILL $$".into(), "out of memory"),
        ("echo hello".into(), "unintelligible"),
        ("echo '{\"progress\":2}'".into(), "impossible progress"),
        ("echo '{\"checked\":[]}'".into(), "another question"),
        ("head -c 100000 /dev/zero | tr '\\0' x; sleep 1000".into(), "more in one line"),
        ("yes '{\"progress\":0.5}'".into(), "said more than it may"),
        ("yes no >&2".into(), "hung"),
        ("sleep 1000".into(), "hung"),
        ("sleep 1000 & sleep 1000 & wait".into(), "hung"),
        ("trap '' TERM INT HUP; while :; do sleep 1000; done".into(), "hung"),
        (format!("{DONE}; exit 3"), "with code 3"),
        (format!("{MP4}; {DONE}; {DONE}"), "went on after its result"),
        (DONE.into(), "can't be opened"),
        (format!("ln -s /etc/passwd output; {DONE}"), "can't be opened"),
        (format!("{MP4}; ln output twin; {DONE}"), "not a plain file"),
        (format!("mkfifo output; {DONE}"), "not a plain file"),
        (format!("cp /etc/passwd output; {DONE}"), "not an mp4"),
        (format!("{MP4}; echo '{{\"done\":{{\"duration_ms\":99999999999}}}}'"), "impossible duration"),
    ];
    for (script, sentence) in table {
        let world = World::new();
        match world.run(settings(world.script(&script))).await {
            Err(GeneratorError::Died(why)) => assert!(why.contains(sentence), "{script}: {why}"),
            other => panic!("{script}: {other:?}"),
        }
        assert_eq!(world.processes(), [""; 0], "{script}");
    }
}

pub(crate) async fn a_child_that_reads_no_order() {
    let world = World::new();
    let mut job = world.job();
    // More than a pipe holds.
    let boxes = vec!["[1,2,3,4]"; 20_000].join(",");
    job.request.options = Some(format!("{{\"active_speaker_detection\":{{\"bounding_boxes\":[{boxes}]}}}}"));
    let builtin = Builtin::new(settings(world.script("sleep 1000")));
    let Err(GeneratorError::Died(why)) = builtin.generate(job, Progress::default(), Cancel::default()).await else {
        panic!("a death")
    };
    assert!(why.contains("did not take its order"), "{why}");
    assert_eq!(world.processes(), [""; 0]);
}

pub(crate) async fn a_child_that_works_too_long() {
    let world = World::new();
    let script = world.script("while :; do echo '{\"progress\":0.5}'; sleep 0.05; done");
    let time_max = Duration::from_millis(500);
    let Err(GeneratorError::Failed(failure)) = world.run(BuiltinSettings { time_max, ..settings(script) }).await else {
        panic!("a failure")
    };
    assert_eq!(failure.code.as_str(), "generation_timeout");
    assert_eq!(world.processes(), [""; 0]);
}

pub(crate) async fn a_child_that_can_not_be_started() {
    let world = World::new();
    let Err(GeneratorError::Died(why)) = world.run(settings(world.data.join("missing"))).await else {
        panic!("a death")
    };
    assert!(why.contains("could not be started"), "{why}");
}

pub(crate) async fn what_it_started_ends_with_it() {
    let world = World::new();
    // In good order itself, but with something left behind that holds its pipes open.
    let script = format!("sleep 1000 & {MP4}; {DONE}");
    let made = world.run(settings(world.script(&script))).await;
    assert_eq!(made, Ok(JobOutput::File { path: world.folder.join("output"), duration_ms: Some(1_000) }));
    assert_eq!(world.processes(), [""; 0]);

    let sentence = r#"echo '{"failed":{"error_code":"made_up","error":"Ünable to <see>."}}'"#;
    let failed = world.run(settings(world.script(&format!("sleep 1000 & {sentence}")))).await;
    let Err(GeneratorError::Failed(failure)) = failed else { panic!("{failed:?}") };
    assert_eq!((failure.code.as_str(), failure.error.as_str()), ("generation_pipeline_failed", "?nable to <see>."));
    assert_eq!(world.processes(), [""; 0]);
}

/// Where the kernel refuses nothing: out of the group, out of reach, with the output open.
pub(crate) async fn what_left_the_group_can_not_change_the_video() {
    let world = World::new();
    let leaver =
        "exec 3>>output; : > ../held; while [ ! -e ../go ]; do sleep 0.01; done; echo more >&3; : > ../written";
    let left = format!("setsid sh -c '{leaver}' < /dev/null > /dev/null 2>&1 &");
    let wait = "while [ ! -e ../held ]; do sleep 0.01; done";
    let made = world
        .run(BuiltinSettings {
            silence_max: PATIENCE,
            ..settings(world.script(&format!("{MP4}; {left} {wait}; {DONE}")))
        })
        .await;
    let Ok(JobOutput::File { path, .. }) = made else { panic!("{made:?}") };
    let judged = fs::read(&path).unwrap();
    fs::write(world.folder.join("go"), b"").unwrap();
    until("it wrote", || world.folder.join("written").exists()).await;
    assert_eq!(fs::read(&path).unwrap(), judged);
}

/// A child that does not watch its control pipe must be killed, not only told.
pub(crate) async fn dropping_the_future_ends_a_deaf_one() {
    let world = World::new();
    let builtin =
        Builtin::new(BuiltinSettings { silence_max: PATIENCE, ..settings(world.script("sleep 1000 & sleep 1000; :")) });
    tokio::select! {
        made = builtin.generate(world.job(), Progress::default(), Cancel::default()) => panic!("too early: {made:?}"),
        () = until("it runs", || world.processes().len() == 3) => {}
    }
    until("all are gone", || world.processes().is_empty()).await;
}

pub(crate) async fn it_knows_nothing_of_our_environment() {
    let world = World::new();
    assert!(std::env::vars().count() > 3, "something that could be known");
    let _ = world.run(settings(world.script("/usr/bin/env -u PWD -u OLDPWD -u SHLVL -u _ > ../environment"))).await;
    let environment = fs::read_to_string(world.folder.join("environment")).unwrap();
    let names: Vec<_> = environment.lines().filter_map(|line| line.split('=').next()).collect();
    assert_eq!(names, ["PATH"]);
}

pub(crate) async fn jobs_that_are_no_work_for_a_child() {
    let world = World::new();
    let builtin = Builtin::new(settings(world.script("touch started")));
    let mut outside = world.job();
    outside.inputs[0].file = Some(world.data.join("master.key"));
    let mut unspoken = world.job();
    unspoken.inputs[1].item.kind = ItemKind::Text;
    unspoken.inputs[1].file = None;
    let mut options = world.job();
    options.request.options = Some("{\"sync_mode\":\"sideways\"}".into());
    for (job, code) in [
        (outside, "generation_pipeline_failed"),
        (unspoken, "generation_pipeline_failed"),
        (options, "generation_input_validation_failed"),
    ] {
        let made = builtin.generate(job, Progress::default(), Cancel::default()).await;
        let Err(GeneratorError::Failed(failure)) = made else { panic!("{made:?}") };
        assert_eq!(failure.code.as_str(), code);
    }
    assert_eq!(world.files(), [""; 0]);
}
