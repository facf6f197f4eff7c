//! Statements that write: `INSERT … RETURNING …`, `WITH t1 AS (INSERT … RETURNING …) SELECT …`.
//!
//! What is told about written rows is part of the statement where it needs nothing but their columns;
//! otherwise the rows come back and are read by a second statement, which sees everything the first did.
//! Read next: `write/told.rs`, which says what comes back and how it is checked.

mod told;

use graphloom_catalog::{PgType, TypeKind};
use graphloom_ir::{
    BoolExp, Change, ConflictAction, ConflictTarget, Delete, Field, FieldValue, InsertColumn,
    InsertNode, Link, MutationOutput, OnConflict, Pick, Preset, ResponseValue, RunValue,
    SelectArguments, TableAccess, TableSelect, TypedValue, Update, UpdateOperator, UpdateTarget,
    Value,
};
use graphloom_sql::{
    self as sql, Alias, Assignment, BinaryOperator, Expr, FromItem, Function, InsertRows,
    InsertValue, Name, Ordinality, Quantifier, Select, Statement, Target,
};
use graphloom_vocab::{ColumnName, QualifiedTable};

use crate::StatementPlan;
use crate::condition::{Scope, conjuncts};
use crate::context::Context;
use crate::object::{Pairs, object};
use crate::rows::{self, Ordering, Request};
use crate::select::{list, one};
use crate::value::{cast_text, value};
pub use told::{Around, Gives, Piece, WritePlan, WrittenRows, is_refusal};
use told::{Besides, Check, Written, complete, print};

/// How the answer about written rows is come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answering {
    /// In the statement that writes.
    AtOnce,
    /// By a statement that reads the written rows again.
    Reread,
}

/// How the answer can be come by: relationships and functions are read once everything is written.
pub fn answering(output: &MutationOutput) -> Answering {
    let fields_of = |value: &ResponseValue| match value {
        ResponseValue::Returning(fields) => are_flat(fields),
        ResponseValue::Typename(_) | ResponseValue::AffectedRows => true,
    };
    let flat = match output {
        MutationOutput::Row(fields) => are_flat(fields),
        MutationOutput::Response(fields) => fields.iter().all(|field| fields_of(&field.value)),
    };
    match flat {
        true => Answering::AtOnce,
        false => Answering::Reread,
    }
}

fn are_flat(fields: &[Field]) -> bool {
    fields.iter().all(|field| match &field.value {
        FieldValue::Constant(_) => true,
        FieldValue::Column(column) => column.column.mask().is_none(),
        _ => false,
    })
}

