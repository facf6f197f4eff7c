//! Whatever the types can say survives being written and read, and means the same in any order.
#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use graphloom_metadata::support;
use graphloom_metadata::types::{
    ColumnConfiguration, Columns, Comment, ComputedField, ConnectionInfo, DatabaseUrl,
    DeletePermission, Function, InheritedRole, InsertPermission, InsertionOrder, LogicalModel,
    Model, ModelField, ModelType, NativeArgument, NativeQuery, NativeRelationship, NativeTarget,
    Permission, Relationship, RelationshipUsing, Returns, RootFieldConfiguration, SelectPermission,
    Source, SourceConfiguration, SourceCustomization, Table, TableConfiguration, UpdatePermission,
};
use graphloom_metadata::{Metadata, TableTexts};
use graphloom_vocab::{
    ColumnName, GraphqlName, Json, JsonObject, QualifiedFunction, QualifiedTable, RelationshipName,
    RoleName, SourceName,
};
use indexmap::IndexMap;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// Any text that is not empty, odd characters included.
fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,3}", "\\PC{1,4}", Just("x\"y\\z".to_owned())]
}

fn graphql_name() -> impl Strategy<Value = String> {
    "[_a-z][_a-zA-Z0-9]{0,6}"
}

fn column() -> impl Strategy<Value = ColumnName> {
    name().prop_map(ColumnName::new)
}

fn table_name() -> impl Strategy<Value = QualifiedTable> {
    let schema = prop_oneof![Just("public".to_owned()), name()];
    (schema, name()).prop_map(|(schema, name)| QualifiedTable::new(schema, name))
}

fn function_name() -> impl Strategy<Value = QualifiedFunction> {
    table_name()
        .prop_map(|table| QualifiedFunction::new(table.schema.as_str(), table.name.as_str()))
}

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        name().prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Json::Array),
            object_of(inner).prop_map(Json::Object),
        ]
    })
}

fn object_of(value: impl Strategy<Value = Json>) -> impl Strategy<Value = JsonObject> {
    vec((name(), value), 0..3).prop_map(|entries| entries.into_iter().collect())
}

fn rule() -> impl Strategy<Value = Json> {
    object_of(json()).prop_map(Json::Object)
}

/// Keys that no part of the format has.
fn unknown() -> impl Strategy<Value = JsonObject> {
    let entry = (0..3_u8, json()).prop_map(|(n, json)| (format!("unknown {n}"), json));
    vec(entry, 0..2).prop_map(|entries| entries.into_iter().collect())
}

/// Whether an object below has an unknown key that is not null or empty.
fn says_something_unknown(json: &Json) -> bool {
    match json {
        Json::Array(items) => items.iter().any(says_something_unknown),
        Json::Object(object) => object.iter().any(|(key, value)| {
            let is_empty = value.is_null()
                || value.as_array().is_some_and(Vec::is_empty)
                || value.as_object().is_some_and(JsonObject::is_empty);
            (key.starts_with("unknown ") && !is_empty) || says_something_unknown(value)
        }),
        _ => false,
    }
}

fn comment() -> impl Strategy<Value = Comment> {
    prop_oneof![
        Just(Comment::Automatic),
        "\\PC{0,4}".prop_map(Comment::Explicit)
    ]
}

fn columns() -> impl Strategy<Value = Columns> {
    prop_oneof![
        Just(Columns::All),
        vec(column(), 0..3).prop_map(Columns::List)
    ]
}

fn presets() -> impl Strategy<Value = IndexMap<ColumnName, Json>> {
    vec((column(), json()), 0..3).prop_map(|entries| entries.into_iter().collect())
}

fn validate_input() -> impl Strategy<Value = Option<Json>> {
    let validation = object_of(json()).prop_map(|mut definition| {
        definition.insert("url".to_owned(), Json::from("http://v"));
        serde_json::json!({"type": "http", "definition": definition})
    });
    option::of(validation)
}

fn permissions<T: std::fmt::Debug>(
    permission: impl Strategy<Value = T>,
) -> impl Strategy<Value = IndexMap<RoleName, Permission<T>>> {
    let permission = (name(), permission, option::of(name()), unknown()).prop_map(
        |(role, permission, comment, extra)| {
            let role = RoleName::new(role);
            let key = role.clone();
            let permission = Permission {
                role,
                permission,
                comment,
                extra,
            };
            (key, permission)
        },
    );
    vec(permission, 0..3).prop_map(|entries| entries.into_iter().collect())
}

