use ipnet::IpNet;

use super::*;

/// Loopback, in every way that a browser reads.
const LOOPBACK: &str = "
    127.0.0.1 127.0.0.1. 127.1 127.0.1 127.255.255.255 2130706433 2130706433. 017700000001 0177.0.0.1 0177.1 0x7f.1
    0x7f000001 0x7F.0.0.1 0x7f.0x0.0x0.0x1 00000177.0.0.1 127.0x1 127.0.0.01 0x7f.00.0x1 %31%32%37.0.0.1
    127%2e0%2e0%2e1 127\u{3002}0\u{3002}0\u{3002}1 \u{ff11}\u{ff12}\u{ff17}.0.0.1 \u{2460}\u{2461}\u{2466}.0.0.1
    localhost localhost. LOCALHOST LocalHost app.localhost a.b.localhost. loc%61lhost \u{ff4c}ocalhost
    local\u{ad}host";

/// This host, private, link-local, shared, reserved.
const PRIVATE: &str = "
    0 0.0.0.0 0.1.2.3 0x0 00 0.0 10.0.0.1 10.1 012.0.0.1 167772161 0xa000001 100.64.0.1 100.127.255.255
    169.254.169.254 0xa9fea9fe 2852039166 0251.0376.0251.0376 169.254.43518 172.16.0.1 172.31.255.255 172.1048577
    192.0.0.1 192.0.0.192 192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.1 192.168.0.1 192.168.257 3232235777
    192.175.48.1 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9 224.0.0.1 239.255.255.250 240.0.0.1
    255.255.255.255 4294967295 037777777777";

/// IPv6, and IPv4 inside it.
const IPV6: &str = "
    [::] [::1] [0:0:0:0:0:0:0:1] [0000::0001] [::2] [::127.0.0.1] [::7f00:1] [::8.8.8.8] [::ffff:127.0.0.1]
    [::ffff:7f00:1] [0:0:0:0:0:ffff:127.0.0.1] [::FFFF:10.0.0.1] [::ffff:169.254.169.254] [::ffff:0:127.0.0.1]
    [64:ff9b::127.0.0.1] [64:ff9b::a9fe:a9fe] [64:ff9b::10.0.0.1] [64:ff9b:1::8.8.8.8] [64:ff9b:1:ffff::1] [100::1]
    [100:0:0:1::1] [2001::1] [2001:0:7f00:1::1] [2001:0:808:808::f5ff:fffe] [2001:1::1] [2001:2::1] [2001:3::1]
    [2001:4:112::1] [2001:10::1] [2001:20::1] [2001:30::1] [2001:db8::1] [2001:DB8:ffff::] [2002:7f00:1::]
    [2002:c0a8:101::1] [2002:a00:1::1] [2002:a9fe:a9fe::1] [2620:4f:8000::1] [3fff::1] [3fff:fff::1] [5f00::1]
    [4000::1] [8000::1] [fc00::1] [fd00:ec2::254] [fdff::1] [fe80::1] [febf::1] [fec0::1] [feff::1] [ff02::1]
    [ff0e::1] [fe00::1]";

fn rules(allow_http: bool, allow: &str) -> EgressRules {
    EgressRules { allow_http, allow: Allow::parse_list(allow).unwrap() }
}

fn closed() -> Vec<&'static str> {
    [LOOPBACK, PRIVATE, IPV6].into_iter().flat_map(str::split_whitespace).collect()
}

#[test]
fn every_spelling_of_a_closed_address_is_refused_and_says_what_opens_it() {
    assert_eq!(closed().len(), 126);
    for host in closed() {
        for url in
            [format!("https://{host}/webhook"), format!("HTTPS://{host}:8443"), format!("http://{host}:8080/?x=1")]
        {
            let refused = rules(true, "").judge_url(&url).expect_err(&url);
            let text = format!("webhookUrl {refused}");
            assert!(matches!(refused, UrlRefused::Address { .. } | UrlRefused::Localhost { .. }), "{url}: {text}");
            assert!(text.contains("POSTSYNC_EGRESS_ALLOW)") && text.is_ascii(), "{text}");
        }
    }
}

