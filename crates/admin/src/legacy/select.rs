//! Legacy queries as selections of the bound language.

use std::cell::Cell;
use std::sync::Arc;

use graphloom_catalog::{PgType, ScalarKind};
use graphloom_ir::{
    AggregateField, AggregateFieldValue, AggregateOp, AggregateOpField, AggregateSelect,
    ColumnSelect, Distinct, Field, FieldValue, Join, OrderBy, OrderTarget, SelectArguments,
    SelectGrant, TableSelect, TypedValue, Value,
};
use graphloom_schema::{
    Numerics, RelationshipInfo, RelationshipKind, SourceInfo, TableInfo, Through,
    compile_condition, output,
};
use graphloom_vocab::{ColumnName, Error, ErrorCode, ErrorPath, Json, Result, RoleName};

use super::decode::{Column, Count, Query, SortKey};
use super::sight::Sight;
use crate::error::not_exists;

/// Most fields a query can have: stars follow relationships, and relationships can lead in circles.
const FIELDS_MAX: usize = 10_000;

/// Most relationships that follow each other. What Postgres needs to plan a statement grows faster
/// than its depth.
const DEPTH_MAX: usize = 16;

/// Reads for one role.
pub(super) struct Reader<'a> {
    sight: Sight<'a>,
    numerics: Numerics,
    /// Fields so far.
    fields: Cell<usize>,
    /// Relationships followed at the moment.
    depth: Cell<usize>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a SourceInfo, role: &'a RoleName, numerics: Numerics) -> Self {
        Self {
            sight: Sight { source, role },
            numerics,
            fields: Cell::new(0),
            depth: Cell::new(0),
        }
    }

    /// `select`
    pub(super) fn rows(&self, info: &TableInfo, query: &Query) -> Result<TableSelect> {
        let grant = self.sight.grant(info)?;
        self.table_select(info, &grant, query)
    }

    /// Whether the role may read the table at all.
    pub(super) fn may_read(&self, info: &TableInfo) -> Result<()> {
        self.sight.grant(info).map(drop)
    }

    /// The columns of written rows.
    pub(super) fn returned(&self, info: &TableInfo, columns: &[ColumnName]) -> Result<Vec<Field>> {
        let grant = self.sight.grant(info)?;
        let columns = columns.iter().enumerate();
        let fields = columns.map(|(index, name)| {
            let at = ErrorPath::keys(&["returning"]).index(index);
            self.column(&grant, name).map_err(|error| error.below(&at))
        });
        fields.collect()
    }

    /// `count`: of rows, or of what is distinct among them. The role's limit is none here.
    pub(super) fn count(&self, info: &TableInfo, count: &Count) -> Result<AggregateSelect> {
        let grant = self.sight.grant(info).map_err(|error| {
            let message = format!(
                "{}; \"count\" is only allowed if the role has \"select\" permissions on the table",
                error.message()
            );
            Error::new(error.code().clone(), message)
        })?;
        let mut distinct_on = Vec::with_capacity(count.distinct.len());
        for (index, name) in count.distinct.iter().enumerate() {
            let column = self.sight.column(&grant, name);
            let at = ErrorPath::keys(&["distinct"]).index(index);
            distinct_on.push(column.map_err(|error| error.below(&at))?.clone());
        }
        let number = AggregateOpField {
            key: "count".into(),
            value: AggregateOp::Count {
                columns: Vec::new(),
                distinct: Distinct::No,
            },
        };
        Ok(AggregateSelect {
            access: grant.access(),
            arguments: SelectArguments {
                filter: self.filter(info, count.filter.as_ref())?,
                distinct_on,
                ..SelectArguments::default()
            },
            fields: vec![AggregateField {
                key: "aggregate".into(),
                value: AggregateFieldValue::Aggregate(vec![number]),
            }],
        })
    }

    fn table_select(
        &self,
        info: &TableInfo,
        grant: &SelectGrant,
        query: &Query,
    ) -> Result<TableSelect> {
        let fields = self.fields(info, grant, &query.columns)?;
        let filter = self.filter(info, query.filter.as_ref())?;
        let mut order_by = Vec::new();
        for (index, key) in query.order_by.iter().flatten().enumerate() {
            let target = self.sort_target(info, grant, &key.path);
            let at = ErrorPath::keys(&["order_by"]).index(index);
            let target = target.map_err(|error| error.below(&at))?;
            let SortKey {
                direction, nulls, ..
            } = *key;
            order_by.push(OrderBy {
                target,
                direction,
                nulls,
            });
        }
        Ok(TableSelect {
            access: grant.access(),
            arguments: SelectArguments {
                filter,
                order_by,
                distinct_on: Vec::new(),
                limit: window("limit", query.limit)?,
                offset: window("offset", query.offset)?,
            },
            fields,
        })
    }

    pub(super) fn filter(
        &self,
        info: &TableInfo,
        filter: Option<&Json>,
    ) -> Result<Option<graphloom_ir::BoolExp>> {
        let Some(filter) = filter else {
            return Ok(None);
        };
        let condition = compile_condition(&self.sight, &info.table.name, filter);
        let at = ErrorPath::keys(&["where"]);
        condition.map(Some).map_err(|error| error.below(&at))
    }

    /// What is named, then what stars add.
    fn fields(
        &self,
        info: &TableInfo,
        grant: &SelectGrant,
        columns: &[Column],
    ) -> Result<Vec<Field>> {
        if self.depth.get() > DEPTH_MAX {
            let message = format!("a query follows at most {DEPTH_MAX} relationships in a row");
            return Err(Error::new(ErrorCode::BadRequest, message));
        }
        self.depth.set(self.depth.get() + 1);
        let fields = self.fields_within(info, grant, columns);
        self.depth.set(self.depth.get() - 1);
        fields
    }

    fn fields_within(
        &self,
        info: &TableInfo,
        grant: &SelectGrant,
        columns: &[Column],
    ) -> Result<Vec<Field>> {
        let mut fields: Vec<Field> = Vec::with_capacity(columns.len());
        let mut relationships: Vec<&str> = Vec::new();
        let mut depth = 0;
        for (index, column) in columns.iter().enumerate() {
            let field = match column {
                Column::Star(stars) => {
                    depth = depth.max(*stars);
                    continue;
                }
                Column::Named(name) => self.column(grant, &ColumnName::new(name.as_str())),
                Column::Related { name, alias, query } => {
                    relationships.push(name);
                    self.related(info, name, alias.as_deref(), query)
                }
            };
            let at = ErrorPath::keys(&["columns"]).index(index);
            self.add(&mut fields, field.map_err(|error| error.below(&at))?)?;
        }
        if depth > 0 {
            for column in grant.columns() {
                let field = self.column(grant, column.name())?;
                self.add(&mut fields, field)?;
            }
        }
        if depth > 1 {
            self.stars(info, depth - 1, &relationships, &mut fields)?;
        }
        Ok(fields)
    }

    /// All relationships that the role may follow, with everything behind them.
    fn stars(
        &self,
        info: &TableInfo,
        depth: usize,
        named: &[&str],
        fields: &mut Vec<Field>,
    ) -> Result<()> {
        for (name, relationship) in &info.relationships {
            let target = self.sight.source.tables.get(&relationship.target);
            let grant = target.and_then(|target| self.sight.grant_if_any(target));
            let (Some(target), Some(grant)) = (target, grant) else {
                continue;
            };
            if named.contains(&name.as_str()) {
                continue;
            }
            let select = TableSelect {
                access: grant.access(),
                arguments: SelectArguments::default(),
                fields: self.fields(target, &grant, &[Column::Star(depth)])?,
            };
            let field = Field {
                key: name.as_str().into(),
                value: related_value(relationship, &grant, select),
            };
            self.add(fields, field)?;
        }
        Ok(())
    }

    /// The first field of a key counts.
    fn add(&self, fields: &mut Vec<Field>, field: Field) -> Result<()> {
        self.fields.set(self.fields.get() + 1);
        if self.fields.get() > FIELDS_MAX {
            let message = format!("a query selects at most {FIELDS_MAX} fields");
            return Err(Error::new(ErrorCode::BadRequest, message));
        }
        if fields.iter().all(|other| other.key != field.key) {
            fields.push(field);
        }
        Ok(())
    }

    fn column(&self, grant: &SelectGrant, name: &ColumnName) -> Result<Field> {
        let column = self.sight.column(grant, name)?;
        Ok(Field {
            key: name.as_str().into(),
            value: FieldValue::Column(ColumnSelect {
                column: column.clone(),
                json_path: None,
                output: output(column.ty(), self.numerics),
            }),
        })
    }

    fn related(
        &self,
        info: &TableInfo,
        name: &str,
        alias: Option<&str>,
        query: &Query,
    ) -> Result<Field> {
        let relationship =
            relationship(info, name).map_err(|error| error.below(&ErrorPath::keys(&["name"])))?;
        let through = Through::Relationship(name);
        let (target, grant) = self.sight.related(&relationship.target, through)?;
        let select = self.table_select(target, &grant, query)?;
        let has_arguments = query.filter.is_some()
            || query.order_by.is_some()
            || query.limit.is_some()
            || query.offset.is_some();
        if relationship.kind == RelationshipKind::Object && has_arguments {
            return Err(unexpected_payload(
                "when selecting an 'obj_relationship' 'where', 'order_by', 'limit' and 'offset'  \
                 can't be used"
                    .to_owned(),
            ));
        }
        Ok(Field {
            key: alias.unwrap_or(name).into(),
            value: related_value(relationship, &grant, select),
        })
    }

    fn sort_target(
        &self,
        info: &TableInfo,
        grant: &SelectGrant,
        path: &[String],
    ) -> Result<OrderTarget> {
        let [name, rest @ ..] = path else {
            return Err(unexpected_payload("a sort key needs a column".to_owned()));
        };
        let column = ColumnName::new(name.as_str());
        let is_column = info.table.column(&column).is_some();
        if !is_column && info.computed_fields.contains_key(name) {
            return Err(unexpected_payload(format!(
                "\"{name}\" is a computed field and can't be used in 'order_by'"
            )));
        }
        if rest.is_empty() && is_column {
            let column = self.sight.column(grant, &column)?;
            if !is_sortable(column.ty()) {
                let ty = &column.ty().base().name;
                return Err(unexpected_payload(format!(
                    "\"{name}\" has type '{ty}' and cannot be used in order_by"
                )));
            }
            return Ok(OrderTarget::Column(column.clone()));
        }
        if is_column {
            return Err(unexpected_payload(format!(
                "\"{name}\" is a Postgres column and cannot be chained further"
            )));
        }
        let relationship = info.relationships.get(name);
        let relationship =
            relationship.ok_or_else(|| not_exists(format!("\"{name}\" does not exist")))?;
        if rest.is_empty() {
            return Err(unexpected_payload(format!(
                "\"{name}\" is a relationship and should be expanded"
            )));
        }
        if relationship.kind == RelationshipKind::Array {
            return Err(unexpected_payload(format!(
                "\"{name}\" is an array relationship and can't be used in 'order_by'"
            )));
        }
        let through = Through::Relationship(name);
        let (target, grant) = self.sight.related(&relationship.target, through)?;
        let inner = self.sort_target(target, &grant, rest)?;
        Ok(OrderTarget::Object(
            join(relationship, &grant),
            Box::new(inner),
        ))
    }
}

