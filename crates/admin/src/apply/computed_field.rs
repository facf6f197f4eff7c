//! Commands about computed fields of a table: add one, drop one.

use graphloom_metadata::types::ComputedField;
use graphloom_vocab::{ErrorPath, Result};

use super::{Applied, View, name, refuse_dependents};
use crate::check::Check;
use crate::command::{Cascade, TableId};
use crate::dependency::{self, Target};
use crate::error::not_exists;
use crate::source::Refresh;

pub(super) fn add(view: View<'_>, id: &TableId, field: ComputedField) -> Result<Applied> {
    // One of the name is replaced, as with v2.
    table(view, id)?;
    let check = Check::Object(name::computed_field(id, &field.name));
    let refresh = Refresh::nothing().function(id.source.as_str(), field.function.clone());
    let metadata = view.with_table(id, |table| {
        table.computed_fields.insert(field.name.clone(), field);
    });
    Ok(Applied {
        metadata,
        refresh,
        check,
    })
}

pub(super) fn drop(view: View<'_>, id: &TableId, field: &str, cascade: Cascade) -> Result<Applied> {
    if !table(view, id)?.computed_fields.contains_key(field) {
        let error = not_exists(format!("computed field \"{field}\" does not exist"));
        return Err(error.at(ErrorPath::keys(&["name"])));
    }
    let target = Target::ComputedField(id.table.clone(), field.to_owned());
    let (source, info) = (view.source_metadata(&id.source)?, view.source(&id.source)?);
    let dependents = dependency::dependents(source, info, &[target]);
    refuse_dependents(&id.source, &dependents, cascade)?;
    let metadata = view.with_source(&id.source, |source| {
        for dependent in &dependents {
            dependent.drop_from(source);
        }
        if let Some(table) = source.table_mut(&id.table) {
            table.computed_fields.shift_remove(field);
        }
    });
    Ok(Applied {
        metadata,
        refresh: Refresh::nothing(),
        check: Check::Nothing,
    })
}

/// The table, its absence told at `table`.
fn table<'a>(view: View<'a>, id: &TableId) -> Result<&'a graphloom_schema::TableInfo> {
    view.table(id)
        .map_err(|error| error.below(&ErrorPath::keys(&["table"])))
}
