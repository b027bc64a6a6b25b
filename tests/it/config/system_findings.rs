//! What is found wrong with the gateway's own settings, and how it is told: the whole messages.

use super::{Site, with_main};

#[test]
fn text_that_is_no_toml() {
    let site = with_main(
        r#"[server]
listen = 127.0.0.1
"#,
    );
    assert_eq!(
        site.findings(),
        r#"error: no valid TOML: invalid float, expected nothing
 --> usher.toml:2:15
  |
2 | listen = 127.0.0.1
  |               ^^^^
  |
  = help: text stands in quotation marks, tables in [brackets], one `key = value` per line
"#
    );
}

#[test]
fn unknown_key_suggests_the_nearest() {
    let site = with_main(
        r#"[server]
lsiten = "127.0.0.1:1"
"#,
    );
    assert_eq!(
        site.findings(),
        r#"error: unknown key `server.lsiten`
 --> usher.toml:2:1
  |
2 | lsiten = "127.0.0.1:1"
  | ^^^^^^
  |
  = help: did you mean `server.listen`?
"#
    );
}

#[test]
fn b10_what_is_private_is_named_by_words_and_patterns_that_can_be_used() {
    let site = with_main(
        r#"[privacy]
tokens = ["card", "passport"]
[[privacy.pattern]]
name = "card"
regex = '\d+'
[[privacy.pattern]]
name = "Kunde"
regex = '\d*'
[[privacy.pattern]]
name = "nr"
regex = 'a'
[[privacy.pattern]]
name = "nr"
regex = 'b'
"#,
    );
    let findings = site.findings();
    let mut rest = findings.as_str();
    for (message, place, help) in [
        (
            "`privacy.tokens`: `passport` is nothing that is found by itself",
            "usher.toml:2:10",
            "known are `card` and `iban`; write a `[[privacy.pattern]]` for others",
        ),
        ("`privacy.pattern.name` is the name of what is built in", "usher.toml:4:8", "take another name"),
        (
            "`privacy.pattern.name` is not 1 to 32 of a-z, 0-9 and _ that begin with a letter",
            "usher.toml:7:8",
            "write it as \"customer_number\"",
        ),
        (
            "`privacy.pattern.regex` matches where there is nothing",
            "usher.toml:8:9",
            "let it match one character at least: `\\d+` in place of `\\d*`",
        ),
        (
            "`privacy.pattern.name`: there are two of the name `nr`",
            "usher.toml:13:8",
            "give each a name of its own, or write one regex: `this|that`",
        ),
    ] {
        let expected = [format!("error: {message}\n"), format!("--> {place}\n"), format!("= help: {help}\n")];
        for part in expected {
            let at = rest.find(&part).unwrap_or_else(|| panic!("no {part:?} in its place in\n{findings}"));
            rest = &rest[at + part.len()..];
        }
    }
    let malformed = with_main("[[privacy.pattern]]\nname = \"a\"\nregex = '('\n");
    assert!(malformed.findings().starts_with("error: `privacy.pattern.regex` is no regular expression: "));
}

#[test]
fn b10_what_tokens_stand_for_should_not_travel_in_the_clear() {
    let listed = |host: &str| {
        let entry = format!("[[egress.allow]]\nhost = \"{host}\"\nplaintext = true\nrestore_tokens = true\n");
        with_main(&entry).findings()
    };
    let warning = "warning: card numbers and the like would go to `pay.example.com` over http://\n";
    assert!(listed("pay.example.com").starts_with(warning), "{}", listed("pay.example.com"));
    assert_eq!(listed("127.0.0.1"), "");
}

#[test]
fn unknown_key_far_from_all_lists_them() {
    let site = with_main(
        r#"[log]
colour = true
"#,
    );
    assert_eq!(
        site.findings(),
        r#"error: unknown key `log.colour`
 --> usher.toml:2:1
  |
2 | colour = true
  | ^^^^^^
  |
  = help: known here are `filter` and `format`
"#
    );
}

#[test]
fn number_out_of_range() {
    let site = with_main(
        r#"[server]
credits = 0
"#,
    );
    assert_eq!(
        site.findings(),
        r#"error: `server.credits` cannot be 0
 --> usher.toml:2:11
  |
2 | credits = 0
  |           ^
  |
  = help: it must be a whole number from 1 to 65536
"#
    );
}

#[test]
fn word_that_is_none_of_the_choices() {
    let site = with_main(
        r#"[store]
durability = "fast"
"#,
    );
    assert_eq!(
        site.findings(),
        r#"error: `store.durability`: unknown variant `fast`, expected `sync` or `async`
 --> usher.toml:2:14
  |
2 | durability = "fast"
  |              ^^^^^^
  |
  = help: choose one of them
"#
    );
}

#[test]
fn plaintext_door_off_loopback() {
    let site = with_main(
        r#"[server]
listen = "0.0.0.0:7400"
"#,
    );
    assert_eq!(
        site.findings(),
        r#"error: the routing engines' door 0.0.0.0:7400 would be open to the network without TLS
 --> usher.toml:2:10
  |
2 | listen = "0.0.0.0:7400"
  |          ^^^^^^^^^^^^^^
  |
  = help: add `[server.tls]` with `certificate` and `key`, listen on loopback, or set `server.allow_plaintext = true`
"#
    );
}

