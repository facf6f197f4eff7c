//! How names of the generated schema are formed.
//!
//! A name is a list of words, each chosen by a user or generated. `hasura-default` joins them with
//! `_`; `graphql-default` is camel case for fields and Pascal case for types, and changes only first
//! characters. A source's prefixes and suffixes come last.

use graphloom_metadata::types::SourceCustomization;
use graphloom_vocab::GraphqlName;

/// Which case names are in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NamingConvention {
    /// `hasura-default`
    #[default]
    HasuraDefault,
    /// `graphql-default`
    GraphqlDefault,
}

/// The directions of streams: a type that all tables of a source share.
pub(crate) const CURSOR_ORDERING: &str = "cursor_ordering";

impl NamingConvention {
    /// By its name in metadata.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "hasura-default" => Some(Self::HasuraDefault),
            "graphql-default" => Some(Self::GraphqlDefault),
            _ => None,
        }
    }
}

/// A source's naming: its convention and its prefixes and suffixes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Naming {
    /// Case of generated names.
    pub convention: NamingConvention,
    type_prefix: Option<String>,
    type_suffix: Option<String>,
    root_prefix: Option<String>,
    root_suffix: Option<String>,
}

/// A base identifier: of a table, say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Identifier {
    /// Chosen by a user: one word, kept as it is.
    Custom(String),
    /// Generated: split at underscores.
    Generated(String),
}

impl Identifier {
    /// As the default convention writes it.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Custom(text) | Self::Generated(text) => text,
        }
    }

    fn words(&self) -> Vec<Word<'_>> {
        match self {
            Self::Custom(text) => vec![Word { text, custom: true }],
            Self::Generated(text) => generated_words(text),
        }
    }
}

#[derive(Clone, Copy)]
struct Word<'a> {
    text: &'a str,
    custom: bool,
}

/// Splits at underscores; leading ones stay with the first word.
fn generated_words(text: &str) -> Vec<Word<'_>> {
    let start = text.len() - text.trim_start_matches('_').len();
    let mut words = Vec::new();
    let mut from = 0;
    for (index, _) in text.match_indices('_').filter(|(index, _)| *index >= start) {
        if index > from {
            words.push(Word {
                text: &text[from..index],
                custom: false,
            });
        }
        from = index + 1;
    }
    if from < text.len() || words.is_empty() {
        words.push(Word {
            text: &text[from..],
            custom: false,
        });
    }
    words
}

impl Naming {
    /// From a source's customization and the server's default convention.
    pub fn new(customization: &SourceCustomization, default: NamingConvention) -> Self {
        let convention = customization.naming_convention.as_deref();
        let non_empty = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        Self {
            convention: convention
                .and_then(NamingConvention::parse)
                .unwrap_or(default),
            type_prefix: non_empty(&customization.type_names_prefix),
            type_suffix: non_empty(&customization.type_names_suffix),
            root_prefix: non_empty(&customization.root_fields_prefix),
            root_suffix: non_empty(&customization.root_fields_suffix),
        }
    }

    /// A type's name: the identifier and a suffix such as `bool_exp`, with the source's affixes.
    pub(crate) fn type_name(&self, identifier: &Identifier, suffix: &str) -> GraphqlName {
        let text = self.join(identifier, suffix, Case::Pascal);
        GraphqlName::new(self.affix(
            self.type_prefix.as_deref(),
            text,
            self.type_suffix.as_deref(),
        ))
    }

    /// A type that all tables of the source share, with the source's affixes.
    pub(crate) fn source_type(&self, name: &str) -> GraphqlName {
        self.type_name(&Identifier::Generated(name.to_owned()), "")
    }

    /// How the names of all types of an identifier begin.
    pub(crate) fn type_beginning(&self, identifier: &Identifier) -> GraphqlName {
        let text = self.join(identifier, "", Case::Pascal);
        GraphqlName::new(self.affix(self.type_prefix.as_deref(), text, None))
    }

    /// What ends the names of types.
    pub(crate) fn type_suffix(&self) -> Option<&str> {
        self.type_suffix.as_deref()
    }

    /// Whether names of types have anything added.
    pub(crate) fn has_type_affixes(&self) -> bool {
        self.type_prefix.is_some() || self.type_suffix.is_some()
    }

