//! What the server's options say about schemas.

use graphloom_metadata::types::SourceCustomization;

use crate::{Naming, NamingConvention};

/// Options that change generated schemas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `HASURA_GRAPHQL_STRINGIFY_NUMERIC_TYPES`.
    pub numerics: Numerics,
    /// `HASURA_GRAPHQL_DEFAULT_NAMING_CONVENTION`.
    pub naming_convention: NamingConvention,
    /// `HASURA_GRAPHQL_INFER_FUNCTION_PERMISSIONS`.
    pub function_permissions: FunctionPermissions,
    /// `HASURA_GRAPHQL_V1_BOOLEAN_NULL_COLLAPSE`.
    pub null_operands: NullOperands,
    /// `HASURA_GRAPHQL_EXPERIMENTAL_FEATURES`, as far as schemas depend on them.
    pub features: Features,
}

impl Settings {
    /// What variables without a value are.
    pub(crate) fn unbound_variables(self) -> UnboundVariables {
        match self.features.has(Feature::NoNullUnboundVariableDefault) {
            true => UnboundVariables::Absent,
            false => UnboundVariables::Null,
        }
    }

    /// How a source's names are made.
    pub(crate) fn naming(self, customization: &SourceCustomization) -> Naming {
        if self.features.has(Feature::NamingConvention) {
            return Naming::new(customization, self.naming_convention);
        }
        let customization = SourceCustomization {
            naming_convention: None,
            ..customization.clone()
        };
        Naming::new(&customization, NamingConvention::HasuraDefault)
    }
}

/// What a nullable variable is that has neither a value nor a default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnboundVariables {
    /// Null, as v2 has it by default.
    #[default]
    Null,
    /// As if what holds it were not written, as the specification has it.
    Absent,
}

/// What a condition is whose operand is null (`{_eq: null}`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NullOperands {
    /// An error: whoever meant to ask for one row would get all of them.
    #[default]
    Refused,
    /// No condition at all, as the first version of the engine had it.
    Dropped,
}

/// An experimental feature that generated schemas depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// Conditions have no aggregates of array relationships.
    HideAggregationPredicates,
    /// Subscriptions have no streams.
    HideStreamFields,
    /// Mutations have no `update_T_many`.
    HideUpdateManyFields,
    /// Array columns are scalars called as Postgres calls them.
    DisablePostgresArrays,
    /// Aggregates have groups.
    GroupByAggregations,
    /// Groups of aggregates can be filtered, ordered and cut, which v2 does not have.
    GroupByConditions,
    /// Sources choose how names are made; without it all of them use the default convention of v2.
    NamingConvention,
    /// Writes do more than v2's: related rows in updates, expected counts, the first rows in an order.
    ExtendedMutations,
    /// A variable without value and default is as if it were not there, instead of null.
    NoNullUnboundVariableDefault,
}

/// Experimental features that are switched on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features(u16);

impl Feature {
    /// By its name in the option; `None` for those that schemas do not depend on.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "hide_aggregation_predicates" => Self::HideAggregationPredicates,
            "hide_stream_fields" => Self::HideStreamFields,
            "hide_update_many_fields" => Self::HideUpdateManyFields,
            "disable_postgres_arrays" => Self::DisablePostgresArrays,
            "group_by_aggregations" => Self::GroupByAggregations,
            "group_by_conditions" => Self::GroupByConditions,
            "naming_convention" => Self::NamingConvention,
            "extended_mutations" => Self::ExtendedMutations,
            "no_null_unbound_variable_default" => Self::NoNullUnboundVariableDefault,
            _ => return None,
        })
    }

    fn bit(self) -> u16 {
        1 << self as u16
    }
}

impl Features {
    /// Whether a feature is switched on.
    pub fn has(self, feature: Feature) -> bool {
        self.0 & feature.bit() != 0
    }
}

impl FromIterator<Feature> for Features {
    fn from_iter<I: IntoIterator<Item = Feature>>(features: I) -> Self {
        let features = features.into_iter();
        Self(features.fold(0, |bits, feature| bits | feature.bit()))
    }
}

/// Who may call a function that only reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FunctionPermissions {
    /// Every role that may read the table it returns.
    #[default]
    Inferred,
    /// Roles with an explicit permission.
    Explicit,
}

/// How numbers that JavaScript cannot hold are answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Numerics {
    /// As JSON numbers.
    #[default]
    Numbers,
    /// bigint, numeric, float8 and money as JSON strings.
    Strings,
}