/// What is wanted of a statement that writes.
#[derive(Clone, Copy)]
pub enum Wanted<'a> {
    /// The answer itself.
    Answer(&'a MutationOutput),
    /// The rows, with these columns beside each.
    Rows(&'a [ColumnName]),
    /// Nothing but numbers.
    Nothing,
}

impl<'a> Wanted<'a> {
    /// What an update or delete gives.
    fn of(output: &'a MutationOutput) -> Self {
        match answering(output) {
            Answering::AtOnce => Wanted::Answer(output),
            Answering::Reread => Wanted::Rows(&[]),
        }
    }
}

/// Plans an update.
pub fn update(update: &Update) -> WritePlan {
    let mut context = Context::default();
    let target = &update.target;
    let row = context.alias();
    let mut set: Vec<_> = update
        .changes
        .iter()
        .map(|change| changed(&mut context, row, change))
        .collect();
    for preset in target.presets() {
        let expr = value(&mut context, &preset.value);
        set.push(assignment(&preset.column, InsertValue::Given(expr)));
    }
    let rules = (target.filter(), &update.filter);
    let filter = chosen(
        &mut context,
        row,
        target.table(),
        rules,
        update.pick.as_ref(),
    );
    let changes_rows = update.changes_rows();
    let write = |_: &mut Context, returning| {
        let (schema, table) = names(target.table());
        if !changes_rows {
            return found(
                FromItem::Table {
                    schema,
                    table,
                    alias: row,
                },
                row,
                filter,
                returning,
            );
        }
        Statement::Update(sql::Update {
            schema,
            table,
            alias: row,
            set,
            filter,
            returning,
        })
    };
    let check = target.check();
    let written = Written {
        row,
        table: target.table(),
        check: check
            .filter(|check| changes_rows && !check.is_always())
            .map(|check| Check::Plain(check.clone())),
        besides: Besides::of(target.side_effects().nothing_else.on_write),
    };
    let columns = nested_columns(update);
    let wanted = match update.nested.is_empty() {
        true => Wanted::of(&update.output),
        false => Wanted::Rows(&columns),
    };
    complete(context, &written, wanted, write)
}

/// Plans a delete.
pub fn delete(delete: &Delete) -> WritePlan {
    let mut context = Context::default();
    let target = &delete.target;
    let row = context.alias();
    let rules = (target.filter(), &delete.filter);
    let filter = chosen(
        &mut context,
        row,
        target.table(),
        rules,
        delete.pick.as_ref(),
    );
    let write = |_: &mut Context, returning| {
        let (schema, table) = names(target.table());
        Statement::Delete(sql::Delete {
            schema,
            table,
            alias: row,
            filter,
            returning,
        })
    };
    let written = Written {
        row,
        table: target.table(),
        check: None,
        besides: Besides::of(target.side_effects().nothing_else.on_delete),
    };
    complete(context, &written, Wanted::of(&delete.output), write)
}

/// The columns that an update gives back for the writes to related rows, in the order they come.
pub fn nested_columns(update: &Update) -> Vec<ColumnName> {
    let mut columns: Vec<ColumnName> = Vec::new();
    for column in update.nested.iter().flat_map(|nested| &nested.columns) {
        if !columns.contains(column) {
            columns.push(column.clone());
        }
    }
    columns
}

/// Plans the rows of a table in between; those that are there already are left as they are.
pub fn link(link: &Link) -> WritePlan {
    let mut context = Context::default();
    let row = context.alias();
    let target = &link.target;
    let arguments = SelectArguments {
        filter: Some(link.filter.clone()),
        ..SelectArguments::default()
    };
    let request = Request {
        arguments: &arguments,
        ordering: Ordering::Unseen,
        cap: None,
    };
    let (third, mut select) = rows::requested(&mut context, &link.access, None, request);
    let source = context.alias();
    let name = |at: usize| Name::new(format!("c{at}"));
    let arrays = (0..link.ours.len()).map(|at| cells(&mut context, at));
    select.from.push(FromItem::Function {
        function: Function::Builtin("unnest"),
        arguments: arrays.collect(),
        ordinality: Ordinality::Without,
        alias: source,
        columns: (0..link.ours.len()).map(name).collect(),
    });
    let mut columns = Vec::new();
    for (at, (column, ty)) in link.ours.iter().enumerate() {
        columns.push(Name::new(column.as_str()));
        let text = Expr::Column(source, name(at));
        select.targets.push(Target::unnamed(cast_text(ty, text)));
    }
    for (column, theirs) in &link.theirs {
        columns.push(Name::new(column.as_str()));
        let value = context.column(third, theirs);
        select.targets.push(Target::unnamed(value));
    }
    for preset in target.presets() {
        columns.push(Name::new(preset.column.as_str()));
        let value = value(&mut context, &preset.value);
        select.targets.push(Target::unnamed(value));
    }
    let write = |_: &mut Context, returning| {
        let (schema, table) = names(target.table());
        Statement::Insert(sql::Insert {
            schema,
            table,
            alias: row,
            columns,
            rows: InsertRows::Select(Box::new(select)),
            conflict: Some(sql::Conflict {
                target: sql::ConflictTarget::Any,
                action: sql::ConflictAction::Nothing,
            }),
            returning,
        })
    };
    let check = target.check();
    let written = Written {
        row,
        table: target.table(),
        check: (!check.is_always()).then(|| Check::Plain((**check).clone())),
        besides: Besides::of(target.side_effects().nothing_else.on_write),
    };
    complete(context, &written, Wanted::Nothing, write)
}

/// `SELECT … FROM table WHERE … FOR UPDATE`: rows that are looked up to be written to elsewhere.
fn found(from: FromItem, row: Alias, filter: Option<Expr>, targets: Vec<Target>) -> Statement {
    Statement::Select(Select {
        targets,
        filter,
        lock: Some(row),
        ..Select::default().from(from)
    })
}

/// Which rows an update or delete is of: those the permission and the user's filter let through, and of those the
/// ones picked.
fn chosen(
    context: &mut Context,
    row: Alias,
    table: &QualifiedTable,
    rules: (&BoolExp, &BoolExp),
    pick: Option<&Pick>,
) -> Option<Expr> {
    let filter = both(context, row, rules.0, Some(rules.1));
    match pick {
        None => filter,
        Some(pick) => Some(picked(context, row, (table, pick), rules, filter)),
    }
}

/// `… AND t0."id" = ANY (SELECT t1."id" … ORDER BY … LIMIT … FOR UPDATE OF t1)`. The filter stays: it is looked
/// at again where somebody else has changed the row meanwhile.
fn picked(
    context: &mut Context,
    row: Alias,
    (table, pick): (&QualifiedTable, &Pick),
    (rule, user): (&BoolExp, &BoolExp),
    filter: Option<Expr>,
) -> Expr {
    let arguments = SelectArguments {
        filter: Some(BoolExp::And(vec![rule.clone(), user.clone()])),
        order_by: pick.order_by.clone(),
        limit: pick.limit.clone(),
        ..SelectArguments::default()
    };
    let request = Request {
        arguments: &arguments,
        ordering: Ordering::Unseen,
        cap: None,
    };
    let access = TableAccess::in_rule(table.clone());
    let (inner, mut select) = rows::requested(context, &access, None, request);
    let column = |row| {
        let columns = pick.key.iter();
        columns.map(move |name| Expr::Column(row, Name::new(name.as_str())))
    };
    select.targets = column(inner).map(Target::unnamed).collect();
    select.lock = Some(inner);
    let mut key: Vec<_> = column(row).collect();
    let key = match key.len() {
        1 => key.remove(0),
        _ => Expr::RowOf(key),
    };
    let select = Expr::subselect(select);
    let one_of = Expr::Quantified(
        Box::new(key),
        BinaryOperator::Equal,
        Quantifier::Any,
        Box::new(select),
    );
    let mut parts: Vec<_> = filter.into_iter().collect();
    parts.push(one_of);
    Expr::And(parts)
}

/// Which rows a statement inserts.
#[derive(Clone, Copy, Debug)]
pub enum NewRows<'a> {
    /// Any number of them, with this set of columns.
    Alike(&'a [usize]),
    /// One row, with this set of columns.
    One(&'a [usize]),
    /// So many, of nothing but defaults.
    Defaults(usize),
    /// Those of the pattern, each written out: their columns differ.
    WrittenOut,
}

impl<'a> NewRows<'a> {
    /// Rows with one of the node's sets of columns: any number of them, or so many if there is no column.
    pub fn of_set(node: &InsertNode, set: &'a [usize], count: usize) -> Self {
        match set.is_empty() && node.target.presets().is_empty() {
            true => NewRows::Defaults(count),
            false => NewRows::Alike(set),
        }
    }

    /// The one row of an insert that takes no more.
    pub fn one(node: &InsertNode, set: &'a [usize]) -> Self {
        match Self::of_set(node, set, 1) {
            NewRows::Alike(set) => NewRows::One(set),
            other => other,
        }
    }
}

/// Plans the statement that inserts rows of one place in the tree, with one of its ways to treat conflicts.
pub fn insert(
    node: &InsertNode,
    conflict: Option<&OnConflict>,
    rows: NewRows<'_>,
    wanted: Wanted<'_>,
) -> WritePlan {
    let mut context = Context::default();
    let row = context.alias();
    let target = &node.target;
    let (columns, rows) = match rows {
        NewRows::Defaults(count) => all_defaults(node, count),
        NewRows::Alike(set) => alike(&mut context, node, set),
        NewRows::One(set) => one_row(&mut context, node, set),
        NewRows::WrittenOut => written_out(&mut context, node),
    };
    let clause = conflict.map(|conflict| on_conflict(&mut context, row, conflict));
    let write = |_: &mut Context, returning| {
        let (schema, table) = names(target.table());
        Statement::Insert(sql::Insert {
            schema,
            table,
            alias: row,
            columns,
            rows,
            conflict: clause,
            returning,
        })
    };
    let written = Written {
        row,
        table: target.table(),
        check: insert_check(node, conflict),
        besides: Besides::of(target.side_effects().nothing_else.on_write),
    };
    complete(context, &written, wanted, write)
}

/// Plans the statement that reads written rows again; its parameters are [`RunValue`]s.
pub fn reread(table: &QualifiedTable, output: &MutationOutput) -> StatementPlan {
    let mut context = Context::default();
    let select = |fields: &[Field]| TableSelect {
        access: TableAccess::written(table.clone()),
        arguments: SelectArguments::default(),
        fields: fields.to_vec(),
    };
    let answer = match output {
        MutationOutput::Row(fields) => {
            let row = one(&mut context, None, &select(fields));
            Expr::subselect(row)
        }
        MutationOutput::Response(response) => {
            let mut pairs = Pairs::with_capacity(response.len());
            for field in response {
                let value = match &field.value {
                    ResponseValue::Typename(name) => Expr::text(name),
                    ResponseValue::AffectedRows => {
                        let count = run_value(RunValue::WrittenCount, PgType::builtin("int4"));
                        value(&mut context, &count)
                    }
                    ResponseValue::Returning(fields) => {
                        Expr::subselect(list(&mut context, None, &select(fields)))
                    }
                };
                pairs.push((field.key.clone(), value));
            }
            object(pairs)
        }
    };
    print(
        &Statement::Select(Select::of(answer)),
        &context.into_values(),
    )
    .0
}

/// A value that is known while the mutation runs.
fn run_value(value: RunValue, ty: PgType) -> TypedValue {
    TypedValue {
        value: Value::Run(value),
        ty,
    }
}

/// The rows that were written: `unnest($1::text::"public"."author"[]) t0`.
pub(crate) fn written_rows(
    context: &mut Context,
    table: &QualifiedTable,
    alias: Alias,
) -> FromItem {
    let row = PgType {
        oid: 0,
        schema: table.schema.as_str().into(),
        name: table.name.as_str().into(),
        kind: TypeKind::Composite,
    };
    let rows = run_value(RunValue::Written, PgType::array_of(row));
    FromItem::Function {
        function: Function::Builtin("unnest"),
        arguments: vec![value(context, &rows)],
        ordinality: Ordinality::Without,
        alias,
        columns: Vec::new(),
    }
}

fn names(table: &QualifiedTable) -> (Name, Name) {
    (
        Name::new(table.schema.as_str()),
        Name::new(table.name.as_str()),
    )
}

fn assignment(column: &ColumnName, value: InsertValue) -> Assignment {
    Assignment {
        column: Name::new(column.as_str()),
        value,
    }
}

/// A permission's filter and the user's.
fn both(context: &mut Context, row: Alias, rule: &BoolExp, user: Option<&BoolExp>) -> Option<Expr> {
    let mut parts = conjuncts(context, Scope::of(row), std::slice::from_ref(rule));
    if let Some(user) = user {
        parts.extend(conjuncts(
            context,
            Scope::of(row),
            std::slice::from_ref(user),
        ));
    }
    (!parts.is_empty()).then_some(Expr::And(parts))
}

fn changed(context: &mut Context, row: Alias, change: &Change) -> Assignment {
    use UpdateOperator as O;
    let Some(operand) = &change.value else {
        return assignment(&change.column, InsertValue::Default);
    };
    let operand = value(context, operand);
    let old = || Expr::Column(row, Name::new(change.column.as_str()));
    let new = match change.operator {
        O::Set => operand,
        O::Inc => old().binary(BinaryOperator::Plus, operand),
        O::Mul => old().binary(BinaryOperator::Times, operand),
        O::Append => old().binary(BinaryOperator::Concat, operand),
        O::Prepend => operand.binary(BinaryOperator::Concat, old()),
        O::DeleteKey | O::DeleteElem => old().binary(BinaryOperator::Minus, operand),
        O::DeleteAtPath => old().binary(BinaryOperator::HashMinus, operand),
    };
    assignment(&change.column, InsertValue::Given(new))
}

/// Columns and rows of an insert.
type Source = (Vec<Name>, InsertRows);

fn column_names(columns: &[&InsertColumn], node: &InsertNode) -> Vec<Name> {
    let given = columns.iter().map(|column| &column.column.name);
    let presets = presets_beside(columns, node);
    given
        .chain(presets.map(|preset| &preset.column))
        .map(|name| Name::new(name.as_str()))
        .collect()
}

/// The presets of columns that rows are not given: what a related row determines wins.
fn presets_beside<'n>(
    columns: &[&InsertColumn],
    node: &'n InsertNode,
) -> impl Iterator<Item = &'n Preset> {
    node.target.presets().iter().filter(move |preset| {
        let mut names = columns.iter().map(|column| &column.column.name);
        names.all(|name| *name != preset.column)
    })
}

