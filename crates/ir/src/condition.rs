//! Conditions on rows: permission rules and users' `where` alike.

use std::sync::Arc;

use graphloom_catalog::PgType;
use graphloom_vocab::ColumnName;

use crate::{
    DependOn, Distinct, FunctionCall, GrantedCall, GrantedColumn, Join, TableAccess, TypedValue,
};

/// A condition on a row.
#[derive(Clone, Debug, PartialEq)]
pub enum BoolExp {
    /// All of them; of none: true.
    And(Vec<BoolExp>),
    /// Any of them; of none: false.
    Or(Vec<BoolExp>),
    /// Its negation (SQL's: null stays null).
    Not(Box<BoolExp>),
    /// About one column.
    Column(Box<ColumnCondition>),
    /// Some related row that its access lets through satisfies the condition.
    Related {
        /// The other table and how its rows match.
        join: Join,
        /// About the related row.
        condition: Box<BoolExp>,
    },
    /// An aggregate over related rows satisfies all its tests.
    Aggregate(Box<AggregatePredicate>),
    /// Some row of a table, related or not, satisfies the condition (`_exists`).
    Exists {
        /// The table.
        access: TableAccess,
        /// What its rows depend on.
        depend_on: DependOn,
        /// About that row.
        condition: Box<BoolExp>,
    },
}

/// A condition about an aggregate over related rows.
#[derive(Clone, Debug, PartialEq)]
pub struct AggregatePredicate {
    /// The other table and how its rows match.
    pub join: Join,
    /// Which of them count.
    pub filter: Option<BoolExp>,
    /// The aggregate, by its name in Postgres: `count`, `bool_and`, `corr`, ….
    pub function: &'static str,
    /// Its arguments; none: `count(*)`.
    pub arguments: Vec<GrantedColumn>,
    /// Whether equal ones count once.
    pub distinct: Distinct,
    /// The aggregate's type.
    pub ty: PgType,
    /// All must hold of the aggregate.
    pub tests: Vec<Comparison>,
}

/// A condition about one column.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnCondition {
    /// The left side.
    pub operand: Operand,
    /// What about it.
    pub comparison: Comparison,
}

impl BoolExp {
    /// About one column.
    pub fn column(operand: Operand, comparison: Comparison) -> Self {
        Self::Column(Box::new(ColumnCondition {
            operand,
            comparison,
        }))
    }

    /// True for every row.
    pub fn always() -> Self {
        Self::And(Vec::new())
    }

    /// Whether it looks at nothing but columns of the row itself.
    pub fn is_about_row_only(&self) -> bool {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().all(Self::is_about_row_only),
            Self::Not(inner) => inner.is_about_row_only(),
            Self::Column(column) => matches!(column.operand.value(), OperandValue::Column(_)),
            Self::Related { .. } | Self::Aggregate(_) | Self::Exists { .. } => false,
        }
    }

    /// Whether it depends on nothing but what is stored, apart from functions that it may call.
    pub fn is_about_stored_rows(&self) -> bool {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().all(Self::is_about_stored_rows),
            Self::Not(inner) => inner.is_about_stored_rows(),
            Self::Column(column) => {
                let mask = column.operand.mask();
                mask.is_none_or(|mask| mask.is_about_stored_rows())
            }
            Self::Related { join, condition } => {
                join.is_of_stored_rows() && condition.is_about_stored_rows()
            }
            Self::Aggregate(aggregate) => {
                let filter = aggregate.filter.as_ref();
                aggregate.join.is_of_stored_rows() && filter.is_none_or(Self::is_about_stored_rows)
            }
            Self::Exists {
                access,
                depend_on,
                condition,
            } => {
                *depend_on == DependOn::Storage
                    && access.filter().is_about_stored_rows()
                    && condition.is_about_stored_rows()
            }
        }
    }

    /// Whether both say the same, whatever order the parts of `_and` and `_or` are written in.
    pub fn is_equivalent(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::And(ours), Self::And(theirs)) | (Self::Or(ours), Self::Or(theirs)) => {
                let covers = |these: &[Self], those: &[Self]| {
                    let mut these = these.iter();
                    these.all(|part| those.iter().any(|other| part.is_equivalent(other)))
                };
                covers(ours, theirs) && covers(theirs, ours)
            }
            (Self::Not(ours), Self::Not(theirs)) => ours.is_equivalent(theirs),
            (
                Self::Related { join, condition },
                Self::Related {
                    join: other_join,
                    condition: other_condition,
                },
            ) => join == other_join && condition.is_equivalent(other_condition),
            (
                Self::Exists {
                    access, condition, ..
                },
                Self::Exists {
                    access: other_access,
                    condition: other_condition,
                    ..
                },
            ) => access == other_access && condition.is_equivalent(other_condition),
            _ => self == other,
        }
    }

    /// Whether it is trivially true.
    pub fn is_always(&self) -> bool {
        matches!(self, Self::And(parts) if parts.iter().all(Self::is_always))
    }
}