fn select_permission() -> impl Strategy<Value = SelectPermission> {
    let words = |all: &'static [&'static str]| {
        let chosen = proptest::sample::subsequence(all, 0..=all.len());
        option::of(chosen.prop_map(|words| words.iter().map(|&w| w.to_owned()).collect()))
    };
    let query = words(&["select", "select_by_pk", "select_aggregate"]);
    let subscription = words(&["select", "select_by_pk", "select_stream"]);
    let computed_fields = vec(name(), 0..3);
    (
        columns(),
        computed_fields,
        rule(),
        option::of(any::<i64>()),
        any::<bool>(),
        query,
        subscription,
        unknown(),
    )
        .prop_map(
            |(columns, computed_fields, filter, limit, allow_aggregations, query, sub, extra)| {
                SelectPermission {
                    columns,
                    computed_fields,
                    filter,
                    limit,
                    allow_aggregations,
                    query_root_fields: query,
                    subscription_root_fields: sub,
                    extra,
                }
            },
        )
}

fn insert_permission() -> impl Strategy<Value = InsertPermission> {
    (
        columns(),
        rule(),
        presets(),
        any::<bool>(),
        validate_input(),
        unknown(),
    )
        .prop_map(
            |(columns, check, set, backend_only, validate_input, extra)| InsertPermission {
                columns,
                check,
                set,
                backend_only,
                validate_input,
                extra,
            },
        )
}

fn update_permission() -> impl Strategy<Value = UpdatePermission> {
    let check = option::of(rule());
    (
        columns(),
        rule(),
        check,
        presets(),
        any::<bool>(),
        validate_input(),
        unknown(),
    )
        .prop_map(
            |(columns, filter, check, set, backend_only, validate_input, extra)| UpdatePermission {
                columns,
                filter,
                check,
                set,
                backend_only,
                validate_input,
                extra,
            },
        )
}

fn delete_permission() -> impl Strategy<Value = DeletePermission> {
    (rule(), any::<bool>(), validate_input(), unknown()).prop_map(
        |(filter, backend_only, validate_input, extra)| DeletePermission {
            filter,
            backend_only,
            validate_input,
            extra,
        },
    )
}

fn manual() -> impl Strategy<Value = RelationshipUsing> {
    let order = option::of(prop_oneof![
        Just(InsertionOrder::BeforeParent),
        Just(InsertionOrder::AfterParent)
    ]);
    (table_name(), vec((column(), column()), 0..3), order).prop_map(
        |(remote_table, mapping, insertion_order)| RelationshipUsing::Manual {
            remote_table,
            column_mapping: mapping.into_iter().collect(),
            insertion_order,
        },
    )
}

fn manual_query() -> impl Strategy<Value = RelationshipUsing> {
    (name_of_type(), vec((column(), column()), 0..3)).prop_map(|(query, mapping)| {
        RelationshipUsing::ManualQuery {
            remote_native_query: query,
            column_mapping: mapping.into_iter().collect(),
            insertion_order: None,
        }
    })
}

fn remote_key() -> impl Strategy<Value = RelationshipUsing> {
    (table_name(), vec(column(), 1..3))
        .prop_map(|(table, columns)| RelationshipUsing::ForeignKeyOnRemote { table, columns })
}

fn own_key() -> impl Strategy<Value = RelationshipUsing> {
    vec(column(), 1..3).prop_map(RelationshipUsing::ForeignKeyOn)
}

fn relationships(
    using: impl Strategy<Value = RelationshipUsing>,
) -> impl Strategy<Value = IndexMap<RelationshipName, Relationship>> {
    let relationship =
        (name(), using, option::of(name()), unknown()).prop_map(|(name, using, comment, extra)| {
            let name = RelationshipName::new(name);
            let key = name.clone();
            let relationship = Relationship {
                name,
                using,
                comment,
                extra,
            };
            (key, relationship)
        });
    vec(relationship, 0..3).prop_map(|entries| entries.into_iter().collect())
}

