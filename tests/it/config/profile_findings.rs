//! What is found wrong with profiles, and how it is told: the whole messages.

use super::{Site, profile, service_account, with_profile};

#[test]
fn s7_missing_name() {
    let site = Site::new().file("profiles/a.toml", &profile("a", "google.json", "").replace("name = \"a\"\n", ""));
    assert_eq!(
        site.findings(),
        r#"error: `name` is missing
 --> profiles/a.toml:1:1
  |
1 | type = "dialogflow-v2"
  | ^
  |
  = help: a profile needs a name, unique in its business unit
"#
    );
}

#[test]
fn s7_name_used_twice() {
    let site = with_profile("")
        .file("other.json", &service_account("key-2", "shop"))
        .file("profiles/b.toml", &profile("a", "other.json", ""));
    assert_eq!(
        site.findings(),
        r#"error: business unit `DEFAULT` has a profile `a` already, in profiles/a.toml
 --> profiles/b.toml:1:8
  |
1 | name = "a"
  |        ^^^
  |
  = help: give it another name, or put it into another business unit
"#
    );
}

#[test]
fn s8_type_unknown() {
    let site = with_profile("")
        .file("profiles/a.toml", &profile("a", "google.json", "").replace("dialogflow-v2", "dialogflow_v2"));
    assert_eq!(
        site.findings(),
        r#"error: unknown profile type `dialogflow_v2`
 --> profiles/a.toml:2:8
  |
2 | type = "dialogflow_v2"
  |        ^^^^^^^^^^^^^^^
  |
  = help: did you mean `dialogflow-v2`?
"#
    );
}

#[test]
fn s10_missing_credential() {
    let site = with_profile("")
        .file("profiles/a.toml", &profile("a", "google.json", "").replace("dialogflow.credential", "#"));
    assert_eq!(
        site.findings(),
        r#"error: `dialogflow.credential` is missing
 --> profiles/a.toml:1:1
  |
1 | name = "a"
  | ^
  |
  = help: name the service-account JSON of the Google project: { file = "service-account.json" }
"#
    );
}

#[test]
fn s10_credential_of_a_person() {
    let site = with_profile("").file("google.json", "{\"type\": \"authorized_user\"}");
    assert_eq!(
        site.findings(),
        r#"error: `dialogflow.credential` is a person's credential, not a service account's
 --> profiles/a.toml:5:12
  |
5 | dialogflow.credential = { file = "../google.json" }
  |            ^^^^^^^^^^
  |
  = help: download a new key of the service account (JSON) in Google Cloud's IAM console
"#
    );
}

#[test]
fn s10_credential_that_lacks_fields() {
    let site = with_profile("").file("google.json", "{\"type\": \"service_account\", \"project_id\": \"shop\"}");
    assert_eq!(
        site.findings(),
        r#"error: `dialogflow.credential` lacks `private_key_id`, `private_key`, `client_email` and `token_uri`
 --> profiles/a.toml:5:12
  |
5 | dialogflow.credential = { file = "../google.json" }
  |            ^^^^^^^^^^
  |
  = help: download a new key of the service account (JSON) in Google Cloud's IAM console
"#
    );
}

#[test]
fn s10_credential_that_is_no_json() {
    let site = with_profile("").file("google.json", "{\"type\": planted}");
    assert_eq!(
        site.findings(),
        r#"error: `dialogflow.credential` is no JSON (line 1, column 10)
 --> profiles/a.toml:5:12
  |
5 | dialogflow.credential = { file = "../google.json" }
  |            ^^^^^^^^^^
  |
  = help: download a new key of the service account (JSON) in Google Cloud's IAM console
"#
    );
}

#[test]
fn s10_project_other_than_the_credentials() {
    let site = with_profile(
        r#"[dialogflow]
"#,
    )
    .file("profiles/a.toml", &profile("a", "google.json", "dialogflow.project = \"other\"\n"));
    assert_eq!(
        site.findings(),
        r#"warning: `dialogflow.project` is `other`, but the credential belongs to `shop`
 --> profiles/a.toml:6:22
  |
6 | dialogflow.project = "other"
  |                      ^^^^^^^
  |
  = help: right if that service account was let into this project; else leave `project` out
"#
    );
}

#[test]
fn s6_shared_google_key() {
    let site = with_profile("").file("profiles/b.toml", &profile("b", "google.json", ""));
    assert_eq!(
        site.findings(),
        r#"error: profiles `a` (profiles/a.toml) and `b` (profiles/b.toml) share the Google key `key-1`
 --> profiles/b.toml:5:12
  |
5 | dialogflow.credential = { file = "../google.json" }
  |            ^^^^^^^^^^
  |
  = help: make each profile a key of its own in Google Cloud's IAM console
"#
    );
}

