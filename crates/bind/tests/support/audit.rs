//! What must hold of every bound operation: a role reads and writes nothing that its permissions do not grant.
//!
//! Walks the whole operation and holds each table access and each column against the role's
//! permission in metadata, found again from the schema cache and not from the operation itself.

use std::sync::Arc;

use graphloom_ir::{
    AggregateFieldValue, AggregateOp, AggregateSelect, AggregatedValue, ArgumentValue, BoolExp,
    BoundOperation, Comparison, ConflictAction, ConnectionFieldValue, ConnectionSelect, Delete,
    DeleteGrant, EdgeFieldValue, Field, FieldValue, FunctionCall, GrantedColumn, GroupCondition,
    GroupFieldValue, GroupSelect, GroupValue, InsertNode, Join, Mutation, MutationOutput,
    NestedWork, OperandValue, OrderTarget, ResponseValue, RootField, RootValue, Rows,
    SelectArguments, SelectGrant, SourceQuery, TableAccess, TableSelect, Update, UpdateGrant,
};
use graphloom_schema::{SchemaCache, SourceInfo};
use graphloom_vocab::{BackendOnly, ColumnName, QualifiedTable, RoleName};

/// Panics if the operation reaches beyond the role's permissions.
pub(crate) fn audit(cache: &SchemaCache, role: &RoleName, operation: &BoundOperation) {
    roots(cache, role, &operation.roots);
}

fn roots(cache: &SchemaCache, role: &RoleName, fields: &[RootField]) {
    for root in fields {
        match &root.value {
            RootValue::Constant(_) | RootValue::Written(_) => {}
            RootValue::Mutation(source, root) => {
                let source = &cache.sources[source];
                Audit { source, role }.mutation(&root.mutation);
            }
            RootValue::Namespace(inner) => roots(cache, role, inner),
            RootValue::Source(source, query) => {
                let source = &cache.sources[source];
                let audit = Audit { source, role };
                audit.query(query);
            }
        }
    }
}

struct Audit<'a> {
    source: &'a SourceInfo,
    role: &'a RoleName,
}

