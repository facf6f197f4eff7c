//! Random queries over the one table: columns, rows inside of rows, and windows.

use std::fmt::Write as _;

use super::Dice;
use super::values::Kind;

pub(crate) fn query(dice: &mut Dice, kinds: &[Kind]) -> String {
    let mut text = String::from("{ ");
    for root in 0..=dice.below(2) {
        if dice.once_in(5) {
            let id = dice.below(60);
            write!(text, "r{root}: t_by_pk(id: {id}) ").unwrap();
        } else if dice.once_in(8) {
            leading_list(dice, root, &mut text);
        } else {
            write!(text, "r{root}: t{} ", arguments(dice, 12)).unwrap();
        }
        selection(dice, kinds, 3, &mut text);
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
    match dice.below(6) {
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

fn selection(dice: &mut Dice, kinds: &[Kind], depth: usize, text: &mut String) {
    text.push_str("{ ");
    for at in 0..=dice.below(9) {
        match dice.below(12) {
            0 => write!(text, "k{at}: __typename ").unwrap(),
            1 => write!(text, "k{at}: id ").unwrap(),
            2 if depth > 0 => {
                write!(text, "k{at}: parent ").unwrap();
                selection(dice, kinds, depth - 1, text);
            }
            3 | 4 if depth > 0 => {
                write!(text, "k{at}: children{} ", arguments(dice, 5)).unwrap();
                selection(dice, kinds, depth - 1, text);
            }
            5 if depth > 0 => {
                let arguments = arguments(dice, 5);
                write!(
                    text,
                    "k{at}: children_aggregate{arguments} {{ aggregate {{ count }} nodes "
                )
                .unwrap();
                selection(dice, kinds, depth - 1, text);
                text.push_str("} ");
            }
            6 => write!(text, "k{at}: computed ").unwrap(),
            7 => write!(text, "k{at}: v_jsonb(path: \"$.a\") ").unwrap(),
            _ => write!(text, "k{at}: {} ", dice.pick(kinds).column()).unwrap(),
        }
    }
    text.push_str("} ");
}
