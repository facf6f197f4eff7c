//! Where a document says something that this build has no typed value for.
//!
//! Nothing is lost by it: such keys are stored and exported. Whoever builds a schema must know of them,
//! since an object that relies on one is not to be served as if it did not.

use graphloom_vocab::{ErrorPath, Json, JsonObject};

use crate::types::{Metadata, Model, NativeQuery, Returns, Source, Table};

/// A key without a typed value, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownKey<'a> {
    /// The object that has the key, as in the document: `$.sources[0].tables[2]`. Positions are those
    /// of the maps, which is the order the document was read in.
    pub at: ErrorPath,
    /// The key.
    pub key: &'a str,
}

impl Metadata {
    /// Every key without a typed value: unknown ones, and known ones of parts that are not built yet.
    pub fn unknown_keys(&self) -> impl Iterator<Item = UnknownKey<'_>> {
        let mut found = Vec::new();
        let root = ErrorPath::root();
        collect(&root, &self.sections, &mut found);
        for (index, role) in self.inherited_roles.values().enumerate() {
            let at = root.key("inherited_roles").index(index);
            collect(&at, &role.extra, &mut found);
        }
        for (index, source) in self.sources.values().enumerate() {
            source.collect_unknown(&root.key("sources").index(index), &mut found);
        }
        found.into_iter()
    }
}

impl Source {
    fn collect_unknown<'a>(&'a self, at: &ErrorPath, found: &mut Vec<UnknownKey<'a>>) {
        collect(at, &self.extra, found);
        let configuration = at.key("configuration");
        collect(&configuration, &self.configuration.extra, found);
        let info = &self.configuration.connection_info;
        let info_at = configuration.key("connection_info");
        collect_nested(&info_at, &info.extra, &["database_url"], found);
        let customization = &self.customization.extra;
        let nested = ["root_fields", "type_names"];
        collect_nested(&at.key("customization"), customization, &nested, found);
        for (index, table) in self.tables.values().enumerate() {
            table.collect_unknown(&at.key("tables").index(index), found);
        }
        for (index, query) in self.native_queries.values().enumerate() {
            query.collect_unknown(&at.key("native_queries").index(index), found);
        }
        for (index, model) in self.logical_models.values().enumerate() {
            let at = at.key("logical_models").index(index);
            collect(&at, &model.extra, found);
            model.model.collect_unknown(&at, found);
        }
        for (index, function) in self.functions.values().enumerate() {
            let at = at.key("functions").index(index);
            for (key, json) in &function.extra {
                let (true, Some(by_role)) = (key == "permissions", json.as_object()) else {
                    found.push(UnknownKey {
                        at: at.clone(),
                        key,
                    });
                    continue;
                };
                for (role, unknown) in by_role {
                    let at = at.key(key).key(role);
                    let unknown = unknown.as_object().into_iter().flatten();
                    found.extend(unknown.map(|(key, _)| UnknownKey {
                        at: at.clone(),
                        key,
                    }));
                }
            }
        }
    }
}

impl NativeQuery {
    fn collect_unknown<'a>(&'a self, at: &ErrorPath, found: &mut Vec<UnknownKey<'a>>) {
        collect(at, &self.extra, found);
        for (name, argument) in &self.arguments {
            collect(&at.key("arguments").key(name), &argument.extra, found);
        }
        for (key, relationships) in [
            ("array_relationships", &self.array_relationships),
            ("object_relationships", &self.object_relationships),
        ] {
            for (index, relationship) in relationships.values().enumerate() {
                let at = at.key(key).index(index);
                collect_nested(&at, &relationship.extra, &["using"], found);
            }
        }
        if let Returns::Inline(model) = &self.returns {
            model.collect_unknown(&at.key("returns"), found);
        }
    }
}

impl Model {
    fn collect_unknown<'a>(&'a self, at: &ErrorPath, found: &mut Vec<UnknownKey<'a>>) {
        collect(at, &self.extra, found);
        for (index, field) in self.fields.values().enumerate() {
            collect(&at.key("fields").index(index), &field.extra, found);
        }
        for (index, permission) in self.select_permissions.values().enumerate() {
            let at = at.key("select_permissions").index(index);
            collect(&at, &permission.extra, found);
            collect(&at.key("permission"), &permission.permission.extra, found);
        }
    }
}

impl Table {
    /// Every key of this table without a typed value; `at` is where the table is.
    pub fn unknown_keys(&self, at: &ErrorPath) -> impl Iterator<Item = UnknownKey<'_>> {
        let mut found = Vec::new();
        self.collect_unknown(at, &mut found);
        found.into_iter()
    }

    fn collect_unknown<'a>(&'a self, at: &ErrorPath, found: &mut Vec<UnknownKey<'a>>) {
        collect(at, &self.extra, found);
        let configuration = at.key("configuration");
        let nested = ["custom_root_fields"];
        collect_nested(&configuration, &self.configuration.extra, &nested, found);
        for (name, field) in &self.configuration.custom_root_fields {
            let at = configuration.key("custom_root_fields").key(name);
            collect(&at, &field.extra, found);
        }
        for (column, config) in &self.configuration.column_config {
            let at = configuration.key("column_config").key(column.as_str());
            collect(&at, &config.extra, found);
        }
        for (key, relationships) in [
            ("object_relationships", &self.object_relationships),
            ("array_relationships", &self.array_relationships),
        ] {
            for (index, relationship) in relationships.values().enumerate() {
                let at = at.key(key).index(index);
                collect_nested(&at, &relationship.extra, &["using"], found);
            }
        }
        for (index, field) in self.computed_fields.values().enumerate() {
            let at = at.key("computed_fields").index(index);
            collect_nested(&at, &field.extra, &["definition"], found);
        }
        macro_rules! permissions {
            ($($key:ident),*) => {$(
                for (index, permission) in self.$key.values().enumerate() {
                    let at = at.key(stringify!($key)).index(index);
                    collect(&at, &permission.extra, found);
                    collect(&at.key("permission"), &permission.permission.extra, found);
                }
            )*};
        }
        permissions!(
            insert_permissions,
            select_permissions,
            update_permissions,
            delete_permissions
        );
    }
}

fn collect<'a>(at: &ErrorPath, extra: &'a JsonObject, found: &mut Vec<UnknownKey<'a>>) {
    collect_nested(at, extra, &[], found);
}

/// Keys in `nested` are known objects that hold unknown keys themselves, one or more levels down.
fn collect_nested<'a>(
    at: &ErrorPath,
    extra: &'a JsonObject,
    nested: &[&str],
    found: &mut Vec<UnknownKey<'a>>,
) {
    for (key, json) in extra {
        match json {
            Json::Object(inner) if nested.contains(&key.as_str()) => {
                let below = ["manual_configuration", "foreign_key_constraint_on"];
                collect_nested(&at.key(key), inner, &below, found);
            }
            _ => found.push(UnknownKey {
                at: at.clone(),
                key,
            }),
        }
    }
}
