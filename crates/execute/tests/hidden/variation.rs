//! The same world with other rows in the dark: what a role cannot see changes, what it sees stays.
//!
//! What it sees is said by the independent evaluation of `reads/naive.rs`. A change at random that would
//! alter it is taken back.

use crate::condition::{Condition, Test};
use crate::naive::{Row, Viewer};
use crate::objects::Writes;
use crate::tape::Tape;
use crate::world::{self, Datum, Role, World};

/// Changes that are tried.
const ATTEMPTS: usize = 40;
/// Ids of rows that are added begin here; queries ask for smaller ones too.
const NEW_IDS: i64 = 7;

/// A world that differs in what the role cannot see, and in how many places. With `writes`, in what it can
/// neither see nor write, and in no row's key: that a key is taken is told by v2 to whoever inserts it again.
pub(crate) fn vary(
    tape: &mut Tape<'_>,
    world: &World,
    role: &Role,
    writes: Option<&Writes>,
) -> (World, usize) {
    let seen = sight(world, role);
    let mut varied = world.clone();
    let mut changes = 0;
    for _ in 0..ATTEMPTS {
        let mut next = varied.clone();
        match writes {
            None => change(tape, &mut next),
            Some(writes) => change_unwritten(tape, &mut next, role, writes),
        }
        mirror(&mut next);
        let differs = rows(&next) != rows(&varied);
        if differs && sight(&next, role) == seen {
            varied = next;
            changes += 1;
        }
    }
    (varied, changes)
}

/// Everything that answers may depend on: by table the rows that are seen, of each its key, what shows of its
/// cells, whether what is granted with its first column shows (`objects.rs`; a null is not told from a mask),
/// and which other rows its relationships lead to.
fn sight(world: &World, role: &Role) -> Vec<Vec<Vec<Datum>>> {
    let viewer = Viewer::of_role(world, role);
    let rule = Viewer::of_rule(world);
    let tables = world.tables.iter().enumerate();
    let sights = tables.map(|(number, table)| {
        let relationships = role.relationships(world, number);
        let columns = role.columns(number);
        let mask = role.grant(number).and_then(|grant| grant.masks[1].as_ref());
        let rows = viewer.rows[number].iter().map(|row| {
            let whole = Row {
                all: row.all,
                seen: row.all.to_vec(),
            };
            let shows = mask.is_none_or(|mask| mask.holds(&rule, number, &whole) == Some(true));
            let mut sight = vec![row.all[0].clone(), Datum::Bool(shows)];
            sight.extend(columns.iter().map(|at| row.seen[*at].clone()));
            for at in &relationships {
                let others = viewer.related(&table.relationships[*at], row);
                sight.push(Datum::Null);
                sight.extend(others.iter().map(|other| other.all[0].clone()));
            }
            sight
        });
        rows.collect()
    });
    sights.collect()
}

fn rows(world: &World) -> Vec<&Vec<Vec<Datum>>> {
    world.tables.iter().map(|table| &table.rows).collect()
}

/// Views show what their tables have.
fn mirror(world: &mut World) {
    for number in 0..world.tables.len() {
        if let Some(of) = world.tables[number].view_of {
            world.tables[number].rows = world.tables[of].rows.clone();
        }
    }
}

fn base_table(tape: &mut Tape<'_>, world: &World) -> usize {
    let all = 0..world.tables.len();
    let base: Vec<_> = all
        .filter(|at| world.tables[*at].view_of.is_none())
        .collect();
    *tape.pick(&base).unwrap()
}

fn cell(tape: &mut Tape<'_>, world: &World, table: usize, column: usize) -> Datum {
    let column = &world.tables[table].columns[column];
    let Some(target) = column.refers_to else {
        return match tape.once_in(5) {
            true => Datum::Null,
            false => world::value(tape, column.ty),
        };
    };
    let ids = world.tables[target].rows.iter().map(|row| row[0].clone());
    let ids: Vec<_> = ids.collect();
    tape.pick(&ids).cloned().unwrap_or(Datum::Null)
}