fn configuration() -> impl Strategy<Value = TableConfiguration> {
    let column_config = (option::of(graphql_name()), comment(), unknown()).prop_map(
        |(custom_name, comment, extra)| ColumnConfiguration {
            custom_name,
            comment,
            extra,
        },
    );
    let column_config = vec((column(), column_config), 0..3).prop_map(|entries| {
        let mut config: IndexMap<_, _> = entries.into_iter().collect();
        // An entry that says nothing is not kept.
        config.retain(|_, column| *column != ColumnConfiguration::default());
        config
    });
    let root_field = (any::<bool>(), comment(), unknown());
    let root_fields = vec(root_field, 0..4).prop_map(|fields| {
        let names = ["select", "insert_one", "delete_by_pk", "update"];
        let fields = names.into_iter().zip(fields);
        let fields = fields.map(|(key, (named, comment, extra))| {
            let field = RootFieldConfiguration {
                name: named.then(|| format!("my_{key}")),
                comment,
                extra,
            };
            (key.to_owned(), field)
        });
        fields
            .filter(|(_, field)| *field != RootFieldConfiguration::default())
            .collect()
    });
    (
        option::of(graphql_name()),
        root_fields,
        column_config,
        comment(),
        unknown(),
    )
        .prop_map(
            |(custom_name, custom_root_fields, column_config, comment, extra)| TableConfiguration {
                custom_name,
                custom_root_fields,
                column_config,
                comment,
                extra,
            },
        )
}

fn computed_fields() -> impl Strategy<Value = IndexMap<String, ComputedField>> {
    let argument = || option::of(name());
    let field = (
        name(),
        function_name(),
        argument(),
        argument(),
        comment(),
        unknown(),
    )
        .prop_map(
            |(name, function, table_argument, session_argument, comment, extra)| {
                let field = ComputedField {
                    name: name.clone(),
                    function,
                    table_argument,
                    session_argument,
                    comment,
                    extra,
                };
                (name, field)
            },
        );
    vec(field, 0..3).prop_map(|entries| entries.into_iter().collect())
}

fn table() -> impl Strategy<Value = Table> {
    let permissions = (
        permissions(insert_permission()),
        permissions(select_permission()),
        permissions(update_permission()),
        permissions(delete_permission()),
    );
    let object_relationships = relationships(prop_oneof![
        own_key(),
        remote_key(),
        manual(),
        manual_query()
    ]);
    let array_relationships = relationships(prop_oneof![remote_key(), manual(), manual_query()]);
    (
        (table_name(), any::<bool>(), configuration()),
        object_relationships,
        array_relationships,
        computed_fields(),
        permissions,
        unknown(),
    )
        .prop_map(
            |((table, is_enum, configuration), objects, arrays, fields, permissions, extra)| {
                Table {
                    table,
                    is_enum,
                    configuration,
                    object_relationships: objects,
                    array_relationships: arrays,
                    computed_fields: fields,
                    insert_permissions: permissions.0,
                    select_permissions: permissions.1,
                    update_permissions: permissions.2,
                    delete_permissions: permissions.3,
                    extra,
                }
            },
        )
}

fn function() -> impl Strategy<Value = Function> {
    let configuration = option::of(Just("mutation")).prop_map(|exposed_as| {
        let exposed_as = exposed_as.map(|word| ("exposed_as".to_owned(), Json::from(word)));
        exposed_as.into_iter().collect()
    });
    let roles = proptest::sample::subsequence(vec!["r", "s", "t"], 0..=3);
    (function_name(), configuration, roles, comment(), unknown()).prop_map(
        |(function, configuration, roles, comment, extra)| Function {
            function,
            configuration,
            permissions: roles.into_iter().map(RoleName::new).collect(),
            comment,
            extra,
        },
    )
}

fn source_configuration() -> impl Strategy<Value = SourceConfiguration> {
    let url = prop_oneof![
        name().prop_map(DatabaseUrl::Url),
        name().prop_map(DatabaseUrl::FromEnv),
        name().prop_map(DatabaseUrl::FromFile),
    ];
    let level = proptest::sample::select(vec!["read-committed", "serializable"]);
    let pool = option::of(any::<u16>().prop_map(|max| {
        let max = ("max_connections".to_owned(), Json::from(max));
        JsonObject::from_iter([max])
    }));
    (url, pool, any::<bool>(), level, unknown(), unknown()).prop_map(
        |(url, pool_settings, prepared, level, extra, outer)| SourceConfiguration {
            connection_info: ConnectionInfo {
                database_url: Some(url),
                pool_settings,
                use_prepared_statements: Some(prepared),
                isolation_level: Some(level.to_owned()),
                ssl_configuration: None,
                extra,
            },
            extra: outer,
        },
    )
}

fn customization() -> impl Strategy<Value = SourceCustomization> {
    let word = || option::of(graphql_name());
    (word(), word(), word(), word(), word(), unknown()).prop_map(
        |(namespace, prefix, suffix, type_prefix, type_suffix, extra)| SourceCustomization {
            naming_convention: namespace.as_ref().map(|_| "graphql-default".to_owned()),
            namespace,
            root_fields_prefix: prefix,
            root_fields_suffix: suffix,
            type_names_prefix: type_prefix,
            type_names_suffix: type_suffix,
            extra,
        },
    )
}

