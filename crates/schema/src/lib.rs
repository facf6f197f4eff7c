//! Metadata and catalogs to a [`SchemaCache`], and from that one [`RoleSchema`] per role.
//!
//! Building never fails: what cannot be resolved becomes an [`Inconsistency`] and is left out, so that a
//! role never sees more than its permissions say. Must not know SQL, documents or I/O.
//! Read `cache.rs`, then `role/mod.rs`; naming rules are in `naming.rs`.

mod arrays;
mod cache;
mod conflict;
mod definition;
mod denial;
mod enumeration;
mod function;
mod guard;
mod inconsistency;
mod inherit;
mod naming;
mod native;
mod relationship;
mod role;
mod rule;
mod scalar;
mod source;
mod table;
mod types;
mod unbuilt;
mod webhook;
mod write;

pub use cache::{CatalogResult, SchemaCache, ServedTables, SourceInfo, Sources, build, rebuild};
pub use function::{
    ArgumentInfo, ComputedFieldInfo, ComputedReturn, ExposedAs, FunctionInfo, Giver,
};
pub use graphloom_metadata::types::{QueryTags, QueryTagsFormat, RequestIdTag};
pub use guard::{AllowList, ApiLimits, Guards, Limit, RateLimit, ToldApartBy};
pub use inconsistency::{Cause, Inconsistency, Part, Reason};
pub use inherit::role_cycles;
pub use naming::{Naming, NamingConvention};
pub use native::{LogicalModelInfo, NativeQueryInfo, NativeRelationshipInfo};
pub use relationship::{RelationshipInfo, RelationshipKind};
pub use role::{
    Listed, ListedTypes, Listing, Reading, RoleSchema, SchemaKind, SchemaVariant, Whole,
    WholeSchema,
};
pub use rule::{RuleContext, Texts, Through, compile_condition, compile_rule};
pub use scalar::{output, scalar_name};
pub use source::{
    Feature, Features, FunctionPermissions, NullOperands, Numerics, Settings, UnboundVariables,
};
pub use table::{ColumnInfo, ComputedGrant, SelectPermissionInfo, TableInfo};
pub use types::{
    CallMeaning, ComputedMeaning, EnumMeaning, EnumType, EnumValue, FieldDefinition, FieldMeaning,
    InputMeaning, InputObjectType, InputValueDefinition, InsertMeaning, InsertRelationship,
    InterfaceType, MutationForm, NativeArgumentInfo, NativeMeaning, NativePiece, NativeRowsMeaning,
    NestedMeaning, NodeTable, ObjectType, RelationshipMeaning, RootKind, RowsMeaning, ScalarType,
    TypeDefinition,
};
pub use write::{WritePermissionInfo, WritePermissions};
