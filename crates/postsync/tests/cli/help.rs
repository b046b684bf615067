//! `--help` of every command, as it is printed 100 columns wide.
use std::fmt::Write as _;
use std::process::Stdio;

use super::run::Home;

const COMMANDS: [&str; 30] = [
    "",
    "serve",
    "demo",
    "keys",
    "keys create",
    "keys list",
    "keys revoke",
    "orgs",
    "orgs create",
    "orgs set",
    "orgs list",
    "secret",
    "secret show",
    "secret rotate",
    "secret import",
    "secret rekey",
    "generate",
    "lipsync",
    "verify",
    "listen",
    "trigger",
    "replay",
    "config",
    "config show",
    "doctor",
    "backup",
    "restore",
    "migrate",
    "completions",
    "man",
];

#[test]
fn every_command_says_what_it_does() {
    let home = Home::new();
    let mut pages = String::new();
    for command in COMMANDS {
        let arguments: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let page = home.done(&arguments);
        assert_eq!(page.err, "", "help is what was asked for: stdout");
        writeln!(pages, "$ postsync {}\n{}", arguments.join(" "), page.out).unwrap();
    }
    insta::assert_snapshot!(pages);
}

/// So that a new command can't be forgotten above.
#[test]
fn the_list_of_commands_is_whole() {
    let page = Home::new().done(&["--help"]).out;
    let named = page.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // A wrapped description begins further right.
    let named = named.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    let listed: Vec<&str> = COMMANDS.into_iter().filter(|name| !name.is_empty() && !name.contains(' ')).collect();
    assert_eq!(named.filter(|name| *name != "help").collect::<Vec<_>>(), listed);
}

#[test]
fn usage_mistakes_exit_with_2_and_say_what_is_wrong() {
    let home = Home::new();
    home.run(&[]).refused(2, &["Usage: postsync <COMMAND>"]);
    home.run(&["frobnicate"]).refused(2, &["frobnicate"]);
    home.run(&["serve", "--lisen", "x"]).refused(2, &["--lisen", "--listen"]);
    home.run(&["keys", "create"]).refused(2, &["--name"]);
    assert!(home.done(&["--version"]).line().starts_with("postsync "));
}

#[test]
fn a_reader_that_goes_away_is_no_panic_and_no_yes() {
    let home = Home::with_database();
    for arguments in [&["config", "show"][..], &["orgs", "list"], &["doctor"], &["completions", "bash"], &["man"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let child = home.command(arguments).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
        let ran = child.wait_with_output().unwrap();
        assert_eq!((ran.status.code(), ran.stderr.as_slice()), (Some(141), &b""[..]), "{arguments:?}: {ran:?}");
    }
}
