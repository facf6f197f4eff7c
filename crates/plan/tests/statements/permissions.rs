//! What a grant adds to a statement: filters at every level, limits, masks, references to the root row.

use graphloom_ir::*;

use crate::support::*;

fn published() -> BoolExp {
    is(
        &article(),
        "published",
        Operator::Eq,
        literal("bool", "true"),
    )
}

fn own() -> BoolExp {
    is(
        &author(),
        "id",
        Operator::Eq,
        session("int4", "x-hasura-user-id"),
    )
}

#[test]
fn filters_apply_at_every_level() {
    let seen_author = permitted(&author_table(), own(), None);
    let seen_article = permitted(&article_table(), published(), None);
    let articles = select_with(
        &seen_article,
        by_id(&seen_article),
        columns(&seen_article, &["id"]),
    );
    let boss = select(&seen_author, columns(&seen_author, &["name"]));
    let boss_of = |key| {
        let boss = boss.clone();
        object(key, join(&seen_author, "boss_id", "id"), boss)
    };
    let fields = vec![
        column(&seen_author, "id"),
        boss_of("boss"),
        array("articles", join(&seen_article, "id", "author_id"), articles),
    ];
    let wanted = BoolExp::Or(vec![
        BoolExp::always(),
        is(&seen_author, "id", Operator::Gt, int(0)),
    ]);
    check(
        "permission_filters",
        &SourceQuery::List(select_with(&seen_author, filtered(wanted), fields)),
        r#"[{"id":1,"boss":null,"articles":[{"id":1},{"id":3}]}]"#,
    );
}

#[test]
fn filters_apply_in_users_conditions() {
    let author = author();
    let seen_article = permitted(&article_table(), published(), None);
    let beta = is(&seen_article, "title", Operator::Eq, text("Beta"));
    let with_beta = related(&seen_article, ("id", "author_id"), beta);
    let query = select_with(&author, filtered(with_beta), columns(&author, &["id"]));
    check("permission_in_where", &SourceQuery::List(query), "[]");
}