    /// The type of a source's namespace on the query root.
    pub(crate) fn namespace_type(&self, namespace: &str) -> GraphqlName {
        self.type_name(&Identifier::Generated(namespace.to_owned()), "query")
    }

    /// A type of the Relay API: the identifier with `Connection` or `Edge` right behind it.
    pub(crate) fn relay_type(&self, identifier: &Identifier, suffix: &str) -> GraphqlName {
        let text = self.join(identifier, "", Case::Pascal) + suffix;
        GraphqlName::new(self.affix(
            self.type_prefix.as_deref(),
            text,
            self.type_suffix.as_deref(),
        ))
    }

    /// A type of aggregate predicates: v2 leaves out a source's affixes, and in `graphql-default` writes
    /// these types as it writes fields.
    pub(crate) fn predicate_type(&self, identifier: &Identifier, suffix: &str) -> GraphqlName {
        GraphqlName::new(self.join(identifier, suffix, Case::Camel))
    }

    /// A root field's name: the identifier between a prefix such as `insert` and a suffix such as
    /// `by_pk`, with the source's affixes.
    pub(crate) fn root_field(&self, identifier: &Identifier, suffix: &str) -> GraphqlName {
        let text = self.join(identifier, suffix, Case::Camel);
        self.affixed_root_field(&text)
    }

    /// A mutation's name, such as `insert_T_one`, with the source's affixes.
    pub(crate) fn mutation_field(
        &self,
        verb: &str,
        identifier: &Identifier,
        suffix: &str,
    ) -> GraphqlName {
        let text = match self.convention {
            NamingConvention::HasuraDefault => {
                let rest = self.join(identifier, suffix, Case::Camel);
                format!("{verb}_{rest}")
            }
            NamingConvention::GraphqlDefault => {
                let mut words = generated_words(verb);
                words.extend(identifier.words());
                if !suffix.is_empty() {
                    words.extend(generated_words(suffix));
                }
                render(&words, Case::Camel)
            }
        };
        self.affixed_root_field(&text)
    }

    /// A function's connection. v2 joins it with an underscore in either convention.
    pub(crate) fn function_connection(
        &self,
        identifier: &Identifier,
        custom: Option<&str>,
    ) -> GraphqlName {
        let generated = || self.join(identifier, "", Case::Camel);
        let function = custom.map_or_else(generated, str::to_owned);
        self.affixed_root_field(&format!("{function}_connection"))
    }

    /// A function's aggregate. Behind a custom name v2 writes the suffix with an underscore in either
    /// convention.
    pub(crate) fn function_aggregate(&self, identifier: &Identifier) -> GraphqlName {
        match identifier {
            Identifier::Custom(name) => self.affixed_root_field(&format!("{name}_aggregate")),
            Identifier::Generated(_) => self.root_field(identifier, "aggregate"),
        }
    }

    /// A root field whose name a user chose, with the source's affixes.
    pub(crate) fn affixed_root_field(&self, name: &str) -> GraphqlName {
        GraphqlName::new(self.affix(
            self.root_prefix.as_deref(),
            name.to_owned(),
            self.root_suffix.as_deref(),
        ))
    }

    /// A generated field, argument or operator name, such as `order_by` or `_is_null`.
    pub(crate) fn field(&self, name: &str) -> GraphqlName {
        match self.convention {
            NamingConvention::HasuraDefault => GraphqlName::new(name),
            NamingConvention::GraphqlDefault => {
                GraphqlName::new(render(&generated_words(name), Case::Camel))
            }
        }
    }

    /// A name that a user chose with a generated suffix: `articles` and `aggregate`.
    pub(crate) fn suffixed_field(&self, name: &str, suffix: &str) -> GraphqlName {
        let identifier = Identifier::Custom(name.to_owned());
        GraphqlName::new(self.join(&identifier, suffix, Case::Camel))
    }

    /// An enum value's name.
    pub(crate) fn enum_value(&self, name: &str) -> GraphqlName {
        match self.convention {
            NamingConvention::HasuraDefault => GraphqlName::new(name),
            NamingConvention::GraphqlDefault => GraphqlName::new(name.to_uppercase()),
        }
    }

