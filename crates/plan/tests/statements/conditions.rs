//! Every operator, and how conditions combine.

use graphloom_ir::*;

use crate::support::*;

/// Articles that satisfy a condition, by id.
fn articles(name: &str, filter: BoolExp, expected: &[i32]) {
    let article = article();
    let arguments = SelectArguments {
        filter: Some(filter),
        ..by_id(&article)
    };
    let query = select_with(&article, arguments, columns(&article, &["id"]));
    let ids: Vec<String> = expected
        .iter()
        .map(|id| format!(r#"{{"id":{id}}}"#))
        .collect();
    check(
        &format!("where_{name}"),
        &SourceQuery::List(query),
        &format!("[{}]", ids.join(",")),
    );
}

fn article_is(column: &str, operator: Operator, value: TypedValue) -> BoolExp {
    is(&article(), column, operator, value)
}

#[test]
fn equality_and_order() {
    use Operator as O;
    articles("eq", article_is("id", O::Eq, int(2)), &[2]);
    articles(
        "neq",
        article_is("rating", O::Neq, literal("numeric", "5")),
        &[1, 3, 5],
    );
    articles("gt", article_is("id", O::Gt, int(4)), &[5, 6]);
    articles("lt", article_is("id", O::Lt, int(2)), &[1]);
    articles("gte", article_is("id", O::Gte, int(5)), &[5, 6]);
    articles("lte", article_is("id", O::Lte, int(2)), &[1, 2]);
    articles(
        "eq_domain",
        article_is("slug", O::Eq, literal("slug", "beta")),
        &[2],
    );
    articles(
        "in",
        article_is("id", O::In, literal("int4[]", "{2,3,99}")),
        &[2, 3],
    );
    articles(
        "in_none",
        article_is("id", O::In, literal("int4[]", "{}")),
        &[],
    );
    articles(
        "in_domain",
        article_is("slug", O::In, literal("slug[]", "{e}")),
        &[5],
    );
    articles(
        "nin",
        article_is("id", O::Nin, literal("int4[]", "{2,3}")),
        &[1, 4, 5, 6],
    );
    articles(
        "nin_none",
        article_is("id", O::Nin, literal("int4[]", "{}")),
        &[1, 2, 3, 4, 5, 6],
    );
}

#[test]
fn equality_with_an_enum() {
    let author = author();
    let calm = is(&author, "mood", Operator::In, literal("mood[]", "{calm}"));
    let angry = is(&author, "mood", Operator::Eq, literal("mood", "angry"));
    let query = select_with(
        &author,
        filtered(BoolExp::Or(vec![angry, calm])),
        columns(&author, &["id"]),
    );
    check(
        "where_enum",
        &SourceQuery::List(query),
        r#"[{"id":1},{"id":2},{"id":4}]"#,
    );
}

#[test]
fn null_tests() {
    let article = article();
    let rating = |nullness| about(&article, "rating", Comparison::IsNull(nullness));
    articles("is_null", rating(Nullness::Null), &[2, 6]);
    articles("is_not_null", rating(Nullness::NotNull), &[1, 3, 4, 5]);
}

/// What a permission rule's `_eq: null` comes to: true or null, never false.
#[test]
fn equality_with_null_in_a_rule() {
    let eq = || article_is("rating", Operator::Eq, null("numeric"));
    let neq = || article_is("rating", Operator::Neq, null("numeric"));
    articles("eq_null", eq(), &[2, 6]);
    articles("not_eq_null", BoolExp::Not(Box::new(eq())), &[]);
    articles("neq_null", neq(), &[1, 3, 4, 5]);
    articles("not_neq_null", BoolExp::Not(Box::new(neq())), &[]);
    articles(
        "gt_null",
        article_is("rating", Operator::Gt, null("numeric")),
        &[],
    );
}

#[test]
fn text_search() {
    use Operator as O;
    articles("like", article_is("title", O::Like, text("%l%a")), &[1, 4]);
    articles("nlike", article_is("title", O::Nlike, text("%a")), &[5, 6]);
    articles(
        "ilike",
        article_is("title", O::Ilike, text("%A")),
        &[1, 2, 3, 4],
    );
    articles(
        "nilike",
        article_is("title", O::Nilike, text("%A")),
        &[5, 6],
    );
    articles(
        "like_escape",
        article_is("title", O::Like, text(r"50\%\_%")),
        &[6],
    );
    articles(
        "similar",
        article_is("title", O::Similar, text("(Alpha|Beta)")),
        &[1, 2],
    );
    articles(
        "nsimilar",
        article_is("title", O::Nsimilar, text("(Alpha|B%)")),
        &[3, 4, 5, 6],
    );
    articles(
        "regex",
        article_is("title", O::Regex, text("^[A-B]")),
        &[1, 2],
    );
    articles(
        "iregex",
        article_is("title", O::Iregex, text("^[a-b]")),
        &[1, 2],
    );
    articles(
        "nregex",
        article_is("title", O::Nregex, text("a$")),
        &[5, 6],
    );
    articles(
        "niregex",
        article_is("title", O::Niregex, text("A$")),
        &[5, 6],
    );
}

#[test]
fn jsonb() {
    use Operator as O;
    articles(
        "contains",
        article_is("meta", O::Contains, literal("jsonb", r#"{"k": 1}"#)),
        &[1],
    );
    let whole = literal("jsonb", r#"{"l": 2, "m": 3}"#);
    articles(
        "contained_in",
        article_is("meta", O::ContainedIn, whole),
        &[2, 4],
    );
    articles("has_key", article_is("meta", O::HasKey, text("l")), &[4]);
    let keys = literal("text[]", "{a,l}");
    articles(
        "has_keys_any",
        article_is("meta", O::HasKeysAny, keys),
        &[1, 4],
    );
    let keys = literal("text[]", "{a,k}");
    articles(
        "has_keys_all",
        article_is("meta", O::HasKeysAll, keys),
        &[1],
    );
    let mut operand = Operand::granted(&granted(&article(), "meta"));
    operand.cast = Some(ty("text"));
    let as_text = BoolExp::column(operand, Comparison::Value(O::Like, text("%[%")));
    articles("cast", as_text, &[1, 5]);
}

#[test]
fn arrays() {
    use Operator as O;
    let tags = |operator, text| article_is("tags", operator, literal("text[]", text));
    articles("array_contains", tags(O::Contains, "{a}"), &[1, 6]);
    articles(
        "array_contained_in",
        tags(O::ContainedIn, "{a,b}"),
        &[1, 2, 4, 6],
    );
    articles("array_eq", tags(O::Eq, "{a,b}"), &[1]);
}

#[test]
fn composition() {
    let id = |operator, value| article_is("id", operator, int(value));
    let low = || id(Operator::Lt, 3);
    let high = || id(Operator::Gt, 5);
    articles("and_none", BoolExp::And(vec![]), &[1, 2, 3, 4, 5, 6]);
    articles("or_none", BoolExp::Or(vec![]), &[]);
    articles("not_all", BoolExp::Not(Box::new(BoolExp::always())), &[]);
    let nested = BoolExp::And(vec![low(), BoolExp::And(vec![BoolExp::always(), low()])]);
    articles("and_nested", nested, &[1, 2]);
    articles("or", BoolExp::Or(vec![low(), high()]), &[1, 2, 6]);
    let neither = BoolExp::Not(Box::new(BoolExp::Or(vec![low(), high()])));
    articles("not_or", neither, &[3, 4, 5]);
}

#[test]
fn values_of_every_origin() {
    let session = article_is(
        "author_id",
        Operator::Eq,
        session("int4", "x-hasura-user-id"),
    );
    let variable = || article_is("id", Operator::Gt, variable("int4", "two"));
    let again = article_is("author_id", Operator::Lt, variable_of("two"));
    articles(
        "origins",
        BoolExp::And(vec![session, variable(), again, variable()]),
        &[3],
    );
}

fn variable_of(name: &str) -> TypedValue {
    variable("int4", name)
}

#[test]
fn related_rows() {
    let (author, article) = (author(), article());
    let ada = is(&author, "name", Operator::Eq, text("Ada"));
    articles(
        "related",
        related(&author, ("author_id", "id"), ada),
        &[1, 2, 3],
    );
    let alpha = is(&article, "title", Operator::Eq, text("Alpha"));
    let sibling = related(&article, ("id", "author_id"), alpha);
    articles(
        "related_far",
        related(&author, ("author_id", "id"), sibling),
        &[1, 2, 3],
    );
    let passport = passport();
    let has_one = related(&passport, ("author_id", "author_id"), BoolExp::always());
    articles("related_exists", BoolExp::Not(Box::new(has_one)), &[6]);
}

#[test]
fn unrelated_rows() {
    let author = author();
    let some = |name: &str| BoolExp::Exists {
        access: author.access(),
        depend_on: DependOn::default(),
        condition: Box::new(is(&author, "name", Operator::Eq, text(name))),
    };
    articles("exists", some("Bob"), &[1, 2, 3, 4, 5, 6]);
    articles("exists_not", some("Nobody"), &[]);
}

#[test]
fn other_columns() {
    let article = article();
    let same = equals_column(&article, "id", ColumnScope::Current, "author_id");
    articles("column", same, &[1]);
}

#[test]
fn tree_paths() {
    use Operator as O;
    let places = SelectGrant::unrestricted(&table("place", &[("path", "ltree")]));
    let path = |operator, of, text| is(&places, "path", operator, literal(of, text));
    let all = BoolExp::And(vec![
        path(O::Ancestor, "ltree", "a.b.c"),
        path(O::AncestorAny, "ltree[]", "{a.b,c}"),
        path(O::Descendant, "ltree", "a"),
        path(O::DescendantAny, "ltree[]", "{a,b}"),
        path(O::Matches, "lquery", "*.b"),
        path(O::MatchesAny, "lquery[]", "{*.b,c}"),
        path(O::MatchesFulltext, "ltxtquery", "b & !c"),
    ]);
    let query = select_with(&places, filtered(all), columns(&places, &["path"]));
    let world = "CREATE TABLE place (path ltree); INSERT INTO place VALUES ('a.b'), ('x')";
    check_with_extension(
        "where_ltree",
        &SourceQuery::List(query),
        (&["ltree"], world),
        r#"[{"path":"a.b"}]"#,
    );
}

const ROADS: &str = "
    CREATE TABLE road (id int, g geometry, gg geography, r raster);
    INSERT INTO road VALUES
      (1, ST_GeomFromText('POLYGON((0 0, 4 0, 4 4, 0 4, 0 0))', 4326), 'POINT(1 2)',
       ST_AddBand(ST_MakeEmptyRaster(10, 10, 0, 10, 1, -1, 0, 0, 4326), '8BUI'::text, 1, 0)),
      (2, ST_GeomFromText('POINT(90 45)', 4326), 'POINT(90 45)', NULL)";

/// Ids of roads that satisfy every one of the conditions.
fn roads(name: &str, conditions: Vec<BoolExp>, expected: &str) {
    let road = road();
    let arguments = SelectArguments {
        filter: Some(BoolExp::And(conditions)),
        ..by_id(&road)
    };
    let query = select_with(&road, arguments, columns(&road, &["id"]));
    check_with_extension(
        name,
        &SourceQuery::List(query),
        (&["postgis", "postgis_raster"], ROADS),
        expected,
    );
}

fn road() -> SelectGrant {
    let columns = [
        ("id", "int4"),
        ("g", "geometry"),
        ("gg", "geography"),
        ("r", "raster"),
    ];
    SelectGrant::unrestricted(&table("road", &columns))
}

fn point(of: &str) -> TypedValue {
    let point = r#"{"type":"Point","coordinates":[1,2],"crs":{"type":"name","properties":{"name":"EPSG:4326"}}}"#;
    literal(of, point)
}

#[test]
fn shapes() {
    use Operator as O;
    let about_point = |operator| is(&road(), "g", operator, point("geometry"));
    let touching = [O::StContains, O::StIntersects, O::St3dIntersects];
    roads(
        "where_shapes",
        touching.map(about_point).into(),
        r#"[{"id":1}]"#,
    );
    let apart = [
        O::StCrosses,
        O::StEquals,
        O::StOverlaps,
        O::StTouches,
        O::StWithin,
    ];
    let none = BoolExp::Not(Box::new(BoolExp::Or(apart.map(about_point).into())));
    roads("where_shapes_not", vec![none], r#"[{"id":1},{"id":2}]"#);
}

#[test]
fn distances() {
    use Operator as O;
    let road = road();
    let within = |operator, from, use_spheroid| Comparison::DWithin {
        operator,
        distance: literal("float8", "10.5"),
        from,
        use_spheroid,
    };
    let spheroid = Some(literal("bool", "true"));
    let all = vec![
        about(&road, "g", within(O::StDWithin, point("geometry"), None)),
        about(&road, "g", within(O::St3dDWithin, point("geometry"), None)),
        about(
            &road,
            "gg",
            within(O::StDWithin, point("geography"), spheroid),
        ),
    ];
    roads("where_distances", all, r#"[{"id":1}]"#);
}

#[test]
fn geographies() {
    let road = road();
    let intersects = Comparison::Value(Operator::StIntersects, point("geography"));
    let mut cast = Operand::granted(&granted(&road, "g"));
    cast.cast = Some(ty("geography"));
    let all = vec![
        about(&road, "gg", intersects.clone()),
        BoolExp::column(cast, intersects),
    ];
    roads("where_geographies", all, r#"[{"id":1}]"#);
}

#[test]
fn rasters() {
    use Operator as O;
    let road = road();
    let band = |operator, nband| Comparison::RasterBand {
        operator,
        nband,
        geommin: point("geometry"),
    };
    let square = "01000001009A9999999999B93F9A9999999999B9BF000000000000F03F000000000000004000000000000000000000000000000000E610000001000100040001";
    let all = vec![
        about(&road, "r", band(O::StIntersectsNbandGeom, Some(int(1)))),
        about(&road, "r", band(O::StIntersectsGeomNband, Some(int(1)))),
        about(&road, "r", band(O::StIntersectsGeomNband, None)),
        is(&road, "r", O::StIntersectsRast, literal("raster", square)),
    ];
    roads("where_rasters", all, r#"[{"id":1}]"#);
}

#[test]
fn odd_names_and_values() {
    let odd = odd();
    let hostile = r"'; DROP TABLE author; -- \' $1 🦀";
    let there = is(&odd, "it's", Operator::Neq, text(hostile));
    let not = is(&odd, "naïve 🦀", Operator::Eq, text("ünï"));
    let arguments = filtered(BoolExp::And(vec![there, not]));
    let fields = vec![column_as("id", &odd, "Id 1", Output::Json)];
    let query = select_with(&odd, arguments, fields);
    check("where_odd", &SourceQuery::List(query), r#"[{"id":1}]"#);
}
