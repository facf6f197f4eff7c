//! What a template consists of.

use graphloom_vocab::Json;

use crate::function::Function;

/// A part of a template, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Expr {
    pub(crate) node: Node,
    /// Bytes of the source.
    pub(crate) span: Span,
}

/// From a byte to the one after the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    /// `null`, a boolean or a number.
    Constant(Json),
    /// `"text {{value}}"`
    Text(Vec<Piece>),
    Array(Vec<Expr>),
    Object(Vec<(String, Expr)>),
    /// `$`, or a name that a loop binds.
    Variable(String),
    /// `of.a?['b'][0]`
    Path {
        of: Box<Expr>,
        steps: Vec<Step>,
    },
    If {
        branches: Vec<(Expr, Expr)>,
        otherwise: Box<Expr>,
    },
    Range {
        index: Option<String>,
        item: String,
        of: Box<Expr>,
        body: Box<Expr>,
    },
    Binary {
        operator: Operator,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    Call {
        function: Function,
        argument: Box<Expr>,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Piece {
    Literal(String),
    Value(Expr),
}

/// One look into an object or an array.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    /// A text for objects, a number for arrays.
    pub(crate) key: Expr,
    pub(crate) need: Need,
}

/// What happens when there is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// It is an error.
    Required,
    /// The whole path is `null`.
    Optional,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    /// `??`
    Default,
}

impl Operator {
    /// All of them; one that begins like another comes before it.
    pub(crate) const SYMBOLS: [(&'static str, Self); 9] = [
        ("||", Self::Or),
        ("&&", Self::And),
        ("==", Self::Equal),
        ("!=", Self::NotEqual),
        ("<=", Self::LessOrEqual),
        (">=", Self::GreaterOrEqual),
        ("<", Self::Less),
        (">", Self::Greater),
        ("??", Self::Default),
    ];

    /// Higher binds tighter.
    pub(crate) fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Equal
            | Self::NotEqual
            | Self::Less
            | Self::LessOrEqual
            | Self::Greater
            | Self::GreaterOrEqual
            | Self::In => 3,
            Self::Default => 4,
        }
    }
}
