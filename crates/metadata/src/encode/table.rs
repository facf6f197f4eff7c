//! A tracked table with all that hangs on it, what is empty or default left out.

use graphloom_vocab::{Json, JsonObject};

use super::{Writer, function_name, sorted_values, table_name};
use crate::decode::TABLE_KEPT;
use crate::types::{
    ColumnConfiguration, Comment, ComputedField, Permission, Relationship, RootFieldConfiguration,
    Table, TableConfiguration,
};

impl Table {
    /// An item of `tables`.
    pub fn to_json(&self) -> Json {
        let mut table = Writer::default();
        table.put("table", table_name(&self.table));
        table.put_if_true("is_enum", self.is_enum);
        if self.configuration != TableConfiguration::default() {
            table.put("configuration", self.configuration.to_json());
        }
        for (key, relationships) in [
            ("object_relationships", &self.object_relationships),
            ("array_relationships", &self.array_relationships),
        ] {
            let relationships = sorted_values(relationships).into_iter();
            table.put_non_empty(key, relationships.map(Relationship::to_json).collect());
        }
        let fields = sorted_values(&self.computed_fields).into_iter();
        table.put_non_empty(
            "computed_fields",
            fields.map(ComputedField::to_json).collect(),
        );
        let [remote_relationships, others @ ..] = &TABLE_KEPT;
        table.put_kept(remote_relationships, &self.extra);
        table.put_non_empty("insert_permissions", permissions(&self.insert_permissions));
        table.put_non_empty("select_permissions", permissions(&self.select_permissions));
        table.put_non_empty("update_permissions", permissions(&self.update_permissions));
        table.put_non_empty("delete_permissions", permissions(&self.delete_permissions));
        for kept in others {
            table.put_kept(kept, &self.extra);
        }
        table.finish(&self.extra)
    }
}

fn permissions<T: super::permission::Encode>(
    permissions: &indexmap::IndexMap<graphloom_vocab::RoleName, Permission<T>>,
) -> Vec<Json> {
    let permissions = sorted_values(permissions).into_iter();
    permissions.map(Permission::to_json).collect()
}

impl TableConfiguration {
    /// A table's `configuration`; `custom_column_names` repeats the names for older readers, as with v2.
    pub fn to_json(&self) -> Json {
        let mut columns: Vec<_> = self.column_config.iter().collect();
        columns.sort_by_key(|(column, _)| *column);
        let mut column_config = Writer::default();
        let mut column_names = Writer::default();
        for (column, config) in columns {
            column_config.put(column.as_str(), config.to_json());
            column_names.put_some(column.as_str(), config.custom_name.as_deref());
        }
        let mut root_fields = Writer::default();
        for (name, field) in &self.custom_root_fields {
            root_fields.put(name, field.to_json());
        }
        let mut configuration = Writer::default();
        configuration.put("column_config", Json::Object(column_config.0));
        configuration.put_comment(&self.comment);
        configuration.put("custom_column_names", Json::Object(column_names.0));
        configuration.put_some("custom_name", self.custom_name.as_deref());
        configuration.put(
            "custom_root_fields",
            root_fields.finish_sorted(&JsonObject::new()),
        );
        configuration.finish(&self.extra)
    }
}

impl RootFieldConfiguration {
    /// `"name"`, or an object if there is more to say.
    pub fn to_json(&self) -> Json {
        if self.comment == Comment::Automatic && self.extra.is_empty() {
            return self.name.as_deref().map_or(Json::Null, Json::from);
        }
        let mut field = Writer::default();
        let comment = match &self.comment {
            Comment::Automatic => Json::Null,
            Comment::Explicit(text) => Json::from(text.as_str()),
        };
        field.put("comment", comment);
        let name = self.name.as_deref();
        field.put("name", name.map_or(Json::Null, Json::from));
        field.finish(&self.extra)
    }
}

impl ColumnConfiguration {
    /// A value of `column_config`.
    pub fn to_json(&self) -> Json {
        let mut column = Writer::default();
        column.put_comment(&self.comment);
        column.put_some("custom_name", self.custom_name.as_deref());
        column.finish(&self.extra)
    }
}

impl ComputedField {
    /// An item of `computed_fields`.
    pub fn to_json(&self) -> Json {
        let mut definition = Writer::default();
        definition.put("function", function_name(&self.function));
        definition.put_some("session_argument", self.session_argument.as_deref());
        definition.put_some("table_argument", self.table_argument.as_deref());
        let mut field = Writer::default();
        field.put("name", self.name.as_str());
        field.put("definition", Json::Object(definition.0));
        field.put_comment(&self.comment);
        field.finish(&self.extra)
    }
}
