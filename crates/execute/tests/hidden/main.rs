//! Nobody sees what they may not: what a role is told does not depend on anything that is hidden from it.
//!
//! A world (`reads/world.rs`, and more objects by `objects.rs`) is served twice. The two differ in what one
//! role cannot see: rows that its filters leave out, cells that it has no grant for or that are masked, where
//! foreign keys among those point to (`variation.rs`). Whatever the role asks (`documents.rs`), no byte of any
//! answer or error may differ.
//!
//! What the two have in common although it is hidden, because v2 tells it and so do we: the keys of rows, where
//! the role may insert (a key that is taken is an error); what a role's rules about rows it writes say of other
//! rows; a value that the role may write without being allowed to read it.
//!
//! `HIDDEN_SEED=7` looks at other worlds, and `HIDDEN_WORLDS=100` at more of them.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

#[path = "../reads/argument.rs"]
#[allow(dead_code, reason = "shared with the test of reads")]
mod argument;
#[path = "../reads/condition.rs"]
#[allow(dead_code, reason = "shared with the test of reads")]
mod condition;
mod documents;
#[path = "../reads/generate.rs"]
#[allow(dead_code, reason = "shared with the test of reads")]
mod generate;
#[path = "../reads/naive.rs"]
#[allow(dead_code, reason = "shared with the test of reads")]
mod naive;
mod objects;
#[path = "../reads/query.rs"]
#[allow(dead_code, reason = "shared with the test of reads")]
mod query;
mod served;
#[path = "../reads/tape.rs"]
mod tape;
mod variation;
#[path = "../reads/world.rs"]
#[allow(dead_code, reason = "shared with the test of reads")]
mod world;

use graphloom_graphql::OperationType;
use graphloom_schema::{SchemaKind, SchemaVariant};
use graphloom_vocab::RoleName;
use objects::{SECRET, Writes};
use served::{Said, Served};
use tape::Tape;
use tokio::runtime::Runtime;
use world::{Role, World};

/// Schemas to look at, the same in each run: what fails must fail again.
const WORLDS: u64 = 4;
/// Requests of each role over each schema.
const REQUESTS: usize = 40;

#[test]
fn reads_tell_nothing_of_what_is_hidden() {
    look_at_worlds(|seed, choices| {
        let world = World::generate(&mut Tape::new(choices));
        Pair::new(seed, world, None)
    });
}

#[test]
fn writes_tell_nothing_of_what_is_hidden() {
    look_at_worlds(|seed, choices| {
        let mut tape = Tape::new(choices);
        let world = World::with_rules(&mut tape, &objects::local_rule);
        let writes = Writes::generate(&mut tape, &world);
        Pair::new(seed, world, Some(writes))
    });
}

fn look_at_worlds(pair: impl Fn(u64, &[u16]) -> Pair) {
    let number = |name: &str| {
        let text = std::env::var(name).ok();
        text.map(|text| text.parse::<u64>().unwrap())
    };
    let worlds = number("HIDDEN_WORLDS").unwrap_or(WORLDS);
    let first = number("HIDDEN_SEED").unwrap_or(0);
    let mut tally = Tally::default();
    for seed in first..first + worlds {
        let choices = tape::numbers(seed, 4_000);
        pair(seed, &choices).look(&mut tally);
    }
    // Where nothing is hidden, or nothing is said, nothing is proved.
    assert!(
        tally.changes > 5 * usize::try_from(worlds).unwrap(),
        "{tally:?}"
    );
    assert!(tally.answers * 2 > tally.requests, "{tally:?}");
    assert!(tally.rows * 4 > tally.answers, "{tally:?}");
}

/// How much there was to compare.
#[derive(Debug, Default)]
struct Tally {
    /// In what is hidden.
    changes: usize,
    requests: usize,
    /// That were no errors.
    answers: usize,
    /// Answers with something in them.
    rows: usize,
}

/// A world, served twice.
struct Pair {
    seed: u64,
    world: World,
    writes: Option<Writes>,
    runtime: Runtime,
    left: Served,
    right: Served,
}

impl Pair {
    fn new(seed: u64, world: World, writes: Option<Writes>) -> Self {
        let runtime = Runtime::new().unwrap();
        let sql = objects::schema_sql(&world);
        let metadata = objects::metadata(&world, writes.as_ref());
        let serve = || runtime.block_on(Served::new(&sql, &metadata));
        let (left, right) = (serve(), serve());
        Self {
            seed,
            world,
            writes,
            runtime,
            left,
            right,
        }
    }

