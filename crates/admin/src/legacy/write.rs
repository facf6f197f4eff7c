//! `insert`, `update` and `delete`, for admins and for roles, as the mutations that GraphQL has.

use graphloom_catalog::{PgType, ScalarKind};
use graphloom_ir::{
    BoolExp, Change, Coercion, ConflictAction, ConflictTarget, Delete, Field, GivenColumn, Input,
    Insert, InsertColumn, InsertGrant, InsertNode, Mutation, MutationOutput, OnConflict,
    ResponseField, ResponseValue, TypedValue, Update, UpdateGrant, UpdateOperator, Value, coerce,
};
use graphloom_metadata::decode::mismatch;
use graphloom_metadata::{Decode, Fields};
use graphloom_schema::TableInfo;
use graphloom_vocab::{
    ColumnName, ConstraintName, Error, ErrorCode, ErrorPath, Json, JsonObject, Result, Session,
};
use indexmap::IndexSet;

use super::decode::condition;
use super::select::Reader;
use crate::command::TableId;
use crate::error::{not_exists, quoted};
use crate::work::Work;

/// `insert`
#[derive(Clone, Debug)]
pub(crate) struct InsertQuery {
    pub(crate) id: TableId,
    objects: Vec<JsonObject>,
    conflict: Option<ConflictQuery>,
    returning: Option<Vec<ColumnName>>,
}

/// `on_conflict`
#[derive(Clone, Debug)]
struct ConflictQuery {
    columns: Option<Vec<ColumnName>>,
    constraint: Option<ConstraintName>,
    updates: bool,
}

/// `update`
#[derive(Clone, Debug)]
pub(crate) struct UpdateQuery {
    pub(crate) id: TableId,
    filter: Json,
    /// `$set`, `$inc`, `$mul`.
    changes: Vec<(&'static str, UpdateOperator, JsonObject)>,
    /// `$default`
    defaults: Vec<ColumnName>,
    returning: Option<Vec<ColumnName>>,
}

/// `delete`
#[derive(Clone, Debug)]
pub(crate) struct DeleteQuery {
    pub(crate) id: TableId,
    filter: Json,
    returning: Option<Vec<ColumnName>>,
}

const OPERATORS: &[(&str, UpdateOperator)] = &[
    ("$set", UpdateOperator::Set),
    ("$inc", UpdateOperator::Inc),
    ("$mul", UpdateOperator::Mul),
];

impl InsertQuery {
    /// Reads the query's own keys.
    pub(crate) fn decode_fields(id: TableId, fields: &mut Fields<'_>) -> Result<Self> {
        Ok(Self {
            id,
            objects: fields.required_with("objects", |json| match json {
                Json::Array(_) => Vec::<JsonObject>::decode(json),
                json => Err(mismatch("[]", "Array", json)),
            })?,
            conflict: fields.optional("on_conflict")?,
            returning: fields.optional("returning")?,
        })
    }
}

impl Decode for ConflictQuery {
    fn decode(json: &Json) -> Result<Self> {
        let mut fields = Fields::of(json, "OnConflict")?;
        let columns = fields.optional_with("constraint_on", |json| match json {
            Json::String(name) => Ok(vec![ColumnName::new(name.as_str())]),
            json => Vec::decode(json),
        })?;
        let constraint = fields.optional_with("constraint", String::decode)?;
        let updates = fields.required_with("action", |json| match json.as_str() {
            Some("update") => Ok(true),
            Some("ignore") => Ok(false),
            _ => Err(Error::parse_failed("Expecting 'ignore' or 'update'")),
        })?;
        Ok(Self {
            columns,
            constraint: constraint.map(|name| ConstraintName::new(name.as_str())),
            updates,
        })
    }
}

impl UpdateQuery {
    /// Reads the query's own keys.
    pub(crate) fn decode_fields(id: TableId, fields: &mut Fields<'_>) -> Result<Self> {
        let filter = fields.required_with("where", condition)?;
        let mut changes = Vec::new();
        for (key, operator) in OPERATORS {
            if let Some(object) = fields.optional_with(key, JsonObject::decode)? {
                changes.push((*key, *operator, object));
            }
        }
        Ok(Self {
            id,
            filter,
            changes,
            defaults: fields.or_default("$default")?,
            returning: fields.optional("returning")?,
        })
    }
}

impl DeleteQuery {
    /// Reads the query's own keys.
    pub(crate) fn decode_fields(id: TableId, fields: &mut Fields<'_>) -> Result<Self> {
        Ok(Self {
            id,
            filter: fields.required_with("where", condition)?,
            returning: fields.optional("returning")?,
        })
    }
}

/// Runs an `insert`: `{"affected_rows": n, "returning"?: […]}`.
pub(crate) async fn insert(work: &Work, query: &InsertQuery) -> Result<Json> {
    let mutation = Writer::new(work, &query.id)?.insert(query)?;
    run(work, &query.id, mutation).await
}

/// Runs an `update`.
pub(crate) async fn update(work: &Work, query: &UpdateQuery) -> Result<Json> {
    let mutation = Writer::new(work, &query.id)?.update(query)?;
    run(work, &query.id, mutation).await
}

/// Runs a `delete`.
pub(crate) async fn delete(work: &Work, query: &DeleteQuery) -> Result<Json> {
    let mutation = Writer::new(work, &query.id)?.delete(query)?;
    run(work, &query.id, mutation).await
}

async fn run(work: &Work, id: &TableId, mutation: Mutation) -> Result<Json> {
    let pool = work.runtime(&id.source)?.pool.clone();
    let pool = pool.ok_or_else(|| crate::error::inconsistent_source(&id.source))?;
    let answer = graphloom_execute::write(&work.session, &id.source, &pool, &mutation).await?;
    serde_json::from_slice(&answer)
        .map_err(|_| Error::unexpected("the statement did not answer with JSON"))
}

/// Writes one table for one role.
struct Writer<'a> {
    info: &'a TableInfo,
    reader: Reader<'a>,
    session: &'a Session,
}

