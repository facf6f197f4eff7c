//! Conditions on rows: permission rules, masks and users' `where`.
//!
//! Semantics are v2's operator by operator, and SQL's own about null: a comparison with null is neither
//! true nor false. The one exception v2 makes, `_eq: null` and `_neq: null` in a permission rule, is made here
//! too; no other literal null gets this far, and no parameter of a comparison is ever null.

use graphloom_catalog::PgType;
use graphloom_ir::{
    AggregatePredicate, BoolExp, ColumnCondition, ColumnScope, Comparison, Distinct, Nullness,
    Operand, OperandValue, Operator, TypedValue, Value,
};
use graphloom_sql::{
    AggregateArguments, Alias, BinaryOperator, Expr, FromItem, Function, Name, Ordinality,
    Quantifier, Select, TypeName,
};

use crate::call;
use crate::column::{granted, masked, unmasked};
use crate::context::Context;
use crate::grouped;
use crate::rows::{self, Link};
use crate::value::{beside, cast_text, type_name, value};

/// Which rows a condition can speak of.
#[derive(Clone, Copy)]
pub(crate) struct Scope {
    /// The row it is about.
    current: Alias,
    /// The row of the table whose rule it is part of.
    root: Alias,
}

impl Scope {
    /// A rule, mask or `where` of the row's own table.
    pub(crate) fn of(row: Alias) -> Self {
        Self {
            current: row,
            root: row,
        }
    }

    /// The same rule, about a row further away.
    pub(crate) fn at(self, row: Alias) -> Self {
        Self {
            current: row,
            ..self
        }
    }
}

/// A condition as an expression.
pub(crate) fn condition(context: &mut Context, scope: Scope, exp: &BoolExp) -> Expr {
    match exp {
        BoolExp::And(parts) => Expr::And(conjuncts(context, scope, parts)),
        BoolExp::Or(parts) => Expr::Or(
            parts
                .iter()
                .map(|part| condition(context, scope, part))
                .collect(),
        ),
        BoolExp::Not(inner) => Expr::Not(Box::new(condition(context, scope, inner))),
        BoolExp::Column(column) => about_column(context, scope, column),
        BoolExp::Related { join, condition } => {
            let link = Link {
                outer: scope.current,
                mapping: &join.mapping,
            };
            let (row, select) = rows::source(context, &join.access, Some(link));
            exists(context, scope.at(row), select, condition)
        }
        BoolExp::Aggregate(predicate) => aggregate_predicate(context, scope, predicate),
        BoolExp::Exists {
            access, condition, ..
        } => {
            let (row, select) = rows::source(context, access, None);
            exists(context, scope.at(row), select, condition)
        }
    }
}

/// The parts of a conjunction without nesting and without what is trivially true.
pub(crate) fn conjuncts(context: &mut Context, scope: Scope, parts: &[BoolExp]) -> Vec<Expr> {
    let mut conjuncts = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            BoolExp::And(inner) => conjuncts.extend(self::conjuncts(context, scope, inner)),
            part => conjuncts.push(condition(context, scope, part)),
        }
    }
    conjuncts
}

fn exists(context: &mut Context, scope: Scope, mut select: Select, exp: &BoolExp) -> Expr {
    let further = conjuncts(context, scope, std::slice::from_ref(exp));
    rows::restrict(&mut select, further);
    select.targets = Select::of(Expr::integer(1)).targets;
    Expr::exists(select)
}

fn about_column(context: &mut Context, scope: Scope, exp: &ColumnCondition) -> Expr {
    let ColumnCondition {
        operand,
        comparison,
    } = exp;
    let left = left_side(context, scope.current, operand);
    compared(context, scope, (left, compared_type(operand)), comparison)
}

/// `EXISTS (SELECT 1 FROM … HAVING count(*) > $1)`: the aggregate is of one group, all rows that match.
fn aggregate_predicate(
    context: &mut Context,
    scope: Scope,
    predicate: &AggregatePredicate,
) -> Expr {
    let link = Link {
        outer: scope.current,
        mapping: &predicate.join.mapping,
    };
    let (row, mut select) = rows::source(context, &predicate.join.access, Some(link));
    if let Some(filter) = &predicate.filter {
        let further = conjuncts(context, Scope::of(row), std::slice::from_ref(filter));
        rows::restrict(&mut select, further);
    }
    let value = aggregate_value(context, row, predicate);
    let test = |test| compared(context, scope, (value.clone(), &predicate.ty), test);
    select.having = Some(Expr::And(predicate.tests.iter().map(test).collect()));
    select.targets = Select::of(Expr::integer(1)).targets;
    Expr::exists(select)
}

