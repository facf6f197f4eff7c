//! Relationships of both kinds, one column as a string and several as a list.

use graphloom_vocab::{ColumnName, Json, QualifiedTable};

use super::native::manual;
use super::{Writer, table_name};
use crate::types::{InsertionOrder, Relationship, RelationshipUsing};

impl Relationship {
    /// An item of `object_relationships` or `array_relationships`.
    pub fn to_json(&self) -> Json {
        let mut relationship = Writer::default();
        relationship.put("name", self.name.as_str());
        relationship.put("using", self.using.to_json());
        relationship.put_some("comment", self.comment.as_deref());
        relationship.finish(&self.extra)
    }
}

impl RelationshipUsing {
    /// A `using`.
    pub fn to_json(&self) -> Json {
        let (key, value) = match self {
            Self::ForeignKeyOn(columns) => ("foreign_key_constraint_on", columns_json(columns).1),
            Self::ForeignKeyOnRemote { table, columns } => {
                ("foreign_key_constraint_on", remote_key(table, columns))
            }
            Self::Manual {
                remote_table,
                column_mapping,
                insertion_order,
            } => {
                let mut manual = manual(column_mapping, *insertion_order);
                manual.put("remote_table", table_name(remote_table));
                ("manual_configuration", Json::Object(manual.0))
            }
            Self::ManualQuery {
                remote_native_query,
                column_mapping,
                insertion_order,
            } => {
                let mut manual = manual(column_mapping, *insertion_order);
                manual.put("remote_native_query", remote_native_query.as_str());
                ("manual_configuration", Json::Object(manual.0))
            }
        };
        let mut using = Writer::default();
        using.put(key, value);
        Json::Object(using.0)
    }
}

fn remote_key(table: &QualifiedTable, columns: &[ColumnName]) -> Json {
    let (key, columns) = columns_json(columns);
    let mut remote = Writer::default();
    remote.put(key, columns);
    remote.put("table", table_name(table));
    Json::Object(remote.0)
}

/// One column is written as a string, more as a list, each under its own key.
fn columns_json(columns: &[ColumnName]) -> (&'static str, Json) {
    match columns {
        [column] => ("column", Json::from(column.as_str())),
        columns => {
            let columns = columns.iter().map(|column| Json::from(column.as_str()));
            ("columns", columns.collect())
        }
    }
}

impl InsertionOrder {
    /// The document's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BeforeParent => "before_parent",
            Self::AfterParent => "after_parent",
        }
    }
}
