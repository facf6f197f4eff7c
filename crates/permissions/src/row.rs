//! One row of a table, and statements about it: made by the planner like every other, without the role's own filter.

use graphloom_catalog::{Column, Table};
use graphloom_execute::{read, write};
use graphloom_ir::{
    BoolExp, Change, Coercion, ColumnSelect, Field, FieldValue, GivenColumn, GrantedColumn, Input,
    Insert, InsertColumn, InsertGrant, InsertNode, Join, JoinFacts, Mutation, MutationOutput,
    Output, Preset, ResponseField, ResponseValue, SelectArguments, SelectGrant, SourceQuery,
    TableAccess, TableSelect, TypedValue, Update, UpdateGrant, UpdateOperator, Value, coerce,
};
use graphloom_pg::Pool;
use graphloom_schema::{
    ComputedFieldInfo, RuleContext, SourceInfo, TableInfo, Texts, compile_condition,
};
use graphloom_vocab::{
    ColumnName, Error, ErrorPath, Json, JsonObject, QualifiedTable, Result, Session,
};

/// What rules may look at, as when permissions are compiled.
pub(crate) struct Sight<'a> {
    pub(crate) source: &'a SourceInfo,
    texts: Texts,
}

impl RuleContext for Sight<'_> {
    fn table(&self, name: &QualifiedTable) -> Option<&Table> {
        self.source.tables.get(name).map(|info| &*info.table)
    }

    fn relationship(
        &self,
        table: &QualifiedTable,
        name: &str,
    ) -> Option<(&QualifiedTable, &[(ColumnName, ColumnName)])> {
        let relationship = self.source.tables.get(table)?.relationships.get(name)?;
        Some((&relationship.target, &relationship.mapping))
    }

    fn computed_field(&self, table: &QualifiedTable, name: &str) -> Option<&ComputedFieldInfo> {
        self.source.tables.get(table)?.computed_fields.get(name)
    }

    fn texts(&self) -> Texts {
        self.texts
    }
}

/// One row, in a transaction that is never committed.
pub(crate) struct Row<'a> {
    pub(crate) source: &'a SourceInfo,
    pub(crate) info: &'a TableInfo,
    pub(crate) session: &'a Session,
    pool: &'a Pool,
    /// Which row.
    identity: BoolExp,
    /// All its columns.
    pub(crate) values: JsonObject,
}

/// Where a row is.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) source: &'a SourceInfo,
    pub(crate) info: &'a TableInfo,
    pub(crate) session: &'a Session,
    pub(crate) pool: &'a Pool,
}

