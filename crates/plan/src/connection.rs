//! Connections: a page of rows with cursors.
//!
//! ```sql
//! SELECT json_build_object('edges', coalesce(json_agg(…) FILTER (WHERE t3."row_number" <= 10), '[]'), …) FROM (
//!   SELECT t2.…, row_number() OVER () AS "row_number" FROM (
//!     SELECT t0."id" AS "id" FROM "public"."article" t0 WHERE t0."id" > $1::int4 ORDER BY t0."id" LIMIT 11
//!   ) t2
//! ) t3
//! ```
//!
//! The cursor is a condition on the sort keys, so that an index finds the page; one row more than asked for
//! tells whether there is another page. Where the rows that there are must be known first (`DISTINCT ON`, the
//! access's row limit), they are cut out before the cursor is looked at.

use std::sync::Arc;

use graphloom_ir::{
    ConnectionFieldValue, ConnectionSelect, CursorKey, EdgeField, EdgeFieldValue, End,
    NodeIdSelect, OrderTarget, PageFact, PageInfoField, PageInfoFieldValue, Side, Slice,
    TypedValue,
};
use graphloom_sql::{
    AggregateArguments, AggregateCall, Alias, BinaryOperator, Direction, Expr, FromItem, Function,
    Name, Nulls, OrderBy, Select, Target, WindowCall,
};

use crate::column::granted;
use crate::condition::{Scope, conjuncts};
use crate::context::{Carried, Context, ROW_NUMBER, carry, carry_on};
use crate::keyset::{Key, beyond};
use crate::object::{Pairs, list_or_empty, object};
use crate::order::{distinct_on, order_by};
use crate::rows::{self, Count, Link};
use crate::select::{Related, pairs};
use crate::value::{TEXT, value};

/// What a sort key that is no column of the row is called further out, with its position.
///
/// It starts as [`ROW_NUMBER`] does, so that no column of a table is carried under the same name.
const KEY: &str = "row_number_key";

/// `SELECT json_build_object('edges', …, 'pageInfo', …) FROM …`: always one row.
pub(crate) fn connection(
    context: &mut Context,
    link: Option<Link<'_>>,
    select: &ConnectionSelect,
) -> Select {
    let mut page = Page {
        row: context.collecting_alias_of(&select.access),
        link,
        select,
        reads_rows: false,
        reads_keys: false,
        related: Related::Joined(Vec::new()),
    };
    let whole = object(page.fields(context));
    let mut outermost = Select::of(whole);
    if !page.reads_rows {
        // Nothing is aggregated, so rows would not become one.
        return outermost;
    }
    let carried = context.collected(page.row);
    let rows = page.rows(context, &carried);
    outermost = outermost.from(FromItem::Subselect {
        select: Box::new(rows),
        alias: page.row,
    });
    page.related.attach(&mut outermost);
    outermost
}

/// `encode(…)`: a row's global id.
pub(crate) fn node_id(context: &mut Context, row: Alias, id: &NodeIdSelect) -> Expr {
    let mut parts = vec![
        Expr::integer(1),
        Expr::text(id.table.schema.as_str()),
        Expr::text(id.table.name.as_str()),
    ];
    for column in &id.key {
        parts.push(granted(context, row, column));
    }
    base64(Expr::call("json_build_array", parts))
}

/// `translate(encode(convert_to(json::text, 'UTF8'), 'base64'), chr(10), '')`: without the line ends that
/// Postgres puts in.
fn base64(json: Expr) -> Expr {
    let bytes = Expr::call("convert_to", vec![json.cast(TEXT), Expr::text("UTF8")]);
    let text = Expr::call("encode", vec![bytes, Expr::text("base64")]);
    let line_end = Expr::call("chr", vec![Expr::integer(10)]);
    Expr::call("translate", vec![text, line_end, Expr::text("")])
}

struct Page<'a> {
    /// The page's rows, and one more.
    row: Alias,
    link: Option<Link<'a>>,
    select: &'a ConnectionSelect,
    /// Whether anything is aggregated.
    reads_rows: bool,
    /// Whether cursors are built.
    reads_keys: bool,
    /// Objects that nodes lead to.
    related: Related,
}

/// The rows of a connection before any page is taken, and their sort keys.
struct Base {
    row: Alias,
    /// Without output columns and order.
    select: Select,
    keys: Vec<OrderBy>,
}

