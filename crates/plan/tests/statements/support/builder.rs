//! Short ways to write tables, grants, selections and conditions.

use std::sync::Arc;

use graphloom_catalog::{
    Column, Generation, Mutability, PgType, SideEffects, Table, TableKind, TypeKind,
};
use graphloom_ir::*;
use graphloom_vocab::{ColumnName, ErrorPath, GraphqlName, QualifiedTable, SessionVariableName};

/// A type of `pg_catalog`, or `mood`, `slug` or an extension's type of `public`, or `x[]`.
pub(crate) fn ty(name: &str) -> PgType {
    if let Some(element) = name.strip_suffix("[]") {
        return PgType::array_of(ty(element));
    }
    let kind = match name {
        "mood" => TypeKind::Enum,
        "slug" => TypeKind::Domain(Arc::new(ty("text"))),
        "geometry" | "geography" | "raster" | "ltree" | "lquery" | "ltxtquery" => TypeKind::Base,
        _ => return PgType::builtin(name),
    };
    PgType {
        oid: 0,
        schema: "public".into(),
        name: name.into(),
        kind,
    }
}

/// A table of `public` from `"id int4, name text"`.
pub(crate) fn table(name: &str, columns: &[(&str, &str)]) -> Table {
    let column = |(number, (name, of)): (usize, &(&str, &str))| Column {
        name: ColumnName::new(*name),
        number: i16::try_from(number + 1).unwrap(),
        ty: ty(of),
        nullable: true,
        has_default: false,
        generation: Generation::Never,
        comment: None,
    };
    Table {
        oid: 0,
        name: QualifiedTable::new("public", name),
        kind: TableKind::Table,
        comment: None,
        columns: columns.iter().enumerate().map(column).collect(),
        primary_key: None,
        unique_keys: Vec::new(),
        foreign_keys: Vec::new(),
        mutability: Mutability {
            insertable: true,
            updatable: true,
            deletable: true,
        },
        side_effects: SideEffects::default(),
        reading: graphloom_catalog::TableReading::default(),
    }
}

pub(crate) fn author_table() -> Table {
    let columns = [
        ("id", "int4"),
        ("name", "text"),
        ("mood", "mood"),
        ("boss_id", "int4"),
    ];
    table("author", &columns)
}

pub(crate) fn article_table() -> Table {
    let columns = [
        ("id", "int4"),
        ("author_id", "int4"),
        ("title", "text"),
        ("slug", "slug"),
        ("published", "bool"),
        ("views", "int8"),
        ("rating", "numeric"),
        ("tags", "text[]"),
        ("meta", "jsonb"),
        ("raw", "json"),
    ];
    table("article", &columns)
}

pub(crate) fn odd_table() -> Table {
    let columns = [
        ("Id 1", "int4"),
        ("it's", "text"),
        ("t1", "int4"),
        ("row_number", "int4"),
        ("naïve 🦀", "text"),
    ];
    table("odd \"table", &columns)
}

pub(crate) fn author() -> SelectGrant {
    SelectGrant::unrestricted(&author_table())
}

pub(crate) fn article() -> SelectGrant {
    SelectGrant::unrestricted(&article_table())
}

pub(crate) fn passport() -> SelectGrant {
    let columns = [("id", "int4"), ("author_id", "int4"), ("number", "text")];
    SelectGrant::unrestricted(&table("passport", &columns))
}

pub(crate) fn odd() -> SelectGrant {
    SelectGrant::unrestricted(&odd_table())
}

/// All columns of a table under a row filter and limit.
pub(crate) fn permitted(table: &Table, filter: BoolExp, limit: Option<u64>) -> SelectGrant {
    let plain = |column: &Column| ColumnGrant {
        column: column.name.clone(),
        mask: None,
    };
    let columns: Vec<_> = table.columns.iter().map(plain).collect();
    SelectGrant::from_permission(table, &columns, filter, limit, Aggregations::Allowed)
}

