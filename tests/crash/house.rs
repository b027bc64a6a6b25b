//! How the gateway under test is configured.

use crate::{
    centre::{FALLBACK, GOODBYE, NOBODY},
    fakes::dialogflow::FakeDialogflow,
};

/// Keeps its store in `data`; may call an external system on loopback.
pub(crate) fn config(durability: &str, external_port: u16) -> String {
    format!(
        r#"
drain_s = 5
[server]
listen = "127.0.0.1:0"
[manager]
listen = "127.0.0.1:0"
[ops]
listen = "127.0.0.1:0"
[store]
path = "data"
durability = "{durability}"
checkpoint_s = 1
[log]
format = "json"
[egress]
[[egress.allow]]
host = "127.0.0.1"
port = {external_port}
private = true
plaintext = true
[[unit]]
name = "sales"
[[engine]]
id = "engine-1"
token = "token-1"
units = ["sales"]
"#
    )
}

pub(crate) fn profile(dialogflow: &FakeDialogflow) -> String {
    format!(
        r#"
name = "support"
unit = "sales"
type = "dialogflow-v2"
agents = ["va1"]
agent_password = "secret"
fallback_message = "{FALLBACK}"
welcome_event = ""
on_uncertain = "retry"
[dialogflow]
project = "p"
endpoint = "{endpoint}"
[inactivity]
timeout_minutes = 60
timeout_message = "{GOODBYE}"
[handover]
failures_after = 0
max_handovers = 1000
unavailable_message = "{NOBODY}"
[[action]]
name = "call_me"
media = "webinteraction"
kind = "callback"
queue = "callbacks"
phone_parameter = "phone"
time_parameter = "when"
[[action]]
name = "call_me_not"
media = "webinteraction"
kind = "callback"
queue = "no-callbacks"
phone_parameter = "phone"
time_parameter = "when"
[[action]]
name = "look_up"
media = ["openmedia", "webinteraction"]
kind = "external"
uri_parameter = "uri"
[[action]]
name = "show"
media = "webinteraction"
kind = "push_url"
url_parameter = "url"
[[action]]
name = "to_person"
media = "webinteraction"
kind = "requeue"
queue = "person"
[[action]]
name = "to_nobody"
media = "webinteraction"
kind = "requeue"
queue = "nobody"
"#,
        endpoint = dialogflow.endpoint(),
    )
}
