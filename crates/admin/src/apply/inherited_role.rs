//! Inherited roles: add (or replace) and drop.

use graphloom_metadata::Metadata;
use graphloom_metadata::types::InheritedRole;
use graphloom_schema::role_cycles;
use graphloom_vocab::{Error, ErrorCode, Result, RoleName};

use super::{Applied, View, name};
use crate::check::Check;
use crate::error::not_exists;
use crate::source::Refresh;

pub(super) fn add(view: View<'_>, role: InheritedRole) -> Result<Applied> {
    if role.role_set.contains(&role.role_name) {
        let message = "an inherited role name cannot be in the role combination";
        return Err(Error::new(ErrorCode::InvalidParams, message));
    }
    let mut metadata = view.metadata.clone();
    let role_name = role.role_name.clone();
    drop_old(metadata.inherited_roles.insert(role_name.clone(), role));
    refuse_cycles(&metadata)?;
    Ok(Applied {
        metadata,
        refresh: Refresh::nothing(),
        check: Check::Object(name::inherited_role(&role_name)),
    })
}

pub(super) fn drop(view: View<'_>, role: &RoleName) -> Result<Applied> {
    let mut metadata = view.metadata.clone();
    if metadata.inherited_roles.shift_remove(role).is_none() {
        return Err(not_exists(format!("{role} inherited role doesn't exist")));
    }
    Ok(Applied {
        metadata,
        refresh: Refresh::nothing(),
        check: Check::Nothing,
    })
}

/// *found cycle(s) in roles: …*
pub(crate) fn refuse_cycles(metadata: &Metadata) -> Result<()> {
    let cycles = role_cycles(metadata);
    if cycles.is_empty() {
        return Ok(());
    }
    let shown: Vec<String> = cycles
        .iter()
        .map(|cycle| {
            let roles: Vec<String> = cycle.iter().map(|role| format!("\"{role}\"")).collect();
            format!("[{}]", roles.join(","))
        })
        .collect();
    let message = format!("found cycle(s) in roles: {}", shown.join(", "));
    Err(Error::new(ErrorCode::CyclicDependency, message))
}

fn drop_old<T>(_old: Option<T>) {}