#[test]
fn reasons_read_as_sentences() {
    let closed = EgressRules::default();
    for (url, want) in [
        (
            "https://127.1/x",
            "points at 127.0.0.1, a loopback address (127.0.0.0/8); set egress.allow (POSTSYNC_EGRESS_ALLOW) to open it",
        ),
        (
            "https://[::ffff:10.0.0.1]/",
            "points at [::ffff:10.0.0.1], a private address (10.0.0.0/8); set egress.allow (POSTSYNC_EGRESS_ALLOW) to open it",
        ),
        (
            "https://app.localhost/",
            "points at app.localhost, a name of this machine itself (loopback); set egress.allow (POSTSYNC_EGRESS_ALLOW) to open it",
        ),
        (
            "http://app.example.com/",
            "is plain http; use https, or set egress.allow_http (POSTSYNC_EGRESS_ALLOW_HTTP) to open http",
        ),
        ("https://a..example/x", "names a host with nothing between two dots, or before the first one; correct it"),
        ("https://.", "names a host with nothing between two dots, or before the first one; correct it"),
        ("https://a.example../", "names a host with nothing between two dots, or before the first one; correct it"),
        ("https://%61pp.example.com/", "names a host with a percent sign in it; write the name itself"),
        ("https://app%2eexample.com?a=%20", "names a host with a percent sign in it; write the name itself"),
        ("ftp://app.example.com/", "has a scheme that is not taken; use https"),
        ("file:///etc/passwd", "is not a URL; write it in full, like https://app.example.com/webhook"),
        ("app.example.com/webhook", "is not a URL; write it in full, like https://app.example.com/webhook"),
        (
            "https://me:pw@app.example.com/",
            "contains a user name or password; put a token into its path or query instead",
        ),
        ("https://app.example.com/#top", "contains a fragment (#...), which is never sent; remove it"),
    ] {
        assert_eq!(closed.judge_url(url).unwrap_err().to_string(), want, "{url}");
    }
}

#[test]
fn what_readers_disagree_about_is_no_url() {
    for url in [
        "",
        "https:",
        "https://",
        "https:///",
        "https:app.example.com",
        "https:/app.example.com",
        "https:///app.example.com",
        "https://\\app.example.com",
        "https:\\\\app.example.com",
        "https://app.example.com\\@evil.example/",
        "https://app.example.com/a\\b",
        "//app.example.com/",
        "/webhook",
        "https:a://b",
        "https://[::1",
        "https://a b.example/",
        "https://[fe80::1%25eth0]/",
        "https://1.2.3.4.5/",
        "https://256.1.1.1/",
        "https://0x1ffffffff/",
        "https://app.example.com:99999/",
        "https://?x",
        "https://#x",
        "https://a%00.example/",
        "javascript:alert(1)",
        "data:text/plain,x",
    ] {
        assert_eq!(rules(true, "").judge_url(url), Err(UrlRefused::Syntax), "{url}");
    }
    for url in [
        " https://app.example.com/",
        "https://app.example.com/\n",
        "https://app.exa\tmple.com/",
        "https://app.example.com/\u{0}",
    ] {
        assert_eq!(rules(true, "").judge_url(url), Err(UrlRefused::Invisible), "{url:?}");
    }
    let long = format!("https://app.example.com/{}", "a".repeat(URL_BYTES_MAX));
    assert_eq!(rules(true, "").judge_url(&long), Err(UrlRefused::TooLong { bytes: long.len() }));
}

#[test]
fn a_backslash_or_an_at_sign_hides_no_host() {
    let closed = rules(true, "");
    assert!(closed.judge_url("https://127.0.0.1\\@app.example.com/").is_err());
    assert_eq!(closed.judge_url("https://app.example.com@127.0.0.1/"), Err(UrlRefused::UserInfo));
    assert_eq!(closed.judge_url("https://app.example.com:443@10.0.0.1/"), Err(UrlRefused::UserInfo));
}

