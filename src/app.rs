//! The one place where parts are put together; start-up and drain.
