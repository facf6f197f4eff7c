//! A source, its connection, customization and functions.

use graphloom_vocab::{Json, JsonObject};

use super::{Writer, canonical, canonical_object, function_name, sorted_values};
use crate::decode::{READ_COMMITTED, SOURCE_KEPT};
use crate::types::{
    ConnectionInfo, DatabaseUrl, Function, LogicalModel, NativeQuery, Source, SourceConfiguration,
    SourceCustomization,
};

impl Source {
    /// An item of `sources`.
    pub fn to_json(&self) -> Json {
        let tables = sorted_values(&self.tables).into_iter();
        self.with_tables(tables.map(|table| table.to_json()).collect())
    }

    /// The same with these tables, if it is one whose tables are read.
    pub(super) fn with_tables(&self, tables: Json) -> Json {
        let mut source = Writer::default();
        source.put("name", self.name.as_str());
        source.put("kind", self.kind.as_str());
        if self.is_postgres() {
            source.put("tables", tables);
            let functions = sorted_values(&self.functions).into_iter();
            source.put_non_empty("functions", functions.map(Function::to_json).collect());
        } else {
            let tables = self.extra.get("tables").cloned();
            source.put("tables", tables.unwrap_or_else(|| Json::Array(Vec::new())));
            source.put_some("functions", self.extra.get("functions").cloned());
        }
        let [native_queries, procedures, models, query_tags, health_check] = &SOURCE_KEPT;
        if self.is_postgres() {
            let queries = sorted_values(&self.native_queries).into_iter();
            source.put_non_empty(
                "native_queries",
                queries.map(NativeQuery::to_json).collect(),
            );
            source.put_kept(procedures, &self.extra);
            let models = sorted_values(&self.logical_models).into_iter();
            source.put_non_empty(
                "logical_models",
                models.map(LogicalModel::to_json).collect(),
            );
        } else {
            for kept in [native_queries, procedures, models] {
                source.put_kept(kept, &self.extra);
            }
        }
        if self.is_postgres() {
            source.put("configuration", self.configuration.to_json());
        } else {
            source.put(
                "configuration",
                Json::Object(self.configuration.extra.clone()),
            );
        }
        source.put_kept(query_tags, &self.extra);
        if self.customization != SourceCustomization::default() {
            source.put("customization", self.customization.to_json());
        }
        source.put_kept(health_check, &self.extra);
        source.finish(&self.extra)
    }
}

impl SourceConfiguration {
    /// A Postgres source's `configuration`.
    pub fn to_json(&self) -> Json {
        let mut configuration = Writer::default();
        configuration.put("connection_info", self.connection_info.to_json());
        for key in [
            "connection_set",
            "connection_template",
            "extensions_schema",
            "read_replicas",
        ] {
            let value = self.extra.get(key).map(canonical);
            configuration.put_some(key, value);
        }
        configuration.finish_sorted(&self.extra)
    }
}

impl ConnectionInfo {
    /// A `connection_info`; its defaults are spelled out, as v2 does.
    pub fn to_json(&self) -> Json {
        let mut info = Writer::default();
        let url = self.database_url.as_ref();
        info.put_some("database_url", url.map(DatabaseUrl::to_json));
        let isolation_level = self.isolation_level.as_deref();
        info.put("isolation_level", isolation_level.unwrap_or(READ_COMMITTED));
        let settings = self.pool_settings.as_ref();
        info.put_some("pool_settings", settings.map(canonical_object));
        let ssl = self.ssl_configuration.as_ref();
        info.put_some("ssl_configuration", ssl.map(canonical_object));
        let prepared = self.use_prepared_statements.unwrap_or(false);
        info.put("use_prepared_statements", prepared);
        info.finish(&self.extra)
    }
}

impl DatabaseUrl {
    /// A `database_url`.
    pub fn to_json(&self) -> Json {
        let mut url = Writer::default();
        match self {
            Self::Url(text) => return Json::from(text.as_str()),
            Self::FromEnv(name) => url.put("from_env", name.as_str()),
            Self::FromFile(path) => url.put("dynamic_from_file", path.as_str()),
            Self::Parameters(parameters) => {
                url.put("connection_parameters", canonical_object(parameters));
            }
        }
        Json::Object(url.0)
    }
}

impl SourceCustomization {
    /// A source's `customization`.
    pub fn to_json(&self) -> Json {
        let mut customization = Writer::default();
        let convention = self.naming_convention.as_deref();
        customization.put_some("naming_convention", convention);
        let root_fields = named(&[
            ("namespace", &self.namespace),
            ("prefix", &self.root_fields_prefix),
            ("suffix", &self.root_fields_suffix),
        ]);
        customization.put_some("root_fields", root_fields);
        let type_names = named(&[
            ("prefix", &self.type_names_prefix),
            ("suffix", &self.type_names_suffix),
        ]);
        customization.put_some("type_names", type_names);
        customization.finish(&self.extra)
    }
}

/// An object of those that are given; none if nothing is.
fn named(entries: &[(&str, &Option<String>)]) -> Option<Json> {
    let mut object = Writer::default();
    for (key, value) in entries {
        object.put_some(key, value.as_deref());
    }
    (!object.0.is_empty()).then_some(Json::Object(object.0))
}

impl Function {
    /// An item of `functions`.
    pub fn to_json(&self) -> Json {
        let mut function = Writer::default();
        function.put("function", function_name(&self.function));
        if !self.configuration.is_empty() {
            let mut configuration = self.configuration.clone();
            // v2 writes this one even if it is empty.
            let names = configuration.entry("custom_root_fields");
            names.or_insert_with(|| Json::Object(JsonObject::new()));
            function.put("configuration", canonical_object(&configuration));
        }
        let unknown = self.extra.get("permissions");
        let permissions = self.permissions.iter().map(|role| {
            let mut permission = Writer::default();
            permission.put("role", role.as_str());
            let unknown = unknown.and_then(|by_role| by_role.get(role.as_str()));
            let unknown = unknown.and_then(Json::as_object);
            permission.finish(unknown.unwrap_or(&JsonObject::new()))
        });
        function.put_non_empty("permissions", permissions.collect());
        function.put_comment(&self.comment);
        let rest = self.extra.iter().filter(|(key, _)| *key != "permissions");
        function.finish(&rest.map(|(k, v)| (k.clone(), v.clone())).collect())
    }
}