impl<'a> Place<'a> {
    /// The row that has these values; `None`: there is none. Fails if there are several.
    pub(crate) async fn find(self, key: &JsonObject) -> Result<Option<Row<'a>>> {
        let identity = self.identity(key)?;
        let found = self
            .rows(identity.clone(), columns(&self.info.table))
            .await?;
        let mut found = found.into_iter();
        match (found.next(), found.next()) {
            (None, _) => Ok(None),
            (Some(Json::Object(values)), None) => Ok(Some(self.row(identity, values))),
            _ => Err(Error::validation(
                "several rows have these values; give those of a primary key",
            )),
        }
    }

    /// A new row, with the presets of a permission.
    pub(crate) async fn insert(self, given: &JsonObject, presets: &[Preset]) -> Result<Row<'a>> {
        let table = &*self.info.table;
        let names: Vec<ColumnName> = table.columns.iter().map(|c| c.name.clone()).collect();
        let always = BoolExp::always();
        let grant = InsertGrant::from_permission(table, &names, presets.to_vec(), always);
        let mut inserted = Vec::new();
        let mut object = JsonObject::new();
        for (name, value) in given {
            let column = self.column(name)?;
            let Some(writable) = grant.column(&column.name) else {
                continue;
            };
            inserted.push(InsertColumn {
                column: writable.into(),
                given: Some(GivenColumn {
                    key: name.as_str().into(),
                    coercion: Coercion::Scalar {
                        ty: column.ty.base().clone(),
                        graphql_type: "".into(),
                    },
                }),
            });
            object.insert(name.clone(), value.clone());
        }
        let all = (0..inserted.len()).collect();
        let mutation = Mutation::Insert(Box::new(Insert {
            node: InsertNode {
                target: grant.target().clone(),
                columns: inserted,
                conflicts: vec![None],
                conflict_inputs: vec![Json::Null],
                sets: vec![all],
                pattern: vec![0],
                relations: Vec::new(),
            },
            rows: Input::Constant(Json::Array(vec![Json::Object(object)])),
            path: ErrorPath::root(),
            output: returning(table),
        }));
        self.written(&mutation, given).await
    }

    async fn written(self, mutation: &Mutation, given: &JsonObject) -> Result<Row<'a>> {
        let source = &self.source.name;
        let answer = write(self.session, source, self.pool, mutation).await?;
        let answer: Json = serde_json::from_slice(&answer).unwrap_or_default();
        let Some(Json::Object(values)) = answer.pointer("/returning/0").cloned() else {
            return Err(Error::validation(
                "the row was not written: a trigger kept it back",
            ));
        };
        let key = match &self.info.table.primary_key {
            Some(key) => key.columns.iter().map(ColumnName::as_str).collect(),
            None => given.keys().map(String::as_str).collect::<Vec<_>>(),
        };
        let key = key.into_iter();
        let key = key.filter_map(|name| Some((name.to_owned(), values.get(name)?.clone())));
        let identity = self.identity(&key.collect())?;
        Ok(self.row(identity, values))
    }

    fn row(self, identity: BoolExp, values: JsonObject) -> Row<'a> {
        Row {
            source: self.source,
            info: self.info,
            session: self.session,
            pool: self.pool,
            identity,
            values,
        }
    }

    fn column(self, name: &str) -> Result<&'a Column> {
        let table = &self.info.table;
        let found = table.column(&ColumnName::new(name));
        found.ok_or_else(|| {
            let table = table.name.display_name();
            Error::validation(format!("the table \"{table}\" has no column \"{name}\""))
        })
    }

    /// Has these values.
    fn identity(self, key: &JsonObject) -> Result<BoolExp> {
        if key.is_empty() {
            return Err(Error::validation("no column says which row is meant"));
        }
        let mut rule = JsonObject::new();
        for (name, value) in key {
            self.column(name)?;
            let test = match value {
                Json::Null => ("_is_null", Json::Bool(true)),
                value => ("_eq", value.clone()),
            };
            let test = JsonObject::from_iter([(test.0.to_owned(), test.1)]);
            rule.insert(name.clone(), Json::Object(test));
        }
        let sight = Sight {
            source: self.source,
            texts: Texts::Literal,
        };
        compile_condition(&sight, &self.info.table.name, &Json::Object(rule))
    }

    async fn rows(self, filter: BoolExp, fields: Vec<Field>) -> Result<Vec<Json>> {
        let query = SourceQuery::List(TableSelect {
            access: TableAccess::in_rule(self.info.table.name.clone()),
            arguments: SelectArguments {
                filter: Some(filter),
                ..SelectArguments::default()
            },
            fields,
        });
        let answer = read(self.session, self.pool, &query).await?;
        match serde_json::from_slice(&answer) {
            Ok(Json::Array(rows)) => Ok(rows),
            _ => Err(Error::unexpected("the statement did not answer with rows")),
        }
    }
}

