//! What the printer writes, on small trees.

use super::*;
use crate::{BinaryOperator, Insert, InsertValue};

fn line(select: Select) -> String {
    print(&Statement::Select(select), Layout::Line).text
}

fn column(alias: u32, name: &str) -> Expr {
    Expr::Column(Alias::new(alias), Name::new(name))
}

fn parameter(index: u32) -> Expr {
    Expr::Parameter(ParameterId::new(index))
}

#[test]
fn parameters_are_numbered_by_appearance_and_shared() {
    let parts = vec![parameter(7), parameter(3), parameter(7)];
    let select = Select::of(Expr::RowOf(parts));
    let text = print(&Statement::Select(select), Layout::Line);
    assert_eq!(text.text(), "SELECT ROW($1, $2, $1)");
    assert_eq!(
        text.parameters(),
        [ParameterId::new(7), ParameterId::new(3)]
    );
}

#[test]
fn what_is_shown_has_values_in_place() {
    let parts = vec![
        parameter(1).cast(TypeName::Builtin("text")),
        parameter(0),
        parameter(2),
    ];
    let select = Select::of(Expr::RowOf(parts));
    let values = [None, Some("it's \\ $2".to_owned())];
    let shown = show(&Statement::Select(select.clone()), &values);
    assert_eq!(shown, r"SELECT ROW(E'it''s \\ $2'::text, NULL, NULL)");
    let explain = print(&Statement::Explain(Box::new(select)), Layout::Line);
    assert_eq!(
        explain.text(),
        "EXPLAIN (FORMAT TEXT) SELECT ROW($1::text, $2, $3)"
    );
}

#[test]
fn operands_are_put_in_parentheses() {
    let sum = column(0, "a").binary(BinaryOperator::Plus, Expr::integer(-1));
    let both = Expr::And(vec![
        sum.clone().cast(TypeName::Builtin("int8")).equals(sum),
        Expr::Or(vec![Expr::boolean(true)]),
        Expr::Or(vec![column(0, "b"), Expr::Not(Box::new(column(0, "c")))]),
    ]);
    assert_eq!(
        line(Select::of(both)),
        r#"SELECT ((t0."a" + (-1))::int8 = (t0."a" + (-1))) AND true AND (t0."b" OR (NOT t0."c"))"#
    );
}

#[test]
fn default_null_order_is_not_printed() {
    let key = |direction, nulls| OrderBy {
        expression: column(0, "a"),
        direction,
        nulls,
    };
    let select = Select {
        order_by: vec![
            key(Direction::Ascending, Nulls::Last),
            key(Direction::Ascending, Nulls::First),
            key(Direction::Descending, Nulls::First),
            key(Direction::Descending, Nulls::Last),
        ],
        ..Select::of(Expr::null())
    };
    assert_eq!(
        line(select),
        r#"SELECT NULL ORDER BY t0."a", t0."a" NULLS FIRST, t0."a" DESC, t0."a" DESC NULLS LAST"#
    );
}

#[test]
fn every_clause_has_its_place() {
    let table = FromItem::Table {
        schema: Name::new("public"),
        table: Name::new("a\"b"),
        alias: Alias::new(0),
    };
    let values = FromItem::Values {
        rows: vec![vec![Expr::integer(1), Expr::text("x")]],
        alias: Alias::new(1),
        columns: vec![Name::new("i"), Name::new("k")],
    };
    let join = FromItem::Join(Box::new(Join {
        left: table,
        kind: JoinKind::Left,
        right: values,
        condition: column(0, "i").equals(column(1, "i")),
    }));
    let select = Select {
        with: vec![CommonTable {
            alias: Alias::new(9),
            statement: Statement::Select(Select::of(Expr::integer(1))),
        }],
        distinct_on: vec![column(0, "i")],
        filter: Some(Expr::IsNull(Box::new(column(0, "z")))),
        group_by: vec![column(0, "i")],
        having: Some(Expr::boolean(true)),
        order_by: vec![],
        limit: Some(Expr::integer(5)),
        offset: Some(parameter(0).cast(TypeName::Builtin("int8"))),
        ..Select::of(Expr::exists(Select::of(Expr::integer(1)))).from(join)
    };
    assert_eq!(
        line(select.clone()),
        "WITH t9 AS (SELECT 1) SELECT DISTINCT ON (t0.\"i\") EXISTS (SELECT 1) \
         FROM \"public\".\"a\"\"b\" t0 LEFT JOIN (VALUES (1, 'x')) t1(\"i\", \"k\") \
         ON t0.\"i\" = t1.\"i\" WHERE t0.\"z\" IS NULL GROUP BY t0.\"i\" HAVING true \
         LIMIT 5 OFFSET $1::int8"
    );
    let indented = print(&Statement::Select(select), Layout::Indented);
    assert!(
        indented
            .text()
            .contains("\nWHERE t0.\"z\" IS NULL\nGROUP BY")
    );
}

