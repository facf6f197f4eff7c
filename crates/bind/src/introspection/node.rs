//! What a document asks of the objects of introspection: checked, fragments expanded, the same for every object.

use std::sync::Arc;

/// A selection on an introspection type.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) fields: Vec<Asked>,
}

/// One field of it.
#[derive(Debug)]
pub(super) struct Asked {
    /// `"key":`
    pub(super) key: String,
    /// For the paths of errors.
    pub(super) name: String,
    /// Whether it leads from a type to its parts.
    pub(super) is_list: bool,
    pub(super) fact: Fact,
    /// What is asked of what it leads to.
    pub(super) node: Option<Arc<Node>>,
}

/// A field of an introspection type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fact {
    /// `__typename`
    TypeName(Arc<str>),
    Types,
    QueryType,
    MutationType,
    SubscriptionType,
    Directives,
    Kind,
    Name,
    Description,
    Fields,
    Interfaces,
    PossibleTypes,
    EnumValues,
    InputFields,
    OfType,
    Args,
    Type,
    DefaultValue,
    IsDeprecated,
    Locations,
    IsRepeatable,
    /// It is null of everything.
    Null,
}

impl Fact {
    /// The fact that a field stands for.
    pub(super) fn named(field: &str) -> Self {
        match field {
            "types" => Self::Types,
            "queryType" => Self::QueryType,
            "mutationType" => Self::MutationType,
            "subscriptionType" => Self::SubscriptionType,
            "directives" => Self::Directives,
            "kind" => Self::Kind,
            "name" => Self::Name,
            "description" => Self::Description,
            "fields" => Self::Fields,
            "interfaces" => Self::Interfaces,
            "possibleTypes" => Self::PossibleTypes,
            "enumValues" => Self::EnumValues,
            "inputFields" => Self::InputFields,
            "ofType" => Self::OfType,
            "args" => Self::Args,
            "type" => Self::Type,
            "defaultValue" => Self::DefaultValue,
            "isDeprecated" => Self::IsDeprecated,
            "locations" => Self::Locations,
            "isRepeatable" => Self::IsRepeatable,
            _ => Self::Null,
        }
    }
}

impl Node {
    /// How deep lists that lead from a type to its parts stand inside of each other.
    pub(super) fn lists(&self) -> usize {
        let fields = self.fields.iter();
        let lists = fields.map(|asked| {
            let below = asked.node.as_ref().map_or(0, |node| node.lists());
            below + usize::from(asked.is_list)
        });
        lists.max().unwrap_or(0)
    }

    /// Whether a selection on `__Schema` asks for more than directives and the names of root types.
    pub(super) fn needs_types(&self) -> bool {
        self.fields.iter().any(|asked| match &asked.fact {
            Fact::TypeName(_) | Fact::Directives | Fact::Description | Fact::Null => false,
            _ => !asked.node.as_ref().is_some_and(|node| node.is_a_name()),
        }) || self.fields.iter().any(|asked| asked.fact == Fact::Types)
    }

    fn is_a_name(&self) -> bool {
        let mut fields = self.fields.iter();
        fields.all(|asked| matches!(asked.fact, Fact::TypeName(_) | Fact::Name))
    }

    /// Whether it asks for parts of types in another order than that of their names.
    pub(super) fn leads_elsewhere(&self) -> bool {
        self.fields.iter().any(|asked| {
            let Some(node) = &asked.node else {
                return false;
            };
            let leads = matches!(
                asked.fact,
                Fact::Type | Fact::OfType | Fact::Interfaces | Fact::PossibleTypes
            );
            (leads && node.has_parts()) || node.leads_elsewhere()
        })
    }

    fn has_parts(&self) -> bool {
        let is_part = |asked: &Asked| asked.is_list || matches!(asked.fact, Fact::EnumValues);
        self.fields.iter().any(is_part)
    }
}