impl<'a> Row<'a> {
    fn place(&self) -> Place<'a> {
        Place {
            source: self.source,
            info: self.info,
            session: self.session,
            pool: self.pool,
        }
    }

    /// What Postgres makes of a rule about this row; `None` is null, which lets nothing through.
    pub(crate) async fn asked(&self, rule: &Json) -> Result<Option<bool>> {
        let sight = Sight {
            source: self.source,
            texts: Texts::Session,
        };
        let condition = compile_condition(&sight, &self.info.table.name, rule)?;
        if self.has(condition.clone()).await? {
            return Ok(Some(true));
        }
        let negation = BoolExp::Not(Box::new(condition));
        Ok(self.has(negation).await?.then_some(false))
    }

    async fn has(&self, condition: BoolExp) -> Result<bool> {
        let both = BoolExp::And(vec![self.identity.clone(), condition]);
        let fields = vec![Field {
            key: "found".into(),
            value: FieldValue::Constant("".into()),
        }];
        Ok(!self.place().rows(both, fields).await?.is_empty())
    }

    /// The values of a column in the rows that relationships lead to, one after the other.
    pub(crate) async fn related(&self, path: &[&str], column: &str) -> Result<Vec<Json>> {
        let Some(field) = related(self.source, self.info, path, column) else {
            return Ok(Vec::new());
        };
        let rows = self
            .place()
            .rows(self.identity.clone(), vec![field])
            .await?;
        let mut found = rows;
        for _ in path {
            let inner = found
                .into_iter()
                .filter_map(|mut row| row.get_mut("value").map(Json::take));
            found = inner.flat_map(into_rows).collect();
        }
        let values = found.into_iter();
        Ok(values
            .filter_map(|mut row| row.get_mut("value").map(Json::take))
            .collect())
    }

    /// The same row with other values and the presets of a permission.
    pub(crate) async fn update(self, set: &JsonObject, presets: &[Preset]) -> Result<Row<'a>> {
        let place = self.place();
        let table = &*self.info.table;
        let names: Vec<ColumnName> = table.columns.iter().map(|c| c.name.clone()).collect();
        let always = BoolExp::always();
        let grant = UpdateGrant::from_permission(table, &names, presets.to_vec(), always, None);
        let is_preset = |name: &ColumnName| presets.iter().any(|preset| preset.column == *name);
        let mut changes = Vec::new();
        for (name, value) in set {
            let column = place.column(name)?;
            if is_preset(&column.name) {
                continue;
            }
            let ty = column.ty.base().clone();
            let text = coerce::scalar(&ty, value)?;
            let value = Value::Literal(text.map(Into::into));
            changes.push(Change {
                column: column.name.clone(),
                operator: UpdateOperator::Set,
                value: Some(TypedValue { value, ty }),
            });
        }
        if changes.is_empty() && presets.is_empty() {
            return Ok(self);
        }
        let mutation = Mutation::Update(Update {
            target: grant.target().clone(),
            filter: self.identity,
            pick: None,
            changes,
            nested: Vec::new(),
            output: returning(table),
        });
        let mut given = self.values;
        given.extend(set.clone());
        place.written(&mutation, &given).await
    }
}

fn into_rows(value: Json) -> Vec<Json> {
    match value {
        Json::Array(rows) => rows,
        Json::Null => Vec::new(),
        one => vec![one],
    }
}

fn returning(table: &Table) -> MutationOutput {
    MutationOutput::Response(vec![ResponseField {
        key: "returning".into(),
        value: ResponseValue::Returning(columns(table)),
    }])
}

fn columns(table: &Table) -> Vec<Field> {
    let grant = SelectGrant::unrestricted(table);
    let columns = grant.columns().iter();
    columns
        .map(|column| field(column.name().as_str(), column))
        .collect()
}

fn field(key: &str, column: &GrantedColumn) -> Field {
    Field {
        key: key.into(),
        value: FieldValue::Column(ColumnSelect {
            column: column.clone(),
            json_path: None,
            output: Output::Json,
        }),
    }
}

/// `{value: [{value: …}]}`, as deep as the path.
fn related(source: &SourceInfo, info: &TableInfo, path: &[&str], column: &str) -> Option<Field> {
    let Some((first, rest)) = path.split_first() else {
        let grant = SelectGrant::unrestricted(&info.table);
        let column = grant.column(&ColumnName::new(column))?;
        return Some(field("value", column));
    };
    let relationship = info.relationships.get(*first)?;
    let target = source.tables.get(&relationship.target)?;
    let join = Join {
        access: TableAccess::in_rule(target.table.name.clone()),
        mapping: relationship.mapping.clone(),
        facts: JoinFacts::default(),
    };
    let select = TableSelect {
        access: join.access.clone(),
        arguments: SelectArguments::default(),
        fields: vec![related(source, target, rest, column)?],
    };
    Some(Field {
        key: "value".into(),
        value: FieldValue::Array(join, Box::new(select)),
    })
}
