//! Random queries over the one table: columns, rows inside of rows, and windows.

use std::fmt::Write as _;

use super::Dice;
use super::values::Kind;

/// What can be asked for.
pub(crate) struct Fields {
    pub(crate) kinds: Vec<Kind>,
    /// Aggregate functions, and what they are of.
    pub(crate) functions: Vec<(&'static str, Vec<String>)>,
}

pub(crate) fn query(dice: &mut Dice, fields: &Fields) -> String {
    let mut text = String::from("{ ");
    for root in 0..=dice.below(2) {
        if dice.once_in(5) {
            let id = dice.below(60);
            write!(text, "r{root}: t_by_pk(id: {id}) ").unwrap();
        } else if dice.once_in(9) {
            write!(text, "r{root}: t_aggregate{} ", arguments(dice, 12)).unwrap();
            aggregates(dice, fields, &mut text);
            continue;
        } else if dice.once_in(8) {
            leading_list(dice, root, &mut text);
        } else {
            write!(text, "r{root}: t{} ", arguments(dice, 12)).unwrap();
        }
        selection(dice, fields, 3, &mut text);
    }
    text.push('}');
    text
}

/// Rows that have an element in a list, with this list; what is selected otherwise follows.
fn leading_list(dice: &mut Dice, root: usize, text: &mut String) {
    let condition = format!("{{parent: {{id: {{_gt: {}}}}}}}", dice.below(20));
    let limit = match dice.below(3) {
        0 => format!("limit: {}, ", dice.below(3)),
        _ => String::new(),
    };
    write!(
        text,
        "r{root}: t(where: {{children: {condition}}}, order_by: {{id: desc}}) {{ \
         led: children(where: {condition}, {limit}order_by: {{id: asc}}) {{ id parent {{ id }} children(order_by: {{id: asc}}) {{ id }} }} }} \
         s{root}: t(limit: 3, order_by: {{id: asc}}) "
    )
    .unwrap();
}

/// The rows of a list, whose order is always told.
fn arguments(dice: &mut Dice, limit: usize) -> String {
    let mut text = String::from("(");
    match dice.below(8) {
        4 => text.push_str("where: {boss: {id: {_gt: 5}}}, "),
        5 => {
            text.push_str(
                "where: {boss: {v_int4: {_gt: 0}, boss: {id: {_gt: 9}}}, id: {_gt: 2}}, ",
            );
        }
        0 => text.push_str("where: {children: {id: {_gt: 20}}}, "),
        1 => text.push_str("where: {parent: {id: {_gt: 5}}}, "),
        2 => text.push_str("where: {id: {_gt: 10}}, "),
        _ => {}
    }
    if dice.once_in(2) {
        write!(text, "limit: {}, ", dice.below(limit)).unwrap();
    }
    if dice.once_in(4) {
        write!(text, "offset: {}, ", dice.below(4)).unwrap();
    }
    let direction = dice.pick(&["asc", "desc"]);
    match dice.once_in(8) {
        true => write!(
            text,
            "distinct_on: parent_id, order_by: [{{parent_id: {direction}}}, {{id: asc}}])"
        ),
        false => write!(text, "order_by: {{id: {direction}}})"),
    }
    .unwrap();
    text
}

fn selection(dice: &mut Dice, fields: &Fields, depth: usize, text: &mut String) {
    text.push_str("{ ");
    for at in 0..=dice.below(9) {
        match dice.below(14) {
            0 => write!(text, "k{at}: __typename ").unwrap(),
            1 => write!(text, "k{at}: id ").unwrap(),
            2 | 9 if depth > 0 => {
                write!(text, "k{at}: {} ", dice.pick(&["parent", "boss", "boss"])).unwrap();
                selection(dice, fields, depth - 1, text);
            }
            3 | 4 if depth > 0 => {
                write!(text, "k{at}: children{} ", arguments(dice, 5)).unwrap();
                selection(dice, fields, depth - 1, text);
            }
            5 if depth > 0 => {
                let arguments = arguments(dice, 5);
                write!(
                    text,
                    "k{at}: children_aggregate{arguments} {{ aggregate {{ count }} nodes "
                )
                .unwrap();
                selection(dice, fields, depth - 1, text);
                text.push_str("} ");
            }
            6 => {
                write!(text, "k{at}: children_aggregate{} ", arguments(dice, 5)).unwrap();
                aggregates(dice, fields, text);
            }
            8 => write!(text, "k{at}: computed ").unwrap(),
            7 => write!(text, "k{at}: v_jsonb(path: \"$.a\") ").unwrap(),
            _ => write!(text, "k{at}: {} ", dice.pick(&fields.kinds).column()).unwrap(),
        }
    }
    text.push_str("} ");
}

/// Aggregates of any kind of value, and nothing beside.
fn aggregates(dice: &mut Dice, fields: &Fields, text: &mut String) {
    text.push_str("{ __typename a: aggregate { ");
    for at in 0..dice.below(4) {
        match dice.below(5) {
            0 => write!(text, "a{at}: __typename ").unwrap(),
            1 => write!(text, "a{at}: count ").unwrap(),
            2 => write!(
                text,
                "a{at}: count(columns: [v_int4, v_text], distinct: true) "
            )
            .unwrap(),
            _ => {
                let (function, of) = dice.pick(&fields.functions);
                write!(text, "a{at}: {function} {{ ").unwrap();
                for at in 0..=dice.below(3) {
                    write!(text, "b{at}: {} ", dice.pick(of)).unwrap();
                }
                text.push_str("__typename } ");
            }
        }
    }
    text.push_str("__typename } } ");
}