#[test]
fn public_targets_pass_in_one_form() {
    let open = rules(true, "");
    for (url, want) in [
        ("https://App.Example.com", "https app.example.com 443 /"),
        ("https://app.example.com./a b?x={y}", "https app.example.com 443 /a%20b?x={y}"),
        ("http://app.example.com/", "http app.example.com 80 /"),
        ("https://b\u{fc}cher.example:8443/\u{e9}?\u{e9}", "https xn--bcher-kva.example 8443 /%C3%A9?%C3%A9"),
        ("https://0x08080808/", "https 8.8.8.8 443 /"),
        ("https://[2606:4700::1111]:1024/?", "https [2606:4700::1111] 1024 /?"),
        ("https://notlocalhost/", "https notlocalhost 443 /"),
        ("https://localhost.example.com/", "https localhost.example.com 443 /"),
    ] {
        let t = open.judge_url(url).expect(url);
        assert_eq!(format!("{} {} {} {}", t.scheme.as_str(), t.host, t.port, t.path_and_query), want);
    }
}

#[test]
fn ports_of_the_system_are_closed() {
    for port in [0, 1, 21, 22, 25, 80, 110, 444, 631, 1023] {
        let url = format!("https://app.example.com:{port}/");
        assert_eq!(EgressRules::default().judge_url(&url), Err(UrlRefused::Port { port }));
    }
    assert!(rules(true, "").judge_url("https://app.example.com:80/").is_ok());
    assert!(rules(false, "").judge_url("https://app.example.com:1024/").is_ok());
    assert!(rules(false, "app.example.com").judge_url("https://app.example.com:25/").is_ok());
    assert!(rules(false, "8.8.8.0/24").judge_url("https://8.8.8.8:25/").is_ok());
    assert!(rules(false, "app.example.com").judge_url("https://app.example.com:0/").is_err());
}

/// (entry, opened, still closed)
const OPENED: &[(&str, &[&str], &[&str])] = &[
    (
        "127.0.0.1",
        &["127.0.0.1", "127.1", "[::ffff:127.0.0.1]", "localhost", "app.localhost"],
        &["127.0.0.2", "[::1]", "10.0.0.1", "[::127.0.0.1]"],
    ),
    ("127.0.0.0/8", &["127.0.0.2", "0x7f000001"], &["[::1]", "[2002:7f00:1::]", "[64:ff9b::127.0.0.1]"]),
    ("10.1.0.0/16", &["10.1.255.255"], &["10.2.0.0", "10.0.255.255", "localhost"]),
    ("::1", &["[::1]", "localhost"], &["[::2]", "127.0.0.1"]),
    ("::/0", &["[::1]", "[fe80::1]", "[::ffff:127.0.0.1]"], &["127.0.0.1"]),
    ("localhost", &["localhost", "LOCALHOST."], &["app.localhost", "127.0.0.1", "[::1]"]),
    ("app.localhost", &["app.localhost"], &["localhost", "b.app.localhost"]),
    ("127.0.0.1:8443", &["127.0.0.1", "localhost"], &["127.0.0.2"]),
    ("10.0.0.1:9000", &[], &["10.0.0.1"]),
];

#[test]
fn the_allow_list_opens_exactly_what_it_names() {
    for (entry, opened, closed) in OPENED {
        let rules = rules(false, entry);
        for host in *opened {
            assert!(rules.judge_url(&format!("https://{host}:8443/")).is_ok(), "{entry} opens {host}");
        }
        for host in *closed {
            assert!(rules.judge_url(&format!("https://{host}:8443/")).is_err(), "{entry} does not open {host}");
        }
    }
}

/// Of all closed spellings each entry opens those that lead into it, and not one more.
#[test]
fn an_entry_opens_what_it_holds_of_all_closed_spellings() {
    let entries = [
        "127.0.0.0/8",
        "127.0.0.1",
        "10.0.0.0/8",
        "169.254.169.254",
        "192.168.0.0/16",
        "0.0.0.0/0",
        "0.0.0.0/8",
        "::/0",
        "::1",
        "::ffff:0:0/96",
        "64:ff9b::/96",
        "2002::/16",
        "fc00::/7",
        "fe80::/10",
        "ff00::/8",
        "8.8.8.8",
    ];
    for entry in entries {
        let rules = rules(false, entry);
        let held = entry.parse::<IpNet>().unwrap_or_else(|_| IpNet::from(entry.parse::<IpAddr>().unwrap()));
        for host in closed() {
            let url = format!("https://{host}:8443/");
            let addresses: Vec<IpAddr> = match Url::parse(&url).unwrap().host().unwrap() {
                Host::Ipv4(v4) => vec![v4.into()],
                Host::Ipv6(v6) => vec![v6.into(), IpAddr::from(v6).to_canonical()],
                Host::Domain(_) => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            };
            // Encoded, it is refused in any case.
            let want = addresses.iter().any(|address| held.contains(address)) && !host.contains('%');
            assert_eq!(rules.judge_url(&url).is_ok(), want, "{entry}: {host}");
        }
    }
}

