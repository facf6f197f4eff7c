//! The statements of the benchmark's read workloads; `docs/sql-shapes.md` holds them against
//! the best hand-written SQL.

use graphloom_ir::*;

use crate::support::*;

fn blog(name: &str) -> SelectGrant {
    let columns: &[(&str, &str)] = match name {
        "author" => &[
            ("id", "int4"),
            ("name", "text"),
            ("email", "text"),
            ("country", "text"),
            ("karma", "int4"),
        ],
        "article" => &[
            ("id", "int4"),
            ("author_id", "int4"),
            ("title", "text"),
            ("category", "text"),
            ("is_published", "bool"),
            ("published_at", "timestamptz"),
            ("views", "int4"),
            ("rating", "numeric"),
        ],
        _ => &[
            ("id", "int4"),
            ("article_id", "int4"),
            ("content", "text"),
            ("likes", "int4"),
        ],
    };
    SelectGrant::unrestricted(&table(name, columns))
}

fn after(grant: &SelectGrant, limit: i64) -> SelectArguments {
    SelectArguments {
        filter: Some(is(grant, "id", Operator::Gt, variable("int4", "after"))),
        limit: Some(int(limit)),
        ..by_id(grant)
    }
}

fn first(grant: &SelectGrant, limit: i64) -> SelectArguments {
    SelectArguments {
        limit: Some(int(limit)),
        ..by_id(grant)
    }
}

fn published(article: &SelectGrant) -> BoolExp {
    is(
        article,
        "is_published",
        Operator::Eq,
        literal("bool", "true"),
    )
}

fn of_category(article: &SelectGrant) -> BoolExp {
    is(article, "category", Operator::Eq, variable("text", "cat"))
}

#[test]
fn by_pk() {
    let article = blog("article");
    let names = [
        "id",
        "title",
        "category",
        "views",
        "published_at",
        "rating",
        "author_id",
    ];
    let arguments = filtered(is(&article, "id", Operator::Eq, variable("int4", "id")));
    let query = select_with(&article, arguments, columns(&article, &names));
    check_both("workload_by_pk", &SourceQuery::One(query));
}

#[test]
fn list10() {
    let author = blog("author");
    let names = ["id", "name", "email", "country", "karma"];
    let query = select_with(&author, after(&author, 10), columns(&author, &names));
    check_sql("workload_list10", &SourceQuery::List(query));
}

#[test]
fn chinook_simple() {
    let customers = table(
        "Customer",
        &[("Email", "varchar"), ("SupportRepId", "int4")],
    );
    let all = SelectGrant::unrestricted(&customers);
    let own = is(
        &all,
        "SupportRepId",
        Operator::Eq,
        session("int4", "x-hasura-user-id"),
    );
    let customer = permitted(&customers, own, None);
    let query = select(&customer, columns(&customer, &["Email"]));
    check_sql("workload_chinook_simple", &SourceQuery::List(query));
}

fn same_types() -> JoinFacts {
    JoinFacts {
        keys: KeyTypes::Same,
        ..JoinFacts::default()
    }
}

/// Also the statement of `chinook_complex_full`.
#[test]
fn chinook_complex_small() {
    let all = |name, columns: &[(&str, &str)]| SelectGrant::unrestricted(&table(name, columns));
    let playlist = all("Playlist", &[("PlaylistId", "int4"), ("Name", "varchar")]);
    let playlist_track = all(
        "PlaylistTrack",
        &[("PlaylistId", "int4"), ("TrackId", "int4")],
    );
    let track = all(
        "Track",
        &[
            ("TrackId", "int4"),
            ("Name", "varchar"),
            ("AlbumId", "int4"),
            ("MediaTypeId", "int4"),
            ("GenreId", "int4"),
        ],
    );
    let genre = all("Genre", &[("GenreId", "int4"), ("Name", "varchar")]);
    let album = all(
        "Album",
        &[
            ("AlbumId", "int4"),
            ("Title", "varchar"),
            ("ArtistId", "int4"),
        ],
    );
    let artist = all("Artist", &[("ArtistId", "int4"), ("Name", "varchar")]);
    let media = all("MediaType", &[("MediaTypeId", "int4"), ("Name", "varchar")]);

    let of_genre = || {
        let name = is(&genre, "Name", Operator::Eq, variable("varchar", "genre"));
        let genre = related(&genre, ("GenreId", "GenreId"), name);
        related(&track, ("TrackId", "TrackId"), genre)
    };
    let named = |key, grant: &SelectGrant, id, names: Vec<Field>| {
        object(key, join(grant, id, id), select(grant, names))
    };
    // Foreign keys on columns that are never null.
    let always = |key, grant: &SelectGrant, id, names: Vec<Field>| {
        let facts = JoinFacts {
            partners: Partners::One,
            ..same_types()
        };
        let to_one = Join {
            facts,
            ..join(grant, id, id)
        };
        object(key, to_one, select(grant, names))
    };
    let in_album = vec![
        column(&album, "Title"),
        named("Artist", &artist, "ArtistId", columns(&artist, &["Name"])),
    ];
    let in_track = vec![
        column(&track, "Name"),
        named("Album", &album, "AlbumId", in_album),
        always(
            "MediaType",
            &media,
            "MediaTypeId",
            columns(&media, &["Name"]),
        ),
    ];
    let tracks = select_with(
        &playlist_track,
        SelectArguments {
            limit: Some(variable("int4", "track_lim")),
            ..filtered(of_genre())
        },
        vec![always("Track", &track, "TrackId", in_track)],
    );
    let has_one = related(&playlist_track, ("PlaylistId", "PlaylistId"), of_genre());
    let fields = vec![
        column(&playlist, "Name"),
        array(
            "tracks_of_genre",
            Join {
                facts: same_types(),
                ..join(&playlist_track, "PlaylistId", "PlaylistId")
            },
            tracks,
        ),
    ];
    let arguments = SelectArguments {
        order_by: vec![ascending(&playlist, "Name")],
        ..filtered(has_one)
    };
    let query = select_with(&playlist, arguments, fields);
    check_both("workload_chinook_complex", &SourceQuery::List(query));
}

