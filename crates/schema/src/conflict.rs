//! Names taken twice: two tables whose types or root fields would be called the same.
//!
//! The first one in document order keeps the name; the other is inconsistent.

use std::collections::HashMap;

use graphloom_vocab::GraphqlName;

use crate::Naming;
use crate::table::TableInfo;

/// Names taken so far, over all sources.
#[derive(Debug, Default)]
pub(crate) struct TakenNames {
    types: HashMap<GraphqlName, String>,
    /// By namespace, since root fields of different namespaces do not meet.
    root_fields: HashMap<(Option<String>, GraphqlName), String>,
}

impl TakenNames {
    /// Takes a table's names, or says which one somebody else has.
    pub(crate) fn take(
        &mut self,
        info: &TableInfo,
        naming: &Naming,
        namespace: Option<&str>,
        owner: &str,
    ) -> Result<(), String> {
        let type_name = naming.type_name(&info.identifier, "");
        if let Some(other) = self.types.get(&type_name) {
            return Err(format!(
                "Found conflicting definitions for GraphQL type '{type_name}'. The definition at \
                 {owner} differs from the definition at {other}. Both definitions must be equal."
            ));
        }
        let fields = ROOT_FIELDS.iter().map(|(key, suffix)| {
            (
                namespace.map(str::to_owned),
                info.root_field(naming, key, suffix),
            )
        });
        let fields: Vec<_> = fields.collect();
        if let Some(((_, name), other)) = fields
            .iter()
            .find_map(|field| Some((field, self.root_fields.get(field)?)))
        {
            return Err(format!(
                "Encountered conflicting definitions in the selection set for 'query_root' for \
                 field '{name}' defined in {other} and {owner}. Fields must not be defined more \
                 than once across all sources."
            ));
        }
        self.types.insert(type_name, owner.to_owned());
        self.root_fields
            .extend(fields.into_iter().map(|field| (field, owner.to_owned())));
        Ok(())
    }
}

/// Keys of `custom_root_fields` and the suffixes of generated names.
const ROOT_FIELDS: &[(&str, &str)] = &[
    ("select", ""),
    ("select_by_pk", "by_pk"),
    ("select_aggregate", "aggregate"),
];
