//! A schema made from the last one is the schema made from nothing: documents and catalogs of all worlds, changed
//! at random, step after step.
#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

mod support;

use std::fs;
use std::sync::Arc;

use graphloom_catalog::Catalog;
use graphloom_metadata::types::{Source, Table};
use graphloom_schema::{SchemaCache, build, rebuild};
use graphloom_vocab::{Json, QualifiedTable, RoleName};
use indexmap::IndexMap;
use proptest::prelude::*;

use support::sdl;
use support::world::{self, Parts};

/// Steps of one run.
const STEPS: usize = 12;

/// Numbers that look random, the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % bound as u64).unwrap()
    }

    fn of<T>(&mut self, items: Vec<T>) -> Option<T> {
        let count = items.len();
        (count > 0).then(|| items.into_iter().nth(self.below(count)).unwrap())
    }

    /// Takes one entry away.
    fn drop_one<K: Clone + std::hash::Hash + Eq, V>(&mut self, map: &mut IndexMap<K, V>) {
        if let Some(key) = self.of(map.keys().cloned().collect()) {
            map.shift_remove(&key);
        }
    }
}

#[test]
fn a_schema_made_from_the_last_one_is_the_one_made_from_nothing() {
    let worlds: Vec<_> = fs::read_dir(world::folder())
        .unwrap()
        .filter_map(|entry| {
            Some(
                entry
                    .unwrap()
                    .file_name()
                    .to_str()?
                    .strip_suffix(".world")?
                    .to_owned(),
            )
        })
        .collect();
    assert!(worlds.len() > 10, "{worlds:?}");
    let config = ProptestConfig {
        cases: 4,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    for name in worlds {
        let world = world::load(&name);
        let mut runner = proptest::test_runner::TestRunner::new(config.clone());
        let ran = runner.run(&any::<u64>(), |seed| {
            walk(&world.parts, &mut Dice(seed));
            Ok(())
        });
        if let Err(error) = ran {
            panic!("{name}: {error}");
        }
    }
}

fn walk(whole: &Parts, dice: &mut Dice) {
    let mut parts = whole.clone();
    let mut last = build(&parts.metadata, &parts.catalogs, parts.settings);
    for step in 0..STEPS {
        if dice.below(3) == 0 {
            parts = whole.clone();
        }
        for _ in 0..=dice.below(3) {
            change(&mut parts, whole, dice);
        }
        let new = rebuild(&parts.metadata, &parts.catalogs, parts.settings, &last);
        let fresh = build(&parts.metadata, &parts.catalogs, parts.settings);
        same(&new, &fresh);
        if step + 1 == STEPS {
            same_schemas(&new, &fresh);
        }
        last = new;
    }
}

fn change(parts: &mut Parts, whole: &Parts, dice: &mut Dice) {
    let Some(name) = dice.of(parts.metadata.sources.keys().cloned().collect()) else {
        return;
    };
    if dice.below(12) == 0 {
        dice.drop_one(&mut parts.metadata.inherited_roles);
        return;
    }
    if dice.below(3) == 0
        && let (Some(Ok(catalog)), Some(Ok(given))) =
            (parts.catalogs.get_mut(&name), whole.catalogs.get(&name))
    {
        let mut changed = Catalog::clone(catalog);
        change_database(&mut changed, given, dice);
        *catalog = Arc::new(changed);
        return;
    }
    let given = whole.metadata.sources.get(&name);
    if let Some(source) = parts.metadata.sources.get_mut(&name) {
        change_source(source, given, dice);
    }
}

/// What a migration does.
fn change_database(catalog: &mut Catalog, given: &Catalog, dice: &mut Dice) {
    let mut names: Vec<_> = given.tables.keys().cloned().collect();
    names.sort();
    let Some(name) = dice.of(names) else { return };
    let table = match catalog.tables.get_mut(&name) {
        Some(table) if dice.below(6) > 0 => Arc::make_mut(table),
        Some(_) => {
            catalog.tables.remove(&name);
            return;
        }
        None => {
            let there = given.tables[&name].clone();
            catalog.tables.insert(name, there);
            return;
        }
    };
    match dice.below(5) {
        0 => drop(table.columns.pop()),
        1 => drop(table.foreign_keys.pop()),
        2 => table.comment = Some("changed".to_owned()),
        3 => table.reading.rows = Some(100_000),
        _ => {
            let mut functions: Vec<_> = catalog.functions.keys().cloned().collect();
            functions.sort();
            if let Some(function) = dice.of(functions) {
                catalog.functions.remove(&function);
            }
        }
    }
}

fn change_source(source: &mut Source, given: Option<&Source>, dice: &mut Dice) {
    match dice.below(16) {
        0 => dice.drop_one(&mut source.tables),
        1 => dice.drop_one(&mut source.functions),
        2 => dice.drop_one(&mut source.native_queries),
        3 => dice.drop_one(&mut source.logical_models),
        4 => source.customization.type_names_prefix = Some("t_".to_owned()),
        5 => {
            let last = source.tables.len().saturating_sub(1);
            if last > 0 {
                source.tables.move_index(last, 0);
            }
        }
        6 | 7 => {
            // A table comes back as it was.
            let tables = given.into_iter().flat_map(|given| given.tables.values());
            if let Some(table) = dice.of(tables.collect()) {
                source.tables.insert(table.table.clone(), table.clone());
            }
        }
        _ => {
            let names: Vec<QualifiedTable> = source.tables.keys().cloned().collect();
            let Some(name) = dice.of(names.clone()) else {
                return;
            };
            let other = dice.of(names).unwrap();
            if let Some(table) = source.table_mut(&name) {
                change_table(table, &other, dice);
            }
        }
    }
}

fn change_table(table: &mut Table, other: &QualifiedTable, dice: &mut Dice) {
    match dice.below(12) {
        0 => dice.drop_one(&mut table.object_relationships),
        1 => dice.drop_one(&mut table.array_relationships),
        2 => dice.drop_one(&mut table.computed_fields),
        3 => dice.drop_one(&mut table.select_permissions),
        4 => dice.drop_one(&mut table.insert_permissions),
        5 => dice.drop_one(&mut table.update_permissions),
        6 => dice.drop_one(&mut table.delete_permissions),
        // The name of another table, or a new one.
        7 => table.configuration.custom_name = Some(other.name.as_str().to_owned()),
        8 => table.configuration.custom_name = Some("another".to_owned()),
        9 => table.is_enum = !table.is_enum,
        10 => {
            for permission in table.select_permissions.values_mut() {
                permission.permission.filter = serde_json::json!({"_exists": {
                    "_table": {"schema": other.schema.as_str(), "name": other.name.as_str()},
                    "_where": {}
                }});
            }
        }
        _ => {
            for permission in table.select_permissions.values_mut() {
                permission.permission.filter = Json::Object(serde_json::Map::default());
            }
        }
    }
}

fn same(new: &SchemaCache, fresh: &SchemaCache) {
    assert_eq!(new.inconsistencies, fresh.inconsistencies);
    let names = |cache: &SchemaCache| cache.sources.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(new), names(fresh));
    for (new, fresh) in new.sources.values().zip(fresh.sources.values()) {
        assert_eq!(
            format!("{:?}", new.functions),
            format!("{:?}", fresh.functions)
        );
        assert_eq!(
            format!("{:?}", new.logical_models),
            format!("{:?}", fresh.logical_models)
        );
        assert_eq!(
            format!("{:?}", new.native_queries),
            format!("{:?}", fresh.native_queries)
        );
        let tables: Vec<_> = new.tables.keys().collect();
        assert_eq!(tables, fresh.tables.keys().collect::<Vec<_>>());
        for (new, fresh) in new.tables.values().zip(fresh.tables.values()) {
            // Everything of it, and what it says it was made of.
            assert_eq!(format!("{new:?}"), format!("{fresh:?}"));
        }
    }
}

fn same_schemas(new: &SchemaCache, fresh: &SchemaCache) {
    let tables = fresh
        .sources
        .values()
        .flat_map(|source| source.tables.values());
    let roles = tables.flat_map(|table| table.select_permissions.keys());
    let mut roles: Vec<RoleName> = roles.cloned().chain([RoleName::admin()]).collect();
    roles.sort();
    roles.dedup();
    for role in roles {
        assert_eq!(
            sdl::print(&new.role(&role)),
            sdl::print(&fresh.role(&role)),
            "{role}"
        );
    }
}