    /// A shared type's name, such as `Int_comparison_exp`; sources' affixes do not apply.
    pub(crate) fn shared_type(&self, base: &str, suffix: &str) -> GraphqlName {
        let identifier = Identifier::Generated(base.to_owned());
        GraphqlName::new(self.join(&identifier, suffix, Case::Pascal))
    }

    fn join(&self, identifier: &Identifier, suffix: &str, case: Case) -> String {
        if self.convention == NamingConvention::HasuraDefault {
            return match suffix {
                "" => identifier.text().to_owned(),
                suffix => format!("{}_{suffix}", identifier.text()),
            };
        }
        let mut words = identifier.words();
        if !suffix.is_empty() {
            words.extend(generated_words(suffix));
        }
        render(&words, case)
    }

    fn affix(&self, prefix: Option<&str>, text: String, suffix: Option<&str>) -> String {
        if prefix.is_none() && suffix.is_none() {
            return text;
        }
        let parts = [prefix.unwrap_or(""), &text, suffix.unwrap_or("")];
        let mut joined = String::new();
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            if joined.is_empty() || self.convention == NamingConvention::HasuraDefault {
                joined.push_str(part);
            } else {
                joined.push_str(&upper_first(part));
            }
        }
        joined
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Case {
    Camel,
    Pascal,
}

fn render(words: &[Word<'_>], case: Case) -> String {
    let mut text = String::new();
    for (index, word) in words.iter().enumerate() {
        match (index, case, word.custom) {
            (0, _, true) => text.push_str(word.text),
            (0, Case::Camel, false) => text.push_str(&lower_first(word.text)),
            _ => text.push_str(&upper_first(word.text)),
        }
    }
    text
}

fn upper_first(text: &str) -> String {
    change_first(text, |c| c.to_ascii_uppercase())
}

fn lower_first(text: &str) -> String {
    change_first(text, |c| c.to_ascii_lowercase())
}

fn change_first(text: &str, change: impl Fn(char) -> char) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        let mut changed = String::with_capacity(text.len());
        changed.push(change(first));
        changed.push_str(chars.as_str());
        changed
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graphql_default() -> Naming {
        Naming {
            convention: NamingConvention::GraphqlDefault,
            ..Naming::default()
        }
    }

    #[test]
    fn the_default_convention_joins_with_underscores() {
        let naming = Naming::default();
        let table = Identifier::Generated("user_info".into());
        assert_eq!(
            naming.type_name(&table, "bool_exp").as_str(),
            "user_info_bool_exp"
        );
        assert_eq!(
            naming.root_field(&table, "by_pk").as_str(),
            "user_info_by_pk"
        );
        assert_eq!(naming.field("order_by").as_str(), "order_by");
    }

    #[test]
    fn graphql_default_changes_first_characters_only() {
        let naming = graphql_default();
        let table = Identifier::Generated("user_info".into());
        assert_eq!(
            naming.type_name(&table, "bool_exp").as_str(),
            "UserInfoBoolExp"
        );
        assert_eq!(naming.root_field(&table, "by_pk").as_str(), "userInfoByPk");
        assert_eq!(naming.root_field(&table, "").as_str(), "userInfo");
        let custom = Identifier::Custom("table_one".into());
        assert_eq!(
            naming.root_field(&custom, "by_pk").as_str(),
            "table_oneByPk"
        );
        assert_eq!(naming.field("_is_null").as_str(), "_isNull");
        assert_eq!(
            naming.enum_value("asc_nulls_last").as_str(),
            "ASC_NULLS_LAST"
        );
        let upper = Identifier::Generated("UserID".into());
        assert_eq!(naming.root_field(&upper, "").as_str(), "userID");
    }

    #[test]
    fn affixes_come_last() {
        let customization = SourceCustomization {
            root_fields_prefix: Some("p_".into()),
            type_names_suffix: Some("_s".into()),
            ..SourceCustomization::default()
        };
        let naming = Naming::new(&customization, NamingConvention::HasuraDefault);
        let table = Identifier::Generated("t".into());
        assert_eq!(naming.root_field(&table, "by_pk").as_str(), "p_t_by_pk");
        assert_eq!(
            naming.type_name(&table, "bool_exp").as_str(),
            "t_bool_exp_s"
        );
    }
}
