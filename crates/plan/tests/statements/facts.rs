//! Shapes that rest on what is known about a relationship, and lists gathered for many rows: each gives what the
//! plain shape gives.

use graphloom_ir::*;

use crate::support::*;

/// What a foreign key on a column that is never null, and the same types, tell.
fn known(sizes: Sizes) -> JoinFacts {
    JoinFacts {
        partners: Partners::One,
        keys: KeyTypes::Same,
        lookup: Lookup::Indexed,
        sizes,
        depend_on: DependOn::default(),
    }
}

fn to_author(author: &SelectGrant, facts: JoinFacts) -> Join {
    Join {
        facts,
        ..join(author, "author_id", "id")
    }
}

fn by(join: &Join, target: OrderTarget) -> OrderBy {
    let target = OrderTarget::Object(join.clone(), Box::new(target));
    order(target, Direction::Descending, Nulls::First)
}

fn listed(order_by: Vec<OrderBy>) -> SourceQuery {
    let article = article();
    let arguments = SelectArguments {
        order_by,
        limit: Some(int(5)),
        ..SelectArguments::default()
    };
    SourceQuery::List(select_with(&article, arguments, columns(&article, &["id"])))
}

#[test]
fn one_row_for_each_is_a_plain_join() {
    let (author, article) = (author(), article());
    for (name, sizes) in [
        ("order_by_one", Sizes::Unknown),
        ("order_led_by_one", Sizes::ManyToFew),
    ] {
        let to_author = to_author(&author, known(sizes));
        let name_of = OrderTarget::Column(granted(&author, "name"));
        let boss = join(&author, "boss_id", "id");
        let boss = OrderTarget::Object(boss, Box::new(name_of.clone()));
        let keys = vec![
            by(&to_author, name_of),
            by(&to_author, boss),
            ascending(&article, "id"),
        ];
        check(
            name,
            &listed(keys),
            r#"[{"id":6},{"id":4},{"id":5},{"id":1},{"id":2}]"#,
        );
    }
}

#[test]
fn a_filter_over_there_leaves_rows_without_partner() {
    let article = article();
    let seen = permitted(
        &author_table(),
        is(&author(), "name", Operator::Neq, text("Ada")),
        None,
    );
    let to_author = to_author(&seen, known(Sizes::ManyToFew));
    let name = OrderTarget::Column(granted(&seen, "name"));
    let keys = vec![by(&to_author, name), ascending(&article, "id")];
    check(
        "order_by_filtered_one",
        &listed(keys),
        r#"[{"id":1},{"id":2},{"id":3},{"id":6},{"id":4}]"#,
    );
}

fn articles(facts: JoinFacts) -> Join {
    Join {
        facts,
        ..join(&article(), "id", "author_id")
    }
}

fn authors(arguments: SelectArguments) -> SourceQuery {
    let author = author();
    SourceQuery::List(select_with(&author, arguments, columns(&author, &["id"])))
}

#[test]
fn all_rows_by_an_aggregate_are_joined_with_groups() {
    let author = author();
    let key = |function, column: Option<&str>, direction, nulls| {
        let column = column.map(|name| granted(&article(), name));
        let target = OrderTarget::Aggregate(articles(known(Sizes::Unknown)), function, column);
        order(target, direction, nulls)
    };
    use {Direction as D, Nulls as N};
    let arguments = SelectArguments {
        order_by: vec![
            key(AggregateFunction::Count, None, D::Ascending, N::Last),
            key(
                AggregateFunction::Max,
                Some("rating"),
                D::Descending,
                N::First,
            ),
            ascending(&author, "id"),
        ],
        limit: Some(int(3)),
        ..SelectArguments::default()
    };
    check(
        "order_by_groups",
        &authors(arguments),
        r#"[{"id":4},{"id":3},{"id":2}]"#,
    );
}

fn counted(test: Comparison, filter: Option<BoolExp>, facts: JoinFacts) -> BoolExp {
    BoolExp::Aggregate(Box::new(AggregatePredicate {
        join: articles(facts),
        filter,
        function: "count",
        arguments: Vec::new(),
        distinct: Distinct::No,
        ty: ty("int8"),
        tests: vec![test],
    }))
}