impl Audit<'_> {
    fn query(&self, query: &SourceQuery) {
        match query {
            SourceQuery::List(select) => self.select(select),
            SourceQuery::One(select) => self.one(select),
            SourceQuery::Aggregate(select) => self.aggregate(select),
            SourceQuery::Connection(select) => self.connection(select),
            SourceQuery::Stream(stream) => self.select(&stream.select),
        }
    }

    fn mutation(&self, mutation: &Mutation) {
        match mutation {
            Mutation::Insert(insert) => {
                self.insert(&insert.node);
                self.output(insert.node.target.table(), &insert.output);
            }
            Mutation::Update(update) => self.update(update),
            Mutation::UpdateMany(updates) => updates.iter().for_each(|update| self.update(update)),
            Mutation::Delete(delete) => self.delete(delete),
            Mutation::Call(query) => self.query(query),
            Mutation::Nothing(_) => {}
        }
    }

    fn delete(&self, delete: &Delete) {
        let table = delete.target.table();
        let grant = self.source.tables[table].delete_grant(self.role, BackendOnly::Hidden);
        assert_eq!(
            grant.as_deref().map(DeleteGrant::target),
            Some(&delete.target)
        );
        self.condition(table, &delete.filter);
        self.output(table, &delete.output);
    }

    fn nested(&self, work: &NestedWork) {
        match work {
            NestedWork::Insert { node, .. } => self.insert(node),
            NestedWork::Update(update) => self.update(update),
            NestedWork::Delete(delete) => self.delete(delete),
            NestedWork::Link(link) => {
                let table = link.target.table();
                let grant = self.source.tables[table].insert_grant(self.role, BackendOnly::Hidden);
                let grant = grant.expect("the table in between is for the role");
                assert_eq!(*grant.target(), link.target, "check and presets come along");
                for (column, _) in &link.theirs {
                    assert!(grant.column(column).is_some(), "{table:?}.{column}");
                }
                self.condition(link.access.table(), &link.filter);
            }
        }
    }

    /// Rows are given the columns that may be given, and the others follow from related rows.
    fn insert(&self, node: &InsertNode) {
        let table = node.target.table();
        let grant = self.source.tables[table].insert_grant(self.role, BackendOnly::Hidden);
        let grant = grant.unwrap_or_else(|| panic!("{table:?} is not for role {}", self.role));
        assert_eq!(*grant.target(), node.target, "check and presets come along");
        for column in node.columns.iter().filter(|column| column.given.is_some()) {
            let name = &column.column.name;
            assert!(
                grant.column(name).is_some(),
                "{table:?}.{name} is not granted"
            );
        }
        for conflict in node.conflicts.iter().flatten() {
            if let ConflictAction::Update {
                target,
                columns,
                filter,
            } = &conflict.action
            {
                let grant = self.update_grant(table);
                assert_eq!(
                    *grant.target(),
                    *target,
                    "filter, check and presets come along"
                );
                for column in columns {
                    let mut granted = grant.columns().iter();
                    assert!(
                        granted.any(|granted| granted.name() == column),
                        "{table:?}.{column}"
                    );
                }
                if let Some(filter) = filter {
                    self.condition(table, filter);
                }
            }
        }
        for relation in &node.relations {
            self.insert(&relation.node);
        }
    }

    fn update_grant(&self, table: &QualifiedTable) -> Arc<UpdateGrant> {
        let grant = self.source.tables[table].update_grant(self.role, BackendOnly::Hidden);
        grant.unwrap_or_else(|| panic!("{table:?} is not for role {}", self.role))
    }

    fn update(&self, update: &Update) {
        let table = update.target.table();
        let grant = self.update_grant(table);
        assert_eq!(
            *grant.target(),
            update.target,
            "filter, check and presets come along"
        );
        for change in &update.changes {
            let (column, mut granted) = (&change.column, grant.columns().iter());
            assert!(
                granted.any(|granted| granted.name() == column),
                "{table:?}.{column}"
            );
        }
        self.condition(table, &update.filter);
        for nested in &update.nested {
            self.nested(&nested.work);
        }
        self.output(table, &update.output);
    }

    fn output(&self, table: &QualifiedTable, output: &MutationOutput) {
        match output {
            MutationOutput::Row(fields) => self.fields(table, fields),
            MutationOutput::Response(fields) => {
                for field in fields {
                    if let ResponseValue::Returning(fields) = &field.value {
                        self.fields(table, fields);
                    }
                }
            }
        }
    }

    fn grant(&self, table: &QualifiedTable) -> Arc<SelectGrant> {
        if table.schema.as_str().is_empty() {
            // Rows of a native query: no schema's name is empty.
            let mut queries = self.source.native_queries.values();
            let query = queries.find(|query| query.model.name.as_str() == table.name.as_str());
            let grant = query.expect("a query of that model").model.grant(self.role);
            return grant.unwrap_or_else(|| panic!("{table:?} is not for role {}", self.role));
        }
        let info = &self.source.tables[table];
        if self.role.is_admin() {
            return Arc::new(SelectGrant::unrestricted(&info.table));
        }
        let permission = info.select_permissions.get(self.role);
        let permission =
            permission.unwrap_or_else(|| panic!("{table:?} is not for role {}", self.role));
        permission.grant.clone()
    }

    fn access(&self, access: &TableAccess) {
        let granted = self.grant(access.table()).access();
        let access = access.clone().with_rows(Rows::Table);
        assert_eq!(access, granted, "filter and limit come along");
    }

    fn column(&self, table: &QualifiedTable, column: &ColumnName) {
        assert!(
            self.grant(table).column(column).is_some(),
            "{table:?}.{column} is not granted to {}",
            self.role
        );
    }

    fn granted(&self, table: &QualifiedTable, column: &GrantedColumn) {
        let granted = self.grant(table);
        assert_eq!(granted.column(column.name()), Some(column));
    }

    fn join(&self, join: &Join, target: &TableAccess) {
        self.access(&join.access);
        assert_eq!(join.access.table(), target.table());
    }

    /// A computed field takes the row it stands in and nothing else of another table, and is masked as the
    /// permission says.
    fn call(&self, table: &QualifiedTable, call: &FunctionCall, mask: Option<&Arc<BoolExp>>) {
        for argument in &call.arguments {
            if let ArgumentValue::Row(row) = &argument.value {
                assert_eq!(row, table, "{:?}", call.function);
            }
        }
        let info = &self.source.tables[table];
        let permission = info.select_permissions.get(self.role);
        let granted = |name: &str| match permission.and_then(|p| p.computed_field(name)) {
            Some(granted) => granted.mask.as_ref() == mask,
            None => self.role.is_admin() && mask.is_none(),
        };
        let mut fields = info.computed_fields.iter();
        assert!(
            fields.any(|(name, field)| field.function == call.function && granted(name)),
            "{:?} is no computed field of {table:?} that {} may see",
            call.function,
            self.role
        );
    }

    /// One row is found by its key, which a global id tells also those who do not see its columns.
    fn one(&self, select: &TableSelect) {
        self.access(&select.access);
        let table = select.access.table();
        let grant = self.grant(table);
        match &select.arguments.filter {
            Some(BoolExp::And(parts)) => {
                for part in parts {
                    let BoolExp::Column(condition) = part else {
                        panic!("{part:?} is no key column");
                    };
                    let OperandValue::Column(column) = condition.operand.value() else {
                        panic!("{condition:?} is no key column");
                    };
                    assert!(grant.key().iter().any(|key| key.name() == column));
                }
            }
            Some(filter) => panic!("{filter:?} is no key"),
            // A function that returns one row.
            None => {}
        }
        self.fields(table, &select.fields);
    }

    fn select(&self, select: &TableSelect) {
        self.access(&select.access);
        let table = select.access.table();
        self.arguments(table, &select.arguments);
        self.fields(table, &select.fields);
    }

    fn fields(&self, table: &QualifiedTable, fields: &[Field]) {
        for field in fields {
            match &field.value {
                FieldValue::Constant(_) => {}
                FieldValue::Column(column) => self.granted(table, &column.column),
                FieldValue::Computed(computed) => {
                    self.call(table, &computed.call, computed.mask.as_ref());
                }
                FieldValue::Object(join, select) | FieldValue::Array(join, select) => {
                    self.join(join, &select.access);
                    self.select(select);
                }
                FieldValue::Aggregate(join, select) => {
                    self.join(join, &select.access);
                    self.aggregate(select);
                }
                FieldValue::Connection(join, select) => {
                    self.join(join, &select.access);
                    self.connection(select);
                }
                FieldValue::NodeId(id) => {
                    assert_eq!(&id.table, table);
                    assert_eq!(id.key, self.grant(table).key());
                }
            }
        }
    }

    /// Beside what the role may see, a connection reads the primary key.
    fn connection(&self, select: &ConnectionSelect) {
        self.access(&select.access);
        let table = select.access.table();
        if let Some(filter) = &select.filter {
            self.condition(table, filter);
        }
        for column in &select.distinct_on {
            self.granted(table, column);
        }
        let grant = self.grant(table);
        for key in &select.keys {
            match &key.order.target {
                OrderTarget::Column(column) if grant.key().contains(column) => {}
                target => self.order(table, target),
            }
        }
        for field in &select.fields {
            let ConnectionFieldValue::Edges(edges) = &field.value else {
                continue;
            };
            for edge in edges {
                if let EdgeFieldValue::Node(fields) = &edge.value {
                    self.fields(table, fields);
                }
            }
        }
    }

    fn aggregate(&self, select: &AggregateSelect) {
        self.access(&select.access);
        let table = select.access.table();
        self.may_aggregate(table);
        self.arguments(table, &select.arguments);
        for field in &select.fields {
            match &field.value {
                AggregateFieldValue::Typename(_) => {}
                AggregateFieldValue::Nodes(fields) => self.fields(table, fields),
                AggregateFieldValue::Groups(groups) => self.groups(table, groups),
                AggregateFieldValue::Aggregate(ops) => {
                    for op in ops {
                        self.op(table, &op.value);
                    }
                }
            }
        }
    }

    fn groups(&self, table: &QualifiedTable, groups: &GroupSelect) {
        for key in &groups.keys {
            self.granted(table, key);
        }
        for order in &groups.order_by {
            self.group_value(table, groups, &order.value);
        }
        if let Some(condition) = &groups.condition {
            self.group_condition(table, groups, condition);
        }
        for field in &groups.fields {
            match &field.value {
                GroupFieldValue::Typename(_) => {}
                GroupFieldValue::Key(columns) => {
                    for column in columns {
                        if let AggregatedValue::Column(column, _) = &column.value {
                            self.granted(table, column);
                        }
                    }
                }
                GroupFieldValue::Aggregate(ops) => {
                    for op in ops {
                        self.op(table, &op.value);
                    }
                }
            }
        }
    }

    fn group_condition(
        &self,
        table: &QualifiedTable,
        groups: &GroupSelect,
        condition: &GroupCondition,
    ) {
        match condition {
            GroupCondition::And(parts) | GroupCondition::Or(parts) => {
                for part in parts {
                    self.group_condition(table, groups, part);
                }
            }
            GroupCondition::Not(inner) => self.group_condition(table, groups, inner),
            GroupCondition::Test(test) => self.group_value(table, groups, &test.0),
        }
    }

    fn group_value(&self, table: &QualifiedTable, groups: &GroupSelect, value: &GroupValue) {
        match value {
            GroupValue::Key(column) => {
                assert!(groups.keys.contains(column), "{column:?} is no key");
                self.granted(table, column);
            }
            GroupValue::Count => {}
            GroupValue::Aggregate(_, column, _) => self.granted(table, column),
        }
    }

    fn may_aggregate(&self, table: &QualifiedTable) {
        let allowed = self.grant(table).aggregations();
        assert_eq!(allowed, graphloom_ir::Aggregations::Allowed, "{table:?}");
    }

    fn op(&self, table: &QualifiedTable, op: &AggregateOp) {
        match op {
            AggregateOp::Typename(_) => {}
            AggregateOp::Count { columns, .. } => {
                for column in columns {
                    self.granted(table, column);
                }
            }
            AggregateOp::Columns(_, fields) => {
                for field in fields {
                    if let AggregatedValue::Column(column, _) = &field.value {
                        self.granted(table, column);
                    }
                }
            }
        }
    }

    fn arguments(&self, table: &QualifiedTable, arguments: &SelectArguments) {
        if let Some(filter) = &arguments.filter {
            self.condition(table, filter);
        }
        for order in &arguments.order_by {
            self.order(table, &order.target);
        }
        for column in &arguments.distinct_on {
            self.granted(table, column);
        }
    }

    fn order(&self, table: &QualifiedTable, target: &OrderTarget) {
        match target {
            OrderTarget::Column(column) => self.granted(table, column),
            OrderTarget::Computed(field) => self.call(table, &field.call, field.mask.as_ref()),
            OrderTarget::Object(join, inner) => {
                self.access(&join.access);
                self.order(join.access.table(), inner);
            }
            OrderTarget::Aggregate(join, _, column) => {
                self.access(&join.access);
                let table = join.access.table();
                self.may_aggregate(table);
                if let Some(column) = column {
                    self.granted(table, column);
                }
            }
        }
    }

    fn condition(&self, table: &QualifiedTable, condition: &BoolExp) {
        match condition {
            BoolExp::And(parts) | BoolExp::Or(parts) => {
                for part in parts {
                    self.condition(table, part);
                }
            }
            BoolExp::Not(inner) => self.condition(table, inner),
            BoolExp::Column(condition) => {
                let mask = condition.operand.mask();
                match condition.operand.value() {
                    OperandValue::Column(column) => {
                        self.column(table, column);
                        let grant = self.grant(table);
                        let granted = grant.column(column).and_then(GrantedColumn::mask);
                        assert_eq!(granted, mask, "{column}");
                    }
                    OperandValue::Computed(call) => self.call(table, call, mask),
                }
                let other = matches!(condition.comparison, Comparison::Column { .. });
                assert!(!other, "column comparison is for rules only");
            }
            BoolExp::Related { join, condition } => {
                self.access(&join.access);
                self.condition(join.access.table(), condition);
            }
            BoolExp::Aggregate(predicate) => {
                self.access(&predicate.join.access);
                let table = predicate.join.access.table();
                self.may_aggregate(table);
                for column in &predicate.arguments {
                    self.granted(table, column);
                }
                if let Some(filter) = &predicate.filter {
                    self.condition(table, filter);
                }
            }
            BoolExp::Exists { .. } => panic!("_exists is for rules only"),
        }
    }
}
