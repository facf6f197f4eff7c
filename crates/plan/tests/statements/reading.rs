//! Lists, single objects, relationships and what stands in them.

use graphloom_ir::*;

use crate::support::*;

#[test]
fn list() {
    let author = author();
    let query = select_with(
        &author,
        by_id(&author),
        columns(&author, &["id", "name", "mood"]),
    );
    check(
        "list",
        &SourceQuery::List(query),
        r#"[{"id":1,"name":"Ada","mood":"calm"},{"id":2,"name":"Bob","mood":"angry"},
            {"id":3,"name":"O'Neil \"the \\ Crab\" 🦀","mood":null},{"id":4,"name":null,"mood":"calm"}]"#,
    );
}

#[test]
fn list_of_none() {
    let author = author();
    let arguments = filtered(is(&author, "id", Operator::Gt, int(100)));
    let query = select_with(&author, arguments, vec![typename("author")]);
    check("list_of_none", &SourceQuery::List(query), "[]");
}

#[test]
fn one_by_key() {
    let author = author();
    let by_key = |id| {
        let arguments = filtered(is(&author, "id", Operator::Eq, int(id)));
        let fields = vec![
            column_as("ID", &author, "id", Output::Json),
            typename("author"),
        ];
        SourceQuery::One(select_with(&author, arguments, fields))
    };
    check("one", &by_key(2), r#"{"ID":2,"__typename":"author"}"#);
    check_answer(&by_key(99), "null");
}

#[test]
fn object_relationships_both_ways_and_where_there_is_none() {
    let (author, passport) = (author(), passport());
    let of_author = select(&passport, columns(&passport, &["number"]));
    let boss = select(&author, columns(&author, &["name"]));
    let fields = vec![
        column(&author, "id"),
        object("passport", join(&passport, "id", "author_id"), of_author),
        object("boss", join(&author, "boss_id", "id"), boss),
    ];
    let query = select_with(&author, by_id(&author), fields);
    check(
        "object_relationships",
        &SourceQuery::List(query),
        r#"[{"id":1,"passport":{"number":"A-1"},"boss":null},
            {"id":2,"passport":{"number":"B-2"},"boss":{"name":"Ada"}},
            {"id":3,"passport":null,"boss":{"name":"Ada"}},
            {"id":4,"passport":null,"boss":{"name":"Bob"}}]"#,
    );
}

#[test]
fn an_object_relationship_that_matches_many_rows_takes_one() {
    let (author, article) = (author(), article());
    let any = select(&article, columns(&article, &["author_id"]));
    let fields = vec![object("any", join(&article, "id", "author_id"), any)];
    let arguments = filtered(is(&author, "id", Operator::Eq, int(1)));
    let query = SourceQuery::List(select_with(&author, arguments, fields));
    check("object_of_many", &query, r#"[{"any":{"author_id":1}}]"#);
}

#[test]
fn array_relationships_nest() {
    let (author, article) = (author(), article());
    let back = select(&author, columns(&author, &["name"]));
    let arguments = SelectArguments {
        limit: Some(int(2)),
        ..by_id(&article)
    };
    let fields = vec![
        column(&article, "title"),
        object("author", join(&author, "author_id", "id"), back),
    ];
    let articles = select_with(&article, arguments, fields);
    let fields = vec![
        column(&author, "id"),
        array("articles", join(&article, "id", "author_id"), articles),
    ];
    let query = select_with(&author, by_id(&author), fields);
    check(
        "array_relationship",
        &SourceQuery::List(query),
        r#"[{"id":1,"articles":[{"title":"Alpha","author":{"name":"Ada"}},{"title":"Beta","author":{"name":"Ada"}}]},
            {"id":2,"articles":[{"title":"Delta","author":{"name":"Bob"}},{"title":"Epsilon","author":{"name":"Bob"}}]},
            {"id":3,"articles":[{"title":"50%_off","author":{"name":"O'Neil \"the \\ Crab\" 🦀"}}]},
            {"id":4,"articles":[]}]"#,
    );
}

