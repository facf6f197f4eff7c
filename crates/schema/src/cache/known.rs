//! Permissions that say the same, compiled once.
//!
//! Projects have hundreds of roles and few different permissions: of 4,776 in one, 713. What says the same
//! takes the time and the memory of one.

use graphloom_metadata::types::Permission;

use crate::Reason;

/// What permissions of one table and kind have been compiled to.
pub(super) struct Known<'a, P, I>(Vec<(&'a Permission<P>, I)>);

impl<'a, P: PartialEq, I: Clone> Known<'a, P, I> {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    /// What the permission is compiled to; one that cannot be is tried each time, since reasons may name
    /// the role.
    pub(super) fn compile(
        &mut self,
        permission: &'a Permission<P>,
        compile: impl FnOnce() -> Result<I, Reason>,
    ) -> Result<I, Reason> {
        // What it is compiled to depends neither on its role nor on its comment.
        let says_the_same = |other: &Permission<P>| {
            other.permission == permission.permission && other.extra == permission.extra
        };
        if let Some((_, info)) = self.0.iter().find(|(other, _)| says_the_same(other)) {
            return Ok(info.clone());
        }
        let info = compile()?;
        self.0.push((permission, info.clone()));
        Ok(info)
    }
}