#[test]
fn a_condition_on_groups_counts_none_as_zero() {
    let (author, article) = (author(), article());
    let published = is(&article, "published", Operator::Eq, literal("bool", "true"));
    let fewer = Comparison::Value(Operator::Lt, literal("int8", "2"));
    let arguments = SelectArguments {
        order_by: vec![ascending(&author, "id")],
        ..filtered(counted(fewer, Some(published), known(Sizes::Unknown)))
    };
    check(
        "where_groups",
        &authors(arguments),
        r#"[{"id":2},{"id":3},{"id":4}]"#,
    );
}

#[test]
fn without_an_index_the_table_is_read_once_whatever_else_is_asked() {
    let author = author();
    let scan = JoinFacts {
        lookup: Lookup::Scan,
        ..known(Sizes::Unknown)
    };
    let target = OrderTarget::Aggregate(articles(scan), AggregateFunction::Count, None);
    let arguments = SelectArguments {
        order_by: vec![order(target, Direction::Descending, Nulls::First)],
        limit: Some(int(1)),
        ..filtered(is(&author, "id", Operator::Gt, int(1)))
    };
    check(
        "order_by_groups_unindexed",
        &authors(arguments),
        r#"[{"id":2}]"#,
    );
}

/// Authors with their articles that have a calm author, in some order and number.
fn gathered(arguments: SelectArguments) -> SourceQuery {
    let (author, article) = (author(), article());
    let calm = is(&author, "mood", Operator::Eq, literal("mood", "calm"));
    let calm = related(&author, ("author_id", "id"), calm);
    let inner = SelectArguments {
        filter: Some(calm),
        ..arguments
    };
    let mut fields = columns(&article, &["id"]);
    let writer = select(&author, columns(&author, &["name"]));
    let writer = FieldValue::Object(join(&author, "author_id", "id"), Box::new(writer));
    fields.push(field("author", writer));
    let list = select_with(&article, inner, fields);
    let mut fields = columns(&author, &["id"]);
    let list = FieldValue::Array(join(&article, "id", "author_id"), Box::new(list));
    fields.push(field("articles", list));
    let arguments = SelectArguments {
        order_by: vec![descending(&author, "id")],
        ..SelectArguments::default()
    };
    SourceQuery::List(select_with(&author, arguments, fields))
}

#[test]
fn lists_of_many_rows_are_read_at_once() {
    let article = article();
    check(
        "gathered",
        &gathered(SelectArguments {
            order_by: vec![descending(&article, "views")],
            limit: Some(int(2)),
            ..SelectArguments::default()
        }),
        r#"[{"id":4,"articles":[]},{"id":3,"articles":[]},{"id":2,"articles":[]},
            {"id":1,"articles":[{"id":2,"author":{"name":"Ada"}},{"id":3,"author":{"name":"Ada"}}]}]"#,
    );
    check(
        "gathered_limit_of_null",
        &gathered(SelectArguments {
            limit: Some(variable("int4", "nothing")),
            ..by_id(&article)
        }),
        r#"[{"id":4,"articles":[]},{"id":3,"articles":[]},{"id":2,"articles":[]},
            {"id":1,"articles":[{"id":1,"author":{"name":"Ada"}},{"id":2,"author":{"name":"Ada"}},
                {"id":3,"author":{"name":"Ada"}}]}]"#,
    );
}

/// Authors who have articles with an author of some mood, by name, with these articles; `further` is asked of the authors.
fn led(arguments: SelectArguments, further: Vec<BoolExp>, keys: KeyTypes) -> SourceQuery {
    let (author, article) = (author(), article());
    let some = || {
        let mood = about(&author, "mood", Comparison::IsNull(Nullness::NotNull));
        related(&author, ("author_id", "id"), mood)
    };
    let inner = SelectArguments {
        filter: Some(some()),
        ..arguments
    };
    let to_articles = Join {
        facts: JoinFacts {
            keys,
            ..JoinFacts::default()
        },
        ..join(&article, "id", "author_id")
    };
    let list = select_with(&article, inner, columns(&article, &["id"]));
    let mut fields = columns(&author, &["name"]);
    fields.push(array("articles", to_articles, list));
    let mut filter = further;
    filter.push(related(&article, ("id", "author_id"), some()));
    let arguments = SelectArguments {
        order_by: vec![descending(&author, "name")],
        ..filtered(BoolExp::And(filter))
    };
    SourceQuery::List(select_with(&author, arguments, fields))
}

