//! Types put together from `pg_type`'s rows.

use std::collections::HashMap;
use std::sync::Arc;

use graphloom_catalog::{PgType, TypeKind};

use super::rows::TypeRow;
use crate::error::PgError;

/// The types of one answer, each built once and shared.
#[derive(Default)]
pub(super) struct Types {
    rows: HashMap<u32, TypeRow>,
    built: HashMap<u32, Built>,
    schemas: HashMap<String, Arc<str>>,
}

/// A type, and whether it is a domain that takes no null.
#[derive(Clone)]
struct Built {
    ty: PgType,
    is_not_null: bool,
}

impl Types {
    pub(super) fn add(&mut self, row: TypeRow) {
        self.rows.insert(row.0, row);
    }

    pub(super) fn get(&mut self, oid: u32) -> Result<PgType, PgError> {
        self.build(oid).map(|built| built.ty)
    }

    /// Whether the type is a domain that takes no null, itself or through the domain it is based on.
    pub(super) fn is_not_null(&mut self, oid: u32) -> Result<bool, PgError> {
        self.build(oid).map(|built| built.is_not_null)
    }

    fn build(&mut self, oid: u32) -> Result<Built, PgError> {
        if let Some(built) = self.built.get(&oid) {
            return Ok(built.clone());
        }
        let Some(TypeRow(_, schema, name, typtype, base, element, not_null)) =
            self.rows.remove(&oid)
        else {
            // Dropped while we were reading: the next look finds a consistent state.
            return Err(PgError::unexpected(format!(
                "type {oid} went away during introspection"
            )));
        };
        let mut is_not_null = false;
        let kind = match (typtype, element) {
            (_, Some(element)) => TypeKind::Array(Arc::new(self.get(element)?)),
            ('d', _) => {
                is_not_null = not_null || self.is_not_null(base)?;
                TypeKind::Domain(Arc::new(self.get(base)?))
            }
            ('e', _) => TypeKind::Enum,
            ('c', _) => TypeKind::Composite,
            ('p', _) => TypeKind::Pseudo,
            _ => TypeKind::Base,
        };
        let schema = self
            .schemas
            .entry(schema)
            .or_insert_with_key(|schema| schema.as_str().into());
        let ty = PgType {
            oid,
            schema: Arc::clone(schema),
            name: name.into(),
            kind,
        };
        let built = Built { ty, is_not_null };
        self.built.insert(oid, built.clone());
        Ok(built)
    }
}
