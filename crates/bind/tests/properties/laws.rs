//! The laws, held against generated documents for every role of several worlds: printing and parsing
//! gives the document back, binding is pure, what is bound is granted, and a premise that holds means the
//! same plan.
#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use std::sync::Arc;

use graphloom_bind::{Limits, VariableRules, bind};
use graphloom_graphql as graphql;
use graphloom_graphql::Document;
use graphloom_ir::BoundOperation;
use graphloom_schema::{RoleSchema, WholeSchema};
use graphloom_vocab::{JsonObject, Result, RoleName, Session, SessionVariableName};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::choices::Choices;
use crate::generate::{Generated, generate};
use crate::support::world::{self, World};
use crate::support::{audit, show};

const WORLDS: &[(&str, &[&str])] = &[
    ("library", &["admin", "user", "reader", "stranger"]),
    ("types", &["admin"]),
    ("graphql_default", &["admin"]),
    ("affixes", &["admin", "user"]),
    ("relationships", &["admin"]),
    ("functions", &["admin", "user"]),
    ("taken_names", &["admin"]),
    ("two_tenants", &["admin", "user"]),
    ("writers", &["admin", "user"]),
    ("inherited", &["staff_auditor", "everyone"]),
];

/// A role's schema, and all of its types at once.
type Schemas = (
    Arc<World>,
    RoleName,
    &'static RoleSchema,
    &'static WholeSchema,
);

/// Every world with every role of it, made once for the whole run.
fn schemas() -> Vec<Schemas> {
    let mut schemas = Vec::new();
    for (name, roles) in WORLDS {
        let world = Arc::new(world::load(name));
        for role in *roles {
            let role = RoleName::new(*role);
            let schema: &'static RoleSchema = Box::leak(Box::new(world.cache.role(&role)));
            let whole: &'static WholeSchema = Box::leak(Box::new(schema.whole()));
            schemas.push((world.clone(), role, schema, whole));
        }
    }
    schemas
}

fn bound(
    schema: &RoleSchema,
    document: &Document,
    variables: &JsonObject,
) -> Result<(BoundOperation, VariableRules)> {
    let operation = &document.operations[0];
    bind(schema, document, operation, variables, Limits::default())
}

fn session(role: &RoleName) -> Session {
    let name = SessionVariableName::parse("x-hasura-user-id").unwrap();
    Session::new(role.clone(), [(name, "1".to_owned())].into())
}

/// Holds all laws against one document; whether it could be bound.
fn check(world: &World, role: &RoleName, schema: &RoleSchema, made: &Generated) -> bool {
    let text = graphql::print(&made.document);
    let parsed = graphql::parse(&text, graphql::Limits::default());
    assert_eq!(parsed.as_ref(), Ok(&made.document), "{text}");
    let first = bound(schema, &made.document, &made.variables);
    let again = bound(schema, &made.document, &made.variables);
    assert_eq!(first, again, "binding is pure: {text}");
    let Ok((operation, rules)) = first else {
        return false;
    };
    audit::audit(&world.cache, role, &operation);
    let variables = rules.resolve(&made.variables).unwrap();
    let premise = &operation.premise;
    assert_eq!(premise.holds(&variables), premise.is_repeatable(), "{text}");
    let session = session(role);
    let answered = show::operation(&operation, &session, &variables).is_ok();
    the_premise_says_it_all(schema, made, &operation, &rules, &session);
    answered
}

/// Where a premise holds for other variables, the plan made for the first ones is the plan for them.
fn the_premise_says_it_all(
    schema: &RoleSchema,
    made: &Generated,
    operation: &BoundOperation,
    rules: &VariableRules,
    session: &Session,
) {
    let text = graphql::print(&made.document);
    let fresh = bound(schema, &made.document, &made.others);
    let others = match rules.resolve(&made.others) {
        Ok(others) => others,
        Err(error) => {
            assert_eq!(fresh.unwrap_err(), error, "{text}");
            return;
        }
    };
    if !operation.premise.holds(&others) {
        return;
    }
    let context = || {
        let (first, others) = (&made.variables, &made.others);
        format!("{text}\n{first:?}\n{others:?}\n{:?}", operation.premise)
    };
    match fresh {
        Ok((fresh, _)) => assert_eq!(fresh, *operation, "{}", context()),
        // What binding would have refused, evaluating the values has to refuse.
        Err(error) => {
            let served = show::operation(operation, session, &others);
            assert_eq!(served.unwrap_err(), error, "{}", context());
        }
    }
}

fn choices() -> impl Strategy<Value = Vec<u16>> {
    vec(any::<u16>(), 0..300)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn documents_along_a_schema(numbers in vec(choices(), 16)) {
        thread_local! {
            static SCHEMAS: Vec<Schemas> = schemas();
        }
        SCHEMAS.with(|schemas| {
            for (index, numbers) in numbers.iter().enumerate() {
                let mut choices = Choices::new(numbers);
                let (world, role, schema, whole) = &schemas[(index + choices.below(97)) % schemas.len()];
                let made = generate(whole, &mut choices);
                check(world, role, schema, &made);
            }
        });
    }
}

/// The laws are empty if nothing can be bound: most documents can.
#[test]
fn most_documents_can_be_bound() {
    let schemas = schemas();
    let mut state = 1_u32;
    let mut numbers = || {
        // The classic linear congruential generator; nothing depends on its quality.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        u16::try_from(state >> 16).unwrap()
    };
    let (mut sound, mut with_variables, mut total) = (0, 0, 0);
    for _ in 0..40 {
        for (world, role, schema, whole) in &schemas {
            let numbers: Vec<_> = (0..200).map(|_| numbers()).collect();
            let made = generate(whole, &mut Choices::new(&numbers));
            let is_sound = check(world, role, schema, &made);
            sound += usize::from(is_sound);
            with_variables += usize::from(is_sound && !made.variables.is_empty());
            total += 1;
        }
    }
    assert!(sound * 5 > total, "{sound} of {total}");
    assert!(with_variables * 20 > total, "{with_variables} of {total}");
}
