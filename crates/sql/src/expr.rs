//! Value expressions (Postgres manual, section 4.2), as far as the engine emits them.

use std::sync::Arc;

use crate::{Alias, Function, Name, OrderBy, ParameterId, Select, TypeName};

/// A value expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// `t0."id"`
    Column(Alias, Name),
    /// `t0.*`: the whole row, as an argument of a function.
    Row(Alias),
    /// `EXCLUDED."id"`: the row that was not inserted because of a conflict.
    Excluded(Name),
    /// `$1`
    Parameter(ParameterId),
    /// A constant of the engine's own; users' values are parameters.
    Literal(Literal),
    /// `e::int4`
    Cast(Box<Expr>, TypeName),
    /// `(e)[1]`: an element of an array, from 1.
    Element(Box<Expr>, usize),
    /// `f(a, b)`
    Call(Function, Vec<Expr>),
    /// `"name" => a`, as an argument of a function.
    Named(Name, Box<Expr>),
    /// `count(DISTINCT a) FILTER (WHERE b)`
    Aggregate(Box<AggregateCall>),
    /// `row_number() OVER (ORDER BY a)`
    Window(Box<WindowCall>),
    /// `a = b`
    Binary(Box<Expr>, BinaryOperator, Box<Expr>),
    /// `a = ANY (b)`, `a <> ALL (b)`: the elements of an array, or the rows of a subselect.
    Quantified(Box<Expr>, BinaryOperator, Quantifier, Box<Expr>),
    /// `a AND b …`; of none: `true`.
    And(Vec<Expr>),
    /// `a OR b …`; of none: `false`.
    Or(Vec<Expr>),
    /// `NOT a`
    Not(Box<Expr>),
    /// `a IS NULL`
    IsNull(Box<Expr>),
    /// `a IS NOT NULL`
    IsNotNull(Box<Expr>),
    /// `CASE WHEN a THEN b … ELSE c END`
    Case(Vec<CaseBranch>, Option<Box<Expr>>),
    /// `ROW(a, b)`
    RowOf(Vec<Expr>),
    /// `ARRAY[a, b]`
    Array(Vec<Expr>),
    /// `ARRAY(SELECT …)`
    ArrayOf(Box<Select>),
    /// `EXISTS (SELECT …)`
    Exists(Box<Select>),
    /// `(SELECT …)`: one value.
    Subselect(Box<Select>),
}

/// A constant.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `NULL`
    Null,
    /// `true`, `false`
    Boolean(bool),
    /// `42`
    Integer(i64),
    /// `'text'`
    Text(Arc<str>),
}

/// One branch of `CASE`.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseBranch {
    /// `WHEN`
    pub when: Expr,
    /// `THEN`
    pub then: Expr,
}

/// A call of an aggregate function.
#[derive(Clone, Debug, PartialEq)]
pub struct AggregateCall {
    /// The function.
    pub function: Function,
    /// Over what.
    pub arguments: AggregateArguments,
    /// The order the values come in.
    pub order_by: Vec<OrderBy>,
    /// `FILTER (WHERE …)`
    pub filter: Option<Expr>,
}

/// What an aggregate function is over.
#[derive(Clone, Debug, PartialEq)]
pub enum AggregateArguments {
    /// `(*)`
    Star,
    /// `(a, b)`
    All(Vec<Expr>),
    /// `(DISTINCT a, b)`
    Distinct(Vec<Expr>),
}

/// A call of a window function without arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowCall {
    /// The function.
    pub function: Function,
    /// `OVER (PARTITION BY …`
    pub partition_by: Vec<Expr>,
    /// `… ORDER BY …)`
    pub order_by: Vec<OrderBy>,
}

/// Which comparison with the elements of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantifier {
    /// `ANY`
    Any,
    /// `ALL`
    All,
}

macro_rules! operators {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// A binary operator.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum BinaryOperator {
            $($(#[$doc])* #[doc = concat!("`", $text, "`")] $variant,)*
        }

        impl BinaryOperator {
            pub(crate) fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}

operators! {
    Equal = "=",
    NotEqual = "<>",
    Less = "<",
    Greater = ">",
    LessOrEqual = "<=",
    GreaterOrEqual = ">=",
    Like = "LIKE",
    NotLike = "NOT LIKE",
    ILike = "ILIKE",
    NotILike = "NOT ILIKE",
    SimilarTo = "SIMILAR TO",
    NotSimilarTo = "NOT SIMILAR TO",
    Match = "~",
    IMatch = "~*",
    NotMatch = "!~",
    NotIMatch = "!~*",
    Contains = "@>",
    ContainedIn = "<@",
    /// jsonb: has the key; ltree: matches any.
    Question = "?",
    QuestionAny = "?|",
    QuestionAll = "?&",
    /// ltree against ltxtquery.
    At = "@",
    /// The part of a json value at a path.
    HashArrow = "#>",
    /// The element of a json value under a key or index.
    Arrow = "->",
    /// The same as text.
    ArrowText = "->>",
    Concat = "||",
    Plus = "+",
    Minus = "-",
    Times = "*",
    HashMinus = "#-",
}

impl Expr {
    /// A parameter.
    pub fn parameter(id: ParameterId) -> Self {
        Self::Parameter(id)
    }

    /// A string constant.
    pub fn text(text: &str) -> Self {
        Self::Literal(Literal::Text(text.into()))
    }

    /// `NULL`.
    pub fn null() -> Self {
        Self::Literal(Literal::Null)
    }

    /// An integer constant.
    pub fn integer(value: i64) -> Self {
        Self::Literal(Literal::Integer(value))
    }

    /// `true` or `false`.
    pub fn boolean(value: bool) -> Self {
        Self::Literal(Literal::Boolean(value))
    }

    /// This, cast.
    pub fn cast(self, ty: TypeName) -> Self {
        Self::Cast(Box::new(self), ty)
    }

    /// A call of a function every Postgres has.
    pub fn call(function: &'static str, arguments: Vec<Self>) -> Self {
        Self::Call(Function::Builtin(function), arguments)
    }

    /// `self operator right`
    pub fn binary(self, operator: BinaryOperator, right: Self) -> Self {
        Self::Binary(Box::new(self), operator, Box::new(right))
    }

    /// `self = right`
    pub fn equals(self, right: Self) -> Self {
        self.binary(BinaryOperator::Equal, right)
    }

    /// A scalar subselect.
    pub fn subselect(select: Select) -> Self {
        Self::Subselect(Box::new(select))
    }

    /// `EXISTS (…)`
    pub fn exists(select: Select) -> Self {
        Self::Exists(Box::new(select))
    }

    /// A call of an aggregate every Postgres has, over all values.
    pub fn aggregate(function: &'static str, arguments: AggregateArguments) -> Self {
        Self::Aggregate(Box::new(AggregateCall {
            function: Function::Builtin(function),
            arguments,
            order_by: Vec::new(),
            filter: None,
        }))
    }
}