#[test]
fn columns_in_every_form() {
    let article = article();
    let path = literal("text[]", "{a,b,1}");
    let fields = vec![
        column_as("views", &article, "views", Output::Text),
        column(&article, "rating"),
        column_as("rating_text", &article, "rating", Output::Text),
        column(&article, "tags"),
        column(&article, "raw"),
        json_part("second", &article, "meta", path),
        json_part("whole", &article, "meta", literal("text[]", "{}")),
    ];
    let arguments = SelectArguments {
        limit: Some(int(2)),
        ..by_id(&article)
    };
    let query = SourceQuery::List(select_with(&article, arguments, fields));
    check(
        "column_forms",
        &query,
        r#"[{"views":"10","rating":4.50,"rating_text":"4.50","tags":["a","b"],"raw":{"z":1,"a":1.0},
             "second":2,"whole":{"a":{"b":[1,2]},"k":1}},
            {"views":"9007199254740993","rating":null,"rating_text":null,"tags":[],"raw":null,"second":null,"whole":{}}]"#,
    );
}

#[test]
fn geo_columns() {
    let roads = table("road", &[("line", "geometry"), ("stops", "geometry[]")]);
    let road = SelectGrant::unrestricted(&roads);
    let fields = vec![
        column_as("line", &road, "line", Output::GeoJson),
        column_as("stops", &road, "stops", Output::GeoJson),
    ];
    let world = "CREATE TABLE road (line geometry, stops geometry[]);
        INSERT INTO road VALUES
          (ST_GeomFromText('POINT(1 2)', 4326), ARRAY[ST_GeomFromText('POINT(3 4)')]), (NULL, NULL), (NULL, '{}')";
    check_with_extension(
        "geo_columns",
        &SourceQuery::List(select(&road, fields)),
        (&["postgis"], world),
        r#"[{"line":{"type":"Point","crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::4326"}},"coordinates":[1,2]},
             "stops":[{"type":"Point","coordinates":[3,4]}]},{"line":null,"stops":null},{"line":null,"stops":[]}]"#,
    );
}

#[test]
fn windows_are_cut_before_anything_costly_is_computed() {
    let (author, article) = (author(), article());
    let back = select(&author, columns(&author, &["name"]));
    let fields = vec![
        column(&article, "id"),
        object("author", join(&author, "author_id", "id"), back),
    ];
    let arguments = SelectArguments {
        order_by: vec![descending(&article, "id")],
        limit: Some(variable("int4", "two")),
        offset: Some(variable("int8", "two")),
        ..SelectArguments::default()
    };
    let query = SourceQuery::List(select_with(&article, arguments, fields));
    check(
        "offset_with_relationship",
        &query,
        r#"[{"id":4,"author":{"name":"Bob"}},{"id":3,"author":{"name":"Ada"}}]"#,
    );
}

#[test]
fn a_null_window_is_none() {
    let author = author();
    let arguments = |limit, offset| SelectArguments {
        limit: Some(limit),
        offset: Some(offset),
        ..by_id(&author)
    };
    let ids = r#"[{"id":1},{"id":2},{"id":3},{"id":4}]"#;
    let nulls = arguments(null("int4"), null("int8"));
    let query = select_with(&author, nulls, columns(&author, &["id"]));
    check("window_of_nulls", &SourceQuery::List(query), ids);
    let nulls = arguments(variable("int4", "nothing"), variable("int8", "nothing"));
    let query = select_with(&author, nulls, columns(&author, &["id"]));
    check("window_of_null_variables", &SourceQuery::List(query), ids);
    let zero = arguments(int(0), int(0));
    let query = select_with(&author, zero, columns(&author, &["id"]));
    check("window_of_zero", &SourceQuery::List(query), "[]");
}