fn name_of_type() -> impl Strategy<Value = GraphqlName> {
    graphql_name().prop_map(GraphqlName::new)
}

fn model_type() -> impl Strategy<Value = ModelType> {
    let scalar = (name(), any::<bool>())
        .prop_map(|(scalar, nullable)| ModelType::Scalar { scalar, nullable });
    let model = (name_of_type(), any::<bool>())
        .prop_map(|(name, nullable)| ModelType::Model { name, nullable });
    prop_oneof![scalar, model].prop_recursive(2, 4, 1, |inner| {
        (inner, any::<bool>()).prop_map(|(of, nullable)| ModelType::Array {
            of: Box::new(of),
            nullable,
        })
    })
}

/// Of one field at most: the order of fields is that of the rows' columns.
fn model() -> impl Strategy<Value = Model> {
    let field = (column(), model_type(), option::of(name()), unknown()).prop_map(
        |(name, ty, description, extra)| ModelField {
            name,
            ty,
            description,
            extra,
        },
    );
    (
        option::of(field),
        permissions(select_permission()),
        unknown(),
    )
        .prop_map(|(field, select_permissions, extra)| Model {
            fields: field.into_iter().map(|f| (f.name.clone(), f)).collect(),
            select_permissions,
            extra,
        })
}

fn logical_model() -> impl Strategy<Value = LogicalModel> {
    (name_of_type(), model(), option::of(name()), unknown()).prop_map(
        |(name, model, description, extra)| LogicalModel {
            name,
            model: Model {
                extra: JsonObject::new(),
                ..model
            },
            description,
            extra,
        },
    )
}

fn native_relationships() -> impl Strategy<Value = IndexMap<RelationshipName, NativeRelationship>> {
    let target = prop_oneof![
        table_name().prop_map(NativeTarget::Table),
        name_of_type().prop_map(NativeTarget::Query),
    ];
    let mapping = vec((column(), column()), 0..3);
    let relationship = (
        name(),
        target,
        mapping,
        option::of(name()),
        unknown(),
        unknown(),
    )
        .prop_map(|(name, target, mapping, comment, below, mut extra)| {
            if !below.is_empty() {
                extra.insert("using".to_owned(), Json::Object(below));
            }
            let relationship = NativeRelationship {
                name: RelationshipName::new(name),
                target,
                column_mapping: mapping.into_iter().collect(),
                insertion_order: Some(InsertionOrder::AfterParent),
                comment,
                extra,
            };
            (relationship.name.clone(), relationship)
        });
    vec(relationship, 0..3).prop_map(|entries| entries.into_iter().collect())
}

fn native_query() -> impl Strategy<Value = NativeQuery> {
    let argument = (name(), any::<bool>(), option::of(name()), unknown()).prop_map(
        |(ty, nullable, description, extra)| NativeArgument {
            ty,
            nullable,
            description,
            extra,
        },
    );
    let returns = prop_oneof![
        name_of_type().prop_map(Returns::Named),
        model().prop_map(Returns::Inline),
    ];
    (
        name_of_type(),
        returns,
        vec((name(), argument), 0..3),
        native_relationships(),
        native_relationships(),
        unknown(),
    )
        .prop_map(
            |(name, returns, arguments, arrays, objects, extra)| NativeQuery {
                description: Some(name.as_str().to_owned()),
                root_field_name: name,
                code: "SELECT {{a}}".to_owned(),
                returns,
                arguments: arguments.into_iter().collect(),
                array_relationships: arrays,
                object_relationships: objects,
                extra,
            },
        )
}

fn source() -> impl Strategy<Value = Source> {
    (
        prop_oneof![Just("default".to_owned()), name()],
        vec(table(), 0..3),
        vec(function(), 0..3),
        (vec(native_query(), 0..2), vec(logical_model(), 0..2)),
        source_configuration(),
        customization(),
        unknown(),
    )
        .prop_map(
            |(name, tables, functions, (queries, models), configuration, customization, extra)| {
                Source {
                    native_queries: queries
                        .into_iter()
                        .map(|q| (q.root_field_name.clone(), q))
                        .collect(),
                    logical_models: models.into_iter().map(|m| (m.name.clone(), m)).collect(),
                    name: SourceName::new(name),
                    kind: "postgres".to_owned(),
                    tables: tables
                        .into_iter()
                        .map(|t| (t.table.clone(), t.into()))
                        .collect(),
                    functions: functions
                        .into_iter()
                        .map(|f| (f.function.clone(), f))
                        .collect(),
                    configuration,
                    customization,
                    extra,
                }
            },
        )
}