impl<'a> Writer<'a> {
    fn new(work: &'a Work, id: &TableId) -> Result<Self> {
        let source = work.source(&id.source)?;
        let info = super::table(source, id);
        let info = info.map_err(|error| error.below(&ErrorPath::keys(&["table"])))?;
        let numerics = work.schema().settings.numerics;
        Ok(Self {
            info,
            reader: Reader::new(source, &work.session.role, numerics),
            session: &work.session,
        })
    }

    fn insert(&self, query: &InsertQuery) -> Result<Mutation> {
        let grant = self
            .info
            .insert_grant(&self.session.role, self.session.backend_only);
        let grant = grant.ok_or_else(|| self.not_allowed("insert"))?;
        if query.objects.is_empty() {
            let at = ErrorPath::keys(&["objects"]);
            return Err(unexpected("objects should not be empty").at(at));
        }
        let output = self.output(query.returning.as_deref())?;
        let mut columns: IndexSet<ColumnName> = IndexSet::new();
        let mut rows = Vec::with_capacity(query.objects.len());
        for (index, object) in query.objects.iter().enumerate() {
            let at = ErrorPath::keys(&["objects"]).index(index);
            let row = self.row(&grant, object, &mut columns);
            rows.push(Json::Object(row.map_err(|error| error.below(&at))?));
        }
        let conflict = self.conflict(query.conflict.as_ref(), &columns);
        let conflict = conflict.map_err(|error| error.below(&ErrorPath::keys(&["on_conflict"])))?;
        let node = node(&grant, &columns, &rows, conflict);
        Ok(Mutation::Insert(Box::new(Insert {
            node,
            rows: Input::Constant(Json::Array(rows)),
            path: ErrorPath::root(),
            output,
        })))
    }

    /// A row's values, each looked at, so that its error is at its place.
    fn row(
        &self,
        grant: &InsertGrant,
        object: &JsonObject,
        columns: &mut IndexSet<ColumnName>,
    ) -> Result<JsonObject> {
        let mut row = JsonObject::new();
        for (key, value) in object {
            let name = ColumnName::new(key.as_str());
            let writable = grant.column(&name).map(|column| column.ty().clone());
            let ty = self.writable("insert", &name, writable)?;
            let value = numeric(&ty, value);
            let at = ErrorPath::keys(&[key]);
            coerce::scalar(ty.base(), &value).map_err(|error| error.below(&at))?;
            row.insert(key.clone(), value);
            columns.insert(name);
        }
        Ok(row)
    }