/// A column's values as one array of texts.
fn cells(context: &mut Context, at: usize) -> Expr {
    let texts = PgType::array_of(PgType::builtin("text"));
    value(context, &run_value(RunValue::Column(at), texts))
}

/// `SELECT t1."c0"::int4, $3::text FROM unnest($1::text[], $2::text[]) t1("c0", "c1")`: any number of rows.
fn alike(context: &mut Context, node: &InsertNode, set: &[usize]) -> Source {
    let columns: Vec<_> = set.iter().map(|at| &node.columns[*at]).collect();
    let source = context.alias();
    let name = |at: usize| Name::new(format!("c{at}"));
    let arrays: Vec<_> = set.iter().map(|at| cells(context, *at)).collect();
    let mut targets = Vec::with_capacity(columns.len());
    for (at, column) in columns.iter().enumerate() {
        let text = Expr::Column(source, name(at));
        targets.push(Target::unnamed(cast_text(&column.column.ty, text)));
    }
    for preset in presets_beside(&columns, node) {
        targets.push(Target::unnamed(value(context, &preset.value)));
    }
    let from = match arrays.is_empty() {
        true => {
            let count = run_value(RunValue::RowCount, PgType::builtin("int8"));
            let count = value(context, &count);
            series(count, source)
        }
        false => FromItem::Function {
            function: Function::Builtin("unnest"),
            arguments: arrays,
            ordinality: Ordinality::Without,
            alias: source,
            columns: (0..columns.len()).map(name).collect(),
        },
    };
    let select = Select {
        targets,
        ..Select::default().from(from)
    };
    (
        column_names(&columns, node),
        InsertRows::Select(Box::new(select)),
    )
}

