//! Inherited roles: what a role made of other roles may do, worked out from what those may.
//!
//! Reading is the union of the parents' rights, cell by cell: a row shows if any parent sees it, and a column
//! that not every parent has is masked by the filters of those that have it. Writing is not united: it is
//! inherited only where all parents with a right have the same one. A permission in the role's own name goes
//! first. Roles that inherit from inherited roles are worked out from the permissions at the bottom, so that
//! nesting means what its flattening means.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use graphloom_ir::{Aggregations, BoolExp, ColumnGrant, GrantedColumn, SelectGrant};
use graphloom_metadata::types::InheritedRole;
use graphloom_metadata::{Metadata, support};
use graphloom_vocab::{ColumnName, Json, RoleName};
use indexmap::IndexMap;
use serde_json::json;

use crate::function::FunctionInfo;
use crate::table::{ComputedGrant, SelectPermissionInfo, TableInfo};
use crate::write::WritePermissionInfo;
use crate::{Inconsistency, Reason, unbuilt};

/// The inherited roles that can be served, parents before those made of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct InheritedRoles {
    ordered: Vec<(RoleName, Vec<RoleName>)>,
}

/// The roles of the document's inherited roles that lead to themselves, each cycle from and to one role.
pub fn role_cycles(metadata: &Metadata) -> Vec<Vec<RoleName>> {
    let mut cycles: Vec<Vec<RoleName>> = Vec::new();
    let mut done = HashSet::new();
    for role in metadata.inherited_roles.keys() {
        let mut path = Vec::new();
        follow(metadata, role, &mut path, (&mut done, &mut cycles));
    }
    cycles
}

/// Follows parents depth first. Documents are of bounded size, and so is a path: a role is followed once.
fn follow<'a>(
    metadata: &'a Metadata,
    role: &'a RoleName,
    path: &mut Vec<&'a RoleName>,
    (done, cycles): (&mut HashSet<&'a RoleName>, &mut Vec<Vec<RoleName>>),
) {
    if let Some(start) = path.iter().position(|other| *other == role) {
        let around = path[start..].iter().copied().chain([role]);
        cycles.push(around.cloned().collect());
        return;
    }
    let Some(inherited) = metadata.inherited_roles.get(role) else {
        return;
    };
    if done.contains(role) {
        return;
    }
    path.push(role);
    for parent in &inherited.role_set {
        follow(metadata, parent, path, (done, cycles));
    }
    path.pop();
    done.insert(role);
}

impl InheritedRoles {
    /// Sorts the document's inherited roles; what cannot be served is an inconsistency, and so is what is made
    /// of it.
    pub(crate) fn resolve(metadata: &Metadata, found: &mut Vec<Inconsistency>) -> Self {
        if metadata.inherited_roles.is_empty() {
            return Self::default();
        }
        let defined = defined_roles(metadata);
        let mut waiting: Vec<&InheritedRole> = metadata.inherited_roles.values().collect();
        let mut resolved: IndexMap<RoleName, Vec<RoleName>> = IndexMap::new();
        // Each round takes those whose inherited parents are done; what is left over is in or below a cycle,
        // or below something refused.
        loop {
            let before = waiting.len();
            waiting.retain(|role| {
                let ready = |parent: &RoleName| {
                    !metadata.inherited_roles.contains_key(parent) || resolved.contains_key(parent)
                };
                if !role.role_set.iter().all(ready) {
                    return true;
                }
                match refusal(role, &defined, metadata) {
                    Some(reason) => found.push(inconsistency(role, reason)),
                    None => {
                        resolved.insert(role.role_name.clone(), role.role_set.clone());
                    }
                }
                false
            });
            if waiting.len() == before {
                break;
            }
        }
        for role in waiting {
            let reason = "a parent of the role is the role itself, or is not served";
            found.push(inconsistency(role, reason));
        }
        Self {
            ordered: resolved.into_iter().collect(),
        }
    }

    /// Gives every inherited role its rights on a table, where it has none of its own.
    ///
    /// `own` has the roles that the document names, also those whose permission is refused: a refused
    /// permission is not replaced by a wider one.
    pub(crate) fn apply_to_table(
        &self,
        info: &mut TableInfo,
        own: &OwnRoles,
    ) -> Vec<(RoleName, &'static str)> {
        let table = info.table.clone();
        self.unite(&mut info.select_permissions, &own.select, |parts| {
            Arc::new(united(&table, parts))
        });
        let mut conflicts = Vec::new();
        let write = &mut info.write_permissions;
        self.agree(&mut write.insert, &own.insert, |role| {
            conflicts.push((role, "insert"));
        });
        self.agree(&mut write.update, &own.update, |role| {
            conflicts.push((role, "update"));
        });
        self.agree(&mut write.delete, &own.delete, |role| {
            conflicts.push((role, "delete"));
        });
        conflicts
    }

    /// Gives every inherited role the functions that any of its parents has.
    pub(crate) fn apply_to_function(&self, info: &mut FunctionInfo) {
        for (role, parents) in &self.ordered {
            let has = |role: &RoleName| info.permissions.contains(role);
            if !has(role) && parents.iter().any(has) {
                info.permissions.push(role.clone());
            }
        }
    }

