//! `postsync replay` where there is no server: what it refuses by itself.
use super::run::{Home, Ran};

fn asked(home: &Home, arguments: &[&str], key: &str) -> Ran {
    let mut command = home.command(&[&["replay"], arguments].concat());
    // Nobody listens on port 1.
    Ran::of(command.env("POSTSYNC_SERVER", "http://127.0.0.1:1").env("POSTSYNC_API_KEY", key))
}

#[test]
fn what_would_be_everything_is_refused_before_anybody_is_asked() {
    let home = Home::new();
    for arguments in [&[][..], &["--dry-run"], &["--again", "--json"], &["--no-wait"]] {
        asked(&home, arguments, "psk_x")
            .refused(2, &["say which deliveries", "--since", "--all where every exhausted"]);
    }
    asked(&home, &["--status", "any"], "psk_x").refused(2, &["everything that is kept", "--all"]);
}

#[test]
fn what_is_wrong_on_the_command_line_is_named() {
    let home = Home::new();
    for (arguments, words) in [
        (&["--since", "two hours"][..], ["--since", "two hours"]),
        (&["--since", "9999999999d"], ["--since", "too long ago"]),
        (&["--until", "2026-13-01T00:00:00Z", "--since", "1h"], ["--until", "2026-13-01"]),
        (&["--status", "due"], ["due", "exhausted"]),
        (&["--generation", "7"], ["--generation", "7"]),
        (&["--error", "oops"], ["--error", "oops"]),
        (&["--id", "evt_0000000000000"], ["--id", "evt_0000000000000"]),
        (&["--id", "dlv_0000000000000", "--since", "1h"], ["--id", "--since"]),
        (&["--since", "1h", "--server", "not a url"], ["--server", "not a url"]),
    ] {
        asked(&home, arguments, "psk_x").refused(2, &words);
    }
}

#[test]
fn a_server_and_a_key_are_wanted() {
    let home = Home::new();
    asked(&home, &["--since", "1h"], "").refused(1, &["POSTSYNC_API_KEY", "keys create"]);
    let says =
        "http://127.0.0.1:1/ does not answer (Connection refused (os error 111)): does a server run there? --server or";
    asked(&home, &["--since", "1h"], "psk_x").refused(1, &[says]);
    assert!(!home.file("postsync-data").exists(), "it looks at no data folder");
}
