//! Aggregates over rows, and the rows themselves.

use graphloom_ir::*;

use crate::support::*;

fn typename_of(name: &str) -> AggregateField {
    AggregateField {
        key: "__typename".into(),
        value: AggregateFieldValue::Typename(name.into()),
    }
}

#[test]
fn every_function() {
    let article = article();
    let (id, views, title) = (
        granted(&article, "id"),
        granted(&article, "views"),
        granted(&article, "title"),
    );
    let mut fields = vec![(
        "__typename",
        AggregateOp::Typename("article_aggregate_fields".into()),
    )];
    fields.push(("count", count()));
    for function in AggregateFunction::OVER_COLUMNS {
        fields.push((function.name(), over(*function, &[(&id, Output::Json)])));
    }
    fields.push((
        "big",
        over(AggregateFunction::Sum, &[(&views, Output::Text)]),
    ));
    fields.push((
        "last",
        over(
            AggregateFunction::Max,
            &[(&title, Output::Json), (&id, Output::Json)],
        ),
    ));
    let query = aggregate(&article, SelectArguments::default(), vec![ops(fields)]);
    check(
        "aggregate_functions",
        &SourceQuery::Aggregate(query),
        r#"{"aggregate":{"__typename":"article_aggregate_fields","count":6,
            "avg":{"id":3.5000000000000000},"max":{"id":6},"min":{"id":1},"stddev":{"id":1.8708286933869707},
            "stddev_pop":{"id":1.7078251276599331},"stddev_samp":{"id":1.8708286933869707},"sum":{"id":21},
            "var_pop":{"id":2.9166666666666667},"var_samp":{"id":3.5000000000000000},"variance":{"id":3.5000000000000000},
            "big":{"views":"9007199254741055"},"last":{"title":"Gamma","id":6}}}"#,
    );
}

#[test]
fn of_no_rows() {
    let article = article();
    let id = granted(&article, "id");
    let arguments = filtered(is(&article, "id", Operator::Lt, int(0)));
    let fields = vec![
        ops(vec![
            ("count", count()),
            ("max", over(AggregateFunction::Max, &[(&id, Output::Json)])),
        ]),
        nodes(columns(&article, &["id"])),
    ];
    check(
        "aggregate_of_none",
        &SourceQuery::Aggregate(aggregate(&article, arguments, fields)),
        r#"{"aggregate":{"count":0,"max":{"id":null}},"nodes":[]}"#,
    );
}

#[test]
fn counts() {
    let article = article();
    let (author, published, rating) = (
        granted(&article, "author_id"),
        granted(&article, "published"),
        granted(&article, "rating"),
    );
    let fields = vec![ops(vec![
        (
            "rated",
            count_of(std::slice::from_ref(&rating), Distinct::No),
        ),
        (
            "authors",
            count_of(std::slice::from_ref(&author), Distinct::Yes),
        ),
        (
            "pairs",
            count_of(&[author.clone(), published.clone()], Distinct::Yes),
        ),
        ("rows", count_of(&[author, rating], Distinct::No)),
    ])];
    check(
        "aggregate_counts",
        &SourceQuery::Aggregate(aggregate(&article, SelectArguments::default(), fields)),
        r#"{"aggregate":{"rated":4,"authors":3,"pairs":5,"rows":6}}"#,
    );
}

#[test]
fn windows_decide_what_is_aggregated() {
    let article = article();
    let views = granted(&article, "id");
    let arguments = SelectArguments {
        order_by: vec![descending(&article, "id")],
        limit: Some(int(2)),
        offset: Some(int(1)),
        ..SelectArguments::default()
    };
    let sums = || {
        ops(vec![
            ("count", count()),
            (
                "sum",
                over(AggregateFunction::Sum, &[(&views, Output::Json)]),
            ),
        ])
    };
    check(
        "aggregate_window",
        &SourceQuery::Aggregate(aggregate(&article, arguments.clone(), vec![sums()])),
        r#"{"aggregate":{"count":2,"sum":{"id":9}}}"#,
    );
    let fields = vec![sums(), nodes(columns(&article, &["id"]))];
    check(
        "aggregate_window_nodes",
        &SourceQuery::Aggregate(aggregate(&article, arguments, fields)),
        r#"{"aggregate":{"count":2,"sum":{"id":9}},"nodes":[{"id":5},{"id":4}]}"#,
    );
    let distinct = SelectArguments {
        distinct_on: vec![granted(&article, "author_id")],
        order_by: vec![ascending(&article, "author_id"), descending(&article, "id")],
        ..SelectArguments::default()
    };
    check(
        "aggregate_distinct_on",
        &SourceQuery::Aggregate(aggregate(&article, distinct, vec![sums()])),
        r#"{"aggregate":{"count":3,"sum":{"id":14}}}"#,
    );
    let only_distinct = SelectArguments {
        distinct_on: vec![granted(&article, "author_id")],
        ..SelectArguments::default()
    };
    let only_count = vec![ops(vec![("count", count())])];
    check(
        "aggregate_distinct_count",
        &SourceQuery::Aggregate(aggregate(&article, only_distinct, only_count)),
        r#"{"aggregate":{"count":3}}"#,
    );
}