/// All columns of a table, one of them masked.
pub(crate) fn masked(table: &Table, masked: &str, mask: BoolExp) -> SelectGrant {
    let mask = Arc::new(mask);
    let grant = |column: &Column| ColumnGrant {
        column: column.name.clone(),
        mask: (column.name.as_str() == masked).then(|| mask.clone()),
    };
    let columns: Vec<_> = table.columns.iter().map(grant).collect();
    SelectGrant::from_permission(
        table,
        &columns,
        BoolExp::always(),
        None,
        Aggregations::Allowed,
    )
}

pub(crate) fn granted(grant: &SelectGrant, name: &str) -> GrantedColumn {
    grant.column(&ColumnName::new(name)).unwrap().clone()
}

// Values.

pub(crate) fn literal(of: &str, text: &str) -> TypedValue {
    TypedValue {
        value: Value::Literal(Some(text.into())),
        ty: ty(of),
    }
}

pub(crate) fn null(of: &str) -> TypedValue {
    TypedValue {
        value: Value::Literal(None),
        ty: ty(of),
    }
}

pub(crate) fn int(value: i64) -> TypedValue {
    literal("int4", &value.to_string())
}

pub(crate) fn text(value: &str) -> TypedValue {
    literal("text", value)
}

pub(crate) fn session(of: &str, name: &str) -> TypedValue {
    TypedValue {
        value: Value::Session(SessionVariableName::parse(name).unwrap()),
        ty: ty(of),
    }
}

/// A variable used as a value; `run.rs` knows what it is.
pub(crate) fn variable(of: &str, name: &str) -> TypedValue {
    let input = Input::Variable {
        name: GraphqlName::new(name),
        path: Vec::new(),
    };
    let coercion = Coercion::Scalar {
        ty: ty(of),
        graphql_type: of.into(),
    };
    TypedValue {
        value: Value::Variable(Arc::new(VariableUse {
            input,
            coercion,
            path: ErrorPath::root(),
        })),
        ty: ty(of),
    }
}

// Conditions.

pub(crate) fn is(
    grant: &SelectGrant,
    column: &str,
    operator: Operator,
    value: TypedValue,
) -> BoolExp {
    let operand = Operand::granted(&granted(grant, column));
    BoolExp::column(operand, Comparison::Value(operator, value))
}

pub(crate) fn about(grant: &SelectGrant, column: &str, comparison: Comparison) -> BoolExp {
    BoolExp::column(Operand::granted(&granted(grant, column)), comparison)
}

pub(crate) fn equals_column(
    grant: &SelectGrant,
    column: &str,
    scope: ColumnScope,
    to: &str,
) -> BoolExp {
    let comparison = Comparison::Column {
        operator: Operator::Eq,
        scope,
        column: ColumnName::new(to),
    };
    about(grant, column, comparison)
}

pub(crate) fn join(to: &SelectGrant, ours: &str, theirs: &str) -> Join {
    Join {
        access: to.access(),
        mapping: vec![(ColumnName::new(ours), ColumnName::new(theirs))],
        facts: JoinFacts::default(),
    }
}

pub(crate) fn related(
    to: &SelectGrant,
    (ours, theirs): (&str, &str),
    condition: BoolExp,
) -> BoolExp {
    BoolExp::Related {
        join: join(to, ours, theirs),
        condition: Box::new(condition),
    }
}

// Selections.

pub(crate) fn field(key: &str, value: FieldValue) -> Field {
    Field {
        key: key.into(),
        value,
    }
}

pub(crate) fn typename(of: &str) -> Field {
    field("__typename", FieldValue::Constant(of.into()))
}

pub(crate) fn column(grant: &SelectGrant, name: &str) -> Field {
    column_as(name, grant, name, Output::Json)
}

pub(crate) fn column_as(key: &str, grant: &SelectGrant, name: &str, output: Output) -> Field {
    let select = ColumnSelect {
        column: granted(grant, name),
        json_path: None,
        output,
    };
    field(key, FieldValue::Column(select))
}

