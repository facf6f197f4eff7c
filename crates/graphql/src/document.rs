//! An executable document, owned, as the specification's section 2 has it.
//!
//! Numbers keep their text: `1.10` and 30-digit integers reach Postgres as written.

use graphloom_vocab::GraphqlName;

use crate::TypeRef;

/// Operations and fragments, in document order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    /// At least one, or there is nothing to run.
    pub operations: Vec<Operation>,
    /// Names may repeat here; binding refuses that.
    pub fragments: Vec<Fragment>,
}

/// Which root type an operation starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OperationType {
    /// `query`, also the short form `{…}`.
    Query,
    /// `mutation`.
    Mutation,
    /// `subscription`.
    Subscription,
}

/// An operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// Which root type.
    pub operation_type: OperationType,
    /// Absent for anonymous ones.
    pub name: Option<GraphqlName>,
    /// Declared variables; names may repeat here.
    pub variables: Vec<VariableDefinition>,
    /// On the operation itself.
    pub directives: Vec<Directive>,
    /// Root selections.
    pub selection_set: Vec<Selection>,
}

/// `$name: Type = default`.
#[derive(Clone, Debug, PartialEq)]
pub struct VariableDefinition {
    /// Without `$`.
    pub name: GraphqlName,
    /// Declared type.
    pub ty: TypeRef,
    /// Constant default.
    pub default: Option<Value>,
}

/// `fragment name on Type {…}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Fragment {
    /// Its name.
    pub name: GraphqlName,
    /// The type it applies to.
    pub type_condition: GraphqlName,
    /// On the definition itself.
    pub directives: Vec<Directive>,
    /// What it selects.
    pub selection_set: Vec<Selection>,
}

/// One entry of a selection set.
#[derive(Clone, Debug, PartialEq)]
pub enum Selection {
    /// A field.
    Field(Field),
    /// `...name`
    FragmentSpread(FragmentSpread),
    /// `... on Type {…}`
    InlineFragment(InlineFragment),
}

/// `alias: name(arguments) @directives {…}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The response key, if given.
    pub alias: Option<GraphqlName>,
    /// The field's name.
    pub name: GraphqlName,
    /// In document order; names may repeat here.
    pub arguments: Vec<(GraphqlName, Value)>,
    /// In document order.
    pub directives: Vec<Directive>,
    /// Empty: none was written.
    pub selection_set: Vec<Selection>,
}

/// `...name @directives`.
#[derive(Clone, Debug, PartialEq)]
pub struct FragmentSpread {
    /// The fragment.
    pub name: GraphqlName,
    /// In document order.
    pub directives: Vec<Directive>,
}

/// `... on Type @directives {…}`.
#[derive(Clone, Debug, PartialEq)]
pub struct InlineFragment {
    /// Absent: the enclosing type.
    pub type_condition: Option<GraphqlName>,
    /// In document order.
    pub directives: Vec<Directive>,
    /// What it selects.
    pub selection_set: Vec<Selection>,
}

/// `@name(arguments)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Directive {
    /// Without `@`.
    pub name: GraphqlName,
    /// In document order.
    pub arguments: Vec<(GraphqlName, Value)>,
}

/// An input value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `$name`
    Variable(GraphqlName),
    /// The number's text.
    Int(String),
    /// The number's text.
    Float(String),
    /// The decoded string.
    String(String),
    /// `true` or `false`
    Boolean(bool),
    /// `null`
    Null,
    /// A bare name.
    Enum(GraphqlName),
    /// In order.
    List(Vec<Value>),
    /// In order; names may repeat here.
    Object(Vec<(GraphqlName, Value)>),
}

impl Field {
    /// The alias, or the field's name.
    pub fn response_key(&self) -> &GraphqlName {
        self.alias.as_ref().unwrap_or(&self.name)
    }
}