#[test]
fn nested3() {
    let (author, article, comment) = (blog("author"), blog("article"), blog("comment"));
    let comments = select_with(
        &comment,
        first(&comment, 3),
        columns(&comment, &["id", "content", "likes"]),
    );
    let mut fields = columns(&article, &["id", "title"]);
    fields.push(array(
        "comments",
        join(&comment, "id", "article_id"),
        comments,
    ));
    let articles = select_with(&article, first(&article, 5), fields);
    let mut fields = columns(&author, &["id", "name"]);
    fields.push(array(
        "articles",
        join(&article, "id", "author_id"),
        articles,
    ));
    let query = select_with(&author, after(&author, 10), fields);
    check_both("workload_nested3", &SourceQuery::List(query));
}

#[test]
fn large10k() {
    let article = blog("article");
    let names = ["id", "title", "category", "views", "rating"];
    let query = select_with(&article, first(&article, 10_000), columns(&article, &names));
    check_sql("workload_large10k", &SourceQuery::List(query));
}

#[test]
fn aggregates() {
    let article = blog("article");
    let (views, rating) = (granted(&article, "views"), granted(&article, "rating"));
    let fields = vec![ops(vec![
        ("count", count()),
        (
            "avg",
            over(AggregateFunction::Avg, &[(&rating, Output::Json)]),
        ),
        (
            "max",
            over(AggregateFunction::Max, &[(&views, Output::Json)]),
        ),
        (
            "sum",
            over(AggregateFunction::Sum, &[(&views, Output::Json)]),
        ),
    ])];
    let filter = BoolExp::And(vec![of_category(&article), published(&article)]);
    let query = aggregate(&article, filtered(filter), fields);
    check_both("workload_aggregate", &SourceQuery::Aggregate(query));
}

#[test]
fn nested_aggregate() {
    let (author, article) = (blog("author"), blog("article"));
    let views = granted(&article, "views");
    let inner = aggregate(
        &article,
        filtered(published(&article)),
        vec![ops(vec![
            ("count", count()),
            (
                "max",
                over(AggregateFunction::Max, &[(&views, Output::Json)]),
            ),
        ])],
    );
    let mut fields = columns(&author, &["id", "name"]);
    let value = FieldValue::Aggregate(join(&article, "id", "author_id"), Box::new(inner));
    fields.push(field("articles_aggregate", value));
    let query = select_with(&author, after(&author, 20), fields);
    check_both("workload_nested_aggregate", &SourceQuery::List(query));
}

#[test]
fn page() {
    let (author, article) = (blog("author"), blog("article"));
    let popular = is(&article, "views", Operator::Gte, int(1000));
    let filter = BoolExp::And(vec![of_category(&article), published(&article), popular]);
    let arguments = SelectArguments {
        order_by: vec![descending(&article, "published_at")],
        limit: Some(int(20)),
        offset: Some(variable("int8", "off")),
        ..filtered(filter)
    };
    let writer = select(&author, columns(&author, &["id", "name", "country"]));
    let mut fields = columns(&article, &["id", "title", "views", "published_at"]);
    fields.push(object("author", join(&author, "author_id", "id"), writer));
    let query = select_with(&article, arguments, fields);
    check_both("workload_page", &SourceQuery::List(query));
}
