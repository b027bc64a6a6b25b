//! The customer's web chat: its API and the `<usher-chat>` element, in front of the switchboard.