impl Page<'_> {
    fn fields(&mut self, context: &mut Context) -> Pairs {
        let mut pairs = Pairs::with_capacity(self.select.fields.len());
        for field in &self.select.fields {
            let value = match &field.value {
                ConnectionFieldValue::Typename(name) => Expr::text(name),
                ConnectionFieldValue::Edges(fields) => self.edges(context, fields),
                ConnectionFieldValue::PageInfo(fields) => self.page_info(context, fields),
            };
            pairs.push((field.key.clone(), value));
        }
        pairs
    }

    /// `coalesce(json_agg(json_build_object('cursor', …, 'node', …)), '[]')`
    fn edges(&mut self, context: &mut Context, fields: &[EdgeField]) -> Expr {
        let mut edge = Pairs::with_capacity(fields.len());
        for field in fields {
            let value = match &field.value {
                EdgeFieldValue::Typename(name) => Expr::text(name),
                EdgeFieldValue::Cursor => self.cursor(context),
                EdgeFieldValue::Node(fields) => {
                    object(pairs(context, self.row, fields, &mut self.related))
                }
            };
            edge.push((field.key.clone(), value));
        }
        list_or_empty(self.listed(context, object(edge)))
    }

    /// `json_agg(…)` over the rows of the page, in their order.
    fn listed(&mut self, context: &mut Context, each: Expr) -> Expr {
        self.reads_rows = true;
        let reversed = matches!(&self.select.slice, Some(slice) if slice.end == End::Last);
        let order_by = reversed.then(|| OrderBy {
            expression: self.number(),
            direction: Direction::Descending,
            nulls: Nulls::First,
        });
        Expr::Aggregate(Box::new(AggregateCall {
            function: Function::Builtin("json_agg"),
            arguments: AggregateArguments::All(vec![each]),
            order_by: order_by.into_iter().collect(),
            filter: self.in_page(context),
        }))
    }

    /// `t3."row_number"`
    fn number(&self) -> Expr {
        Expr::Column(self.row, Name::new(ROW_NUMBER))
    }

    /// `t3."row_number" <= 10`: without the row that was read to see whether there is one.
    fn in_page(&self, context: &mut Context) -> Option<Expr> {
        let slice = self.select.slice.as_ref()?;
        let count = count(context, &slice.count);
        Some(self.number().binary(BinaryOperator::LessOrEqual, count))
    }

    fn page_info(&mut self, context: &mut Context, fields: &[PageInfoField]) -> Expr {
        let mut pairs = Pairs::with_capacity(fields.len());
        for field in fields {
            let value = match &field.value {
                PageInfoFieldValue::Typename(name) => Expr::text(name),
                PageInfoFieldValue::Fact(fact) => self.fact(context, *fact),
            };
            pairs.push((field.key.clone(), value));
        }
        object(pairs)
    }

    fn fact(&mut self, context: &mut Context, fact: PageFact) -> Expr {
        match fact {
            PageFact::HasNextPage => self.has_more(context, End::First, Side::Before),
            PageFact::HasPreviousPage => self.has_more(context, End::Last, Side::After),
            PageFact::StartCursor => self.end_cursor(context, 0),
            PageFact::EndCursor => self.end_cursor(context, -1),
        }
    }

    /// `json_agg(cursor) ->> 0`: the first cursor of the page, or with -1 the last.
    fn end_cursor(&mut self, context: &mut Context, position: i64) -> Expr {
        let cursor = self.cursor(context);
        let cursors = self.listed(context, cursor);
        cursors.binary(BinaryOperator::ArrowText, Expr::integer(position))
    }

    /// Whether rows follow on the side where a page of this end is cut off, or are left by a cursor of
    /// this side. An empty page says no.
    fn has_more(&mut self, context: &mut Context, end: End, side: Side) -> Expr {
        let slice = self.select.slice.as_ref();
        if slice.is_some_and(Slice::is_empty) {
            return Expr::boolean(false);
        }
        let mut reasons = Vec::new();
        if let Some(slice) = slice.filter(|slice| slice.end == end) {
            let count = count(context, &slice.count);
            reasons.push(self.rows_beyond(count));
        }
        if let Some(split) = self
            .select
            .split
            .as_ref()
            .filter(|split| split.side == side)
        {
            reasons.push(self.left_by_cursor(context, split.side));
        }
        let any = match reasons.len() {
            0 => return Expr::boolean(false),
            1 => reasons.remove(0),
            _ => Expr::Or(reasons),
        };
        let may_be_empty =
            slice.filter(|slice| !matches!(Count::of(&slice.count), Count::Known(_)));
        match may_be_empty {
            None => any,
            Some(slice) => {
                let count = count(context, &slice.count);
                let some = count.binary(BinaryOperator::Greater, Expr::integer(0));
                Expr::And(vec![some, any])
            }
        }
    }

    /// `count(*) > 10`
    fn rows_beyond(&mut self, count: Expr) -> Expr {
        self.reads_rows = true;
        let rows = Expr::aggregate("count", AggregateArguments::Star);
        rows.binary(BinaryOperator::Greater, count)
    }

    /// `count(*) > 0 AND EXISTS (…)`: whether there is a row at the cursor or on its other side.
    fn left_by_cursor(&mut self, context: &mut Context, side: Side) -> Expr {
        let some = self.rows_beyond(Expr::integer(0));
        let other = match side {
            Side::After => Side::Before,
            Side::Before => Side::After,
        };
        let (_, mut rows) = self.at(
            context,
            Some((other, Inclusion::Included)),
            &Carried::default(),
        );
        rows.targets = vec![Target::unnamed(Expr::integer(1))];
        Expr::And(vec![some, Expr::exists(rows)])
    }

    /// A row's cursor: its sort keys as JSON, in base64.
    fn cursor(&mut self, context: &mut Context) -> Expr {
        self.reads_keys = true;
        let mut tree = Vec::new();
        for (position, key) in self.select.keys.iter().enumerate() {
            let value = match is_plain(key) {
                Some(column) => context.column(self.row, column),
                None => Expr::Column(self.row, key_name(position)),
            };
            plant(&mut tree, &key.path, value);
        }
        base64(branch(tree))
    }

    /// The rows of the page and one more, in the order they are found, numbered if there is a slice.
    fn rows(&self, context: &mut Context, carried: &Carried) -> Select {
        let split = self.select.split.as_ref();
        let split = split.map(|split| (split.side, Inclusion::Excluded));
        let (mut keys, mut rows) = self.at(context, split, carried);
        let Some(slice) = &self.select.slice else {
            rows.order_by = keys;
            return rows;
        };
        if slice.end == End::Last {
            keys.iter_mut().for_each(reverse);
        }
        rows.order_by = keys;
        rows.limit = Some(one_more(context, &slice.count));
        let cut = context.alias();
        let mut targets = carry_on(cut, carried);
        targets.extend(self.key_targets(|position| Expr::Column(cut, key_name(position))));
        targets.push(row_number());
        let from = FromItem::Subselect {
            select: Box::new(rows),
            alias: cut,
        };
        Select {
            targets,
            ..Select::default().from(from)
        }
    }

    /// Output columns of the sort keys that are no columns, where cursors are built of them.
    fn key_targets(&self, read: impl Fn(usize) -> Expr) -> Vec<Target> {
        let keys = self.select.keys.iter().enumerate();
        keys.filter(|(_, key)| self.reads_keys && is_plain(key).is_none())
            .map(|(position, _)| Target::named(read(position), key_name(position)))
            .collect()
    }

    /// The rows on one side of the cursor, with output columns but without order, and their sort keys.
    fn at(
        &self,
        context: &mut Context,
        side: Option<(Side, Inclusion)>,
        carried: &Carried,
    ) -> (Vec<OrderBy>, Select) {
        let base = self.base(context);
        let (keys, mut select) = if self.is_cut_out() {
            self.cut_out(context, base, carried)
        } else {
            let mut select = base.select;
            select.targets = carry(base.row, carried);
            let keys = &base.keys;
            let read = |position: usize| keys[position].expression.clone();
            select.targets.extend(self.key_targets(read));
            (base.keys, select)
        };
        if let (Some((side, inclusion)), Some(split)) = (side, &self.select.split) {
            let mut places = Vec::with_capacity(keys.len());
            for ((key, order), cursor) in self.select.keys.iter().zip(&keys).zip(&split.values) {
                places.push(Key {
                    order: order.clone(),
                    nullable: key.nullable,
                    cursor: cursor.as_ref().map(|cursor| value(context, cursor)),
                });
            }
            rows::restrict(&mut select, vec![beyond(places, side, inclusion)]);
        }
        (keys, select)
    }

    /// Whether it depends on the order which rows there are.
    fn is_cut_out(&self) -> bool {
        self.select.access.limit().is_some() || !self.select.distinct_on.is_empty()
    }

    fn base(&self, context: &mut Context) -> Base {
        let (row, mut select) = rows::source(context, &self.select.access, self.link);
        if let Some(filter) = &self.select.filter {
            let further = conjuncts(context, Scope::of(row), std::slice::from_ref(filter));
            rows::restrict(&mut select, further);
        }
        let keys: Vec<_> = self
            .select
            .keys
            .iter()
            .map(|key| key.order.clone())
            .collect();
        order_by(context, row, &mut select, &keys);
        let mut keys = std::mem::take(&mut select.order_by);
        for key in &mut keys {
            compute_once(context, &mut select, &mut key.expression);
        }
        Base { row, select, keys }
    }

    /// The rows that there are, in a level of their own.
    fn cut_out(
        &self,
        context: &mut Context,
        base: Base,
        carried: &Carried,
    ) -> (Vec<OrderBy>, Select) {
        let Base {
            row,
            mut select,
            keys,
        } = base;
        let targets = self.select.keys.iter().map(|key| &key.order.target);
        let expressions = targets.zip(keys.iter().map(|key| &key.expression));
        select.distinct_on = distinct_on(context, row, &self.select.distinct_on, expressions);
        let limit = self.select.access.limit();
        select.limit = limit.map(|limit| Expr::integer(i64::try_from(limit).unwrap_or(i64::MAX)));
        select.targets = carry(row, carried);
        let named = |(position, key): (usize, &OrderBy)| {
            Target::named(key.expression.clone(), key_name(position))
        };
        select.targets.extend(keys.iter().enumerate().map(named));
        select.order_by.clone_from(&keys);
        let cut = context.alias();
        let from = FromItem::Subselect {
            select: Box::new(select),
            alias: cut,
        };
        let read = |position| Expr::Column(cut, key_name(position));
        let outside = keys.into_iter().enumerate().map(|(position, key)| OrderBy {
            expression: read(position),
            ..key
        });
        let mut targets = carry_on(cut, carried);
        targets.extend(self.key_targets(read));
        let select = Select {
            targets,
            ..Select::default().from(from)
        };
        (outside.collect(), select)
    }
}