#[test]
fn localhost_is_dialled_only_where_it_is_open() {
    let addresses = |allow| rules(false, allow).judge_url("https://localhost:8443/").unwrap().addresses.unwrap();
    assert_eq!(addresses("127.0.0.0/8"), ["127.0.0.1".parse::<IpAddr>().unwrap()]);
    assert_eq!(addresses("localhost").len(), 2);
}

#[test]
fn answers_are_judged_all_together() {
    let judge = |rules: &EgressRules, addresses: &[&str]| {
        let target = rules.judge_url("https://app.example.com/").unwrap();
        let addresses: Vec<IpAddr> = addresses.iter().map(|a| a.parse().unwrap()).collect();
        rules.judge_addresses(&target, &addresses).map_err(|refused| refused.to_string())
    };
    assert_eq!(judge(&rules(false, ""), &["8.8.8.8", "2606:4700::1111"]), Ok(()));
    assert_eq!(
        judge(&rules(false, ""), &["8.8.8.8", "10.0.0.1"]).unwrap_err(),
        "resolves to 10.0.0.1, a private address (10.0.0.0/8); set egress.allow (POSTSYNC_EGRESS_ALLOW) to open it"
    );
    assert_eq!(judge(&rules(false, "10.0.0.0/8"), &["8.8.8.8", "10.0.0.1"]), Ok(()));
    assert!(judge(&rules(false, "10.0.0.0/8"), &["10.0.0.1", "127.0.0.1"]).is_err());
    assert_eq!(judge(&rules(false, "app.example.com"), &["127.0.0.1"]), Ok(()));
    assert_eq!(judge(&rules(false, "app.example.com:443"), &["127.0.0.1"]), Ok(()));
    assert!(judge(&rules(false, "app.example.com:8443"), &["127.0.0.1"]).is_err());
    assert!(judge(&rules(false, "example.com"), &["127.0.0.1"]).is_err());
}

#[test]
fn the_log_names_the_host_as_the_request_did() {
    let open = rules(true, "0.0.0.0/0,::/0,app.example.com");
    for (url, want) in [
        ("https://App.Example.com./x", "app.example.com"),
        ("https://app.example.com:443/x", "app.example.com"),
        ("http://app.example.com:8080/x", "app.example.com:8080"),
        ("http://app.example.com/x", "app.example.com"),
        ("http://0x7f.1:443/", "127.0.0.1:443"),
        ("https://[::ffff:7f00:1]/", "[::ffff:127.0.0.1]"),
        ("https://b\u{fc}cher.example/x", "xn--bcher-kva.example"),
    ] {
        assert_eq!(Target::host_header_of(url).as_deref(), Some(want), "{url}");
        assert_eq!(open.judge_url(url).unwrap().host_header(), want, "{url}");
    }
    assert_eq!(Target::host_header_of("not a url"), None);
}

#[test]
fn a_name_that_dns_has_no_room_for_is_refused() {
    let of = |name: &str| EgressRules::default().judge_url(&format!("https://{name}/hook"));
    let label = "a".repeat(63);
    let longest = format!("{label}.{label}.{label}.{}", "a".repeat(61));
    assert_eq!(longest.len(), 253);
    for taken in [longest.as_str(), &format!("{longest}."), &format!("{label}.example")] {
        assert!(of(taken).is_ok(), "{taken}");
    }
    // The last one is short until it is written out in punycode.
    for refused in [format!("{longest}a"), format!("a{label}.example"), "\u{fc}".repeat(62) + ".example"] {
        assert_eq!(of(&refused), Err(UrlRefused::LongName), "{refused}");
    }
    assert!(EgressRules::default().judge_url("https://app.example.com/%61?b=%20").is_ok(), "in a path they are usual");
}