#[test]
fn s6_speech_without_media_servers() {
    let site = with_profile(
        r#"[speech]
enabled = true
media_server = "cms1"
"#,
    );
    assert_eq!(
        site.findings(),
        r#"error: speech is enabled, but business unit `DEFAULT` has no media server
 --> profiles/a.toml:6:2
  |
6 | [speech]
  |  ^^^^^^
  |
  = help: list one in the unit's `media_servers`, or set `speech.enabled = false`
"#
    );
}

#[test]
fn s6_speech_with_another_units_media_server() {
    let site = with_profile(
        r#"[speech]
enabled = true
media_server = "cms2"
"#,
    )
    .file("usher.toml", "[[unit]]\nname = \"A\"\nmedia_servers = [\"cms1\"]\n");
    assert_eq!(
        site.findings(),
        r#"error: business unit `A` has no media server `cms2`
 --> profiles/a.toml:8:16
  |
8 | media_server = "cms2"
  |                ^^^^^^
  |
  = help: did you mean `cms1`?
"#
    );
}

#[test]
fn s12_missing_password() {
    let site =
        with_profile("").file("profiles/a.toml", &profile("a", "google.json", "").replace("agent_password", "#"));
    assert_eq!(
        site.findings(),
        r#"error: `agent_password` is missing
 --> profiles/a.toml:1:1
  |
1 | name = "a"
  | ^
  |
  = help: the profile's virtual agents log on with it: agent_password = { env = "NAME" }
"#
    );
}

#[test]
fn s13_empty_fallback() {
    let site = with_profile("").file("profiles/a.toml", &profile("a", "google.json", "").replace("Sorry.", " "));
    assert_eq!(
        site.findings(),
        r#"error: `fallback_message` is empty
 --> profiles/a.toml:4:20
  |
4 | fallback_message = " "
  |                    ^^^
  |
  = help: say what the customer hears on system errors
"#
    );
}

#[test]
fn s14_fraction_of_a_minute() {
    let site = with_profile(
        r#"[inactivity]
timeout_minutes = 1.5
"#,
    );
    assert_eq!(
        site.findings(),
        r#"error: `inactivity.timeout_minutes` is a number with a fraction
 --> profiles/a.toml:7:19
  |
7 | timeout_minutes = 1.5
  |                   ^^^
  |
  = help: it must be a whole number from 1 to 1440
"#
    );
}

#[test]
fn b8_warning_not_before_the_timeout() {
    let site = with_profile(
        r#"[inactivity]
timeout_minutes = 1
warn_before_s = 60
warning_message = "Still there?"
"#,
    );
    assert_eq!(
        site.findings(),
        r#"error: `inactivity.warn_before_s` is not below the timeout of 60 seconds
 --> profiles/a.toml:8:17
  |
8 | warn_before_s = 60
  |                 ^^
  |
  = help: warn later, or raise `timeout_minutes`
"#
    );
}

#[test]
fn s16_user_in_two_profiles() {
    let site = with_profile(
        r#"agents = ["bot-1"]
"#,
    )
    .file("profiles/a.toml", &profile("a", "google.json", "").replace("type", "agents = [\"bot-1\"]\ntype"))
    .file("other.json", &service_account("key-2", "shop"))
    .file("profiles/b.toml", &profile("b", "other.json", "").replace("type", "agents = [\"bot-2\", \"bot-1\"]\ntype"));
    assert_eq!(
        site.findings(),
        r#"error: user `bot-1` serves profile `a` already, in profiles/a.toml
 --> profiles/b.toml:2:20
  |
2 | agents = ["bot-2", "bot-1"]
  |                    ^^^^^^^
  |
  = help: a user serves one profile at most: take it out of one of the two
"#
    );
}

#[test]
fn s18_action_twice() {
    let site = with_profile(
        r#"[[action]]
name = "go"
media = ["openmedia", "webinteraction"]
kind = "requeue"
queue = "q"
[[action]]
name = "go"
media = "openmedia"
kind = "requeue"
queue = "r"
"#,
    );
    assert_eq!(
        site.findings(),
        r#"error: action `go` for openmedia is already at profiles/a.toml:7:8
  --> profiles/a.toml:12:8
   |
12 | name = "go"
   |        ^^^^
   |
   = help: keep one of the two, or give them different names or media
"#
    );
}