fn change(tape: &mut Tape<'_>, world: &mut World) {
    let table = base_table(tape, world);
    match tape.below(4) {
        0 => {
            let taken = |id| {
                let mut rows = world.tables[table].rows.iter();
                rows.any(|row| row[0] == Datum::Int(id))
            };
            let id = (NEW_IDS..NEW_IDS + 1_000).find(|id| !taken(*id)).unwrap();
            let columns = 1..world.tables[table].columns.len();
            let mut row = vec![Datum::Int(id)];
            for column in columns {
                row.push(cell(tape, world, table, column));
            }
            let at = tape.below(world.tables[table].rows.len() + 1);
            world.tables[table].rows.insert(at, row);
        }
        1 if !world.tables[table].rows.is_empty() => {
            let at = tape.below(world.tables[table].rows.len());
            let id = world.tables[table].rows[at][0].clone();
            if !is_referred_to(world, table, &id) {
                world.tables[table].rows.remove(at);
            }
        }
        _ => change_cell(tape, world, table, |_, _, _| true),
    }
}

fn is_referred_to(world: &World, table: usize, id: &Datum) -> bool {
    world.tables.iter().any(|other| {
        let mut columns = other.columns.iter().enumerate();
        columns.any(|(at, column)| {
            column.refers_to == Some(table) && other.rows.iter().any(|row| row[at] == *id)
        })
    })
}

fn change_cell(
    tape: &mut Tape<'_>,
    world: &mut World,
    table: usize,
    may: impl Fn(&World, usize, usize) -> bool,
) {
    if world.tables[table].rows.is_empty() {
        return;
    }
    let at = tape.below(world.tables[table].rows.len());
    let column = 1 + tape.below(world.tables[table].columns.len() - 1);
    let was = world.tables[table].rows[at][column].clone();
    let is = cell(tape, world, table, column);
    let before = may(world, at, column);
    world.tables[table].rows[at][column] = is;
    if !before || !may(world, at, column) {
        world.tables[table].rows[at][column] = was;
    }
}

/// A cell of a row that the role can write in no way, or one that it can neither read nor write and that no
/// rule of its looks at.
fn change_unwritten(tape: &mut Tape<'_>, world: &mut World, role: &Role, writes: &Writes) {
    let table = base_table(tape, world);
    let selects = world.roles.clone();
    let parents = writes.parents(role);
    change_cell(tape, world, table, |world, row, column| {
        let rule = Viewer::of_rule(world);
        let row = rule.rows[table][row].clone();
        let mut is_dark = true;
        // Writes follow relationships too, to all rows that may be written.
        let mut is_named = world.tables[table].columns[column].refers_to.is_some();
        for parent in &parents {
            let grant = selects.iter().find(|role| role.name == *parent);
            let grant = grant.and_then(|role| role.grant(table));
            let select = grant.map(|grant| &grant.filter);
            is_named |= grant.is_some_and(|grant| grant.columns[column]);
            let written = writes.of(parent, table);
            for filter in select.into_iter().chain(written.filters()) {
                is_dark &= filter.holds(&rule, table, &row) != Some(true);
            }
            let rules = select.into_iter().chain(written.rules());
            is_named |= rules.into_iter().any(|rule| names(rule, column));
            is_named |= written.columns.contains(&column);
        }
        is_dark || !is_named
    });
}

fn names(condition: &Condition, column: usize) -> bool {
    match condition {
        Condition::And(all) | Condition::Or(all) => all.iter().any(|one| names(one, column)),
        Condition::Not(one) => names(one, column),
        Condition::Column(at, test) => {
            *at == column || matches!(test, Test::Other(_, other) if *other == column)
        }
        Condition::Related(..) | Condition::Aggregate(..) => true,
    }
}
