//! A POST of the log as a command line: to be pasted into a shell, where nothing that a stranger chose may become a command.
use crate::sent::SentRequest;

/// Headers that curl writes itself, from the URL and the body.
const OWN: [&str; 2] = ["Host", "Content-Length"];

/// The command that sends that request with that body again. Every word that is not ours stands in single quotes.
#[must_use]
pub fn curl(request: &SentRequest, body: &str) -> String {
    let mut command = format!("curl --globoff --request POST {}", quoted(&request.url));
    for (name, value) in request.headers.iter().filter(|(name, _)| !OWN.contains(&name.as_str())) {
        command.push_str(" --header ");
        command.push_str(&quoted(&format!("{name}: {value}")));
    }
    command.push_str(" --data-raw ");
    command.push_str(&quoted(body));
    command
}

/// One word of a POSIX shell: between single quotes nothing has a meaning but their end, so that is closed, escaped and opened
/// again. A NUL can't stand in any word.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\0', "").replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// What a real shell makes of it: the words that a program named `curl` would be given.
    fn words(command: &str) -> Vec<String> {
        let script = format!("curl() {{ printf '%s\\0' \"$@\"; }}\n{command}");
        let out = Command::new("/bin/sh").arg("-c").arg(script).output().unwrap();
        assert!(out.status.success() && out.stderr.is_empty(), "{}", String::from_utf8_lossy(&out.stderr));
        let text = String::from_utf8(out.stdout).unwrap();
        text.split_terminator('\0').map(str::to_owned).collect()
    }

    #[test]
    fn a_real_shell_reads_what_was_sent_and_runs_nothing() {
        let hostile = [
            "plain",
            "it's",
            "''; touch /tmp/owned; '",
            "$(id) `id` ${HOME} $HOME !! \\ \\' \"",
            "a\nb\r\n\tc",
            "-o /etc/passwd @/etc/passwd",
            "\u{e9}\u{1f600} * ? [a] {b,c} ~ # & | ; < > ( )",
            "",
        ];
        for text in hostile {
            let request = SentRequest {
                url: format!("https://app.example.com/?x={text}"),
                headers: vec![("X-Custom".into(), text.into())],
            };
            let url = request.url.clone();
            let header = format!("X-Custom: {text}");
            let want = ["--globoff", "--request", "POST", &url, "--header", &header, "--data-raw", text];
            assert_eq!(words(&curl(&request, text)), want, "{text:?}");
        }
        assert_eq!(quoted("a\0b"), "'ab'");
    }
}