/// `count(t0."a")`
fn aggregate_value(context: &mut Context, row: Alias, predicate: &AggregatePredicate) -> Expr {
    let columns: Vec<_> = predicate
        .arguments
        .iter()
        .map(|column| granted(context, row, column))
        .collect();
    let arguments = match (columns.as_slice(), predicate.distinct) {
        ([], _) => AggregateArguments::Star,
        (_, Distinct::No) if predicate.function == "count" && columns.len() > 1 => {
            AggregateArguments::All(vec![Expr::RowOf(columns)])
        }
        (_, Distinct::Yes) if predicate.function == "count" && columns.len() > 1 => {
            AggregateArguments::Distinct(vec![Expr::RowOf(columns)])
        }
        (_, Distinct::No) => AggregateArguments::All(columns),
        (_, Distinct::Yes) => AggregateArguments::Distinct(columns),
    };
    Expr::aggregate(predicate.function, arguments)
}

/// The parts of a `where` about rows of which no limit keeps any away. If there is nothing but conditions on
/// aggregates, each is joined to `select`, which has its table in `FROM`, where that is better.
pub(crate) fn joined_conjuncts(
    context: &mut Context,
    row: Alias,
    select: &mut Select,
    filter: &BoolExp,
) -> Vec<Expr> {
    let mut predicates = Vec::new();
    if !only_aggregates(filter, &mut predicates) {
        return conjuncts(context, Scope::of(row), std::slice::from_ref(filter));
    }
    let mut conjuncts = Vec::with_capacity(predicates.len());
    for predicate in predicates {
        if !grouped::is_better(select, &predicate.join) {
            conjuncts.push(aggregate_predicate(context, Scope::of(row), predicate));
            continue;
        }
        let groups = (&predicate.join, predicate.filter.as_ref());
        let value = |context: &mut Context, other| aggregate_value(context, other, predicate);
        let value = grouped::join(context, (row, select), groups, predicate.function, value);
        let test = |test| {
            compared(
                context,
                Scope::of(row),
                (value.clone(), &predicate.ty),
                test,
            )
        };
        conjuncts.push(Expr::And(predicate.tests.iter().map(test).collect()));
    }
    conjuncts
}

/// Whether a condition is a conjunction of conditions on aggregates; which they are.
fn only_aggregates<'a>(filter: &'a BoolExp, found: &mut Vec<&'a AggregatePredicate>) -> bool {
    match filter {
        BoolExp::And(parts) => parts.iter().all(|part| only_aggregates(part, found)),
        BoolExp::Aggregate(predicate) => {
            found.push(predicate);
            true
        }
        _ => false,
    }
}

/// What is asked of a value of a type.
pub(crate) fn compared(
    context: &mut Context,
    scope: Scope,
    (left, ty): (Expr, &PgType),
    comparison: &Comparison,
) -> Expr {
    match comparison {
        Comparison::IsNull(Nullness::Null) => Expr::IsNull(Box::new(left)),
        Comparison::IsNull(Nullness::NotNull) => Expr::IsNotNull(Box::new(left)),
        Comparison::Value(operator, right) => compare(context, *operator, (left, ty), right),
        Comparison::Column {
            operator,
            scope: of,
            column,
        } => {
            let row = match of {
                ColumnScope::Current => scope.current,
                ColumnScope::Root => scope.root,
            };
            let right = context.column(row, column);
            apply(*operator, left, right, ty)
        }
        Comparison::DWithin {
            operator,
            distance,
            from,
            use_spheroid,
        } => {
            let mut arguments = vec![left, value(context, from), value(context, distance)];
            arguments.extend(use_spheroid.iter().map(|spheroid| value(context, spheroid)));
            shape_call(*operator, ty, arguments)
        }
        Comparison::RasterBand {
            operator,
            nband,
            geommin,
        } => {
            let shape = value(context, geommin);
            let band = match nband {
                Some(band) => value(context, band),
                None => Expr::null().cast(TypeName::Builtin("int4")),
            };
            let arguments = match operator {
                Operator::StIntersectsNbandGeom => vec![left, band, shape],
                _ => vec![left, shape, band],
            };
            shape_call(*operator, ty, arguments)
        }
    }
}

fn left_side(context: &mut Context, row: Alias, operand: &Operand) -> Expr {
    let value = match operand.value() {
        OperandValue::Column(column) => masked(context, row, column, operand.mask()),
        OperandValue::Computed(computed) => {
            let value = call::scalar(context, row, computed);
            unmasked(context, row, value, operand.mask())
        }
    };
    match &operand.cast {
        None => value,
        Some(ty) => value.cast(type_name(ty)),
    }
}

/// The type a comparison happens in.
fn compared_type(operand: &Operand) -> &PgType {
    operand.cast.as_ref().unwrap_or_else(|| operand.ty())
}

