//! Arrays as scalars, where the feature `disable_postgres_arrays` asks for it: a column of type `text[]` is of the
//! scalar `_text`, whose values clients write as Postgres does (`"{a,b}"`), as before v2 knew arrays.

use std::sync::Arc;

use graphloom_catalog::{Catalog, PgType, Table, TypeKind};

/// The catalog with every array column as one of a scalar type.
pub(crate) fn as_scalars(catalog: &Arc<Catalog>) -> Arc<Catalog> {
    let mut catalog = Catalog::clone(catalog);
    for table in catalog.tables.values_mut() {
        if table.columns.iter().any(|one| one.ty.element().is_some()) {
            let mut changed = Table::clone(table);
            for column in &mut changed.columns {
                column.ty = as_scalar(&column.ty);
            }
            *table = Arc::new(changed);
        }
    }
    Arc::new(catalog)
}

fn as_scalar(ty: &PgType) -> PgType {
    let kind = match &ty.kind {
        TypeKind::Array(_) => TypeKind::Base,
        TypeKind::Domain(base) => TypeKind::Domain(Arc::new(as_scalar(base))),
        kind => kind.clone(),
    };
    PgType { kind, ..ty.clone() }
}
