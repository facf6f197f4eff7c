//! The databases that speak Postgres, and what of a source each of them does not have: the one place that knows.

/// A kind of database that is served as Postgres is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL itself, and what cannot be told from it (`YugabyteDB`, for example).
    #[default]
    Postgres,
    /// Postgres with the Citus extension.
    Citus,
    /// `CockroachDB`.
    Cockroach,
}

/// Something that a source may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceFeature {
    /// Tracked functions.
    Functions,
    /// Computed fields.
    ComputedFields,
    /// Event triggers.
    EventTriggers,
    /// Connections and global ids.
    Relay,
    /// The command that makes a table an enum; a document can say so all the same.
    EnumCommand,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Postgres, Self::Citus, Self::Cockroach];

    /// By a source's `kind`, or by the prefix of a command.
    pub fn parse(kind: &str) -> Option<Self> {
        Some(match kind {
            "postgres" | "pg" => Self::Postgres,
            "citus" => Self::Citus,
            "cockroach" => Self::Cockroach,
            _ => return None,
        })
    }

    /// A source's `kind`.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Citus => "citus",
            Self::Cockroach => "cockroach",
        }
    }

    /// Whether a source of this kind can have it, as v2 documents it.
    pub fn has(self, feature: SourceFeature) -> bool {
        match self {
            Self::Postgres => true,
            Self::Citus => feature == SourceFeature::Functions,
            Self::Cockroach => feature == SourceFeature::EnumCommand,
        }
    }
}

impl SourceFeature {
    /// Its commands, behind the prefix.
    pub fn commands(self) -> &'static [&'static str] {
        match self {
            Self::Functions => &[
                "track_function",
                "untrack_function",
                "set_function_customization",
                "create_function_permission",
                "drop_function_permission",
            ],
            Self::ComputedFields => &["add_computed_field", "drop_computed_field"],
            Self::EventTriggers => &[
                "create_event_trigger",
                "delete_event_trigger",
                "redeliver_event",
                "invoke_event_trigger",
                "get_event_logs",
                "get_event_invocation_logs",
                "get_event_by_id",
            ],
            Self::Relay => &[],
            Self::EnumCommand => &["set_table_is_enum"],
        }
    }

    /// The feature that a command belongs to.
    pub fn of_command(command: &str) -> Option<Self> {
        let all = [
            Self::Functions,
            Self::ComputedFields,
            Self::EventTriggers,
            Self::EnumCommand,
        ];
        all.into_iter()
            .find(|feature| feature.commands().contains(&command))
    }

    /// As messages have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Functions => "functions",
            Self::ComputedFields => "computed fields",
            Self::EventTriggers => "event triggers",
            Self::Relay => "Relay API",
            Self::EnumCommand => "command for enums",
        }
    }
}
