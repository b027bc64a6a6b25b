//! Names at Dialogflow ES: the agent's parent, and the session path of a contact.

use super::DialogflowV2;
use crate::nlp::google::session::Sessions;

/// `projects/P[/locations/L]`: the parent of the agent.
pub(super) fn parent(config: &DialogflowV2) -> String {
    match &config.region {
        None => format!("projects/{}", config.project),
        Some(region) => format!("projects/{}/locations/{region}", config.project),
    }
}

pub(super) fn sessions(config: &DialogflowV2) -> Sessions {
    let parent = parent(config);
    let user = if config.user.is_empty() { "-" } else { &config.user };
    Sessions::new(match &config.environment {
        Some(environment) => format!("{parent}/agent/environments/{environment}/users/{user}/sessions/"),
        None if user == "-" => format!("{parent}/agent/sessions/"),
        None => format!("{parent}/agent/environments/draft/users/{user}/sessions/"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nlp::dialogflow_v2::tests::config;

    #[test]
    fn s10_region_environment_and_user_stand_in_the_path() {
        let mut config = config();
        let path = |config: &DialogflowV2| sessions(config).apart("s").path;
        assert_eq!(path(&config), "projects/p-1/agent/sessions/s");
        config.region = Some("europe-west1".into());
        assert_eq!(path(&config), "projects/p-1/locations/europe-west1/agent/sessions/s");
        config.region = Some("global".into());
        assert_eq!(parent(&config), "projects/p-1/locations/global");
        config.region = None;
        config.environment = Some("live".into());
        assert_eq!(path(&config), "projects/p-1/agent/environments/live/users/-/sessions/s");
        config.user = "u-7".into();
        config.region = Some("asia-northeast1".into());
        assert_eq!(
            path(&config),
            "projects/p-1/locations/asia-northeast1/agent/environments/live/users/u-7/sessions/s"
        );
        config.environment = None;
        assert_eq!(
            path(&config),
            "projects/p-1/locations/asia-northeast1/agent/environments/draft/users/u-7/sessions/s"
        );
    }
}
