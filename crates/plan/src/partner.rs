//! Objects that a condition asks something of and that are shown as well: looked up once for both.
//!
//! ```sql
//! SELECT t1."title" AS "f0", t1."row_number_with0_0" AS "f1" FROM (
//!   SELECT t3."title" AS "title", t4."name" AS "row_number_with0_0"
//!   FROM "public"."article" t3 JOIN "public"."author" t4 ON (t4."id" = t3."author_id") AND (t4."country" = $1)
//!   ORDER BY t3."id" LIMIT 20
//! ) t1
//! ```
//!
//! Only where a foreign key says that there is just one such row, and the condition and the object see the same rows of
//! its table: then joining the row is the same as asking whether there is one, and no row appears twice.
//! Must not know what is read of the rows. Read next: `select.rs`.

use graphloom_ir::{
    BoolExp, FieldValue, Join, OrderTarget, Partners, Rows, SelectArguments, TableSelect,
};
use graphloom_sql::{Alias, Expr, JoinKind, Select};

use crate::condition::{Scope, conjuncts};
use crate::context::{Context, Form, carry};
use crate::rows::{self, Link};

/// Rows that a list's rows are joined to, and what is asked for apart from that.
pub(crate) struct Joined<'a> {
    partners: Vec<Partner<'a>>,
    /// The user's arguments without what the joins say.
    pub(crate) arguments: SelectArguments,
}

struct Partner<'a> {
    join: &'a Join,
    conditions: Vec<&'a BoolExp>,
    /// What its columns are read from further out; `None`: there is no further out.
    outside: Option<Alias>,
}

/// The objects that are looked up once for both; `None` if there are none.
pub(crate) fn find<'a>(context: &Context, select: &'a TableSelect) -> Option<Joined<'a>> {
    let filter = select.arguments.filter.as_ref()?;
    // Keys of further tables are joined in ways that depend on what else is asked.
    let keys = &select.arguments.order_by;
    let is_own = |target: &OrderTarget| matches!(target, OrderTarget::Column(_));
    if context.form == Form::Json
        || !matches!(select.access.rows(), Rows::Table)
        || !keys.iter().all(|key| is_own(&key.target))
    {
        return None;
    }
    let mut parts = Vec::new();
    flatten(filter, &mut parts);
    let mut partners: Vec<Partner<'a>> = Vec::new();
    let mut rest = Vec::new();
    for part in parts {
        match part {
            BoolExp::Related { join, condition } if is_shown(select, join) => {
                let mut known = partners.iter_mut();
                match known.find(|partner| partner.join == join) {
                    Some(partner) => partner.conditions.push(condition),
                    None => partners.push(Partner {
                        join,
                        conditions: vec![condition],
                        outside: None,
                    }),
                }
            }
            part => rest.push(part.clone()),
        }
    }
    let arguments = SelectArguments {
        filter: (!rest.is_empty()).then_some(BoolExp::And(rest)),
        ..select.arguments.clone()
    };
    (!partners.is_empty()).then_some(Joined {
        partners,
        arguments,
    })
}

fn flatten<'a>(exp: &'a BoolExp, parts: &mut Vec<&'a BoolExp>) {
    match exp {
        BoolExp::And(inner) => inner.iter().for_each(|part| flatten(part, parts)),
        part => parts.push(part),
    }
}

/// Whether the one row that a condition is about is one of the objects that are shown.
fn is_shown(select: &TableSelect, asked: &Join) -> bool {
    let is_it = |value: &FieldValue| match value {
        FieldValue::Object(join, object) => {
            join.facts.partners == Partners::One
                && join.mapping == asked.mapping
                && object.access == asked.access
        }
        _ => false,
    };
    matches!(asked.access.rows(), Rows::Table)
        && select.fields.iter().any(|field| is_it(&field.value))
}

impl Joined<'_> {
    /// Says that what is shown is read through a subselect of this alias, whose columns are not known yet.
    pub(crate) fn read_through(&mut self, context: &mut Context, late: Alias) {
        for (number, partner) in self.partners.iter_mut().enumerate() {
            let access = &partner.join.access;
            let outside = context.partner_alias_of(access, (late, number));
            context.found_partner(late, partner.join, outside);
            partner.outside = Some(outside);
        }
    }

    /// Joins them to the rows of an alias. What is read of them from further out is added to the output columns.
    pub(crate) fn attach(self, context: &mut Context, row: Alias, rows: &mut Select) {
        for partner in self.partners {
            let link = Link {
                outer: row,
                mapping: &partner.join.mapping,
            };
            let (inside, mut found) = rows::source(context, &partner.join.access, Some(link));
            for condition in partner.conditions {
                let scope = Scope::of(row).at(inside);
                let further = conjuncts(context, scope, std::slice::from_ref(condition));
                rows::restrict(&mut found, further);
            }
            let item = found.from.pop().expect("a table stands there");
            let condition = found.filter.unwrap_or_else(|| Expr::boolean(true));
            rows::join(rows, JoinKind::Inner, item, condition);
            match partner.outside {
                None => context.found_partner(row, partner.join, inside),
                Some(outside) => {
                    let read = context.collected(outside);
                    rows.targets.extend(carry(inside, &read));
                }
            }
        }
    }
}