    fn conflict(
        &self,
        query: Option<&ConflictQuery>,
        columns: &IndexSet<ColumnName>,
    ) -> Result<Option<OnConflict>> {
        let Some(query) = query else { return Ok(None) };
        let grant = self
            .info
            .update_grant(&self.session.role, self.session.backend_only);
        let role = &self.session.role;
        let Some(grant) = grant else {
            let message = format!("upsert is not allowed for role \"{role}\"");
            return Err(Error::new(ErrorCode::PermissionDenied, message));
        };
        let target = match (&query.columns, &query.constraint) {
            (Some(_), Some(_)) => {
                return Err(unexpected(
                    "'constraint' and 'constraint_on' cannot be set at a time",
                ));
            }
            (None, None) if query.updates => {
                return Err(unexpected(
                    "Expecting 'constraint' or 'constraint_on' when the 'action' is 'update'",
                ));
            }
            (None, None) => ConflictTarget::Any,
            (Some(columns), None) => {
                for (index, column) in columns.iter().enumerate() {
                    let at = ErrorPath::keys(&["constraint_on"]).index(index);
                    self.known(column).map_err(|error| error.below(&at))?;
                }
                ConflictTarget::Columns(columns.clone())
            }
            (None, Some(constraint)) => {
                self.check_constraint(constraint)?;
                ConflictTarget::Constraint(constraint.clone())
            }
        };
        let action = match query.updates {
            false => ConflictAction::Nothing,
            true => {
                let columns = updatable(&grant, columns)?;
                ConflictAction::Update {
                    target: grant.target().clone(),
                    columns,
                    filter: None,
                }
            }
        };
        Ok(Some(OnConflict { target, action }))
    }

    fn check_constraint(&self, constraint: &ConstraintName) -> Result<()> {
        let table = &self.info.table;
        let mut keys = table.primary_key.iter().chain(&table.unique_keys);
        if keys.any(|key| &key.constraint == constraint) {
            return Ok(());
        }
        let table = quoted(&table.name);
        let message = format!("constraint \"{constraint}\" for table {table} does not exist");
        Err(Error::unexpected(message)
            .with_status(400)
            .at(ErrorPath::keys(&["constraint"])))
    }

    fn update(&self, query: &UpdateQuery) -> Result<Mutation> {
        let grant = self
            .info
            .update_grant(&self.session.role, self.session.backend_only);
        let grant = grant.ok_or_else(|| self.not_allowed("update"))?;
        let mut changes = Vec::new();
        for (key, operator, object) in &query.changes {
            let at = ErrorPath::keys(&[key]);
            for (name, value) in object {
                let change = self.change(&grant, (name, value), *operator);
                changes.push(change.map_err(|error| error.below(&at))?);
            }
        }
        for name in &query.defaults {
            let at = ErrorPath::keys(&["$default"]);
            let ty = self.updatable(&grant, name);
            ty.map_err(|error| error.below(&at))?;
            changes.push(Change {
                column: name.clone(),
                operator: UpdateOperator::Set,
                value: None,
            });
        }
        if changes.is_empty() && grant.target().presets().is_empty() {
            return Err(unexpected(
                "atleast one of $set, $inc, $mul has to be present",
            ));
        }
        Ok(Mutation::Update(Update {
            target: grant.target().clone(),
            filter: self.filter("update", &query.filter)?,
            pick: None,
            changes,
            nested: Vec::new(),
            output: self.output(query.returning.as_deref())?,
        }))
    }

    fn change(
        &self,
        grant: &UpdateGrant,
        (name, value): (&str, &Json),
        operator: UpdateOperator,
    ) -> Result<Change> {
        let column = ColumnName::new(name);
        let ty = self.updatable(grant, &column)?.base().clone();
        let text = coerce::scalar(&ty, &numeric(&ty, value))
            .map_err(|error| error.below(&ErrorPath::keys(&[name])))?;
        let value = TypedValue {
            value: Value::Literal(text.map(Into::into)),
            ty,
        };
        Ok(Change {
            column,
            operator,
            value: Some(value),
        })
    }

    fn updatable(&self, grant: &UpdateGrant, name: &ColumnName) -> Result<PgType> {
        let mut columns = grant.columns().iter();
        let found = columns.find(|column| column.name() == name);
        self.writable("update", name, found.map(|column| column.ty().clone()))
    }

    fn delete(&self, query: &DeleteQuery) -> Result<Mutation> {
        let grant = self
            .info
            .delete_grant(&self.session.role, self.session.backend_only);
        let grant = grant.ok_or_else(|| self.not_allowed("delete"))?;
        Ok(Mutation::Delete(Delete {
            target: grant.target().clone(),
            filter: self.filter("delete", &query.filter)?,
            pick: None,
            output: self.output(query.returning.as_deref())?,
        }))
    }

    /// The type of a column that the role may write.
    fn writable(&self, verb: &str, name: &ColumnName, ty: Option<PgType>) -> Result<PgType> {
        if let Some(ty) = ty {
            return Ok(ty);
        }
        let role = &self.session.role;
        if !role.is_admin() {
            let message =
                format!("role \"{role}\" does not have permission to {verb} column \"{name}\"");
            return Err(Error::new(ErrorCode::PermissionDenied, message));
        }
        self.known(name)?;
        let message = format!("column \"{name}\" is written by Postgres alone");
        Err(Error::new(ErrorCode::NotSupported, message))
    }