/// `VALUES ($1::int4, $2::text)`
fn one_row(context: &mut Context, node: &InsertNode, set: &[usize]) -> Source {
    let columns: Vec<_> = set.iter().map(|at| &node.columns[*at]).collect();
    let mut row = Vec::with_capacity(columns.len());
    for (at, column) in set.iter().zip(&columns) {
        // Of a domain the base: what a cast to the domain itself would cut off, the column refuses.
        let cell = run_value(RunValue::Cell(*at), column.column.ty.base().clone());
        row.push(InsertValue::Given(value(context, &cell)));
    }
    for preset in presets_beside(&columns, node) {
        row.push(InsertValue::Given(value(context, &preset.value)));
    }
    (column_names(&columns, node), InsertRows::Values(vec![row]))
}

fn series(count: Expr, alias: Alias) -> FromItem {
    FromItem::Function {
        function: Function::Builtin("generate_series"),
        arguments: vec![Expr::integer(1), count],
        ordinality: Ordinality::Without,
        alias,
        columns: Vec::new(),
    }
}

/// Rows of nothing but defaults.
fn all_defaults(node: &InsertNode, count: usize) -> Source {
    let columns = match node.target.filler() {
        Some(name) if count > 1 => vec![Name::new(name.as_str())],
        _ => Vec::new(),
    };
    let row = vec![InsertValue::Default; columns.len()];
    (columns, InsertRows::Values(vec![row; count]))
}

