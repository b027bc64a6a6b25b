//! What the matcher must tell apart.
