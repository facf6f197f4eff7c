//! Postgres types as the rest of the engine needs to tell them apart.

use std::sync::Arc;

/// A Postgres type by its catalog name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PgType {
    /// `pg_type.oid`; 0 where a type was named without a catalog (tests).
    pub oid: u32,
    /// `pg_namespace.nspname`, such as `pg_catalog`.
    pub schema: Arc<str>,
    /// `pg_type.typname`, such as `int4`, `_text`, `citext`.
    pub name: Arc<str>,
    /// What it is made of.
    pub kind: TypeKind,
}

/// What a type is made of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TypeKind {
    /// A base or range type.
    Base,
    /// `CREATE TYPE … AS ENUM`.
    Enum,
    /// `CREATE TYPE … AS (…)`, or a table's row type.
    Composite,
    /// A domain, with the type it is based on.
    Domain(Arc<PgType>),
    /// An array, with its element type.
    Array(Arc<PgType>),
    /// `anyelement`, `record`, `void`, `trigger` and relatives.
    Pseudo,
}

/// The base types that behave in a way of their own; every other type is `Other`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScalarKind {
    /// `int2`
    SmallInt,
    /// `int4`
    Integer,
    /// `int8`
    BigInt,
    /// `float4`
    Real,
    /// `float8`
    Double,
    /// `numeric`
    Numeric,
    /// `money`
    Money,
    /// `bool`
    Boolean,
    /// `bpchar`
    Char,
    /// `varchar`
    Varchar,
    /// `text`
    Text,
    /// `citext`
    CiText,
    /// `date`
    Date,
    /// `timestamp`
    Timestamp,
    /// `timestamptz`
    Timestamptz,
    /// `time`
    Time,
    /// `timetz`
    Timetz,
    /// `json`
    Json,
    /// `jsonb`
    Jsonb,
    /// `uuid`
    Uuid,
    /// `geometry`
    Geometry,
    /// `geography`
    Geography,
    /// `raster`
    Raster,
    /// `ltree`
    Ltree,
    /// `lquery`
    Lquery,
    /// `ltxtquery`
    Ltxtquery,
    /// Anything else.
    Other,
}

impl PgType {
    /// A type of `pg_catalog` by name, without its oid.
    pub fn builtin(name: &str) -> Self {
        Self {
            oid: 0,
            schema: "pg_catalog".into(),
            name: name.into(),
            kind: TypeKind::Base,
        }
    }

    /// An array of this type, without its oid (`_name` in the same schema).
    pub fn array_of(element: Self) -> Self {
        Self {
            oid: 0,
            schema: element.schema.clone(),
            name: format!("_{}", element.name).into(),
            kind: TypeKind::Array(Arc::new(element)),
        }
    }

    /// The type of a parameter that holds a list of values of this type: its array, or `text[]` with an
    /// array's literal in each place if it is an array itself, for Postgres has no arrays of arrays.
    pub fn list_of(element: Self) -> Self {
        match element.is_array() {
            true => Self::array_of(Self::builtin("text")),
            false => Self::array_of(element),
        }
    }

    /// Whether Postgres has no array of this type because it is one, also where it is taken for a scalar: then its name
    /// tells.
    pub fn is_array(&self) -> bool {
        let base = self.base();
        match base.kind {
            TypeKind::Array(_) => true,
            TypeKind::Base => base.name.starts_with('_'),
            _ => false,
        }
    }

    /// The type below all domains.
    pub fn base(&self) -> &Self {
        match &self.kind {
            TypeKind::Domain(base) => base.base(),
            _ => self,
        }
    }

    /// The element type, if this is an array (or a domain over one).
    pub fn element(&self) -> Option<&Self> {
        match &self.base().kind {
            TypeKind::Array(element) => Some(element),
            _ => None,
        }
    }

    /// Which of the types with a behaviour of their own this is, domains looked through.
    pub fn scalar_kind(&self) -> ScalarKind {
        let base = self.base();
        if !matches!(base.kind, TypeKind::Base) {
            return ScalarKind::Other;
        }
        match &*base.name {
            "int2" => ScalarKind::SmallInt,
            "int4" => ScalarKind::Integer,
            "int8" => ScalarKind::BigInt,
            "float4" => ScalarKind::Real,
            "float8" => ScalarKind::Double,
            "numeric" => ScalarKind::Numeric,
            "money" => ScalarKind::Money,
            "bool" => ScalarKind::Boolean,
            "bpchar" => ScalarKind::Char,
            "varchar" => ScalarKind::Varchar,
            "text" => ScalarKind::Text,
            "citext" => ScalarKind::CiText,
            "date" => ScalarKind::Date,
            "timestamp" => ScalarKind::Timestamp,
            "timestamptz" => ScalarKind::Timestamptz,
            "time" => ScalarKind::Time,
            "timetz" => ScalarKind::Timetz,
            "json" => ScalarKind::Json,
            "jsonb" => ScalarKind::Jsonb,
            "uuid" => ScalarKind::Uuid,
            "geometry" => ScalarKind::Geometry,
            "geography" => ScalarKind::Geography,
            "raster" => ScalarKind::Raster,
            "ltree" => ScalarKind::Ltree,
            "lquery" => ScalarKind::Lquery,
            "ltxtquery" => ScalarKind::Ltxtquery,
            _ => ScalarKind::Other,
        }
    }
}

impl ScalarKind {
    /// Whether `sum`, `avg`, `_inc` and relatives apply.
    pub fn is_numeric(self) -> bool {
        use ScalarKind as K;
        matches!(
            self,
            K::SmallInt | K::Integer | K::BigInt | K::Real | K::Double | K::Numeric | K::Money
        )
    }

    /// Whether `LIKE` and relatives apply.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Varchar | Self::Text | Self::CiText | Self::Char)
    }
}