#[test]
fn distinct_on() {
    let (author, article) = (author(), article());
    let back = select(&author, columns(&author, &["name"]));
    let fields = vec![
        column(&article, "title"),
        object("author", join(&author, "author_id", "id"), back),
    ];
    let arguments = SelectArguments {
        distinct_on: vec![granted(&article, "author_id")],
        order_by: vec![ascending(&article, "author_id"), descending(&article, "id")],
        limit: Some(int(2)),
        ..SelectArguments::default()
    };
    let query = SourceQuery::List(select_with(&article, arguments, fields));
    check(
        "distinct_on",
        &query,
        r#"[{"title":"Gamma","author":{"name":"Ada"}},{"title":"Epsilon","author":{"name":"Bob"}}]"#,
    );
}

#[test]
fn odd_names() {
    let odd = odd();
    let fields = vec![
        column_as("t1", &odd, "t1", Output::Json),
        column_as("o", &odd, "it's", Output::Json),
        column_as("row_number", &odd, "row_number", Output::Json),
        column_as("naïve", &odd, "naïve 🦀", Output::Json),
    ];
    let arguments = SelectArguments {
        order_by: vec![ascending(&odd, "Id 1")],
        ..SelectArguments::default()
    };
    check(
        "odd_names",
        &SourceQuery::List(select_with(&odd, arguments, fields)),
        r#"[{"t1":7,"o":"x","row_number":8,"naïve":"ünï"},{"t1":null,"o":null,"row_number":null,"naïve":null}]"#,
    );
}

#[test]
fn keys_longer_than_an_identifier() {
    let (author, article) = (author(), article());
    let (long, longer) = ("k".repeat(64), "k".repeat(300));
    let titles = vec![column_as(&longer, &article, "title", Output::Json)];
    let arguments = SelectArguments {
        limit: Some(int(1)),
        ..by_id(&article)
    };
    let fields = vec![
        column_as(&long, &author, "id", Output::Json),
        column_as(&longer, &author, "name", Output::Json),
        array(
            "articles",
            join(&article, "id", "author_id"),
            select_with(&article, arguments, titles),
        ),
    ];
    let arguments = filtered(is(&author, "id", Operator::Eq, int(1)));
    let expected =
        format!(r#"{{"{long}":1,"{longer}":"Ada","articles":[{{"{longer}":"Alpha"}}]}}"#);
    let query = SourceQuery::One(select_with(&author, arguments, fields));
    check("long_keys", &query, &expected);
}

/// Keys `<prefix>0` to `<prefix><count - 1>`, all of the same column, and the object they make.
fn many(author: &SelectGrant, prefix: &str, count: usize) -> (Vec<Field>, String) {
    let keys: Vec<String> = (0..count).map(|n| format!("{prefix}{n}")).collect();
    let fields = keys
        .iter()
        .map(|key| column_as(key, author, "id", Output::Json))
        .collect();
    let pairs: Vec<String> = keys.iter().map(|key| format!(r#""{key}":1"#)).collect();
    (fields, format!("{{{}}}", pairs.join(",")))
}

#[test]
fn many_columns() {
    let author = author();
    let long = "k".repeat(64);
    for (name, prefix, count) in [
        ("columns_60", "c", 60),
        ("columns_60_long", long.as_str(), 60),
        ("columns_101_long", long.as_str(), 101),
    ] {
        let (fields, expected) = many(&author, prefix, count);
        let arguments = filtered(is(&author, "id", Operator::Eq, int(1)));
        let query = SourceQuery::One(select_with(&author, arguments, fields));
        check(name, &query, &expected);
    }
}

#[test]
fn more_columns_than_postgres_takes() {
    let author = author();
    let (fields, expected) = many(&author, "c", 3_000);
    let arguments = filtered(is(&author, "id", Operator::Eq, int(1)));
    let query = SourceQuery::One(select_with(&author, arguments, fields));
    check_answer(&query, &expected);
}