#[test]
fn the_lesser_limit_wins() {
    let seen = permitted(&article_table(), BoolExp::always(), Some(3));
    let ids = |name: &str, limit: Option<TypedValue>, count: i32| {
        let arguments = SelectArguments {
            limit,
            ..by_id(&seen)
        };
        let query = select_with(&seen, arguments, columns(&seen, &["id"]));
        let expected: Vec<String> = (1..=count).map(|id| format!(r#"{{"id":{id}}}"#)).collect();
        check(
            name,
            &SourceQuery::List(query),
            &format!("[{}]", expected.join(",")),
        );
    };
    ids("limit_permission_alone", None, 3);
    ids("limit_user_less", Some(int(2)), 2);
    ids("limit_user_more", Some(int(9)), 3);
    ids("limit_variable", Some(variable("int4", "two")), 2);
    ids("limit_null_variable", Some(variable("int4", "nothing")), 3);
}

#[test]
fn limits_apply_to_nested_lists_and_not_to_single_objects() {
    let author = author();
    let seen = permitted(&article_table(), BoolExp::always(), Some(1));
    let articles = select_with(&seen, by_id(&seen), columns(&seen, &["id"]));
    let fields = vec![array("articles", join(&seen, "id", "author_id"), articles)];
    let arguments = filtered(is(&author, "id", Operator::Lt, int(3)));
    check(
        "limit_nested",
        &SourceQuery::List(select_with(&author, arguments, fields)),
        r#"[{"articles":[{"id":1}]},{"articles":[{"id":4}]}]"#,
    );
    let none = permitted(&article_table(), BoolExp::always(), Some(0));
    let arguments = filtered(is(&none, "id", Operator::Eq, int(1)));
    let query = select_with(&none, arguments, columns(&none, &["id"]));
    check("limit_one", &SourceQuery::One(query), r#"{"id":1}"#);
}

/// The name is seen where the mood is calm: authors 1 and 4.
fn calm_names() -> SelectGrant {
    let calm = is(&author(), "mood", Operator::Eq, literal("mood", "calm"));
    masked(&author_table(), "name", calm)
}

#[test]
fn masks_hide_values_wherever_they_would_show() {
    let seen = calm_names();
    let name = granted(&seen, "name");
    let ids = |query: SelectArguments| {
        SourceQuery::List(select_with(&seen, query, columns(&seen, &["id", "name"])))
    };
    check(
        "mask_data",
        &ids(by_id(&seen)),
        r#"[{"id":1,"name":"Ada"},{"id":2,"name":null},{"id":3,"name":null},{"id":4,"name":null}]"#,
    );
    let bob = is(&seen, "name", Operator::Eq, text("Bob"));
    check("mask_where", &ids(filtered(bob)), "[]");
    let unknown = about(&seen, "name", Comparison::IsNull(Nullness::Null));
    let arguments = SelectArguments {
        filter: Some(unknown),
        order_by: vec![ascending(&seen, "name"), descending(&seen, "id")],
        ..SelectArguments::default()
    };
    check(
        "mask_order",
        &ids(arguments),
        r#"[{"id":4,"name":null},{"id":3,"name":null},{"id":2,"name":null}]"#,
    );
    let arguments = SelectArguments {
        distinct_on: vec![name.clone()],
        order_by: vec![ascending(&seen, "name"), ascending(&seen, "id")],
        ..SelectArguments::default()
    };
    check(
        "mask_distinct",
        &ids(arguments),
        r#"[{"id":1,"name":"Ada"},{"id":2,"name":null}]"#,
    );
    let fields = vec![ops(vec![
        ("count", count_of(std::slice::from_ref(&name), Distinct::No)),
        (
            "max",
            over(AggregateFunction::Max, &[(&name, Output::Json)]),
        ),
    ])];
    check(
        "mask_aggregate",
        &SourceQuery::Aggregate(aggregate(&seen, SelectArguments::default(), fields)),
        r#"{"aggregate":{"count":1,"max":{"name":"Ada"}}}"#,
    );
    let far = OrderTarget::Object(
        join(&seen, "boss_id", "id"),
        Box::new(OrderTarget::Column(name)),
    );
    let arguments = SelectArguments {
        order_by: vec![
            order(far, Direction::Ascending, Nulls::Last),
            ascending(&seen, "id"),
        ],
        ..SelectArguments::default()
    };
    check(
        "mask_related_order",
        &ids(arguments),
        r#"[{"id":2,"name":null},{"id":3,"name":null},{"id":1,"name":"Ada"},{"id":4,"name":null}]"#,
    );
}

/// A rule about articles: the author has another article under the same `published` as this one.
fn has_sibling() -> BoolExp {
    let any_article = SelectGrant::unrestricted(&article_table());
    let raw = TableAccess::in_rule(any_article.table().clone());
    let same = equals_column(&any_article, "published", ColumnScope::Root, "published");
    let other = BoolExp::Not(Box::new(equals_column(
        &any_article,
        "id",
        ColumnScope::Root,
        "id",
    )));
    BoolExp::Related {
        join: Join {
            access: raw,
            mapping: vec![("author_id".into_column(), "author_id".into_column())],
            facts: JoinFacts::default(),
        },
        condition: Box::new(BoolExp::And(vec![same, other])),
    }
}

trait IntoColumn {
    fn into_column(self) -> graphloom_vocab::ColumnName;
}

impl IntoColumn for &str {
    fn into_column(self) -> graphloom_vocab::ColumnName {
        graphloom_vocab::ColumnName::new(self)
    }
}

#[test]
fn rules_refer_to_their_own_root_row() {
    let seen = permitted(&article_table(), has_sibling(), None);
    let query = select_with(&seen, by_id(&seen), columns(&seen, &["id"]));
    check(
        "root_reference",
        &SourceQuery::List(query),
        r#"[{"id":1},{"id":3}]"#,
    );
}

#[test]
fn the_root_row_is_another_one_under_the_next_grant() {
    let author = author();
    let seen = permitted(&article_table(), has_sibling(), None);
    let any = related(&seen, ("id", "author_id"), BoolExp::always());
    let articles = select_with(&seen, by_id(&seen), columns(&seen, &["id"]));
    let fields = vec![
        column(&author, "id"),
        array("articles", join(&seen, "id", "author_id"), articles),
    ];
    check(
        "root_reference_nested",
        &SourceQuery::List(select_with(&author, filtered(any), fields)),
        r#"[{"id":1,"articles":[{"id":1},{"id":3}]}]"#,
    );
}

/// An article's permission that asks of its author what the author's own asks.
fn of_calm_authors(rule: BoolExp) -> SelectGrant {
    let by_calm = BoolExp::Related {
        join: Join {
            access: TableAccess::in_rule(author().table().clone()),
            mapping: vec![("author_id".into_column(), "id".into_column())],
            facts: JoinFacts::default(),
        },
        condition: Box::new(rule),
    };
    let published = is(
        &article(),
        "published",
        Operator::Eq,
        literal("bool", "true"),
    );
    permitted(
        &article_table(),
        BoolExp::And(vec![published, by_calm]),
        None,
    )
}

fn calm() -> BoolExp {
    is(&author(), "mood", Operator::Eq, literal("mood", "calm"))
}

fn authors_with_articles(author: &SelectGrant, article: &SelectGrant) -> SourceQuery {
    let back = select(author, columns(author, &["name"]));
    let back = FieldValue::Object(join(author, "author_id", "id"), Box::new(back));
    let mut fields = columns(article, &["id"]);
    fields.push(field("author", back));
    let list = select_with(article, by_id(article), fields);
    let fields = vec![
        column(author, "id"),
        array("articles", join(article, "id", "author_id"), list),
    ];
    let some = related(article, ("id", "author_id"), BoolExp::always());
    let arguments = SelectArguments {
        filter: Some(some),
        limit: Some(int(10)),
        ..by_id(author)
    };
    SourceQuery::List(select_with(author, arguments, fields))
}

const CALM_WITH_ARTICLES: &str =
    r#"[{"id":1,"articles":[{"id":1,"author":{"name":"Ada"}},{"id":3,"author":{"name":"Ada"}}]}]"#;

#[test]
fn what_holds_of_the_row_before_is_not_asked_again() {
    let author = permitted(&author_table(), calm(), None);
    let article = of_calm_authors(calm());
    check(
        "implied",
        &authors_with_articles(&author, &article),
        CALM_WITH_ARTICLES,
    );
}

#[test]
fn what_only_looks_alike_is_asked_again() {
    let author = permitted(&author_table(), calm(), None);
    // The same meaning in other words: the answer is the same, and nothing was left out.
    let article = of_calm_authors(BoolExp::Or(vec![calm()]));
    check(
        "implied_not",
        &authors_with_articles(&author, &article),
        CALM_WITH_ARTICLES,
    );
    // More than the author's own filter asks.
    let ada = is(&self::author(), "name", Operator::Neq, text("Ada"));
    let article = of_calm_authors(BoolExp::And(vec![calm(), ada]));
    check(
        "implied_in_part",
        &authors_with_articles(&author, &article),
        "[]",
    );
    // From another author than the article's: by columns that do not lead back.
    let article = of_calm_authors(calm());
    let list = select_with(&article, by_id(&article), columns(&article, &["id"]));
    let fields = vec![
        column(&author, "id"),
        array("articles", join(&article, "boss_id", "author_id"), list),
    ];
    check(
        "implied_elsewhere",
        &SourceQuery::List(select_with(&author, by_id(&author), fields)),
        r#"[{"id":1,"articles":[]},{"id":4,"articles":[]}]"#,
    );
}

#[test]
fn a_rule_about_the_row_it_began_with_is_asked_again() {
    let author = author();
    let own = equals_column(&author, "id", ColumnScope::Root, "id");
    let seen = permitted(&author_table(), own.clone(), None);
    // `$` is the article here: only those whose id is their author's.
    let article = of_calm_authors(own);
    let list = select_with(&article, by_id(&article), columns(&article, &["id"]));
    let fields = vec![
        column(&seen, "id"),
        array("articles", join(&article, "id", "author_id"), list),
    ];
    let arguments = SelectArguments {
        limit: Some(int(2)),
        ..by_id(&seen)
    };
    check(
        "implied_not_root",
        &SourceQuery::List(select_with(&seen, arguments, fields)),
        r#"[{"id":1,"articles":[{"id":1}]},{"id":2,"articles":[]}]"#,
    );
}
