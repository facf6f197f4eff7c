//! Sort keys: columns, related columns, aggregates over related rows.

use graphloom_ir::*;

use crate::support::*;

fn ids(name: &str, grant: &SelectGrant, order_by: Vec<OrderBy>, expected: &[i32]) {
    let arguments = SelectArguments {
        order_by,
        limit: Some(int(4)),
        ..SelectArguments::default()
    };
    let query = SourceQuery::List(select_with(grant, arguments, columns(grant, &["id"])));
    let expected: Vec<String> = expected
        .iter()
        .map(|id| format!(r#"{{"id":{id}}}"#))
        .collect();
    check(name, &query, &format!("[{}]", expected.join(",")));
}

#[test]
fn nulls_go_where_they_are_told() {
    let author = author();
    let by_name = |direction, nulls| {
        let target = OrderTarget::Column(granted(&author, "name"));
        vec![order(target, direction, nulls)]
    };
    use {Direction as D, Nulls as N};
    ids(
        "order_asc_last",
        &author,
        by_name(D::Ascending, N::Last),
        &[1, 2, 3, 4],
    );
    ids(
        "order_asc_first",
        &author,
        by_name(D::Ascending, N::First),
        &[4, 1, 2, 3],
    );
    ids(
        "order_desc_first",
        &author,
        by_name(D::Descending, N::First),
        &[4, 3, 2, 1],
    );
    ids(
        "order_desc_last",
        &author,
        by_name(D::Descending, N::Last),
        &[3, 2, 1, 4],
    );
}

#[test]
fn by_a_related_column() {
    let (author, passport) = (author(), passport());
    let number = OrderTarget::Column(granted(&passport, "number"));
    let target = OrderTarget::Object(join(&passport, "id", "author_id"), Box::new(number));
    let keys = vec![
        order(target, Direction::Descending, Nulls::Last),
        descending(&author, "id"),
    ];
    ids("order_by_related", &author, keys, &[2, 1, 4, 3]);
}

#[test]
fn by_a_column_two_relationships_away_under_a_filter() {
    let author = author();
    let seen = permitted(
        &author_table(),
        is(&author, "name", Operator::Neq, text("Ada")),
        None,
    );
    let name = OrderTarget::Column(granted(&seen, "name"));
    let boss = OrderTarget::Object(join(&seen, "boss_id", "id"), Box::new(name));
    let target = OrderTarget::Object(join(&author, "boss_id", "id"), Box::new(boss));
    let keys = vec![
        order(target, Direction::Ascending, Nulls::First),
        ascending(&author, "id"),
    ];
    ids("order_by_far", &author, keys, &[1, 2, 3, 4]);
}

#[test]
fn by_aggregates() {
    let (author, article) = (author(), article());
    let articles = join(&article, "id", "author_id");
    let by_count = OrderTarget::Aggregate(articles.clone(), AggregateFunction::Count, None);
    let keys = vec![order(by_count, Direction::Descending, Nulls::First)];
    ids("order_by_count", &author, keys, &[1, 2, 3, 4]);
    let views = Some(granted(&article, "views"));
    let by_views = OrderTarget::Aggregate(articles, AggregateFunction::Max, views);
    let keys = vec![order(by_views, Direction::Ascending, Nulls::Last)];
    ids("order_by_max", &author, keys, &[3, 2, 1, 4]);
}

#[test]
fn by_an_aggregate_over_permitted_rows_only() {
    let (author, article) = (author(), article());
    let published = is(&article, "published", Operator::Eq, literal("bool", "true"));
    let seen = permitted(&article_table(), published, Some(1));
    let views = Some(granted(&seen, "views"));
    let articles = join(&seen, "id", "author_id");
    let target = OrderTarget::Aggregate(articles, AggregateFunction::Sum, views);
    let keys = vec![order(target, Direction::Descending, Nulls::Last)];
    ids("order_by_permitted_sum", &author, keys, &[1, 2, 3, 4]);
}
