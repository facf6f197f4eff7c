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
    /// Most bytes of an introspection answer.
    pub introspection_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fields: 50_000,
            root_fields: 1_000,
            depth: 50,
            introspection_bytes: 256 << 20,
        }
    }
}
