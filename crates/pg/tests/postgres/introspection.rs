//! placeholder head for now