fn relationship<'i>(info: &'i TableInfo, name: &str) -> Result<&'i RelationshipInfo> {
    if let Some(relationship) = info.relationships.get(name) {
        return Ok(relationship);
    }
    if info.table.column(&ColumnName::new(name)).is_some() {
        return Err(unexpected_payload(format!(
            "expecting a relationship; but \"{name}\" is a postgres column; only relationships can \
             be expanded"
        )));
    }
    Err(not_exists(format!(
        "relationship \"{name}\" does not exist"
    )))
}

fn related_value(
    relationship: &RelationshipInfo,
    grant: &SelectGrant,
    select: TableSelect,
) -> FieldValue {
    let join = join(relationship, grant);
    match relationship.kind {
        RelationshipKind::Object => FieldValue::Object(join, Box::new(select)),
        RelationshipKind::Array => FieldValue::Array(join, Box::new(select)),
    }
}

fn join(relationship: &RelationshipInfo, grant: &SelectGrant) -> Join {
    Join {
        access: grant.access(),
        mapping: relationship.mapping.clone(),
        facts: relationship.facts,
    }
}

fn is_sortable(ty: &PgType) -> bool {
    !matches!(
        ty.scalar_kind(),
        ScalarKind::Geometry | ScalarKind::Geography | ScalarKind::Json
    )
}

/// `limit` and `offset`
fn window(key: &str, rows: Option<i64>) -> Result<Option<TypedValue>> {
    let Some(rows) = rows else {
        return Ok(None);
    };
    if rows < 0 {
        let error = Error::new(ErrorCode::NotSupported, "unexpected negative value");
        return Err(error.at(ErrorPath::keys(&[key])));
    }
    let text: Arc<str> = rows.to_string().into();
    Ok(Some(TypedValue {
        value: Value::Literal(Some(text)),
        ty: PgType::builtin("int8"),
    }))
}

fn unexpected_payload(message: String) -> Error {
    Error::new(ErrorCode::UnexpectedPayload, message)
}
