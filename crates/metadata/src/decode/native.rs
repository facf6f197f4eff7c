//! Native queries and logical models.
//!
//! A field's type has an older, flat form (`"type": "integer", "nullable": true`); both are read, the
//! newer one is written.

use std::hash::Hash;

use graphloom_vocab::{Error, Json, JsonObject, Result};
use indexmap::IndexMap;

use super::{Decode, Fields, below_index, map_entries, mismatch, text};
use crate::types::{
    LogicalModel, Model, ModelField, ModelType, NativeArgument, NativeQuery, NativeRelationship,
    NativeTarget, Permission, Returns, SelectPermission, code_parts,
};

impl Decode for NativeQuery {
    fn decode(json: &Json) -> Result<Self> {
        let mut fields = Fields::of(json, "PostgresNativeQueryMetadata")?;
        let mut query = Self::decode_fields(&mut fields)?;
        query.extra = fields.rest();
        Ok(query)
    }
}

impl NativeQuery {
    /// Reads a query's own keys out of a larger object, such as a command's arguments.
    ///
    /// Unknown keys stay in `fields`: only the caller knows which others are its own.
    pub fn decode_fields(fields: &mut Fields<'_>) -> Result<Self> {
        // The only kind there is; v2 reads over it too.
        fields.raw("type");
        Ok(Self {
            root_field_name: fields.required("root_field_name")?,
            code: fields.required_with("code", code)?,
            returns: fields.required("returns")?,
            arguments: fields
                .optional_with("arguments", |json| {
                    map_entries(json, str::to_owned, NativeArgument::decode)
                })?
                .unwrap_or_default(),
            array_relationships: by_name(fields, "array_relationships")?,
            object_relationships: by_name(fields, "object_relationships")?,
            description: fields.optional("description")?,
            extra: JsonObject::new(),
        })
    }
}

fn by_name(
    fields: &mut Fields<'_>,
    key: &'static str,
) -> Result<IndexMap<graphloom_vocab::RelationshipName, NativeRelationship>> {
    fields.map_of(key, "relationships", |one: &NativeRelationship| {
        one.name.clone()
    })
}

fn code(json: &Json) -> Result<String> {
    let text = text(json)?;
    if code_parts(text).is_none() {
        return Err(Error::parse_failed(
            "Found '{{' without a matching closing '}}'",
        ));
    }
    Ok(text.to_owned())
}

impl Decode for Returns {
    fn decode(json: &Json) -> Result<Self> {
        match json {
            Json::String(_) => Decode::decode(json).map(Self::Named),
            _ => {
                let mut fields = Fields::of(json, "PostgresInlineLogicalModelMetadata")?;
                let mut model = Model::decode_fields(&mut fields)?;
                model.extra = fields.rest();
                Ok(Self::Inline(model))
            }
        }
    }
}

impl Decode for NativeArgument {
    fn decode(json: &Json) -> Result<Self> {
        let mut fields = Fields::of(json, "PostgresNullableScalarType")?;
        Ok(Self {
            ty: fields.required("type")?,
            nullable: fields.or_default("nullable")?,
            description: fields.optional("description")?,
            extra: fields.rest(),
        })
    }
}

impl Decode for NativeRelationship {
    fn decode(json: &Json) -> Result<Self> {
        let mut fields = Fields::of(json, "RelDef")?;
        let mut extra = JsonObject::new();
        let (target, column_mapping, insertion_order) = fields.required_with("using", |json| {
            let mut fields = Fields::of(json, "RelManualConfig")?;
            let target = match fields.has("remote_native_query") {
                true => NativeTarget::Query(fields.required("remote_native_query")?),
                false => NativeTarget::Table(fields.required("remote_table")?),
            };
            let mapping = fields.required_with("column_mapping", super::relationship::mapping)?;
            let order = fields.optional("insertion_order")?;
            fields.rest_under("using", &mut extra);
            Ok((target, mapping, order))
        })?;
        let (name, comment) = (fields.required("name")?, fields.optional("comment")?);
        extra.extend(fields.rest());
        Ok(Self {
            name,
            target,
            column_mapping,
            insertion_order,
            comment,
            extra,
        })
    }
}

