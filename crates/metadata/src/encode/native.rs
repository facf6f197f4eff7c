//! Native queries and logical models: keys in alphabetical order, defaults of types spelled out, as v2 does.

use graphloom_vocab::{ColumnName, Json, JsonObject};
use indexmap::IndexMap;

use super::{Writer, sorted_values, table_name};
use crate::types::{
    InsertionOrder, LogicalModel, Model, ModelField, ModelType, NativeArgument, NativeQuery,
    NativeRelationship, NativeTarget, Permission, Returns,
};

impl NativeQuery {
    /// An item of `native_queries`.
    pub fn to_json(&self) -> Json {
        let mut arguments = Writer::default();
        for (name, argument) in &self.arguments {
            arguments.put(name, argument.to_json());
        }
        let mut query = Writer::default();
        query.put("arguments", arguments.finish_sorted(&JsonObject::new()));
        for (key, relationships) in [
            ("array_relationships", &self.array_relationships),
            ("object_relationships", &self.object_relationships),
        ] {
            let relationships = sorted_values(relationships).into_iter();
            query.put_non_empty(
                key,
                relationships.map(NativeRelationship::to_json).collect(),
            );
        }
        query.put("code", self.code.as_str());
        query.put_some("description", self.description.as_deref());
        query.put("returns", self.returns.to_json());
        query.put("root_field_name", self.root_field_name.as_str());
        query.finish_sorted(&self.extra)
    }

    /// What its validity hangs on, rows' shape included: equal texts mean that Postgres has the same to
    /// say about both.
    pub fn statement_key(&self, model: &Model) -> String {
        let mut key = Writer::default();
        key.put("code", self.code.as_str());
        for (name, argument) in &self.arguments {
            key.put(&format!("{{{{{name}}}}}"), argument.ty.as_str());
        }
        for field in model.fields.values() {
            key.put_some(field.name.as_str(), field.ty.sql_type());
        }
        Json::Object(key.0).to_string()
    }
}

impl Returns {
    /// A `returns`.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Named(name) => Json::from(name.as_str()),
            Self::Inline(model) => model.write().finish(&model.extra),
        }
    }
}

impl NativeArgument {
    /// A value of `arguments`.
    pub fn to_json(&self) -> Json {
        let mut argument = Writer::default();
        argument.put_some("description", self.description.as_deref());
        argument.put("nullable", self.nullable);
        argument.put("type", self.ty.as_str());
        argument.finish(&self.extra)
    }
}

impl NativeRelationship {
    /// An item of `array_relationships` or `object_relationships`.
    pub fn to_json(&self) -> Json {
        let mut using = manual(&self.column_mapping, self.insertion_order);
        match &self.target {
            NativeTarget::Table(table) => using.put("remote_table", table_name(table)),
            NativeTarget::Query(query) => using.put("remote_native_query", query.as_str()),
        }
        let mut relationship = Writer::default();
        relationship.put_some("comment", self.comment.as_deref());
        relationship.put("name", self.name.as_str());
        relationship.put("using", Json::Object(using.0));
        relationship.finish(&self.extra)
    }
}

/// `column_mapping` and `insertion_order`, which all manual configurations have.
pub(super) fn manual(
    column_mapping: &IndexMap<ColumnName, ColumnName>,
    insertion_order: Option<InsertionOrder>,
) -> Writer {
    let mut pairs: Vec<_> = column_mapping.iter().collect();
    pairs.sort_by_key(|(ours, _)| *ours);
    let mut mapping = Writer::default();
    for (ours, theirs) in pairs {
        mapping.put(ours.as_str(), theirs.as_str());
    }
    let mut manual = Writer::default();
    manual.put("column_mapping", Json::Object(mapping.0));
    let order = insertion_order.map(InsertionOrder::as_str);
    manual.put("insertion_order", order.map_or(Json::Null, Json::from));
    manual
}

impl LogicalModel {
    /// An item of `logical_models`.
    pub fn to_json(&self) -> Json {
        let mut model = self.model.write();
        model.put_some("description", self.description.as_deref());
        model.put("name", self.name.as_str());
        model.finish_sorted(&self.extra)
    }
}

impl Model {
    fn write(&self) -> Writer {
        let fields = self.fields.values().map(ModelField::to_json);
        let mut model = Writer::default();
        model.put("fields", fields.collect::<Json>());
        let permissions = sorted_values(&self.select_permissions).into_iter();
        model.put_non_empty(
            "select_permissions",
            permissions.map(Permission::to_json).collect(),
        );
        model
    }
}

impl ModelField {
    /// An item of `fields`.
    pub fn to_json(&self) -> Json {
        let mut field = Writer::default();
        field.put_some("description", self.description.as_deref());
        field.put("name", self.name.as_str());
        field.put("type", self.ty.to_json());
        field.finish(&self.extra)
    }
}

impl ModelType {
    /// A field's `type`.
    pub fn to_json(&self) -> Json {
        let mut ty = Writer::default();
        match self {
            Self::Scalar { scalar, .. } => ty.put("scalar", scalar.as_str()),
            Self::Array { of, .. } => ty.put("array", of.to_json()),
            Self::Model { name, .. } => ty.put("logical_model", name.as_str()),
        }
        ty.put("nullable", self.is_nullable());
        ty.finish_sorted(&JsonObject::new())
    }
}