#[test]
fn order_is_seen_in_nodes_alone() {
    let (author, article) = (author(), article());
    let arguments = SelectArguments {
        order_by: vec![descending(&article, "id")],
        ..filtered(is(&article, "author_id", Operator::Eq, int(2)))
    };
    let only_count = vec![ops(vec![("count", count())])];
    check(
        "aggregate_unseen_order",
        &SourceQuery::Aggregate(aggregate(&article, arguments.clone(), only_count)),
        r#"{"aggregate":{"count":2}}"#,
    );
    let writer = select(&author, columns(&author, &["name"]));
    let node = vec![
        column(&article, "id"),
        object("author", join(&author, "author_id", "id"), writer),
    ];
    let fields = vec![
        nodes(node),
        ops(vec![("count", count())]),
        typename_of("article_aggregate"),
    ];
    check(
        "aggregate_ordered_nodes",
        &SourceQuery::Aggregate(aggregate(&article, arguments, fields)),
        r#"{"nodes":[{"id":5,"author":{"name":"Bob"}},{"id":4,"author":{"name":"Bob"}}],
            "aggregate":{"count":2},"__typename":"article_aggregate"}"#,
    );
}

#[test]
fn the_row_limit_caps_nodes_alone() {
    let seen = permitted(&article_table(), BoolExp::always(), Some(2));
    let arguments = SelectArguments {
        order_by: vec![descending(&seen, "id")],
        offset: Some(int(1)),
        ..SelectArguments::default()
    };
    let fields = vec![
        ops(vec![("count", count())]),
        nodes(columns(&seen, &["id"])),
    ];
    check(
        "aggregate_limit",
        &SourceQuery::Aggregate(aggregate(&seen, arguments.clone(), fields)),
        r#"{"aggregate":{"count":5},"nodes":[{"id":5},{"id":4}]}"#,
    );
    let no_window = SelectArguments {
        order_by: vec![descending(&seen, "id")],
        ..filtered(is(&seen, "id", Operator::Lt, int(6)))
    };
    let fields = vec![
        ops(vec![("count", count())]),
        nodes(columns(&seen, &["id"])),
    ];
    check(
        "aggregate_limit_apart",
        &SourceQuery::Aggregate(aggregate(&seen, no_window, fields)),
        r#"{"aggregate":{"count":5},"nodes":[{"id":5},{"id":4}]}"#,
    );
    let only_count = vec![ops(vec![("count", count())])];
    check(
        "aggregate_limit_no_nodes",
        &SourceQuery::Aggregate(aggregate(&seen, SelectArguments::default(), only_count)),
        r#"{"aggregate":{"count":6}}"#,
    );
    let only_nodes = vec![typename_of("x"), nodes(columns(&seen, &["id"]))];
    check(
        "aggregate_limit_only_nodes",
        &SourceQuery::Aggregate(aggregate(&seen, arguments, only_nodes)),
        r#"{"__typename":"x","nodes":[{"id":5},{"id":4}]}"#,
    );
}

#[test]
fn a_row_number_column_of_the_table_is_not_ours() {
    let seen = permitted(&odd_table(), BoolExp::always(), Some(1));
    let arguments = SelectArguments {
        limit: Some(int(2)),
        order_by: vec![ascending(&seen, "Id 1")],
        ..SelectArguments::default()
    };
    let fields = vec![
        ops(vec![("count", count())]),
        nodes(columns(&seen, &["row_number", "t1"])),
    ];
    check(
        "aggregate_limit_row_number",
        &SourceQuery::Aggregate(aggregate(&seen, arguments, fields)),
        r#"{"aggregate":{"count":2},"nodes":[{"row_number":8,"t1":7}]}"#,
    );
}