/// What the left side of a comparison is.
#[derive(Clone, Debug, PartialEq)]
pub enum OperandValue {
    /// A column of the row.
    Column(ColumnName),
    /// A computed field of the row.
    Computed(Arc<FunctionCall>),
}

/// The left side of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Operand {
    value: OperandValue,
    ty: PgType,
    mask: Option<Arc<BoolExp>>,
    /// Compare after a cast to this type (`_cast`).
    pub cast: Option<PgType>,
}

impl Operand {
    /// A column the role may see; its mask comes along.
    pub fn granted(column: &GrantedColumn) -> Self {
        Self {
            value: OperandValue::Column(column.name().clone()),
            ty: column.ty().clone(),
            mask: column.mask().cloned(),
            cast: None,
        }
    }

    /// A computed field; its mask comes along.
    pub fn computed(field: &GrantedCall) -> Self {
        Self {
            value: OperandValue::Computed(field.call.clone()),
            ty: field.ty.clone(),
            mask: field.mask.clone(),
            cast: None,
        }
    }

    /// A column as a permission rule sees it: any of the table's.
    pub fn in_rule(column: &graphloom_catalog::Column) -> Self {
        Self {
            value: OperandValue::Column(column.name.clone()),
            ty: column.ty.clone(),
            mask: None,
            cast: None,
        }
    }

    /// The same column, compared after a cast.
    pub fn cast_to(&self, ty: PgType) -> Self {
        Self {
            cast: Some(ty),
            ..self.clone()
        }
    }

    /// The column or computed field.
    pub fn value(&self) -> &OperandValue {
        &self.value
    }

    /// The value's own type, before any cast.
    pub fn ty(&self) -> &PgType {
        &self.ty
    }

    /// The condition under which its value may be seen.
    pub fn mask(&self) -> Option<&Arc<BoolExp>> {
        self.mask.as_ref()
    }
}

/// What is asked about the left side.
#[derive(Clone, Debug, PartialEq)]
pub enum Comparison {
    /// `_is_null`.
    IsNull(Nullness),
    /// An operator and its operand; for `In` and `Nin` and the `…Any` operators an array.
    Value(Operator, TypedValue),
    /// Another column (`_ceq` and relatives; rules only).
    Column {
        /// One of the six order operators.
        operator: Operator,
        /// The row the other column is of.
        scope: ColumnScope,
        /// The other column.
        column: ColumnName,
    },
    /// `_st_d_within`, `_st_3d_d_within`.
    DWithin {
        /// Which of the two.
        operator: Operator,
        /// In the units of the type (geography: metres).
        distance: TypedValue,
        /// The other shape.
        from: TypedValue,
        /// Geography only.
        use_spheroid: Option<TypedValue>,
    },
    /// `_st_intersects_nband_geom` (band first) and `_st_intersects_geom_nband` (shape first).
    RasterBand {
        /// Which of the two.
        operator: Operator,
        /// Band number; only the second form may leave it out.
        nband: Option<TypedValue>,
        /// The shape.
        geommin: TypedValue,
    },
}

/// Which way `_is_null` asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nullness {
    /// `IS NULL`.
    Null,
    /// `IS NOT NULL`.
    NotNull,
}

/// Which row a compared column is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnScope {
    /// The row the condition is about.
    Current,
    /// The row of the table the whole permission rule is about.
    Root,
}

macro_rules! operators {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// A comparison operator; the text is its GraphQL name in the default naming convention.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Operator {
            $($(#[$doc])* #[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl Operator {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The GraphQL name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

operators! {
    Eq = "_eq",
    Neq = "_neq",
    Gt = "_gt",
    Lt = "_lt",
    Gte = "_gte",
    Lte = "_lte",
    In = "_in",
    Nin = "_nin",
    Like = "_like",
    Nlike = "_nlike",
    Ilike = "_ilike",
    Nilike = "_nilike",
    Similar = "_similar",
    Nsimilar = "_nsimilar",
    Regex = "_regex",
    Iregex = "_iregex",
    Nregex = "_nregex",
    Niregex = "_niregex",
    Contains = "_contains",
    ContainedIn = "_contained_in",
    HasKey = "_has_key",
    HasKeysAny = "_has_keys_any",
    HasKeysAll = "_has_keys_all",
    StContains = "_st_contains",
    StCrosses = "_st_crosses",
    StEquals = "_st_equals",
    StIntersects = "_st_intersects",
    St3dIntersects = "_st_3d_intersects",
    StOverlaps = "_st_overlaps",
    StTouches = "_st_touches",
    StWithin = "_st_within",
    StDWithin = "_st_d_within",
    St3dDWithin = "_st_3d_d_within",
    StIntersectsRast = "_st_intersects_rast",
    StIntersectsNbandGeom = "_st_intersects_nband_geom",
    StIntersectsGeomNband = "_st_intersects_geom_nband",
    Ancestor = "_ancestor",
    AncestorAny = "_ancestor_any",
    Descendant = "_descendant",
    DescendantAny = "_descendant_any",
    Matches = "_matches",
    MatchesAny = "_matches_any",
    MatchesFulltext = "_matches_fulltext",
}
