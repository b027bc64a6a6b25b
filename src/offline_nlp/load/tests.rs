//! What exports of ten years look like, in files made for these tests.