/// `VALUES (($1::text[])[1]::int4, DEFAULT), …`: rows that leave different columns to their defaults.
fn written_out(context: &mut Context, node: &InsertNode) -> Source {
    let columns: Vec<_> = node.columns.iter().collect();
    let mut arrays = Vec::with_capacity(columns.len());
    for at in 0..columns.len() {
        arrays.push(cells(context, at));
    }
    let presets = presets_beside(&columns, node);
    let presets: Vec<_> = presets
        .map(|preset| InsertValue::Given(value(context, &preset.value)))
        .collect();
    let defaults = columns.iter().map(|column| {
        let mut presets = node.target.presets().iter();
        match presets.find(|preset| preset.column == column.column.name) {
            Some(preset) => InsertValue::Given(value(context, &preset.value)),
            None => InsertValue::Default,
        }
    });
    let defaults: Vec<_> = defaults.collect();
    let mut rows = Vec::with_capacity(node.pattern.len());
    for (position, set) in node.pattern.iter().enumerate() {
        let set = &node.sets[*set];
        let cell = |(at, column): (usize, &&InsertColumn)| match set.contains(&at) {
            false => defaults[at].clone(),
            true => {
                let text = Expr::Element(Box::new(arrays[at].clone()), position + 1);
                InsertValue::Given(cast_text(&column.column.ty, text))
            }
        };
        let mut row: Vec<_> = columns.iter().enumerate().map(cell).collect();
        row.extend(presets.iter().cloned());
        rows.push(row);
    }
    (column_names(&columns, node), InsertRows::Values(rows))
}

