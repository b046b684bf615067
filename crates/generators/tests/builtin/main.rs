//! The built-in generator with real children: the real media child, which is this program started again, and scripts that
//! misbehave.
#![expect(clippy::unwrap_used, reason = "a test that can't go on should stop")]
#![expect(clippy::print_stdout, reason = "this is its own test harness")]
mod limits;
mod looking;
mod misbehaving;
mod rendering;
mod world;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::process::ExitCode;

type Test = (&'static str, fn() -> Pin<Box<dyn Future<Output = ()>>>);

macro_rules! tests {
    ($($module:ident :: $name:ident),* $(,)?) => {
        &[$((concat!(stringify!($module), "::", stringify!($name)), || Box::pin($module::$name()))),*]
    };
}

const TESTS: &[Test] = tests![
    rendering::makes_a_video_and_leaves_nothing_else,
    rendering::says_what_is_wrong_with_an_input,
    rendering::stretches_reach_the_child,
    rendering::an_input_may_have_to_be_shorter_than_others,
    rendering::a_piece_of_a_voice_begins_in_front_of_its_end,
    rendering::a_cancel_ends_it_in_mid_render,
    rendering::dropping_the_future_ends_it_in_mid_render,
    rendering::a_child_and_its_ffmpeg_end_with_the_server,
    rendering::too_little_memory_is_an_ending_too,
    looking::sees_what_is_in_a_file_and_leaves_nothing_else,
    looking::says_why_a_file_can_not_be_read,
    looking::dropping_a_look_ends_it,
    limits::every_limit_is_in_force,
    limits::a_child_without_an_order_does_nothing,
    limits::a_child_with_a_second_thread_does_nothing,
    misbehaving::each_ends_as_it_should_and_leaves_no_process,
    misbehaving::a_child_that_reads_no_order,
    misbehaving::a_child_that_works_too_long,
    misbehaving::a_child_that_can_not_be_started,
    misbehaving::what_it_started_ends_with_it,
    misbehaving::what_left_the_group_can_not_change_the_video,
    misbehaving::dropping_the_future_ends_a_deaf_one,
    misbehaving::it_knows_nothing_of_our_environment,
    misbehaving::jobs_that_are_no_work_for_a_child,
];

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(postsync_generators::MEDIA_CHILD) {
        // Started as no binary of ours would start it: with a thread that the limits would not hold.
        let crowded = std::env::args().nth(2).as_deref() == Some(limits::CROWDED);
        let _second = crowded.then(|| std::thread::spawn(std::thread::park));
        return postsync_generators::media_child::main();
    }
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut failed = 0;
    for (name, test) in TESTS.iter().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|w| name.contains(w))) {
        let run = || runtime.block_on(test());
        let passed = std::panic::catch_unwind(AssertUnwindSafe(run)).is_ok();
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        failed += usize::from(!passed);
    }
    println!("\ntest result: {}. {failed} failed", if failed == 0 { "ok" } else { "FAILED" });
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
