//! Statements that write: what they look like with and without a check, alone and in a transaction.
//!
//! Their answers are those of the cases under `cases/mutations` and of `crates/execute/tests/writes`.

use std::fmt::Write;
use std::sync::Arc;

use graphloom_ir::*;
use graphloom_plan::{Gives, NewRows, Wanted, WritePlan, delete, insert, update};
use graphloom_vocab::ColumnName;

use crate::support::*;

fn keep(name: &str, plan: &WritePlan) {
    let mut snapshot = format!("{}\n\n", plan.statement.sql.text());
    if let Some(alone) = &plan.alone {
        writeln!(snapshot, "Alone:\n{}\n", alone.sql.text()).unwrap();
        let same = plan.statement.parameters == alone.parameters;
        assert!(same, "both forms take the same values");
    }
    for (position, value) in plan.statement.parameters.iter().enumerate() {
        writeln!(
            snapshot,
            "${} {} {:?}",
            position + 1,
            value.ty.name,
            value.value
        )
        .unwrap();
    }
    match &plan.gives {
        Gives::Written(rows) => writeln!(snapshot, "{rows:#?}").unwrap(),
        other => writeln!(snapshot, "{other:?}").unwrap(),
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| insta::assert_snapshot!(name, snapshot));
}

fn own() -> BoolExp {
    is(
        &author(),
        "boss_id",
        Operator::Eq,
        session("int4", "x-hasura-user-id"),
    )
}

fn node(target: &InsertTarget, columns: &[(&str, &str)]) -> InsertNode {
    let column = |(name, of): &(&str, &str)| InsertColumn {
        column: WritableOrDetermined {
            name: ColumnName::new(*name),
            ty: ty(of),
            may_have_default: false,
        },
        given: None,
    };
    InsertNode {
        target: target.clone(),
        columns: columns.iter().map(column).collect(),
        conflicts: vec![None],
        conflict_inputs: Vec::new(),
        sets: vec![(0..columns.len()).collect()],
        pattern: vec![0],
        relations: Vec::new(),
    }
}

fn row() -> MutationOutput {
    let author = author();
    MutationOutput::Row(vec![
        column(&author, "id"),
        typename("author"),
        column(&author, "mood"),
    ])
}

fn response(fields: Vec<(&str, ResponseValue)>) -> MutationOutput {
    let field = |(key, value): (&str, ResponseValue)| ResponseField {
        key: key.into(),
        value,
    };
    MutationOutput::Response(fields.into_iter().map(field).collect())
}

const GIVEN: &[(&str, &str)] = &[("id", "int4"), ("name", "text"), ("mood", "mood")];

#[test]
fn one_row_comes_by_itself() {
    let grant = InsertGrant::unrestricted(&author_table());
    let node = node(grant.target(), GIVEN);
    let output = row();
    let rows = NewRows::one(&node, &node.sets[0]);
    keep(
        "insert_one",
        &insert(&node, None, rows, Wanted::Answer(&output)),
    );
}

#[test]
fn a_check_is_a_column_or_an_error() {
    let columns = ["id", "name", "mood"].map(ColumnName::new);
    let preset = Preset {
        column: ColumnName::new("boss_id"),
        value: session("int4", "x-hasura-user-id"),
    };
    let grant = InsertGrant::from_permission(&author_table(), &columns, vec![preset], own());
    let node = node(grant.target(), GIVEN);
    let rows = NewRows::of_set(&node, &node.sets[0], 1);
    let output = response(vec![
        ("n", ResponseValue::AffectedRows),
        (
            "returning",
            ResponseValue::Returning(vec![column(&author(), "id")]),
        ),
        ("__typename", ResponseValue::Typename(Arc::from("t"))),
    ]);
    keep(
        "insert_checked",
        &insert(&node, None, rows, Wanted::Answer(&output)),
    );
    let output = response(vec![("affected_rows", ResponseValue::AffectedRows)]);
    keep(
        "insert_counted",
        &insert(&node, None, rows, Wanted::Answer(&output)),
    );
}

#[test]
fn an_update_by_key_gives_its_row() {
    let check = Some(own());
    let grant = UpdateGrant::from_permission(&author_table(), &[], Vec::new(), own(), check);
    let mut changes = Update {
        target: grant.target().clone(),
        filter: is(&author(), "id", Operator::Eq, variable("int4", "two")),
        pick: None,
        changes: vec![Change {
            column: ColumnName::new("boss_id"),
            operator: UpdateOperator::Inc,
            value: Some(int(1)),
        }],
        nested: Vec::new(),
        output: row(),
    };
    keep("update_by_pk_checked", &update(&changes));
    changes.target = UpdateGrant::unrestricted(&author_table()).target().clone();
    keep("update_by_pk", &update(&changes));
}

#[test]
fn a_delete_gives_its_rows() {
    let mut some = Delete {
        target: DeleteGrant::unrestricted(&author_table()).target().clone(),
        filter: is(&author(), "id", Operator::Gt, int(2)),
        pick: None,
        output: response(vec![(
            "returning",
            ResponseValue::Returning(vec![column(&author(), "id")]),
        )]),
    };
    keep("delete", &delete(&some));
    some.output = response(vec![
        ("n", ResponseValue::AffectedRows),
        ("__typename", ResponseValue::Typename(Arc::from("t"))),
    ]);
    keep("delete_something_besides", &delete(&some));
    let mut plain = author_table();
    plain.side_effects.nothing_else.on_delete = true;
    some.target = DeleteGrant::unrestricted(&plain).target().clone();
    keep("delete_counted", &delete(&some));
}