#[test]
fn distinct_rows_of_nothing_have_a_column() {
    let table = FromItem::Table {
        schema: Name::new("public"),
        table: Name::new("a"),
        alias: Alias::new(0),
    };
    let select = Select {
        distinct_on: vec![column(0, "i")],
        ..Select::default().from(table)
    };
    let expected = "SELECT DISTINCT ON (t0.\"i\") 1 FROM \"public\".\"a\" t0";
    assert_eq!(line(select), expected);
}

#[test]
fn aggregates_and_windows() {
    let call = AggregateCall {
        function: Function::Builtin("json_agg"),
        arguments: AggregateArguments::Distinct(vec![column(0, "a")]),
        order_by: vec![OrderBy {
            expression: column(0, "a"),
            direction: Direction::Ascending,
            nulls: Nulls::Last,
        }],
        filter: Some(column(0, "b")),
    };
    let window = WindowCall {
        function: Function::Builtin("row_number"),
        partition_by: vec![column(0, "a")],
        order_by: vec![],
    };
    let parts = vec![
        Expr::Aggregate(Box::new(call)),
        Expr::Window(Box::new(window)),
        Expr::aggregate("count", AggregateArguments::Star),
    ];
    assert_eq!(
        line(Select::of(Expr::Array(parts))),
        "SELECT ARRAY[json_agg(DISTINCT t0.\"a\" ORDER BY t0.\"a\") FILTER (WHERE t0.\"b\"), \
         row_number() OVER (PARTITION BY t0.\"a\"), count(*)]"
    );
}

#[test]
fn rows_are_inserted() {
    let insert = |columns: &[&str], rows| Insert {
        schema: Name::new("public"),
        table: Name::new("user"),
        alias: Alias::new(0),
        columns: columns.iter().map(|name| Name::new(*name)).collect(),
        rows: crate::InsertRows::Values(rows),
        conflict: None,
        returning: vec![Target::unnamed(column(0, "id"))],
    };
    let given = InsertValue::Given(parameter(0).cast(TypeName::Builtin("int4")));
    let rows = vec![vec![given], vec![InsertValue::Default]];
    let with = Select {
        with: vec![CommonTable {
            alias: Alias::new(1),
            statement: Statement::Insert(insert(&["n"], rows)),
        }],
        ..Select::of(Expr::integer(1))
    };
    assert_eq!(
        line(with),
        r#"WITH t1 AS (INSERT INTO "public"."user" AS t0 ("n") VALUES ($1::int4), (DEFAULT) RETURNING t0."id") SELECT 1"#
    );
    let empty = Statement::Insert(insert(&[], vec![Vec::new()]));
    assert_eq!(
        print(&empty, Layout::Line).text,
        r#"INSERT INTO "public"."user" AS t0 DEFAULT VALUES RETURNING t0."id""#
    );
}

#[test]
fn a_statement_says_whether_it_may_have_effects() {
    let effects = |expr| print(&Statement::Select(Select::of(expr)), Layout::Line).effects();
    let function = Function::Qualified {
        schema: Name::new("public"),
        name: Name::new("f"),
    };
    assert_eq!(effects(column(0, "a")), Effects::None);
    let own = Expr::call("coalesce", vec![column(0, "a")]);
    assert_eq!(effects(own), Effects::None);
    assert_eq!(
        effects(Expr::Call(function.clone(), Vec::new())),
        Effects::Possible
    );
    let native = Select::of(Expr::integer(1)).from(FromItem::Native {
        parts: vec![NativePart::Text("SELECT 1".into())],
        alias: Alias::new(0),
    });
    let native = print(&Statement::Select(native), Layout::Line);
    assert_eq!(native.effects(), Effects::Possible);
    let delete = |filter| {
        let delete = Statement::Delete(crate::Delete {
            schema: Name::new("public"),
            table: Name::new("user"),
            alias: Alias::new(0),
            filter,
            returning: Vec::new(),
        });
        print(&delete, Layout::Line).effects()
    };
    assert_eq!(delete(None), Effects::Writes);
    let calls = Expr::Call(function, Vec::new());
    assert_eq!(delete(Some(calls)), Effects::Possible);
}