#[test]
fn nothing_aggregated_is_one_object_all_the_same() {
    let article = article();
    let constant = AggregateOp::Typename("article_aggregate_fields".into());
    let fields = vec![
        typename_of("article_aggregate"),
        ops(vec![("__typename", constant.clone())]),
    ];
    check(
        "aggregate_typenames",
        &SourceQuery::Aggregate(aggregate(&article, SelectArguments::default(), fields)),
        r#"{"__typename":"article_aggregate","aggregate":{"__typename":"article_aggregate_fields"}}"#,
    );
    let arguments = filtered(is(&article, "id", Operator::Eq, int(1)));
    let twice = AggregateField {
        key: "again".into(),
        ..nodes(vec![typename("article")])
    };
    let fields = vec![
        ops(vec![("__typename", constant)]),
        nodes(columns(&article, &["id"])),
        twice,
    ];
    check(
        "aggregate_nodes_twice",
        &SourceQuery::Aggregate(aggregate(&article, arguments, fields)),
        r#"{"aggregate":{"__typename":"article_aggregate_fields"},"nodes":[{"id":1}],"again":[{"__typename":"article"}]}"#,
    );
}

#[test]
fn of_a_relationship() {
    let (author, article) = (author(), article());
    let id = granted(&article, "id");
    let inner = aggregate(
        &article,
        filtered(is(
            &article,
            "published",
            Operator::Eq,
            literal("bool", "true"),
        )),
        vec![
            ops(vec![
                ("count", count()),
                ("max", over(AggregateFunction::Max, &[(&id, Output::Json)])),
            ]),
            nodes(columns(&article, &["title"])),
        ],
    );
    let of_articles = FieldValue::Aggregate(join(&article, "id", "author_id"), Box::new(inner));
    let fields = vec![
        column(&author, "id"),
        field("articles_aggregate", of_articles),
    ];
    check(
        "aggregate_relationship",
        &SourceQuery::List(select_with(&author, by_id(&author), fields)),
        r#"[{"id":1,"articles_aggregate":{"aggregate":{"count":2,"max":{"id":3}},"nodes":[{"title":"Alpha"},{"title":"Gamma"}]}},
            {"id":2,"articles_aggregate":{"aggregate":{"count":1,"max":{"id":4}},"nodes":[{"title":"Delta"}]}},
            {"id":3,"articles_aggregate":{"aggregate":{"count":1,"max":{"id":6}},"nodes":[{"title":"50%_off"}]}},
            {"id":4,"articles_aggregate":{"aggregate":{"count":0,"max":{"id":null}},"nodes":[]}}]"#,
    );
}

#[test]
fn inside_the_nodes_of_another() {
    let (author, article) = (author(), article());
    let inner = aggregate(
        &article,
        SelectArguments::default(),
        vec![ops(vec![("count", count())])],
    );
    let of_articles = FieldValue::Aggregate(join(&article, "id", "author_id"), Box::new(inner));
    let fields = vec![
        ops(vec![("count", count())]),
        nodes(vec![field("n", of_articles)]),
    ];
    let arguments = filtered(is(&author, "id", Operator::Lte, int(2)));
    check(
        "aggregate_in_nodes",
        &SourceQuery::Aggregate(aggregate(&author, arguments, fields)),
        r#"{"aggregate":{"count":2},"nodes":[{"n":{"aggregate":{"count":3}}},{"n":{"aggregate":{"count":2}}}]}"#,
    );
}

#[test]
fn more_fields_than_a_function_takes_arguments() {
    let article = article();
    let keys: Vec<String> = (0..60).map(|n| format!("count{n}")).collect();
    let fields = vec![ops(keys
        .iter()
        .map(|key| (key.as_str(), count()))
        .collect())];
    let expected: Vec<String> = keys.iter().map(|key| format!(r#""{key}":6"#)).collect();
    check(
        "aggregate_60",
        &SourceQuery::Aggregate(aggregate(&article, SelectArguments::default(), fields)),
        &format!(r#"{{"aggregate":{{{}}}}}"#, expected.join(",")),
    );
}