/// Whether rows equal to the cursor are on its side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inclusion {
    Included,
    Excluded,
}

/// The column, if the key is one that is read as it is.
fn is_plain(key: &CursorKey) -> Option<&graphloom_vocab::ColumnName> {
    match &key.order.target {
        OrderTarget::Column(column) if column.mask().is_none() => Some(column.name()),
        _ => None,
    }
}

fn key_name(position: usize) -> Name {
    Name::new(format!("{KEY}{position}"))
}

fn reverse(key: &mut OrderBy) {
    key.direction = match key.direction {
        Direction::Ascending => Direction::Descending,
        Direction::Descending => Direction::Ascending,
    };
    key.nulls = match key.nulls {
        Nulls::First => Nulls::Last,
        Nulls::Last => Nulls::First,
    };
}

/// An aggregate is compared, sorted by and shown: joined, it is computed once for a row.
fn compute_once(context: &mut Context, select: &mut Select, key: &mut Expr) {
    if !matches!(key, Expr::Subselect(_)) {
        return;
    }
    let alias = context.alias();
    let name = Name::new("k0");
    let outside = Expr::Column(alias, name.clone());
    if let Expr::Subselect(mut inside) = std::mem::replace(key, outside) {
        for target in &mut inside.targets {
            target.name = Some(name.clone());
        }
        rows::join_lateral(select, *inside, alias);
    }
}