    fn known(&self, name: &ColumnName) -> Result<()> {
        match self.info.table.column(name) {
            Some(_) => Ok(()),
            None => Err(not_exists(format!("column \"{name}\" does not exist"))),
        }
    }

    /// `where` needs to see what it asks about.
    fn filter(&self, verb: &str, filter: &Json) -> Result<BoolExp> {
        self.reader.may_read(self.info).map_err(|error| {
            let message = format!(
                "{}; \"{verb}\" is only allowed if the role has \"select\" permission as \"where\" \
                 can't be used without \"select\" permission on the table",
                error.message()
            );
            Error::new(error.code().clone(), message)
        })?;
        let filter = self.reader.filter(self.info, Some(filter))?;
        Ok(filter.unwrap_or_else(BoolExp::always))
    }

    fn output(&self, returning: Option<&[ColumnName]>) -> Result<MutationOutput> {
        let mut response = vec![ResponseField {
            key: "affected_rows".into(),
            value: ResponseValue::AffectedRows,
        }];
        if let Some(columns) = returning {
            let fields: Vec<Field> =
                self.reader
                    .returned(self.info, columns)
                    .map_err(|error| match error.code() {
                        ErrorCode::PermissionDenied if error.path().segments().is_empty() => {
                            Error::new(
                                ErrorCode::PermissionDenied,
                                format!(
                                    "{}; \"returning\" can only be used if the role has \"select\" \
                             permission on the table",
                                    error.message()
                                ),
                            )
                        }
                        _ => error,
                    })?;
            response.push(ResponseField {
                key: "returning".into(),
                value: ResponseValue::Returning(fields),
            });
        }
        Ok(MutationOutput::Response(response))
    }

    /// *insert on "t" for role "r" is not allowed. *
    fn not_allowed(&self, verb: &str) -> Error {
        let (table, role) = (quoted(&self.info.table.name), &self.session.role);
        let message = format!("{verb} on {table} for role \"{role}\" is not allowed. ");
        Error::new(ErrorCode::PermissionDenied, message)
    }
}

/// The columns of the rows that an upsert changes: all that are given, and each must be changeable.
fn updatable(grant: &UpdateGrant, columns: &IndexSet<ColumnName>) -> Result<Vec<ColumnName>> {
    for name in columns {
        if !grant.columns().iter().any(|column| column.name() == name) {
            let message = format!("column \"{name}\" is not updatable");
            return Err(Error::validation(message));
        }
    }
    Ok(columns.iter().cloned().collect())
}

fn node(
    grant: &InsertGrant,
    columns: &IndexSet<ColumnName>,
    rows: &[Json],
    conflict: Option<OnConflict>,
) -> InsertNode {
    let columns: Vec<InsertColumn> = columns
        .iter()
        .filter_map(|name| {
            let column = grant.column(name)?;
            Some(InsertColumn {
                column: column.into(),
                given: Some(GivenColumn {
                    key: name.as_str().into(),
                    coercion: Coercion::Scalar {
                        ty: column.ty().base().clone(),
                        graphql_type: "".into(),
                    },
                }),
            })
        })
        .collect();
    let mut sets: IndexSet<Vec<usize>> = IndexSet::new();
    let mut pattern = Vec::with_capacity(rows.len());
    for row in rows {
        let has = |at: &usize| {
            let column = &columns[*at];
            !column.column.may_have_default || row.get(column.column.name.as_str()).is_some()
        };
        let set = (0..columns.len()).filter(has).collect();
        pattern.push(sets.insert_full(set).0);
    }
    InsertNode {
        target: grant.target().clone(),
        columns,
        conflicts: vec![conflict],
        conflict_inputs: vec![Json::Null],
        sets: sets.into_iter().collect(),
        pattern,
        relations: Vec::new(),
    }
}

/// A number for a numeric column as v2 sends it from here: its decimals in groups of four, which shows in
/// the scale of what is computed with it.
fn numeric(ty: &PgType, value: &Json) -> Json {
    let Json::Number(number) = value else {
        return value.clone();
    };
    let text = number.to_string();
    if ty.scalar_kind() != ScalarKind::Numeric || text.contains(['e', 'E']) {
        return value.clone();
    }
    match text.split_once('.') {
        None => value.clone(),
        Some((_, decimals)) => {
            let missing = decimals.len().next_multiple_of(4) - decimals.len();
            Json::from(format!("{text}{}", "0".repeat(missing)))
        }
    }
}

fn unexpected(message: &str) -> Error {
    Error::new(ErrorCode::UnexpectedPayload, message)
}