#[test]
fn a_list_says_which_rows_there_are() {
    let article = article();
    let by_views = |limit| SelectArguments {
        order_by: vec![descending(&article, "views")],
        limit,
        ..SelectArguments::default()
    };
    check(
        "led",
        &led(by_views(Some(int(2))), Vec::new(), KeyTypes::Same),
        r#"[{"name":"Bob","articles":[{"id":4},{"id":5}]},{"name":"Ada","articles":[{"id":2},{"id":3}]}]"#,
    );
    check(
        "led_no_elements_shown",
        &led(
            by_views(Some(variable("int4", "none"))),
            Vec::new(),
            KeyTypes::Same,
        ),
        r#"[{"name":"Bob","articles":[]},{"name":"Ada","articles":[]}]"#,
    );
}

#[test]
fn a_list_does_not_say_which_rows_there_are_if_more_is_asked_of_them() {
    let (author, article) = (author(), article());
    let calm = is(&author, "mood", Operator::Eq, literal("mood", "calm"));
    check(
        "led_not_filtered",
        &led(by_id(&article), vec![calm], KeyTypes::Same),
        r#"[{"name":"Ada","articles":[{"id":1},{"id":2},{"id":3}]}]"#,
    );
    // No element may be shown, types may differ: the rows have to be found by themselves.
    let none = SelectArguments {
        limit: Some(int(0)),
        ..by_id(&article)
    };
    for (arguments, keys) in [(none.clone(), KeyTypes::Same), (none, KeyTypes::Any)] {
        check_answer(
            &led(arguments, Vec::new(), keys),
            r#"[{"name":"Bob","articles":[]},{"name":"Ada","articles":[]}]"#,
        );
    }
}

#[test]
fn a_columns_name_may_be_that_of_our_number() {
    let odd = odd();
    let some = BoolExp::Exists {
        access: author().access(),
        depend_on: DependOn::default(),
        condition: Box::new(BoolExp::always()),
    };
    let arguments = SelectArguments {
        order_by: vec![descending(&odd, "row_number")],
        ..filtered(some)
    };
    let list = select_with(&odd, arguments, columns(&odd, &["row_number"]));
    let list = FieldValue::Array(join(&odd, "row_number", "row_number"), Box::new(list));
    let mut fields = columns(&odd, &["row_number"]);
    fields.push(field("same", list));
    let arguments = SelectArguments {
        order_by: vec![ascending(&odd, "row_number")],
        ..SelectArguments::default()
    };
    check(
        "gathered_odd",
        &SourceQuery::List(select_with(&odd, arguments, fields)),
        r#"[{"row_number":8,"same":[{"row_number":8}]},{"row_number":null,"same":[]}]"#,
    );
}

/// Articles of authors of a name, with these authors, as a role that does not see all of them.
fn asked_and_shown(facts: JoinFacts) -> SourceQuery {
    let author = permitted(
        &author_table(),
        is(
            &author(),
            "mood",
            Operator::Eq,
            session("text", "x-hasura-mood"),
        ),
        None,
    );
    let article = article();
    let named = is(&author, "name", Operator::Eq, variable("text", "name"));
    let to_author = to_author(&author, facts);
    let asked = BoolExp::Related {
        join: to_author.clone(),
        condition: Box::new(named),
    };
    let published = is(&article, "published", Operator::Eq, literal("bool", "true"));
    let arguments = SelectArguments {
        limit: Some(int(5)),
        order_by: vec![descending(&article, "id")],
        ..filtered(BoolExp::And(vec![asked, published]))
    };
    let names = columns(&author, &["id", "name"]);
    let fields = vec![
        column(&article, "title"),
        object("author", to_author, select(&author, names)),
    ];
    SourceQuery::List(select_with(&article, arguments, fields))
}

#[test]
fn a_row_that_is_asked_about_and_shown_is_joined_once() {
    check_both(
        "asked_and_shown_one",
        &asked_and_shown(known(Sizes::Unknown)),
    );
    check_both(
        "asked_and_shown_any",
        &asked_and_shown(JoinFacts::default()),
    );
}