fn compare(
    context: &mut Context,
    operator: Operator,
    (left, ty): (Expr, &PgType),
    right: &TypedValue,
) -> Expr {
    let is_null = matches!(right.value, Value::Literal(None));
    match operator {
        Operator::Eq if is_null => null_or(Expr::IsNull(Box::new(left))),
        Operator::Neq if is_null => null_or(Expr::IsNotNull(Box::new(left))),
        Operator::In if ty.is_array() => {
            let arrays = arrays(context, ty, right);
            quantified(left, BinaryOperator::Equal, Quantifier::Any, arrays)
        }
        Operator::Nin if ty.is_array() => {
            let arrays = arrays(context, ty, right);
            quantified(left, BinaryOperator::NotEqual, Quantifier::All, arrays)
        }
        _ => {
            let right = value(context, right);
            apply(operator, left, right, ty)
        }
    }
}

/// A list of arrays as rows: `(SELECT t1."v"::int4[] FROM unnest($1::text[]) t1("v"))`.
fn arrays(context: &mut Context, ty: &PgType, list: &TypedValue) -> Expr {
    let list = value(context, list);
    let row = context.alias();
    let element = Expr::Column(row, Name::new("v"));
    let select = Select::of(cast_text(ty, element)).from(FromItem::Function {
        function: Function::Builtin("unnest"),
        arguments: vec![list],
        ordinality: Ordinality::Without,
        alias: row,
        columns: vec![Name::new("v")],
    });
    Expr::subselect(select)
}

/// True, or else null rather than false: what `(a = NULL) OR (a IS NULL AND NULL IS NULL)` comes to, which
/// makes a difference under `NOT`.
fn null_or(test: Expr) -> Expr {
    Expr::Or(vec![test, Expr::null().cast(TypeName::Builtin("bool"))])
}

/// An operator applied to both sides.
fn apply(operator: Operator, left: Expr, right: Expr, ty: &PgType) -> Expr {
    use BinaryOperator as B;
    use Operator as O;
    let binary = match operator {
        O::Eq => B::Equal,
        O::Neq => B::NotEqual,
        O::Gt => B::Greater,
        O::Lt => B::Less,
        O::Gte => B::GreaterOrEqual,
        O::Lte => B::LessOrEqual,
        O::In => return quantified(left, B::Equal, Quantifier::Any, right),
        O::Nin => return quantified(left, B::NotEqual, Quantifier::All, right),
        O::Like => B::Like,
        O::Nlike => B::NotLike,
        O::Ilike => B::ILike,
        O::Nilike => B::NotILike,
        O::Similar => B::SimilarTo,
        O::Nsimilar => B::NotSimilarTo,
        O::Regex | O::Matches => B::Match,
        O::Iregex => B::IMatch,
        O::Nregex => B::NotMatch,
        O::Niregex => B::NotIMatch,
        O::Contains | O::Ancestor | O::AncestorAny => B::Contains,
        O::ContainedIn | O::Descendant | O::DescendantAny => B::ContainedIn,
        O::HasKey | O::MatchesAny => B::Question,
        O::HasKeysAny => B::QuestionAny,
        O::HasKeysAll => B::QuestionAll,
        O::MatchesFulltext => B::At,
        O::StContains
        | O::StCrosses
        | O::StEquals
        | O::StIntersects
        | O::St3dIntersects
        | O::StOverlaps
        | O::StTouches
        | O::StWithin
        | O::StDWithin
        | O::St3dDWithin
        | O::StIntersectsRast
        | O::StIntersectsNbandGeom
        | O::StIntersectsGeomNband => return shape_call(operator, ty, vec![left, right]),
    };
    left.binary(binary, right)
}

fn quantified(left: Expr, operator: BinaryOperator, over: Quantifier, array: Expr) -> Expr {
    Expr::Quantified(Box::new(left), operator, over, Box::new(array))
}

/// A function of PostGIS about the left side, from the schema its type lives in.
fn shape_call(operator: Operator, ty: &PgType, arguments: Vec<Expr>) -> Expr {
    use Operator as O;
    let function: &'static str = match operator {
        O::StContains => "st_contains",
        O::StCrosses => "st_crosses",
        O::StEquals => "st_equals",
        O::St3dIntersects => "st_3dintersects",
        O::StOverlaps => "st_overlaps",
        O::StTouches => "st_touches",
        O::StWithin => "st_within",
        O::StDWithin => "st_dwithin",
        O::St3dDWithin => "st_3ddwithin",
        // `_st_intersects` and the three about rasters.
        _ => "st_intersects",
    };
    let function: Function = beside(ty, function);
    Expr::Call(function, arguments)
}