#[test]
fn s19_requeue_without_queue() {
    let site = with_profile(
        r#"[[action]]
name = "go"
media = "openmedia"
kind = "requeue"
"#,
    );
    assert_eq!(
        site.findings(),
        r#"error: `action.queue` is missing
 --> profiles/a.toml:6:1
  |
6 | [[action]]
  | ^^^^^^^^^^
  |
  = help: name the queue that the contact goes to
"#
    );
}

#[test]
fn s20_requeue_for_the_wrong_medium() {
    let site = with_profile(
        r#"[[action]]
name = "go"
media = "speech"
kind = "requeue"
queue = "q"
"#,
    );
    assert_eq!(
        site.findings(),
        r#"error: this kind of action does not work for speech
 --> profiles/a.toml:8:9
  |
8 | media = "speech"
  |         ^^^^^^^^
  |
  = help: it is for openmedia and webinteraction; for speech the kind is `speech_requeue`, with a `target`
"#
    );
}

#[test]
fn s21_callback_without_parameters() {
    let site = with_profile(
        r#"[[action]]
name = "call"
media = "speech"
kind = "callback"
queue = "q"
"#,
    );
    assert_eq!(
        site.findings(),
        r#"error: `action.phone_parameter` is missing
 --> profiles/a.toml:6:1
  |
6 | [[action]]
  | ^^^^^^^^^^
  |
  = help: name the engine's parameter that holds the customer's phone number
error: `action.time_parameter` is missing
 --> profiles/a.toml:6:1
  |
6 | [[action]]
  | ^^^^^^^^^^
  |
  = help: name the engine's parameter that holds the time to call at
"#
    );
}

#[test]
fn s22_external_without_uri_parameter() {
    let site = with_profile(
        r#"[[action]]
name = "ask"
media = "speech"
kind = "external"
"#,
    );
    assert_eq!(
        site.findings(),
        r#"error: `action.uri_parameter` is missing
 --> profiles/a.toml:6:1
  |
6 | [[action]]
  | ^^^^^^^^^^
  |
  = help: name the engine's parameter that holds the address to ask
"#
    );
}

#[test]
fn s23_push_url_for_another_medium() {
    let site = with_profile(
        r#"[[action]]
name = "show"
media = ["webinteraction", "openmedia"]
kind = "push_url"
url_parameter = "url"
"#,
    );
    assert_eq!(
        site.findings(),
        r#"error: this kind of action does not work for openmedia
 --> profiles/a.toml:8:28
  |
8 | media = ["webinteraction", "openmedia"]
  |                            ^^^^^^^^^^^
  |
  = help: it is for webinteraction only
"#
    );
}

#[test]
fn b9_reject_without_message() {
    let site = with_profile(
        r#"[long_text]
policy = "reject"
"#,
    );
    assert_eq!(
        site.findings(),
        r#"error: `long_text.policy = "reject"` needs a message
 --> profiles/a.toml:7:10
  |
7 | policy = "reject"
  |          ^^^^^^^^
  |
  = help: set `message` in `[long_text]`: what the customer hears
"#
    );
}

#[test]
fn variable_that_is_not_set() {
    let site =
        with_profile("").file("profiles/a.toml", &profile("a", "google.json", "").replace("PASSWORD", "PASWORD"));
    assert_eq!(
        site.findings(),
        r#"error: `agent_password`: the environment variable `PASWORD` is not set
 --> profiles/a.toml:3:18
  |
3 | agent_password = { env = "PASWORD" }
  |                  ^^^^^^^^^^^^^^^^^^^
  |
  = help: set `PASWORD` where usher is started, or name another variable
"#
    );
}

#[test]
fn secret_that_the_store_lacks() {
    let site = with_profile("")
        .file("profiles/a.toml", &profile("a", "google.json", "").replace("env = \"PASSWORD\"", "secret = \"pw\""));
    assert_eq!(
        site.findings(),
        r#"error: `agent_password`: secret `pw`: the store holds no secret of this name
 --> profiles/a.toml:3:18
  |
3 | agent_password = { secret = "pw" }
  |                  ^^^^^^^^^^^^^^^^^
  |
  = help: put it there with `usher secret set pw`
"#
    );
}

#[test]
fn literal_secret_is_a_warning_that_hides_it() {
    let site = with_profile("")
        .file("profiles/a.toml", &profile("a", "google.json", "").replace("{ env = \"PASSWORD\" }", "\"planted\""));
    assert_eq!(
        site.findings(),
        r#"warning: `agent_password` stands in the file as it is
 --> profiles/a.toml:3:1
  |
3 | agent_password = ****
  | ^^^^^^^^^^^^^^
  |
  = help: take it out: { env = "NAME" }, { file = "path" } or { secret = "name" }
"#
    );
}
