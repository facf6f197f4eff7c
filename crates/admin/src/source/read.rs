//! Reading what a document names out of its database, all of it or what a catalog lacks.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use graphloom_catalog::{Catalog, Function, Table};
use graphloom_metadata::types::Source;
use graphloom_pg::{
    Connection, PgError, Pool, Scope, introspect_enum_rows, introspect_functions, introspect_tables,
};
use graphloom_vocab::{QualifiedFunction, QualifiedTable};

use super::{Environment, Named, native};

/// What a catalog lacks of what the document names.
pub(super) struct Missing {
    tables: HashSet<QualifiedTable>,
    functions: HashSet<QualifiedFunction>,
}

impl Missing {
    /// `None` if the catalog has what the document names and nothing else.
    pub(super) fn of(
        source: &Source,
        catalog: &Catalog,
        known: &HashSet<QualifiedTable>,
        again: Named,
        environment: &Environment,
    ) -> Option<Self> {
        let names = source.tables.keys();
        let mut tables: HashSet<_> = names
            .filter(|name| !known.contains(*name))
            .cloned()
            .collect();
        tables.extend(
            again
                .tables
                .into_iter()
                .filter(|name| source.tables.contains_key(name)),
        );
        let functions = wanted_functions(source);
        let missing = functions.iter().filter(|name| {
            !catalog.functions.contains_key(*name) || again.functions.contains(name)
        });
        let missing = Self {
            tables,
            functions: missing.cloned().collect(),
        };
        let is_complete = missing.tables.is_empty()
            && missing.functions.is_empty()
            && known.iter().all(|name| source.tables.contains_key(name))
            && native::is_known(source, catalog, environment.native_queries)
            && enums(source, catalog).all(|table| catalog.enum_rows.contains_key(&table.name));
        (!is_complete).then_some(missing)
    }

    /// The catalog with what it lacked and without what nobody asks for any more.
    pub(super) async fn read(
        self,
        pool: &Pool,
        source: &Source,
        environment: &Environment,
        mut catalog: Catalog,
    ) -> Result<Catalog, PgError> {
        let functions = wanted_functions(source);
        let stays =
            |name: &QualifiedTable| source.tables.contains_key(name) && !self.tables.contains(name);
        catalog.tables.retain(|name, _| stays(name));
        catalog.enum_rows.retain(|name, _| stays(name));
        catalog
            .functions
            .retain(|name, _| functions.contains(name) && !self.functions.contains(name));
        let tables: Vec<_> = self.tables.into_iter().collect();
        let functions: Vec<_> = self.functions.into_iter().collect();
        let is_known = tables.is_empty()
            && functions.is_empty()
            && native::is_known(source, &catalog, environment.native_queries)
            && enums(source, &catalog).all(|table| catalog.enum_rows.contains_key(&table.name));
        if is_known {
            return Ok(catalog);
        }
        let mut connection = pool.get().await?;
        if !tables.is_empty() {
            let read = introspect_tables(&mut connection, Scope::Only(&tables)).await?;
            catalog.tables.extend(read);
        }
        if !functions.is_empty() {
            let read = introspect_functions(&mut connection, Scope::Only(&functions)).await?;
            catalog.functions.extend(read);
        }
        read_enums(&mut connection, source, &mut catalog).await?;
        let checks = environment.native_queries;
        native::read(&mut connection, source, checks, &mut catalog).await?;
        Ok(catalog)
    }
}

/// Functions that are tracked or compute a field.
fn wanted_functions(source: &Source) -> HashSet<QualifiedFunction> {
    let tables = source.tables.values();
    let computed = tables.flat_map(|table| table.computed_fields.values());
    let computed = computed.map(|field| field.function.clone());
    source.functions.keys().cloned().chain(computed).collect()
}

/// Tables of a catalog whose rows the document calls an enum's values.
fn enums<'a>(source: &'a Source, catalog: &'a Catalog) -> impl Iterator<Item = &'a Arc<Table>> {
    let tables = source.tables.values().filter(|table| table.is_enum);
    tables.filter_map(|table| catalog.tables.get(&table.table))
}

/// Objects of a database that were read just now.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) tables: HashMap<QualifiedTable, Arc<Table>>,
    pub(crate) functions: HashMap<QualifiedFunction, Arc<[Function]>>,
}

/// Reads what a document names and is not known, on a connection that may be inside a transaction.
pub(crate) async fn read_catalog(
    connection: &mut Connection,
    source: &Source,
    known: Known,
    environment: &Environment,
) -> Result<Catalog, PgError> {
    let mut catalog = Catalog {
        server_version_num: connection.server_version_num(),
        ..known.catalog(source)
    };
    let names = source.tables.keys();
    let tables = names.filter(|name| !catalog.tables.contains_key(*name));
    let tables: Vec<_> = tables.cloned().collect();
    if !tables.is_empty() {
        let read = introspect_tables(connection, Scope::Only(&tables)).await?;
        catalog.tables.extend(read);
    }
    let names = wanted_functions(source).into_iter();
    let functions = names.filter(|name| !catalog.functions.contains_key(name));
    let functions: Vec<_> = functions.collect();
    if !functions.is_empty() {
        let read = introspect_functions(connection, Scope::Only(&functions)).await?;
        catalog.functions.extend(read);
    }
    read_enums(connection, source, &mut catalog).await?;
    native::read(connection, source, environment.native_queries, &mut catalog).await?;
    Ok(catalog)
}

impl Known {
    /// What of it the document names.
    fn catalog(self, source: &Source) -> Catalog {
        let functions = wanted_functions(source);
        let (mut tables, mut known) = (self.tables, self.functions);
        tables.retain(|name, _| source.tables.contains_key(name));
        known.retain(|name, _| functions.contains(name));
        Catalog {
            tables,
            functions: known,
            ..Catalog::default()
        }
    }
}

/// The rows of enum tables that are not read yet.
async fn read_enums(
    connection: &mut Connection,
    source: &Source,
    catalog: &mut Catalog,
) -> Result<(), PgError> {
    let tables: Vec<_> = enums(source, catalog)
        .filter(|table| !catalog.enum_rows.contains_key(&table.name))
        .cloned()
        .collect();
    for table in tables {
        let rows = introspect_enum_rows(connection, &table).await?;
        let rows = rows.map(Into::into);
        catalog.enum_rows.insert(table.name.clone(), rows);
    }
    Ok(())
}
