//! What is found wrong with a profile's engines and with what its actions offer them.

use super::{Site, with_profile};

#[test]
fn b7_standbys_have_names_of_their_own_and_settings_of_their_kind() {
    let site = with_profile(
        r#"[[standby]]
name = "primary"
type = "dialogflow-v2"
[standby.dialogflow]
endpoint = "http://127.0.0.1:9000"
project = "p"
[[standby]]
name = "second"
type = "dialogflow-v2"
[standby.dialogflow]
endpoint = "http://127.0.0.1:9000"
project = "p"
conections = 2
"#,
    );
    assert_eq!(
        site.findings(),
        r#"error: a standby cannot be called `primary`
 --> profiles/a.toml:7:8
  |
7 | name = "primary"
  |        ^^^^^^^^^
  |
  = help: give each engine a name of its own
error: unknown key `standby.dialogflow.conections`
  --> profiles/a.toml:18:1
   |
18 | conections = 2
   | ^^^^^^^^^^
   |
   = help: did you mean `standby.dialogflow.connections`?
"#
    );
}

#[test]
fn b5_a_canary_without_a_type_is_the_profiles_engine_but_for_what_it_sets() {
    let site = with_profile("[canary]\nshare_percent = 5\n[canary.dialogflow]\nenvironment = \"next\"\n");
    let settings = site.load().unwrap().settings;
    let engines = &settings.profiles[0].engines;
    let canary = engines.canary.as_ref().unwrap();
    assert_eq!((canary.share_percent, canary.rollback.min_turns), (5, 50));
    assert_eq!(canary.engine.values.text("environment"), Some("next"));
    assert!(canary.engine.values.secret("credential").is_some(), "the primary's");
    assert_eq!(engines.primary.values.text("environment"), None);

    let without_share = with_profile("[shadow]\n[shadow.dialogflow]\nenvironment = \"next\"\n");
    assert!(
        without_share.findings().starts_with("error: `shadow.share_percent` is missing"),
        "{}",
        without_share.findings()
    );
}

/// An action of a language model's, with these lines.
fn offered(action: &str) -> Site {
    let profile = "name = \"a\"\ntype = \"llm\"\nagent_password = { env = \"PASSWORD\" }\nfallback_message = \"Sorry.\"\n\
                   llm.endpoint = \"http://127.0.0.1:8080/v1\"\nllm.model = \"m\"\nllm.system_prompt = \"B.\"\n";
    Site::new()
        .file("profiles/a.toml", &format!("{profile}[[action]]\nname = \"x\"\nmedia = \"webinteraction\"\n{action}"))
}

fn titles(site: &Site) -> Vec<String> {
    let findings = site.findings();
    findings.lines().filter(|it| it.starts_with("error") || it.starts_with("warning")).map(str::to_owned).collect()
}

#[test]
fn s22_an_address_that_a_model_would_invent() {
    let site = offered("kind = \"external\"\nuri_parameter = \"u\"\n");
    assert_eq!(
        site.findings(),
        r#"warning: action `x` is not offered to the language model, which would invent an address
 --> profiles/a.toml:9:8
  |
9 | name = "x"
  |        ^^^
  |
  = help: fix it with `uri`, or list the addresses: a parameter `u` with type = "enum"
"#
    );
    let listed = "kind = \"external\"\nuri_parameter = \"u\"\n[[action.parameter]]\nname = \"u\"\ntype = \"enum\"\n\
                  values = [\"https://a.example.com/\"]\n";
    for good in ["kind = \"external\"\nuri = \"https://a.example.com/\"\n", listed] {
        assert_eq!(titles(&offered(good)), Vec::<String>::new(), "{good}");
    }
}

#[test]
fn s22_s23_an_address_that_is_none_or_two() {
    let external = |more: &str| titles(&offered(&format!("kind = \"external\"\n{more}")));
    assert_eq!(external("uri = \"ftp://a\"\n"), ["error: `action.uri` is not an http or https address"]);
    assert_eq!(
        external("uri = \"https://a\"\nuri_parameter = \"u\"\n"),
        ["error: `action.uri_parameter` beside `action.uri`"]
    );
    assert_eq!(external("url = \"https://a\"\nuri = \"https://a\"\n"), ["error: unknown key `action.url`"]);
    assert_eq!(external(""), ["error: `action.uri_parameter` is missing"]);
}

#[test]
fn parameters_of_an_action_have_names_types_and_values() {
    let with = |more: &str| {
        let callback = "kind = \"callback\"\nqueue = \"q\"\nphone_parameter = \"p\"\ntime_parameter = \"t\"\n";
        titles(&offered(&format!("{callback}[[action.parameter]]\n{more}\n")))
    };
    let error = |message: &str| vec![format!("error: {message}")];
    assert_eq!(
        with("name = \"n\"\ntype = \"integer\"\ndescription = \"How many.\"\nrequired = true"),
        Vec::<String>::new()
    );
    assert_eq!(with("name = \"p\"\ntype = \"phone\"\ndescription = \"Yours.\""), Vec::<String>::new());
    assert_eq!(with("type = \"string\""), error("`action.parameter.name` is missing"));
    assert_eq!(with("name = \"a b\""), error("`action.parameter.name` cannot be `a b`"));
    assert_eq!(with("name = \"p\""), error("parameter `p` has a type that does not fit its action"));
    assert_eq!(with("name = \"t\"\ntype = \"phone\""), error("parameter `t` has a type that does not fit its action"));
    assert_eq!(with("name = \"n\"\ntype = \"enum\""), error("`action.parameter.values` is missing"));
    assert_eq!(with("name = \"n\"\ntype = \"enum\"\nvalues = [\"a\", \"a\"]"), error("`a` is named twice"));
    assert_eq!(with("name = \"n\"\nvalues = [\"a\"]"), error("`action.parameter.values` is for `type = \"enum\"`"));
    assert_eq!(with("name = \"n\"\n[[action.parameter]]\nname = \"n\""), error("parameter `n` is there already"));
    assert_eq!(
        with("name = \"n\"\ntype = \"text\""),
        error(
            "`action.parameter.type`: unknown variant `text`, expected one of `string`, `number`, `integer`, `boolean`, `date_time`, `phone`, `enum`"
        )
    );
}

#[test]
fn a_language_model_needs_an_endpoint_a_model_and_a_prompt() {
    let profile =
        "name = \"a\"\ntype = \"llm\"\nagent_password = { env = \"PASSWORD\" }\nfallback_message = \"Sorry.\"\n";
    let site = Site::new().file("profiles/a.toml", profile);
    let missing = ["endpoint", "model", "system_prompt"].map(|key| format!("error: `llm.{key}` is missing"));
    assert_eq!(titles(&site), missing);
}