impl Decode for LogicalModel {
    fn decode(json: &Json) -> Result<Self> {
        let mut fields = Fields::of(json, "PostgresLogicalModelMetadata")?;
        let mut model = Self::decode_fields(&mut fields)?;
        model.extra = fields.rest();
        Ok(model)
    }
}

impl LogicalModel {
    /// Reads a model's own keys out of a larger object, such as a command's arguments.
    ///
    /// Unknown keys stay in `fields`: only the caller knows which others are its own.
    pub fn decode_fields(fields: &mut Fields<'_>) -> Result<Self> {
        Ok(Self {
            name: fields.required("name")?,
            model: Model::decode_fields(fields)?,
            description: fields.optional("description")?,
            extra: JsonObject::new(),
        })
    }
}

impl Model {
    fn decode_fields(fields: &mut Fields<'_>) -> Result<Self> {
        // Of two fields with the same name the later one counts, as with v2.
        let items: Vec<ModelField> = fields.required("fields")?;
        Ok(Self {
            fields: keyed(items, |field| field.name.clone()),
            select_permissions: fields.map_of(
                "select_permissions",
                "permissions",
                |one: &Permission<SelectPermission>| one.role.clone(),
            )?,
            extra: JsonObject::new(),
        })
    }
}

fn keyed<K: Hash + Eq, T>(items: Vec<T>, key: impl Fn(&T) -> K) -> IndexMap<K, T> {
    items.into_iter().map(|item| (key(&item), item)).collect()
}

impl Decode for ModelField {
    fn decode(json: &Json) -> Result<Self> {
        let mut fields = Fields::of(json, "PostgresLogicalModelField")?;
        let name = fields.required("name")?;
        let ty = match fields.required_with("type", Ok)? {
            Json::String(scalar) => ModelType::Scalar {
                scalar: scalar.clone(),
                nullable: fields.or_default("nullable")?,
            },
            json => ModelType::decode(json).map_err(|error| super::below_key(error, "type"))?,
        };
        Ok(Self {
            name,
            ty,
            description: fields.optional("description")?,
            extra: fields.rest(),
        })
    }
}

impl Decode for ModelType {
    fn decode(json: &Json) -> Result<Self> {
        let mut fields = Fields::of(json, "PostgresLogicalModelTypeScalar")?;
        let nullable = fields.or_default("nullable")?;
        if fields.has("scalar") {
            let scalar = fields.required("scalar")?;
            fields.nothing_else(&["scalar", "nullable"])?;
            return Ok(Self::Scalar { scalar, nullable });
        }
        if fields.has("array") {
            let of = Box::new(fields.required("array")?);
            fields.nothing_else(&["array", "nullable"])?;
            return Ok(Self::Array { of, nullable });
        }
        let name = fields.required("logical_model")?;
        fields.nothing_else(&["logical_model", "nullable"])?;
        Ok(Self::Model { name, nullable })
    }
}

/// A list of tracked things as a map; of two with the same name the later one counts, as with v2.
pub(super) fn tracked<K: Hash + Eq, T: Decode>(
    fields: &mut Fields<'_>,
    list: &'static str,
    name: impl Fn(&T) -> K,
) -> Result<IndexMap<K, T>> {
    let items = fields.optional_with(list, |json| {
        let items = json
            .as_array()
            .ok_or_else(|| mismatch("[]", "Array", json))?;
        let items = items.iter().enumerate();
        items
            .map(|(index, item)| T::decode(item).map_err(|error| below_index(error, index)))
            .collect::<Result<Vec<T>>>()
    })?;
    Ok(keyed(items.unwrap_or_default(), name))
}
