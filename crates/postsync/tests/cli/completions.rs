//! `postsync completions` in a real bash, and `postsync man` as man reads it.
use std::fs;
use std::process::{Command, Stdio};

use super::run::{Home, POSTSYNC, Ran};

/// What bash would offer for the last of these words.
fn offered(home: &Home, words: &[&str]) -> Vec<String> {
    let script = r#"
        source <("$0" completions bash)
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        # The function that bash itself would ask, by what is registered.
        asked=$(complete -p postsync | sed 's/.* -F \([^ ]*\) .*/\1/')
        "$asked" postsync "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let mut bash = Command::new("bash");
    home.prepare(&mut bash);
    let ran = Ran::of(bash.args(["--norc", "-c", script, POSTSYNC]).args(words));
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
    ran.out.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_options_and_values() {
    let home = Home::new();
    assert_eq!(offered(&home, &["postsync", "gen"]), ["generate"]);
    assert_eq!(offered(&home, &["postsync", "generate", "--no"]), ["--no-wait", "--no-download"]);
    let modes = ["bounce", "loop", "cut_off", "silence", "remap"];
    assert_eq!(offered(&home, &["postsync", "generate", "--sync-mode", ""]), modes);
    assert_eq!(offered(&home, &["postsync", "keys", "re"]), ["revoke"]);
}

#[test]
fn other_shells_have_theirs() {
    let home = Home::new();
    for (shell, word) in [
        ("zsh", "#compdef postsync"),
        ("fish", "complete -c postsync"),
        ("elvish", "postsync"),
        ("powershell", "postsync"),
    ] {
        assert!(home.done(&["completions", shell]).out.contains(word), "{shell}");
    }
    home.run(&["completions", "tcsh"]).refused(2, &["tcsh", "bash", "zsh", "fish"]);
}

/// Every page, through what `man` formats with; where that is not installed, only what is written is looked at.
#[test]
fn each_command_has_a_page_that_man_can_read() {
    let home = Home::new();
    let out = home.done(&["man", "--out", "share/man1"]);
    assert_eq!((out.out.as_str(), out.err.as_str()), ("", ""));
    let mut names: Vec<String> = fs::read_dir(home.file("share/man1"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    for name in ["postsync.1", "postsync-generate.1", "postsync-keys-create.1", "postsync-man.1"] {
        assert!(names.iter().any(|known| known == name), "{name} in {names:?}");
    }
    assert!(!names.iter().any(|name| name.contains("help")), "{names:?}");
    let has_groff =
        Command::new("groff").arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success());
    if !has_groff {
        eprintln!("skipped: groff is not there, so nobody reads the pages");
    }
    for name in &names {
        let path = home.file("share/man1").join(name);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(".SH NAME") && text.contains("postsync"), "{name}");
        if has_groff {
            let mut groff = Command::new("groff");
            home.prepare(&mut groff);
            let ran = Ran::of(groff.args(["-man", "-Tutf8", "-ww", "-P-c"]).arg(&path));
            assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{name}: {}", ran.err);
            // An example must stay on the line that it is typed on, as far as that is wide enough.
            assert!(
                name != "postsync-generate.1" || ran.out.contains("  postsync generate portrait.png speech.wav\n"),
                "{}",
                ran.out
            );
        }
    }
    let first = home.done(&["man"]).out;
    assert_eq!(first, fs::read_to_string(home.file("share/man1/postsync.1")).unwrap());
    home.run(&["man", "--out", "share/man1/postsync.1"]).refused(1, &["can't be written", "postsync.1"]);
}