/// A value in a cursor's JSON, or an object of further ones.
enum Twig {
    Value(Expr),
    Further(Vec<(Arc<str>, Twig)>),
}

fn plant(tree: &mut Vec<(Arc<str>, Twig)>, path: &[Arc<str>], value: Expr) {
    let Some((first, rest)) = path.split_first() else {
        return;
    };
    if rest.is_empty() {
        tree.push((first.clone(), Twig::Value(value)));
        return;
    }
    let known = tree.iter().position(|(key, _)| key == first);
    let position = known.unwrap_or_else(|| {
        tree.push((first.clone(), Twig::Further(Vec::new())));
        tree.len() - 1
    });
    if let Twig::Further(inner) = &mut tree[position].1 {
        plant(inner, rest, value);
    }
}

fn branch(tree: Vec<(Arc<str>, Twig)>) -> Expr {
    let twig = |(key, twig)| match twig {
        Twig::Value(value) => (key, value),
        Twig::Further(inner) => (key, branch(inner)),
    };
    object(tree.into_iter().map(twig).collect())
}

fn count(context: &mut Context, count: &TypedValue) -> Expr {
    match Count::of(count) {
        Count::Known(rows) => Expr::integer(rows),
        _ => value(context, count),
    }
}

fn one_more(context: &mut Context, count: &TypedValue) -> Expr {
    match Count::of(count) {
        Count::Known(rows) => Expr::integer(rows.saturating_add(1)),
        _ => value(context, count).binary(BinaryOperator::Plus, Expr::integer(1)),
    }
}

/// `row_number() OVER () AS "row_number"`: numbers rows as they come.
fn row_number() -> Target {
    let call = WindowCall {
        function: Function::Builtin("row_number"),
        partition_by: Vec::new(),
        order_by: Vec::new(),
    };
    Target::named(Expr::Window(Box::new(call)), Name::new(ROW_NUMBER))
}
