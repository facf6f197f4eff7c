//! The whole document: its keys in v2's order, `default` before other sources, unknown sections last.

use graphloom_vocab::{Json, RoleName};

use super::{Writer, sorted_values};
use crate::decode::SECTIONS;
use crate::types::{InheritedRole, Metadata, Source};

impl Metadata {
    /// The document of version 3, as an export gives it.
    pub fn to_json(&self) -> Json {
        let mut document = Writer::default();
        document.put("version", 3);
        let mut sources: Vec<&Source> = self.sources.values().collect();
        // `default` is not a name like any other for v2, and comes before all of them.
        sources.sort_by_key(|source| (source.name.as_str() != "default", &source.name));
        let sources: Vec<Json> = sources.into_iter().map(Source::to_json).collect();
        document.put("sources", sources);
        for section in &SECTIONS {
            if section.kept.key == "graphql_schema_introspection" {
                let roles = sorted_values(&self.inherited_roles).into_iter();
                document.put_non_empty(
                    "inherited_roles",
                    roles.map(InheritedRole::to_json).collect(),
                );
            }
            document.put_kept(&section.kept, &self.sections);
        }
        document.finish(&self.sections)
    }
}

impl InheritedRole {
    /// An item of `inherited_roles`.
    pub fn to_json(&self) -> Json {
        let mut role = Writer::default();
        role.put("role_name", self.role_name.as_str());
        let parents = self.role_set.iter().map(RoleName::as_str);
        role.put("role_set", parents.collect::<Vec<_>>());
        role.finish(&self.extra)
    }
}
