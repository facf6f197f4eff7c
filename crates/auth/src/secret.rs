//! The admin secret, kept as a hash and compared in constant time.
//!
//! Keeping only the SHA-512 means that neither a debug print nor a core dump's strings show it.

use std::fmt;

use sha2::{Digest, Sha512};

/// An admin secret's SHA-512.
#[derive(Clone)]
pub struct AdminSecret([u8; 64]);

impl AdminSecret {
    /// Hashes a secret.
    pub fn new(secret: &str) -> Self {
        Self(Sha512::digest(secret.as_bytes()).into())
    }

    /// Whether `candidate` is the secret, in a time that does not depend on where they differ.
    pub fn matches(&self, candidate: &str) -> bool {
        let candidate = Self::new(candidate);
        let pairs = self.0.iter().zip(&candidate.0);
        let difference = pairs.fold(0_u8, |seen, (ours, theirs)| seen | (ours ^ theirs));
        // Without the barrier the compiler may leave the loop at the first difference.
        std::hint::black_box(difference) == 0
    }
}

impl fmt::Debug for AdminSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminSecret(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_itself_only_and_never_shows() {
        let secret = AdminSecret::new("hush");
        assert!(secret.matches("hush"));
        assert!(!secret.matches("Hush"));
        assert!(!secret.matches(""));
        assert_eq!(format!("{secret:?}"), "AdminSecret(hidden)");
    }
}