#[test]
fn operators_door_off_loopback_without_token() {
    let site = with_main(
        r#"[ops]
listen = "[::]:7401"
"#,
    );
    assert_eq!(
        site.findings(),
        r#"error: the operators' door [::]:7401 would be open to the network without a token
 --> usher.toml:2:10
  |
2 | listen = "[::]:7401"
  |          ^^^^^^^^^^^
  |
  = help: set `ops.token`, or listen on loopback
"#
    );
}

#[test]
fn tls_files_that_are_missing_or_hold_something_else() {
    let site = with_main(
        r#"[server.tls]
certificate = "none.pem"
key = "google.json"
"#,
    );
    assert_eq!(
        site.findings(),
        r#"error: `server.tls.certificate`: cannot read none.pem: No such file or directory (os error 2)
 --> usher.toml:2:15
  |
2 | certificate = "none.pem"
  |               ^^^^^^^^^^
  |
  = help: a path is relative to the file that names it
error: `server.tls.key`: google.json holds no usable PEM of its kind
 --> usher.toml:3:7
  |
3 | key = "google.json"
  |       ^^^^^^^^^^^^^
  |
  = help: certificates read `BEGIN CERTIFICATE`, keys `BEGIN PRIVATE KEY`
"#
    );
}

#[test]
fn unknown_time_zone() {
    let site = with_main(
        r#"[[unit]]
name = "A"
zone = "Europe/Berln"
"#,
    );
    assert_eq!(
        site.findings(),
        r#"error: `unit.zone`: no time zone is called `Europe/Berln`
 --> usher.toml:3:8
  |
3 | zone = "Europe/Berln"
  |        ^^^^^^^^^^^^^^
  |
  = help: did you mean "Europe/Berlin"?
"#
    );
}

#[test]
fn unknown_country() {
    let site = with_main(
        r#"[[unit]]
name = "A"
country = "Germany"
"#,
    );
    assert_eq!(
        site.findings(),
        r#"error: `unit.country`: no country has the code `Germany`
 --> usher.toml:3:11
  |
3 | country = "Germany"
  |           ^^^^^^^^^
  |
  = help: write its two capital letters of ISO 3166, such as "DE"
"#
    );
}

#[test]
fn s5_engine_for_an_unknown_unit() {
    let site = with_main(
        r#"[[engine]]
id = "e"
token_sha256 = "1212121212121212121212121212121212121212121212121212121212121212"
units = ["DEFALT"]
"#,
    );
    assert_eq!(
        site.findings(),
        r#"error: business unit `DEFALT` is not configured
 --> usher.toml:4:10
  |
4 | units = ["DEFALT"]
  |          ^^^^^^^^
  |
  = help: did you mean `DEFAULT`?
"#
    );
}

#[test]
fn engine_without_token_or_units() {
    let site = with_main(
        r#"[[engine]]
id = "e"
"#,
    );
    assert_eq!(
        site.findings(),
        r#"error: `engine.token` is missing
 --> usher.toml:1:1
  |
1 | [[engine]]
  | ^^^^^^^^^^
  |
  = help: an engine proves itself by a bearer token: set `token` or `token_sha256`
error: `engine.units` is missing
 --> usher.toml:1:1
  |
1 | [[engine]]
  | ^^^^^^^^^^
  |
  = help: list the business units that the engine may attach for
"#
    );
}

#[test]
fn b11_allow_list_entry_that_is_no_host() {
    let site = with_main(
        r#"[[egress.allow]]
host = "https://api.example.com/"
"#,
    );
    assert_eq!(
        site.findings(),
        r#"error: `egress.allow.host` is no host
 --> usher.toml:2:8
  |
2 | host = "https://api.example.com/"
  |        ^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: write "api.example.com", "*.example.com" or an address; no scheme, port or path
"#
    );
}

#[test]
fn wrong_variable() {
    let site = Site::new().variable("USHER_SERVER__LISTEN", "localhost");
    assert_eq!(
        site.findings(),
        r#"error: `server.listen` is no address with a port
 --> $USHER_SERVER__LISTEN:1:1
  |
1 | localhost
  | ^^^^^^^^^
  |
  = help: write it as "127.0.0.1:7400" or "[::1]:7400"
"#
    );
}

#[test]
fn unknown_variable() {
    let site = Site::new().variable("USHER_SERVER__LSTEN", "127.0.0.1:1");
    assert_eq!(
        site.findings(),
        r#"warning: unknown key `server.lsten`
 --> $USHER_SERVER__LSTEN:1:1
  |
1 | 127.0.0.1:1
  | ^^^^^^^^^^^
  |
  = help: did you mean `server.listen`?
"#
    );
}

#[test]
fn wrong_flag() {
    let site = Site::new().flag("--listen", "server.listen", "7400");
    assert_eq!(
        site.findings(),
        r#"error: `server.listen` is no address with a port
 --> --listen:1:1
  |
1 | 7400
  | ^^^^
  |
  = help: write it as "127.0.0.1:7400" or "[::1]:7400"
"#
    );
}