fn on_conflict(context: &mut Context, row: Alias, conflict: &OnConflict) -> sql::Conflict {
    let target = match &conflict.target {
        ConflictTarget::Any => sql::ConflictTarget::Any,
        ConflictTarget::Constraint(name) => {
            sql::ConflictTarget::Constraint(Name::new(name.as_str()))
        }
        ConflictTarget::Columns(columns) => sql::ConflictTarget::Columns(
            columns
                .iter()
                .map(|column| Name::new(column.as_str()))
                .collect(),
        ),
    };
    let action = match &conflict.action {
        ConflictAction::Nothing => sql::ConflictAction::Nothing,
        ConflictAction::Update {
            target,
            columns,
            filter,
        } => sql::ConflictAction::Update {
            set: conflict_set(context, target, columns),
            filter: both(context, row, target.filter(), filter.as_deref()),
        },
    };
    sql::Conflict { target, action }
}

fn conflict_set(
    context: &mut Context,
    target: &UpdateTarget,
    columns: &[ColumnName],
) -> Vec<Assignment> {
    let is_preset = |column: &ColumnName| {
        target
            .presets()
            .iter()
            .any(|preset| preset.column == *column)
    };
    let mut set: Vec<_> = columns
        .iter()
        .filter(|column| !is_preset(column))
        .map(|column| {
            let new = Expr::Excluded(Name::new(column.as_str()));
            assignment(column, InsertValue::Given(new))
        })
        .collect();
    for preset in target.presets() {
        let expr = value(context, &preset.value);
        set.push(assignment(&preset.column, InsertValue::Given(expr)));
    }
    set
}

/// Without an update check of its own an upsert keeps to the insert check, as v2 has it.
fn insert_check(node: &InsertNode, conflict: Option<&OnConflict>) -> Option<Check> {
    let check = node.target.check();
    let update = match conflict.map(|conflict| &conflict.action) {
        Some(ConflictAction::Update { target, .. }) => target.check(),
        _ => None,
    };
    match update {
        Some(update) if !(update.is_always() && check.is_always()) => {
            Some(Check::NewOrOld((**check).clone(), update.clone()))
        }
        None if !check.is_always() => Some(Check::Plain((**check).clone())),
        _ => None,
    }
}
