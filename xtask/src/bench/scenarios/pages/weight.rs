//! What a page weighs: itself and the files that it names, as they are sent; and what it would ask of others.
use std::collections::BTreeSet;

use anyhow::ensure;

use crate::browser::Browser;

/// In kB with its files, and what it would ask elsewhere.
pub(super) async fn of(browser: &mut Browser, page: &[u8]) -> anyhow::Result<(f64, Vec<String>)> {
    let (mut bytes, mut elsewhere) = (page.len(), Vec::new());
    for file in files(&String::from_utf8_lossy(page)) {
        if file.starts_with("/static/") {
            let answer = browser.get(&file).await?;
            ensure!(answer.status() == 200, "{file} answered {}", answer.status());
            bytes += answer.body().len();
        } else if !file.starts_with('/') || file.starts_with("//") {
            elsewhere.push(file);
        }
    }
    Ok((bytes as f64 / 1_000.0, elsewhere))
}

/// What a browser loads for it: every `src`, and the `href` of each `link`.
fn files(page: &str) -> BTreeSet<String> {
    let value = |text: &str| text.split('"').next().unwrap_or_default().to_owned();
    let sources = page.split(" src=\"").skip(1).map(value);
    let links =
        page.split("<link ").skip(1).filter_map(|link| link.split('>').next()?.split("href=\"").nth(1).map(value));
    sources.chain(links).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_loads_is_found_and_what_it_only_links_is_not() {
        let page = r#"<link rel="stylesheet" href="/static/a.css"><script src="/static/a.js" defer></script>
            <a href="https://elsewhere.example">x</a><img alt="" src="https://elsewhere.example/x.png"><img src="/static/a.js">"#;
        let found: Vec<String> = files(page).into_iter().collect();
        assert_eq!(found, ["/static/a.css", "/static/a.js", "https://elsewhere.example/x.png"]);
    }
}