pub(crate) fn json_part(key: &str, grant: &SelectGrant, name: &str, path: TypedValue) -> Field {
    let select = ColumnSelect {
        column: granted(grant, name),
        json_path: Some(path),
        output: Output::Json,
    };
    field(key, FieldValue::Column(select))
}

pub(crate) fn columns(grant: &SelectGrant, names: &[&str]) -> Vec<Field> {
    names.iter().map(|name| column(grant, name)).collect()
}

pub(crate) fn select(grant: &SelectGrant, fields: Vec<Field>) -> TableSelect {
    TableSelect {
        access: grant.access(),
        arguments: SelectArguments::default(),
        fields,
    }
}

pub(crate) fn select_with(
    grant: &SelectGrant,
    arguments: SelectArguments,
    fields: Vec<Field>,
) -> TableSelect {
    TableSelect {
        access: grant.access(),
        arguments,
        fields,
    }
}

pub(crate) fn filtered(filter: BoolExp) -> SelectArguments {
    SelectArguments {
        filter: Some(filter),
        ..SelectArguments::default()
    }
}

/// `order_by: {id: asc}`
pub(crate) fn by_id(grant: &SelectGrant) -> SelectArguments {
    SelectArguments {
        order_by: vec![ascending(grant, "id")],
        ..SelectArguments::default()
    }
}

pub(crate) fn ascending(grant: &SelectGrant, column: &str) -> OrderBy {
    order(
        OrderTarget::Column(granted(grant, column)),
        Direction::Ascending,
        Nulls::Last,
    )
}

pub(crate) fn descending(grant: &SelectGrant, column: &str) -> OrderBy {
    order(
        OrderTarget::Column(granted(grant, column)),
        Direction::Descending,
        Nulls::First,
    )
}

pub(crate) fn order(target: OrderTarget, direction: Direction, nulls: Nulls) -> OrderBy {
    OrderBy {
        target,
        direction,
        nulls,
    }
}

pub(crate) fn object(key: &str, join: Join, select: TableSelect) -> Field {
    field(key, FieldValue::Object(join, Box::new(select)))
}

pub(crate) fn array(key: &str, join: Join, select: TableSelect) -> Field {
    field(key, FieldValue::Array(join, Box::new(select)))
}

// Aggregates.

pub(crate) fn aggregate(
    grant: &SelectGrant,
    arguments: SelectArguments,
    fields: Vec<AggregateField>,
) -> AggregateSelect {
    AggregateSelect {
        access: grant.access(),
        arguments,
        fields,
    }
}

pub(crate) fn ops(fields: Vec<(&str, AggregateOp)>) -> AggregateField {
    let field = |(key, value): (&str, AggregateOp)| AggregateOpField {
        key: key.into(),
        value,
    };
    let value = AggregateFieldValue::Aggregate(fields.into_iter().map(field).collect());
    AggregateField {
        key: "aggregate".into(),
        value,
    }
}

pub(crate) fn nodes(fields: Vec<Field>) -> AggregateField {
    AggregateField {
        key: "nodes".into(),
        value: AggregateFieldValue::Nodes(fields),
    }
}

pub(crate) fn count() -> AggregateOp {
    count_of(&[], Distinct::No)
}

pub(crate) fn count_of(columns: &[GrantedColumn], distinct: Distinct) -> AggregateOp {
    AggregateOp::Count {
        columns: columns.to_vec(),
        distinct,
    }
}

pub(crate) fn over(
    function: AggregateFunction,
    columns: &[(&GrantedColumn, Output)],
) -> AggregateOp {
    let field = |(column, output): &(&GrantedColumn, Output)| AggregatedField {
        key: column.name().as_str().into(),
        value: AggregatedValue::Column((*column).clone(), *output),
    };
    AggregateOp::Columns(function, columns.iter().map(field).collect())
}
