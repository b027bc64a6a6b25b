//! Language engines, one file each, and the table of their kinds.