    /// Gives every inherited role what its parents may read of a logical model.
    pub(crate) fn apply_to_model(
        &self,
        info: &TableInfo,
        permissions: &mut IndexMap<RoleName, Arc<SelectGrant>>,
        own: &HashSet<RoleName>,
    ) {
        let table = info.table.clone();
        self.unite(permissions, own, |grants| {
            Arc::new(united_grant(&table, grants))
        });
    }

    /// Unites the different permissions at the bottom of every inherited role.
    fn unite<P: PartialEq>(
        &self,
        permissions: &mut IndexMap<RoleName, Arc<P>>,
        own: &HashSet<RoleName>,
        united: impl Fn(&[Arc<P>]) -> Arc<P>,
    ) {
        let mut bottom: HashMap<&RoleName, Vec<Arc<P>>> = HashMap::new();
        for (role, parents) in &self.ordered {
            if own.contains(role) {
                continue;
            }
            let mut parts: Vec<Arc<P>> = Vec::new();
            for parent in parents {
                let of_parent = match bottom.get(parent) {
                    Some(parts) => parts.as_slice(),
                    None => match permissions.get(parent) {
                        Some(own) => std::slice::from_ref(own),
                        None => &[],
                    },
                };
                for part in of_parent {
                    if !parts
                        .iter()
                        .any(|known| Arc::ptr_eq(known, part) || known == part)
                    {
                        parts.push(part.clone());
                    }
                }
            }
            match parts.as_slice() {
                [] => continue,
                [only] => permissions.insert(role.clone(), only.clone()),
                several => permissions.insert(role.clone(), united(several)),
            };
            bottom.insert(role, parts);
        }
    }

    /// Gives every inherited role the right that all its parents with a right agree on.
    fn agree<G: SameRight>(
        &self,
        permissions: &mut IndexMap<RoleName, WritePermissionInfo<G>>,
        own: &HashSet<RoleName>,
        mut conflict: impl FnMut(RoleName),
    ) {
        let mut refused: HashSet<&RoleName> = HashSet::new();
        for (role, parents) in &self.ordered {
            if own.contains(role) {
                continue;
            }
            let rights: Vec<_> = parents.iter().filter_map(|p| permissions.get(p)).collect();
            let is_refused = |parent: &RoleName| {
                refused.contains(parent)
                    || (own.contains(parent) && !permissions.contains_key(parent))
            };
            let agreed = rights.split_first().is_none_or(|(first, rest)| {
                let same = |other: &&WritePermissionInfo<G>| {
                    first.backend_only == other.backend_only && first.grant.is_same(&other.grant)
                };
                rest.iter().all(same)
            });
            if !agreed {
                refused.insert(role);
                conflict(role.clone());
            } else if parents.iter().any(is_refused) {
                // Told of the parent already; without its right there is no knowing whether they agree.
                refused.insert(role);
            } else if let Some(right) = rights.first() {
                let right = (*right).clone();
                permissions.insert(role.clone(), right);
            }
        }
    }
}

/// The roles for which the document has a permission on one table, by kind.
#[derive(Debug, Default)]
pub(crate) struct OwnRoles {
    select: HashSet<RoleName>,
    insert: HashSet<RoleName>,
    update: HashSet<RoleName>,
    delete: HashSet<RoleName>,
}

impl OwnRoles {
    pub(crate) fn of(table: &graphloom_metadata::types::Table) -> Self {
        Self {
            select: table.select_permissions.keys().cloned().collect(),
            insert: table.insert_permissions.keys().cloned().collect(),
            update: table.update_permissions.keys().cloned().collect(),
            delete: table.delete_permissions.keys().cloned().collect(),
        }
    }
}

/// A right to write that can be compared with another role's, whatever order its parts are written in.
pub(crate) trait SameRight {
    fn is_same(&self, other: &Self) -> bool;
}

impl SameRight for graphloom_ir::InsertGrant {
    fn is_same(&self, other: &Self) -> bool {
        self.is_equivalent(other)
    }
}

impl SameRight for graphloom_ir::UpdateGrant {
    fn is_same(&self, other: &Self) -> bool {
        self.is_equivalent(other)
    }
}

impl SameRight for graphloom_ir::DeleteGrant {
    fn is_same(&self, other: &Self) -> bool {
        self.is_equivalent(other)
    }
}