fn metadata() -> impl Strategy<Value = Metadata> {
    let roles = proptest::sample::subsequence(vec!["r", "s", "t"], 0..=3);
    let role = (name(), roles, unknown()).prop_map(|(name, parents, extra)| {
        let role_name = RoleName::new(name);
        let role = InheritedRole {
            role_name: role_name.clone(),
            role_set: parents.into_iter().map(RoleName::new).collect(),
            extra,
        };
        (role_name, role)
    });
    (vec(source(), 0..3), vec(role, 0..3), unknown()).prop_map(|(sources, roles, sections)| {
        Metadata {
            sources: sources.into_iter().map(|s| (s.name.clone(), s)).collect(),
            inherited_roles: roles.into_iter().collect(),
            sections,
        }
    })
}

/// The same document with every object's keys the other way round.
fn reversed(json: &Json) -> Json {
    match json {
        Json::Array(items) => items.iter().map(reversed).collect(),
        Json::Object(object) => {
            let entries = object.iter().rev();
            Json::Object(
                entries
                    .map(|(key, json)| (key.clone(), reversed(json)))
                    .collect(),
            )
        }
        _ => json.clone(),
    }
}

/// The same document with its named lists the other way round.
fn lists_reversed(mut json: Json) -> Json {
    let reverse = |list: Option<&mut Json>| {
        if let Some(Json::Array(items)) = list {
            items.reverse();
        }
    };
    for source in json["sources"].as_array_mut().unwrap() {
        for table in source["tables"].as_array_mut().unwrap() {
            for list in [
                "object_relationships",
                "select_permissions",
                "computed_fields",
            ] {
                reverse(table.get_mut(list));
            }
        }
        reverse(source.get_mut("tables"));
        reverse(source.get_mut("functions"));
    }
    reverse(json.get_mut("sources"));
    reverse(json.get_mut("inherited_roles"));
    json
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn what_the_types_say_survives(metadata in metadata()) {
        let exported = metadata.to_json();
        let read = Metadata::from_json(&exported).unwrap();
        prop_assert_eq!(&read, &metadata);
        prop_assert_eq!(read.to_json().to_string(), exported.to_string());
        // Bytes, not only values: through text as a store or a client has it.
        let text = exported.to_string();
        let parsed: Json = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(Metadata::from_json(&parsed).unwrap(), metadata);
    }

    #[test]
    fn text_made_of_known_pieces_is_the_same(mut metadata in metadata(), other in metadata()) {
        let mut texts = TableTexts::default();
        prop_assert_eq!(metadata.to_text(&mut texts), metadata.to_json().to_string());
        // Most tables are the same now, some are others, and some are gone.
        let copy = metadata.clone();
        for source in metadata.sources.values_mut() {
            let name = source.tables.keys().next().cloned();
            if let Some(table) = name.and_then(|name| source.table_mut(&name)) {
                table.is_enum = !table.is_enum;
            }
            source.tables.pop();
        }
        metadata.sources.extend(other.sources);
        prop_assert_eq!(metadata.to_text(&mut texts), metadata.to_json().to_string());
        metadata.share_tables(&copy);
        prop_assert_eq!(metadata.to_text(&mut texts), metadata.to_json().to_string());
    }

    #[test]
    fn order_means_nothing(metadata in metadata()) {
        let exported = metadata.to_json();
        let shuffled = lists_reversed(reversed(&exported));
        let read = Metadata::from_json(&shuffled).unwrap();
        prop_assert_eq!(&read, &metadata);
        // Unknown keys stay in the order they came, so what is left equal is the value.
        prop_assert_eq!(read.to_json(), exported);
    }

    #[test]
    fn every_unknown_key_is_a_reason_not_to_serve(metadata in metadata()) {
        let json = metadata.to_json();
        let sources = json.get("sources").and_then(Json::as_array).into_iter().flatten();
        for source in sources.filter(|source| source["kind"] == "postgres" && says_something_unknown(source)) {
            let misfit = support::misfit(&support::SOURCE, source.as_object().unwrap(), &[]);
            prop_assert!(misfit.is_some(), "{source}");
        }
    }

    #[test]
    fn no_document_panics(json in json()) {
        let mut document = serde_json::json!({"version": 3, "sources": [{"name": "s"}]});
        document["sources"][0]["tables"] = serde_json::json!([json.clone()]);
        document["sources"][0]["configuration"] = json.clone();
        document["actions"] = json;
        if let Ok(metadata) = Metadata::from_json(&document) {
            metadata.to_json();
        }
    }
}