    fn look(&self, tally: &mut Tally) {
        let roles = self.world.roles.iter().enumerate();
        for (number, role) in roles.filter(|(_, role)| role.name != "admin") {
            let seed = self.seed.wrapping_mul(100) + u64::try_from(number).unwrap();
            let choices = tape::numbers(seed, 4_000);
            let mut tape = Tape::new(&choices);
            let writes = self.writes.as_ref();
            let (varied, changes) = variation::vary(&mut tape, &self.world, role, writes);
            tally.changes += changes;
            let rows = [
                objects::rows_sql(&self.world, "left"),
                objects::rows_sql(&varied, "right one"),
            ];
            self.load(&rows);
            for number in 0..REQUESTS {
                let choices = tape::numbers(
                    seed.wrapping_mul(1_000) + u64::try_from(number).unwrap(),
                    400,
                );
                let answers = self.compare(&mut Tape::new(&choices), role, number, tally);
                let difference = match answers {
                    Ok(OperationType::Mutation) => {
                        self.load(&rows);
                        continue;
                    }
                    Ok(_) => continue,
                    Err(difference) => difference,
                };
                panic!(
                    "HIDDEN_SEED={} HIDDEN_WORLDS=1, role {}, request {number}: {difference}\n{}\nleft:\n{}\nright:\n{}\n{}",
                    self.seed,
                    role.name,
                    objects::schema_sql(&self.world),
                    rows[0],
                    rows[1],
                    objects::metadata(&self.world, writes),
                );
            }
        }
    }

    /// Rows as they were, in pages as they were: where nothing orders them they come as they lie there. What
    /// changes has made of the pages depends on how long the rows are, with what is hidden of them.
    fn load(&self, [left, right]: &[String; 2]) {
        self.runtime.block_on(self.left.run(left));
        self.runtime.block_on(self.right.run(right));
    }

    /// The kind of the operation, where both answer the same.
    fn compare(
        &self,
        tape: &mut Tape<'_>,
        role: &Role,
        number: usize,
        tally: &mut Tally,
    ) -> Result<OperationType, String> {
        let kind = match self.writes {
            Some(_) if !tape.once_in(4) => OperationType::Mutation,
            _ if tape.once_in(5) => OperationType::Subscription,
            _ => OperationType::Query,
        };
        let of = match tape.once_in(5) {
            true => SchemaKind::Relay,
            false => SchemaKind::Standard,
        };
        let variant = SchemaVariant {
            kind: of,
            ..SchemaVariant::default()
        };
        let name = RoleName::new(role.name.as_str());
        let schema = self.left.engine.snapshot().schema.variant(&name, variant);
        let Some(request) = documents::request(tape, &schema, kind, number) else {
            return Ok(OperationType::Query);
        };
        let ask = |served: &Served| self.runtime.block_on(served.ask(role, of, &request));
        let (left, right) = (ask(&self.left), ask(&self.right));
        let shown = || format!("{}\nvariables: {}\n", request.query, request.variables);
        if left != right {
            return Err(format!("{}left: {left:?}\nright: {right:?}", shown()));
        }
        tally.requests += 1;
        match left {
            Said::Data(data) => {
                tally.answers += 1;
                let has_value = |c: char| c.is_ascii_digit() || c == '/';
                let values = data.split(':').skip(1).any(|part| {
                    let value = part.split([',', '}', ']']).next().unwrap_or("");
                    value.contains(has_value) || value.trim().len() > 2 && value.trim() != "null"
                });
                tally.rows += usize::from(values);
                if data.contains(SECRET) {
                    return Err(format!("{}{data}", shown()));
                }
            }
            Said::Error(error) if error.contains(SECRET) => {
                return Err(format!("{}{error}", shown()));
            }
            Said::Error(_) => {}
        }
        if kind == OperationType::Query && tape.once_in(8) {
            let explain =
                |served: &Served| self.runtime.block_on(served.explain(role, of, &request));
            let (left, right) = (explain(&self.left), explain(&self.right));
            if left != right {
                return Err(format!("{}left: {left}\nright: {right}", shown()));
            }
        }
        Ok(kind)
    }
}