fn united(
    table: &graphloom_catalog::Table,
    parts: &[Arc<SelectPermissionInfo>],
) -> SelectPermissionInfo {
    let grants: Vec<_> = parts.iter().map(|part| part.grant.clone()).collect();
    let mut computed: Vec<ComputedGrant> = Vec::new();
    for field in parts.iter().flat_map(|part| &part.computed_fields) {
        if computed.iter().any(|known| known.name == field.name) {
            continue;
        }
        let has = |part: &Arc<SelectPermissionInfo>| part.computed_field(&field.name).is_some();
        let having = parts
            .iter()
            .filter(|part| has(part))
            .map(|part| &part.grant);
        computed.push(ComputedGrant {
            name: field.name.clone(),
            mask: mask(having.collect(), parts.len()),
        });
    }
    let of = |list: fn(&SelectPermissionInfo) -> &Option<Vec<String>>| {
        let lists: Option<Vec<_>> = parts.iter().map(|part| list(part).as_ref()).collect();
        let mut names: Vec<String> = Vec::new();
        for name in lists?.into_iter().flatten() {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        Some(names)
    };
    SelectPermissionInfo {
        grant: Arc::new(united_grant(table, &grants)),
        computed_fields: computed,
        query_root_fields: of(|part| &part.query_root_fields),
        subscription_root_fields: of(|part| &part.subscription_root_fields),
    }
}

/// What any of the grants shows; none of them is itself united.
fn united_grant(table: &graphloom_catalog::Table, grants: &[Arc<SelectGrant>]) -> SelectGrant {
    let mut columns: IndexMap<&ColumnName, Vec<&Arc<SelectGrant>>> = IndexMap::new();
    for grant in grants {
        for column in grant.columns().iter().map(GrantedColumn::name) {
            columns.entry(column).or_default().push(grant);
        }
    }
    let columns = columns.into_iter().map(|(column, having)| ColumnGrant {
        column: column.clone(),
        mask: mask(having, grants.len()),
    });
    let limits: Option<Vec<u64>> = grants.iter().map(|grant| grant.access().limit()).collect();
    let aggregations = grants.iter().map(|grant| grant.aggregations());
    let aggregations = match { aggregations }.any(|allowed| allowed == Aggregations::Allowed) {
        true => Aggregations::Allowed,
        false => Aggregations::Hidden,
    };
    let filter = any_filter(grants.iter());
    let limit = limits.and_then(|limits| limits.into_iter().max());
    SelectGrant::from_permission(
        table,
        &columns.collect::<Vec<_>>(),
        filter,
        limit,
        aggregations,
    )
}

/// Where a value shows that these of so many grants have; `None`: wherever the row shows.
fn mask(having: Vec<&Arc<SelectGrant>>, of: usize) -> Option<Arc<BoolExp>> {
    (having.len() < of).then(|| Arc::new(any_filter(having.into_iter())))
}

fn any_filter<'a>(grants: impl Iterator<Item = &'a Arc<SelectGrant>>) -> BoolExp {
    let mut filters: Vec<BoolExp> = Vec::new();
    for grant in grants {
        let access = grant.access();
        if access.filter().is_always() {
            return BoolExp::always();
        }
        if !filters.contains(access.filter()) {
            filters.push(access.filter().clone());
        }
    }
    match filters.len() {
        1 => filters.remove(0),
        _ => BoolExp::Or(filters),
    }
}

/// Every role that a permission of the document names.
fn defined_roles(metadata: &Metadata) -> HashSet<RoleName> {
    let mut roles: HashSet<RoleName> = metadata.inherited_roles.keys().cloned().collect();
    for source in metadata.sources.values() {
        for table in source.tables.values() {
            roles.extend(table.select_permissions.keys().cloned());
            roles.extend(table.insert_permissions.keys().cloned());
            roles.extend(table.update_permissions.keys().cloned());
            roles.extend(table.delete_permissions.keys().cloned());
        }
        for function in source.functions.values() {
            roles.extend(function.permissions.iter().cloned());
        }
        for model in source.logical_models.values() {
            roles.extend(model.model.select_permissions.keys().cloned());
        }
    }
    for section in ["actions", "remote_schemas"] {
        let objects = metadata.sections.get(section).and_then(Json::as_array);
        for object in objects.into_iter().flatten() {
            let permissions = object.get("permissions").and_then(Json::as_array);
            let named = permissions.into_iter().flatten();
            let named = named.filter_map(|permission| permission.get("role")?.as_str());
            roles.extend(named.map(RoleName::new));
        }
    }
    roles
}

/// Why an inherited role cannot be served.
fn refusal(
    role: &InheritedRole,
    defined: &HashSet<RoleName>,
    metadata: &Metadata,
) -> Option<Reason> {
    if let Some(reason) = unbuilt::misfit(&support::INHERITED_ROLE, &role.extra) {
        return Some(reason);
    }
    let is_missing = |parent: &&RoleName| {
        !defined.contains(*parent) && !metadata.inherited_roles.contains_key(*parent)
    };
    let mut missing: Vec<_> = role.role_set.iter().filter(is_missing).collect();
    missing.sort();
    missing.dedup();
    if missing.is_empty() {
        return None;
    }
    let missing: Vec<_> = missing.iter().map(|parent| parent.as_str()).collect();
    let text = format!(
        "the following parent role(s) are not found: {} which are required to construct the inherited role: \
         \"{}\"",
        missing.join(", "),
        role.role_name
    );
    Some(text.into())
}

fn inconsistency(role: &InheritedRole, reason: impl Into<Reason>) -> Inconsistency {
    let parents: Vec<_> = role.role_set.iter().map(RoleName::as_str).collect();
    let definition = json!({"role_name": role.role_name.as_str(), "role_set": parents});
    let name = format!("inherited_role {}", role.role_name);
    Inconsistency::new("inherited_role", name, reason, definition)
}
