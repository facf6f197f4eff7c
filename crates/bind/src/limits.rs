//! Ceilings of what one operation may ask for, far above what people write.

/// Ceilings of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most fields, fragments expanded; items of lists in conditions and sort keys count as well.
    pub fields: usize,
    /// Most root fields: each is a statement.
    pub root_fields: usize,
    /// Deepest nesting of selections, conditions and sort keys together, and of fragments in fragments.
    pub depth: usize,
    /// Most fields with an alias, fragments expanded.
    pub aliases: usize,
    /// Most directives of fields and fragments, fragments expanded.
    pub directives: usize,
    /// Deepest nesting of introspection's lists (`fields`, `inputFields`, `interfaces`, `possibleTypes`): they lead from
    /// types to types and multiply. Tools nest one.
    pub introspection_lists: usize,
    /// Most bytes of an introspection answer.
    pub introspection_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fields: 50_000,
            root_fields: 1_000,
            depth: 50,
            aliases: 20_000,
            directives: 10_000,
            introspection_lists: 2,
            introspection_bytes: 256 << 20,
        }
    }
}
